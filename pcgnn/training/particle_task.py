"""Classification of the particles of clouds."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.training.element_tasks import ElementTask
from pcgnn.training.task_inputs import resolve_features, weight_of

__all__ = ["ParticleClassificationTask"]


class ParticleClassificationTask(ElementTask):
    """Trains a network that maps a batch of graphs to one logit per particle, (N,).

    Targets are 0 or 1 for each particle: clouds whose target is a column or an expression of the
    particles, such as ``target="part_from_pileup > 0.5"``. Graphs may have weights, and particles
    too: a column ``particle_weight`` of the clouds, 0 for those that shall not count.

    The numbers of the validation are accuracy, efficiency and purity at a score of 0.5, and AUC.
    Inputs are standardised as those of a classification of graphs.

    Example:
        >>> task = ParticleClassificationTask(name="particlenet-nodes", features="particlenet")
        >>> task.kind
        'particles'
    """

    kind: ClassVar[str] = "particles"
    of_particles: ClassVar[bool] = True
    standardizes: ClassVar[bool] = True

    def parse_features(self, features: Any) -> Any:
        """The inputs as the task keeps them."""
        return resolve_features(features)

    def targets(self, batch: Any) -> tuple[Tensor, Tensor | None]:
        """Truth of each particle, 0.0 or 1.0, and its weight, (N,) and (N,).

        Raises:
            DataError: the graphs have no target, or not one per particle.
        """
        target = getattr(batch, "y", None)
        index = getattr(batch, "batch", None)
        if not isinstance(target, Tensor) or not isinstance(index, Tensor):
            raise DataError(
                "the particles have no target",
                remedy='name it: ParticleClouds.from_awkward(target="part_from_pileup > 0.5")',
            )
        if target.shape != index.shape:
            raise DataError(
                f"the target has the shape {tuple(target.shape)} for {len(index)} particles",
                remedy="name a column of the particles (part_...) as target",
            )
        weight = weight_of(batch)
        if weight is not None:
            weight = weight.index_select(0, index)
        own = getattr(batch, "particle_weight", None)
        if own is not None:
            weight = own if weight is None else own * weight
        return target.float(), weight
