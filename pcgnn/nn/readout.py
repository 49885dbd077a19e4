"""From the particles of each graph to one row per graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.ops.ragged import SizePlan, graph_index
from pcgnn.ops.segments import segment_reduce, segment_softmax

__all__ = ["Pooling", "Readout"]

Pooling: TypeAlias = Literal["mean", "sum", "max", "min", "std", "attention"]


class Readout(nn.Module):
    r"""Pool the particles of each graph, in one or in several ways side by side.

    ``attention`` weights the particles by a learned softmax over the graph,

    .. math::
        \sum_i \frac{e^{w x_i}}{\sum_j e^{w x_j}} x_i

    Args:
        width: features per particle.
        pooling: "mean", "sum", "max", "min", "std", "attention", or several of them.

    **Shapes:** x (N, width), ptr (G + 1,) -> (G, out_features), with ``out_features`` the width
    times the number of poolings.

    Raises:
        ConfigError: a name that does not exist, or none at all.

    Example:
        >>> Readout(8, ["mean", "max"]).out_features
        16
    """

    def __init__(self, width: int, pooling: Pooling | Sequence[Pooling] = "mean") -> None:
        super().__init__()
        names = [pooling] if isinstance(pooling, str) else list(pooling)
        unknown = [name for name in names if name not in get_args(Pooling)]
        if unknown or not names:
            raise ConfigError(
                f"pooling {pooling!r}", remedy=f"choose of {', '.join(get_args(Pooling))}"
            )
        self.names: list[Pooling] = list(names)
        self.out_features = width * len(names)
        self.score = nn.Linear(width, 1) if "attention" in names else None

    def forward(self, x: Tensor, ptr: Tensor, plan: SizePlan | None = None) -> Tensor:
        """Pool.

        Args:
            x: features of the particles.
            ptr: offsets of the graphs.
            plan: sizes of the graphs on the host; without it "max" and "min" ask the device.
        """
        parts = []
        for name in self.names:
            if name == "attention":
                parts.append(self._attention(x, ptr))
            else:
                parts.append(segment_reduce(x, ptr, name, plan=plan))
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

    def _attention(self, x: Tensor, ptr: Tensor) -> Tensor:
        assert self.score is not None
        graph = graph_index(ptr, x.size(0))
        weight = segment_softmax(self.score(x), graph, ptr.numel() - 1)
        return segment_reduce(weight * x, ptr, "sum")
