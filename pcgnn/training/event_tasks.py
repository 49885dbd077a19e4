"""Several outputs per hit, judged event by event: object condensation and embeddings."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.training.base_task import Task
from pcgnn.training.pair_numbers import pair_numbers
from pcgnn.training.validation import gather_rows

__all__ = ["CondensationTask", "EmbeddingTask"]


class _EventTask(Task):
    """A loss that looks at all hits of an event together, and is averaged over events.

    Losses come as ``loss(output, target, weight, plan)`` with the target of :meth:`targets`, and
    name their terms by ``parts``; these are the numbers of the validation. Which hits are of one
    object is found on the host before a batch goes to its device (``plan``), so that a step does
    not wait for it.

    Args:
        low_pt: what hits of particles below the pT floor are: ``ignore`` (neither signal nor
            background) or ``background``, like noise.
        network, **arguments: see :class:`pcgnn.training.Task`.

    Raises:
        ConfigError: low_pt is not known.
    """

    standardizes: ClassVar[bool] = False

    def __init__(
        self,
        network: torch.nn.Module | None = None,
        *,
        low_pt: Literal["ignore", "background"] = "ignore",
        **arguments: Any,
    ) -> None:
        super().__init__(network, **arguments)
        if low_pt not in ("ignore", "background"):
            raise ConfigError(f"low_pt = {low_pt!r}", remedy="choose ignore or background")
        self.low_pt = low_pt
        self._parts: list[dict[str, Tensor]] = []

    def parse_features(self, features: Any) -> Any:
        """Names of the inputs of a hit."""
        return None if features is None else tuple(str(name) for name in features)

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Event and particle of each hit, and whether it counts, (N, 2) and (N,).

        The particle is 0 for noise and for hits of no particle of interest.

        Raises:
            DataError: the graphs have no truth.
        """
        particle: Tensor | None = getattr(batch, "particle_id", None)
        wanted: Tensor | None = getattr(batch, "hit_y", None)
        if particle is None or wanted is None:
            raise DataError("the graphs have no truth", remedy="read the hits with their truth")
        event = getattr(batch, "batch", None)
        if event is None:
            event = torch.zeros_like(particle)
        interest = wanted > 0.5
        target = torch.stack([event, torch.where(interest, particle, 0)], 1)
        if self.low_pt == "background":
            return target, None
        return target, (interest | (particle <= 0)).to(wanted.dtype)

    def numbers(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, plan: Any = None
    ) -> dict[str, Tensor]:
        """The terms of the loss of one batch, by name."""
        loss: Any = self.loss
        if not hasattr(loss, "parts"):
            return {}
        arguments = (target, weight) if plan is None else (target, weight, plan)
        terms: dict[str, Tensor] = loss.parts(logits, *arguments)
        return terms

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Finds the objects of the batch while it is on the host."""
        loss: Any = self.loss
        if hasattr(loss, "plan") and getattr(batch, "particle_id", None) is not None:
            batch.loss_plan = loss.plan(*self.targets(batch))
        return batch

    def batch_loss(self, batch: Any) -> tuple[Tensor, int]:
        """Loss of one batch and the number of its events."""
        return self.loss(self(batch), *self._arguments(batch)), _events(batch)

    def _arguments(self, batch: Any) -> tuple[Any, ...]:
        plan = getattr(batch, "loss_plan", None)
        return (*self.targets(batch), plan) if plan is not None else self.targets(batch)

    def on_validation_epoch_start(self) -> None:
        """Forgets the events of the last validation."""
        self._parts = []

    def on_test_epoch_start(self) -> None:
        """Forgets the events of the last test."""
        self._parts = []

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Keeps the loss and its terms of one batch; the values stay on the device."""
        arguments = self._arguments(batch)
        output = self(batch).detach()
        found = {"loss": self.loss(output, *arguments)}
        events = output.new_tensor(_events(batch))
        self._parts.append({**found, **self.numbers(output, *arguments), "events": events})

    def evaluated_numbers(self) -> dict[str, Tensor]:
        """Loss and terms, averaged over the events since the start of the epoch."""
        if not self._parts:
            raise DataError("there are no graphs to validate on")
        found = {
            name: gather_rows(torch.stack([part[name] for part in self._parts])).double()
            for name in self._parts[0]
        }
        self._parts = []
        share = found.pop("events")
        share = share / share.sum()
        return {name: (values * share).sum() for name, values in found.items()}


def _events(batch: Any) -> int:
    """Number of events of a batch; a graph by itself is one."""
    return int(getattr(batch, "num_graphs", 1))


class CondensationTask(_EventTask):
    r"""Trains a network that gives each hit a condensation strength and coordinates, (N, 1 + D).

    Object condensation (`arXiv:2002.03605 <https://arxiv.org/abs/2002.03605>`__); see
    :class:`pcgnn.losses.CondensationLoss`. What :func:`pcgnn.predict` returns has
    :math:`\beta` in its first column, which ``find_tracks(method="condensation")`` takes.
    """

    kind: ClassVar[str] = "condensation"
    default_loss: ClassVar[str] = "condensation"

    def probabilities(self, logits: Tensor) -> Tensor:
        """Condensation strength in [0, 1] and coordinates of each hit."""
        return torch.cat([logits[:, :1].sigmoid(), logits[:, 1:]], 1)


class EmbeddingTask(_EventTask):
    """Trains a network that puts hits of one particle close together in a learned space, (N, D).

    Metric learning (`arXiv:2103.06995 <https://arxiv.org/abs/2103.06995>`__); see
    :class:`pcgnn.losses.PairHingeLoss`. Graphs follow by
    ``build_graphs(hits, RadiusGraph(radius, space=pcgnn.predict(result, graphs)))``.

    The numbers of the validation are, beside the terms of the loss, ``efficiency`` and ``purity``
    of the pairs of hits within its margin, see :mod:`pcgnn.training.pair_numbers`.
    """

    kind: ClassVar[str] = "embedding"
    default_loss: ClassVar[str] = "pair-hinge"

    def probabilities(self, logits: Tensor) -> Tensor:
        """The coordinates as they are."""
        return logits

    def numbers(
        self, logits: Tensor, target: Tensor, weight: Tensor | None, plan: Any = None
    ) -> dict[str, Tensor]:
        """The terms of the loss of one batch, and efficiency and purity of its pairs."""
        found = super().numbers(logits, target, weight, plan)
        radius = getattr(self.loss, "margin", None)
        return (
            found
            if radius is None
            else found | pair_numbers(logits, target, weight, radius, plan=plan)
        )
