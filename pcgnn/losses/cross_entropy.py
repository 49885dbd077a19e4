"""Cross entropy with one weight per graph."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from pcgnn.errors import ConfigError

__all__ = ["WeightedCrossEntropy"]


class WeightedCrossEntropy(nn.Module):
    r"""Cross entropy over classes, each graph counted with its weight.

    .. math:: L = \frac{\sum_i w_i\, \ell_i}{\sum_i w_i}, \qquad
              \ell_i = -\sum_c t_{ic} \ln \mathrm{softmax}(z_i)_c,
              \qquad t_{ic} = (1 - \epsilon)\,\delta_{c y_i} + \epsilon / C

    A graph of weight 2 counts exactly as the same graph given twice. The sum runs over one
    batch, so that the scale of the weights (cross section times luminosity, say) does not
    change the learning rate.

    Args:
        label_smoothing: the :math:`\epsilon` above, in [0, 1).

    **Shapes**
        - logits: :math:`(G, C)`; target: :math:`(G)` class indices; weight: :math:`(G)` or None
        - output: scalar, or :math:`(G)` with ``reduce=False``

    Raises:
        ConfigError: if the smoothing is outside [0, 1).

    Example:
        >>> loss = WeightedCrossEntropy()
        >>> loss(torch.tensor([[0.0, 0.0]]), torch.tensor([1]))
        tensor(0.6931)
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(
                f"label_smoothing = {label_smoothing} is outside [0, 1)", remedy="0 switches it off"
            )
        self.label_smoothing = float(label_smoothing)

    def forward(
        self, logits: Tensor, target: Tensor, weight: Tensor | None = None, *, reduce: bool = True
    ) -> Tensor:
        """The loss of a batch.

        Args:
            logits: network output before the softmax.
            target: class of each graph.
            weight: weight of each graph, 1 if absent.
            reduce: False gives the unweighted value of every graph.
        """
        values = functional.cross_entropy(
            logits, target, reduction="none", label_smoothing=self.label_smoothing
        )
        if not reduce:
            return values
        if weight is None:
            return values.mean()
        weight = weight.to(values.dtype)
        return torch.dot(weight, values) / weight.sum()

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        return f"label_smoothing={self.label_smoothing}"
