"""Cross entropy with weights of graphs and classes, label smoothing and focusing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError

__all__ = ["WeightedCrossEntropy"]


class WeightedCrossEntropy(nn.Module):
    r"""Cross entropy over classes, each graph counted with its weight.

    .. math:: L = \frac{\sum_i w_i k_{y_i} \ell_i}{\sum_i w_i k_{y_i}}, \qquad
              \ell_i = -\sum_c t_{ic}\, (1 - p_{ic})^\gamma \ln p_{ic},
              \qquad t_{ic} = (1 - \epsilon)\,\delta_{c y_i} + \epsilon / C

    with p the softmax of the logits. A graph of weight 2 counts exactly as the same graph given
    twice. The sum runs over one batch, so that the scale of the weights (cross section times
    luminosity, say) does not change the learning rate. Focusing (`arXiv:1708.02002
    <https://arxiv.org/abs/1708.02002>`__) turns to graphs that are not yet told apart.

    Args:
        label_smoothing: the :math:`\epsilon` above, in [0, 1).
        class_weights: the k above, one per class; "balanced" gives all classes of a batch the same
            sum of weights; None means 1.
        focusing: the :math:`\gamma` above, at least 0.

    **Shapes**
        - logits: :math:`(G, C)`; target: :math:`(G)` class indices; weight: :math:`(G)` or None
        - output: scalar, or :math:`(G)` with ``reduce=False``

    Raises:
        ConfigError: numbers out of range.

    Example:
        >>> loss = WeightedCrossEntropy()
        >>> loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)
    """

    numbers: Tensor | None

    def __init__(
        self,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | str | None = None,
        focusing: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(
                f"label_smoothing = {label_smoothing} is outside [0, 1)", remedy="0 switches it off"
            )
        if not 0.0 <= focusing < math.inf:
            raise ConfigError(f"focusing = {focusing}", remedy="a number from 0, which is none")
        self.label_smoothing = float(label_smoothing)
        self.focusing = float(focusing)
        self.class_weights = class_weights if isinstance(class_weights, str) else None
        numbers = None
        if class_weights is not None and not isinstance(class_weights, str):
            numbers = torch.tensor([float(value) for value in class_weights])
        wrong = numbers is not None and not bool(((numbers > 0) & numbers.isfinite()).all())
        if wrong or self.class_weights not in (None, "balanced"):
            raise ConfigError(
                f"class_weights = {class_weights!r}",
                remedy="one positive number per class, or 'balanced'",
            )
        # moves along with the module, but is an argument and no state
        self.register_buffer("numbers", numbers, persistent=False)

    def forward(
        self, logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduce: bool = True
    ) -> Tensor:
        """The loss of a batch.

        Args:
            logits: network output before the softmax.
            target: class of each graph.
            weight: weight of each graph, 1 if absent.
            reduce: False gives the unweighted value of every graph.

        Raises:
            ConfigError: another number of classes than of their weights.
        """
        values = self._values(logits, target)
        if not reduce:
            return values
        by_class = self._of_classes(logits, target, weight)
        if by_class is not None:
            weight = by_class if weight is None else weight.to(values.dtype) * by_class
        if weight is None:
            return values.mean()
        weight = weight.to(values.dtype)
        return torch.dot(weight, values) / weight.sum()

    def _values(self, logits: Tensor, target: Tensor) -> Tensor:
        if not self.focusing:
            return functional.cross_entropy(
                logits, target, reduction="none", label_smoothing=self.label_smoothing
            )
        log_p = functional.log_softmax(logits, 1)
        # 1 - p without cancellation, and never 0, whose powers below 1 have no gradient
        rest = -torch.expm1(log_p.clamp(max=-torch.finfo(log_p.dtype).eps))
        terms = -rest.pow(self.focusing) * log_p
        own = terms.gather(1, target[:, None])[:, 0]
        return (1 - self.label_smoothing) * own + self.label_smoothing * terms.mean(1)

    def _of_classes(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor | None:
        """The weight of each graph's class, (G,)."""
        classes = logits.size(1)
        if self.numbers is not None:
            if self.numbers.numel() != classes:
                raise ConfigError(
                    f"{self.numbers.numel()} class weights for {classes} classes",
                    remedy="give one per class, in the order of the classes",
                )
            return self.numbers.to(logits.dtype).index_select(0, target)
        if self.class_weights is None:
            return None
        given = torch.ones_like(logits[:, 0]) if weight is None else weight.to(logits.dtype)
        sums = logits.new_zeros(classes).index_add(0, target, given)
        inverse = torch.where(sums > 0, given.sum() / sums.clamp(min=1e-30), 0.0)
        return inverse.index_select(0, target)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        text = f"label_smoothing={self.label_smoothing}"
        weights = self.class_weights if self.numbers is None else self.numbers.tolist()
        text += "" if weights is None else f", class_weights={weights}"
        return text + (f", focusing={self.focusing}" if self.focusing else "")
