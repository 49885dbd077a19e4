"""What every network that scores the edges or the hits of hit graphs has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Tensor, nn

from pcgnn.errors import DataError

__all__ = ["EdgeModel", "HitGraphModel", "HitModel", "HitOutputModel"]


class HitGraphModel(nn.Module, ABC):
    """Base of the networks that give each edge or each hit of a hit graph a logit or several.

    A subclass fills ``config`` with its constructor arguments and computes :meth:`logits`. The
    base checks the input.

    Attributes:
        task: what the logits are of, or are for.
        name: name in the registry it was created under.
        config: constructor arguments, plain and JSON-able; with ``features`` and
            ``edge_features``.

    **Shapes:** x (N, features), edge_index (2, E), edge_attr (E, edge_features) -> (E,) or (N,)
    logits, or (N, C) outputs.
    """

    task: ClassVar[str]
    name: str = ""
    config: dict[str, Any]

    @abstractmethod
    def logits(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits, shape (E,), (N,) or (N, C)."""

    def forward(self, batch: Any) -> Tensor:
        """Compute the logits of a PyG batch (or a single graph).

        Raises:
            DataError: if a tensor is missing or shapes do not fit.
        """
        names = ("x", "edge_index", "edge_attr")
        found: list[Any] = [getattr(batch, name, None) for name in names]
        if missing := [name for name, value in zip(names, found, strict=True) if value is None]:
            raise DataError(
                f"the graph has no {', '.join(missing)}",
                remedy="make it with pcgnn.tracking.build_graphs",
            )
        return self.forward_tensors(*found)

    def forward_tensors(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
        """Compute the logits from plain tensors.

        Raises:
            DataError: if shapes do not fit.
        """
        edges = edge_index.shape[-1]
        expected = {
            "x": (x.shape[0], self.config["features"]),
            "edge_index": (2, edges),
            "edge_attr": (edges, self.config["edge_features"]),
        }
        given = {"x": x, "edge_index": edge_index, "edge_attr": edge_attr}
        for name, shape in expected.items():
            if tuple(given[name].shape) != shape:
                raise DataError(f"{name} has the shape {tuple(given[name].shape)}, not {shape}")
        return self.logits(x, edge_index, edge_attr)

    @property
    def num_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{key}={value}" for key, value in self.config.items())
        return (
            f"{self.name or type(self).__name__} ({self.num_parameters:,} parameters, {arguments})"
        )


class EdgeModel(HitGraphModel):
    """A network that gives each edge one logit, shape (E,)."""

    task: ClassVar[str] = "edges"


class HitModel(HitGraphModel):
    """A network that gives each hit one logit, shape (N,)."""

    task: ClassVar[str] = "hits"


class HitOutputModel(HitGraphModel):
    """A network that gives each hit several outputs, shape (N, C), judged event by event.

    Attributes:
        task: "condensation", with the logit of the condensation strength in the first column and
            coordinates in the others, or "embedding", with nothing but coordinates.
    """
