"""Training for likelihood ratios, whatever the shares of the classes in the training."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError

__all__ = ["LikelihoodRatioLoss"]


class LikelihoodRatioLoss(nn.Module):
    r"""Cross entropy whose logits become log likelihoods, with the class shares taken out.

    A network trained by cross entropy gives the posterior :math:`p(c|x) \propto p(x|c) \pi_c` for
    the shares :math:`\pi_c` of the classes in its training. Here the shares are added in the loss,

    .. math:: L = -\frac{1}{\sum_i w_i} \sum_i w_i \ln \mathrm{softmax}(z_i + \ln\pi)_{y_i},

    so that the logits themselves are the log likelihoods up to a common number ("logit
    adjustment", `arXiv:2007.07314 <https://arxiv.org/abs/2007.07314>`__): their softmax is the
    posterior for equal shares and :math:`z_1 - z_0 = \ln p(x|1)/p(x|0)`, by the Neyman-Pearson
    lemma the best of all scores. :func:`pcgnn.metrics.at_priors` turns it into the posterior for
    any other shares.

    Args:
        priors: shares of the classes in the training; None takes those of each batch, by weight.

    **Shapes**
        - logits: :math:`(G, C)`; target: :math:`(G)` class indices; weight: :math:`(G)` or None
        - output: scalar

    Raises:
        ConfigError: shares that are not positive.

    Example:
        >>> loss = LikelihoodRatioLoss([0.9, 0.1])
        >>> loss(torch.zeros(10, 2), torch.tensor([1] + [0] * 9))  # the entropy of the shares
        tensor(0.3251)
    """

    log_priors: Tensor | None

    def __init__(self, priors: Sequence[float] | None = None) -> None:
        super().__init__()
        shares = None
        if priors is not None:
            shares = torch.tensor([float(value) for value in priors], dtype=torch.float64)
            if not bool(((shares > 0) & shares.isfinite()).all()):
                raise ConfigError(f"priors = {list(priors)}", remedy="positive numbers")
            shares = (shares / shares.sum()).log()
        self.register_buffer("log_priors", shares, persistent=False)

    def forward(self, logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss of a batch.

        Args:
            logits: network output.
            target: class of each graph.
            weight: weight of each graph, 1 if absent.

        Raises:
            ConfigError: another number of classes than of shares.
        """
        classes = logits.size(1)
        given = torch.ones_like(logits[:, 0]) if weight is None else weight.to(logits.dtype)
        if self.log_priors is not None:
            if self.log_priors.numel() != classes:
                raise ConfigError(f"{self.log_priors.numel()} priors for {classes} classes")
            log_priors = self.log_priors.to(logits.dtype)
        else:
            sums = logits.new_zeros(classes).index_add(0, target, given)
            # a class that a batch lacks: as half an event, so that it costs and nothing is infinite
            floor = 0.5 * given.sum() / target.numel()
            log_priors = torch.log(torch.maximum(sums, floor) / given.sum())
        values = functional.cross_entropy(logits + log_priors, target, reduction="none")
        return torch.dot(given, values) / given.sum()

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        shares = None if self.log_priors is None else self.log_priors.exp().tolist()
        return f"priors={shares}"
