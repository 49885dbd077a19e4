"""Which symmetries a tagger has, and by how much its scores move where it has them not."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import awkward as ak
import numpy as np
import torch
from torch import Tensor

from pcgnn.data import FeatureDefinition, ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import SymmetryAudit, SymmetryRow
from pcgnn.models.base import CloudModel
from pcgnn.training.predicting import load_source
from pcgnn.training.symmetry_moves import MOVES, Move, Moved
from pcgnn.training.task import ClassificationTask

__all__ = ["symmetry_audit"]

Precision = Literal["float64", "float32"]


def symmetry_audit(
    source: Any,
    jets: ak.Array,
    *,
    features: Any = None,
    moves: Sequence[Move] = MOVES,
    precision: Precision = "float64",
    batch_size: int = 256,
    seed: int = 0,
) -> SymmetryAudit:
    """Move jets and see how the outputs of a model move.

    Moves are a permutation of the particles, a rotation about and a boost along the beam, a boost
    in a random direction, one soft particle more, and the split of the hardest particle into two
    that are nearly parallel. Features are computed anew from the moved particles, with the sum of
    the particles as jet axis; other properties of a particle (charge, impact parameters) stay what
    they were. The work is one pass over the jets per size, the model itself is left alone.

    A model that adds beams to its input (:class:`~pcgnn.models.LorentzNet`) is judged twice under
    Lorentz transformations: with its beams fixed, and with beams that move along, under which it is
    invariant to rounding.

    Args:
        source: a model, the result of :func:`pcgnn.fit`, a task or a checkpoint file.
        jets: what :func:`pcgnn.read_root` returns; only ``particles`` is used.
        features: feature definition; by default that of the training, or "particlenet".
        moves: families of moves.
        precision: "float64" shows what the mathematics is, "float32" what one gets.
        batch_size: jets at a time.
        seed: of everything random.

    Raises:
        ConfigError: not a classifier of jets, or an unknown precision.
        DataError: no jets, or features that need columns of the jet.

    Example:
        >>> audit = symmetry_audit(result, jets[:1000])  # doctest: +SKIP
        >>> print(audit)  # doctest: +SKIP
        >>> pcgnn.plots.symmetry(audit)  # doctest: +SKIP
    """
    if precision not in ("float64", "float32"):
        raise ConfigError(f"precision {precision!r}", remedy="choose 'float64' or 'float32'")
    if len(jets) == 0:
        raise DataError("there are no jets to move")
    dtype = torch.float64 if precision == "float64" else torch.float32
    runner, network, definition = _runner(source, features, dtype)
    p4, ptr = _momenta(jets)
    still = Moved(p4, torch.arange(len(p4)), ptr)

    def outputs(moved: Moved, frame: Tensor | None) -> Tensor:
        network.frame = frame
        clouds = _clouds(jets, moved, definition, dtype)
        with torch.no_grad():
            parts = [
                runner(clouds.batch(np.arange(begin, min(begin + batch_size, len(clouds)))))
                for begin in range(0, len(clouds), batch_size)
            ]
        return torch.cat(parts).double()

    reference = outputs(still, None)
    rows = []
    for move in moves:
        rng = torch.Generator().manual_seed(seed)
        for size in move.sizes:
            moved = move.apply(p4, ptr, size, rng)
            choices: list[tuple[str, Tensor | None]] = [("", None)]
            if network.has_beams and moved.frame is not None:
                choices = [("fixed", None), ("moved along", moved.frame)]
            for beams, frame in choices:
                rows.append(_row(move.name, beams, size, reference, outputs(moved, frame)))
    name = network.name or type(network).__name__
    axes = {move.name: move.axis for move in moves}
    return SymmetryAudit(name, precision, len(jets), tuple(rows), axes)


def _row(move: str, beams: str, size: float, before: Tensor, after: Tensor) -> SymmetryRow:
    shift = (after - before).abs().amax(1)
    score = (after.softmax(1)[:, -1] - before.softmax(1)[:, -1]).abs()
    return SymmetryRow(
        move, beams, size, float(shift.median()), float(shift.max()), float(score.mean())
    )


def _runner(source: Any, features: Any, dtype: torch.dtype) -> tuple[Any, CloudModel, Any]:
    """A copy of the model in evaluation, what applies it to a batch, and its features."""
    if isinstance(source, CloudModel):
        network = copy.deepcopy(source).to(dtype).eval()
        return network, network, "particlenet" if features is None else features
    task = copy.deepcopy(load_source(source)).to(dtype).eval()
    if not isinstance(task, ClassificationTask) or not isinstance(task.network, CloudModel):
        raise ConfigError(
            f"a task on {task.kind} cannot be audited", remedy="give a classifier of jets"
        )
    found = task.features if features is None else features
    return task, task.network, "particlenet" if found is None else found


def _momenta(jets: ak.Array) -> tuple[Tensor, Tensor]:
    """E, px, py, pz of all particles in float64, and the offsets of the jets."""
    particles = jets["particles"]
    columns = [
        ak.to_numpy(ak.flatten(getattr(particles, name))).astype(np.float64)
        for name in ("energy", "px", "py", "pz")
    ]
    counts = ak.to_numpy(ak.num(particles)).astype(np.int64)
    ptr = np.concatenate([[0], np.cumsum(counts)])
    return torch.from_numpy(np.stack(columns, 1)), torch.from_numpy(ptr)


def _clouds(jets: ak.Array, moved: Moved, definition: Any, dtype: torch.dtype) -> ParticleClouds:
    """Clouds of the moved particles, with the sum of the particles as axis."""
    flat = ak.flatten(jets["particles"])[moved.origin.numpy()]
    momentum = {"energy", "px", "py", "pz", "pt", "eta", "phi", "mass", "E", "e", "m", "t"}
    kept = {name: flat[name] for name in flat.fields if name not in momentum}
    moves = dict(zip(("energy", "px", "py", "pz"), moved.p4.numpy().T, strict=True))
    particles = ak.zip({**kept, **moves}, with_name="Momentum4D")
    records = ak.Array({"particles": ak.unflatten(particles, moved.ptr.diff().numpy())})
    by_sum = replace(FeatureDefinition.parse(definition), jet_axis="particles")
    return ParticleClouds.from_awkward(records, features=by_sum, dtype=dtype)
