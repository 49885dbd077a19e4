"""Evaluation of a feature definition over flat records, piece by piece in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from pcgnn.data.arena import Arena
from pcgnn.data.checks import PARTICLE
from pcgnn.data.features import Feature, FeatureDefinition
from pcgnn.data.flat import Flat, NumpyBackend
from pcgnn.data.program import Input, Program, Tracer
from pcgnn.data.quantities import Quantities, choose_jet_axis
from pcgnn.data.records import FlatRecords
from pcgnn.errors import DataError
from pcgnn.io.expressions import compile_expression

__all__ = [
    "FlatFeatures",
    "compute_features",
    "evaluate_column",
    "leading",
    "particle_pt",
    "resolve_features",
]

# Particles taken together: a dozen float64 temporaries of this length stay in the L2 cache.
_PIECE = 16384


class FlatFeatures:
    """Arrays a definition gives for some records.

    Attributes:
        x: inputs, (N, F), or None if there are none.
        pos: coordinates, (N, D), or None if there are none.
        p4: E, px, py, pz in GeV, (N, 4), or None if not wanted.
        finite: whether all of them are free of NaN and infinity.
    """

    def __init__(
        self,
        x: np.ndarray | None,
        pos: np.ndarray | None,
        p4: np.ndarray | None,
        finite: bool,
    ) -> None:
        self.x, self.pos, self.p4, self.finite = x, pos, p4, finite


def resolve_features(definition: FeatureDefinition, records: FlatRecords) -> FeatureDefinition:
    """Settle optional features and the jet axis for these records."""
    jet_axis = choose_jet_axis(definition.jet_axis, records.event)
    return definition.resolve(_quantities(records, slice(0, 0), jet_axis)[1], jet_axis)


def compute_features(
    definition: FeatureDefinition,
    records: FlatRecords,
    *,
    p4: bool,
    dtype: Any,
    arena: Arena | None = None,
) -> FlatFeatures:
    """Evaluate all features, coordinates and, if wanted, four-vectors.

    Args:
        definition: what to compute; its optional features and jet axis are resolved.
        records: the flat columns.
        p4: also E, px, py, pz.
        dtype: NumPy type of the results; the arithmetic is in float64.
        arena: where the results are put; new memory by default.

    Raises:
        DataError: a value to be clipped is NaN or infinite; names feature, graph and entry.
        ExpressionError: an expression names an unknown quantity.
    """
    total = int(records.offsets[-1])
    take = (arena or Arena()).take
    x = take("x", (total, len(definition)), dtype)
    pos = take("pos", (total, len(definition.pos)), dtype)
    vectors = take("p4", (total, 4), dtype) if p4 else None
    coordinates = [Feature(text, text) for text in definition.pos]
    components = [Feature(f"p4.{k}", f"part_{k}") for k in ("energy", "px", "py", "pz")]
    jobs = [(x[:, column], feature) for column, feature in enumerate(definition)]
    jobs += [(pos[:, column], feature) for column, feature in enumerate(coordinates)]
    if vectors is not None:
        jobs += [(vectors[:, column], feature) for column, feature in enumerate(components)]
    program = _compile(
        tuple(feature for _, feature in jobs),
        tuple((name, array.ndim) for name, array in records.particles.items()),
        tuple((name, array.ndim) for name, array in records.event.items()),
        definition.jet_axis,
    ).fresh()
    writer = _Writer(jobs, records)
    with np.errstate(all="ignore"):
        for piece in _pieces(records.offsets):
            offsets = records.offsets[piece.start : piece.stop + 1]
            rows = writer.begin(int(offsets[0]), int(offsets[-1]))
            program.run(
                {name: array[rows] for name, array in records.particles.items()},
                {name: array[piece] for name, array in records.event.items()},
                NumpyBackend(offsets),
                rows.stop - rows.start,
                writer.write,
            )
    return FlatFeatures(
        x if x.shape[1] else None, pos if pos.shape[1] else None, vectors, writer.finite
    )


@lru_cache(maxsize=64)
def _compile(
    features: tuple[Feature, ...],
    particles: tuple[tuple[str, int], ...],
    event: tuple[tuple[str, int], ...],
    jet_axis: str,
) -> Program:
    """The program for some features of records with these columns (name, dimensions)."""
    tracer = Tracer()
    quantities = Quantities(
        tracer,
        {name: Input("particle", name, ndim) for name, ndim in particles},
        {name: Input("event", name, ndim) for name, ndim in event},
        Input("sizes", "n_particles", 1),
        jet_axis,
    )
    outputs = [
        tracer.at_particles(feature.compiled.evaluate(quantities, tracer)) for feature in features
    ]
    return Program(tracer, outputs)


def evaluate_column(text: str, records: FlatRecords, jet_axis: str) -> tuple[np.ndarray, str]:
    """Evaluate one expression over all records.

    Args:
        text: the expression.
        records: the flat columns.
        jet_axis: "columns" or "particles".

    Returns:
        The values, (G,) or (N,), and their level "graph" or "particle".

    Raises:
        ExpressionError: it is not in the language or names an unknown quantity.
    """
    graphs = slice(0, records.offsets.size - 1)
    backend, quantities = _quantities(records, graphs, jet_axis)
    with np.errstate(all="ignore"):
        value = compile_expression(text).evaluate(quantities, backend)
    if not isinstance(value, Flat):
        value = Flat(backend.full(float(value)), PARTICLE)
    return np.asarray(value.data), value.level


class _Writer:
    """Shifts, scales and clips the outputs of a piece and puts them into the result columns.

    Attributes:
        finite: whether all that was written is free of NaN and infinity.
    """

    def __init__(self, jobs: list[tuple[np.ndarray, Feature]], records: FlatRecords) -> None:
        self._jobs = jobs
        self._records = records
        self._rows = slice(0, 0)
        self._work = np.empty(0)
        self._ranges = [_range(column.dtype, feature.clip) for column, feature in jobs]
        self.finite = True

    def begin(self, start: int, stop: int) -> slice:
        """Set the particles that come next."""
        self._rows = slice(start, stop)
        if self._work.size < stop - start:
            self._work = np.empty(stop - start)
        return self._rows

    def write(self, output: int, values: np.ndarray) -> None:
        """Take the values of one output; they are not changed."""
        column, feature = self._jobs[output]
        work = self._work[: values.size]
        raw = values
        if feature.shift != 0.0:
            values = np.subtract(values, feature.shift, out=work)
        if feature.scale != 1.0:
            values = np.multiply(values, feature.scale, out=work)
        low, high = self._ranges[output]
        # Mostly all values lie in the range, which is quicker to find out than to clip; NaN and
        # infinity never do.
        if values.min(initial=low) >= low and values.max(initial=high) <= high:
            column[self._rows] = values
            return
        if feature.clip is not None:
            # Clipping would hide what is not finite.
            self._refuse_not_finite(raw, feature.name)
            values = np.clip(values, *feature.clip, out=work)
        column[self._rows] = values
        self.finite = self.finite and bool(np.isfinite(column[self._rows]).all())

    def _refuse_not_finite(self, values: np.ndarray, name: str) -> None:
        # A sum is finite only if all terms are, and is quicker than looking at each.
        if np.isfinite(values.sum()) or np.isfinite(values).all():
            return
        row = int(np.argmax(~np.isfinite(values)))
        offsets = self._records.offsets
        graph = int(np.searchsorted(offsets, self._rows.start + row, side="right")) - 1
        entries = self._records.event.get("entry")
        raise DataError(
            f"feature {name} is {values[row]} for particle "
            f"{self._rows.start + row - int(offsets[graph])} of graph {graph}",
            branch=name,
            entry=None if entries is None else int(entries[graph]),
            remedy="drop such entries with cut=, or guard the expression with where(...)",
        )


def _range(dtype: np.dtype[Any], clip: tuple[float, float] | None) -> tuple[float, float]:
    """Values that clipping leaves as they are and that this type can hold."""
    largest = float(np.finfo(dtype).max)
    low, high = clip or (-largest, largest)
    return max(low, -largest), min(high, largest)


def _pieces(offsets: np.ndarray) -> Iterator[slice]:
    """Ranges of whole jets with about ``_PIECE`` particles each."""
    count, start = offsets.size - 1, 0
    while start < count:
        stop = int(np.searchsorted(offsets, offsets[start] + _PIECE, side="right")) - 1
        stop = min(max(stop, start + 1), count)
        yield slice(start, stop)
        start = stop


def _quantities(
    records: FlatRecords, piece: slice, jet_axis: str
) -> tuple[NumpyBackend, Quantities]:
    offsets = records.offsets[piece.start : piece.stop + 1]
    rows = slice(int(offsets[0]), int(offsets[-1]))
    backend = NumpyBackend(offsets)
    quantities = Quantities(
        backend,
        {name: array[rows] for name, array in records.particles.items()},
        {name: array[piece] for name, array in records.event.items()},
        np.diff(offsets),
        jet_axis,
    )
    return backend, quantities


def leading(pt: np.ndarray, offsets: np.ndarray, limit: int) -> np.ndarray | None:
    """Rows of the ``limit`` particles of highest pT of each jet, in their original order.

    Equal pT: the earlier particle goes first.

    Args:
        pt: transverse momenta.
        offsets: offsets of the jets.
        limit: how many to keep at most.

    Returns:
        The rows kept, or None if every jet is small enough.

    **Shapes:** pt (N,), offsets (G+1,)
    """
    sizes = np.diff(offsets)
    if sizes.size == 0 or int(sizes.max()) <= limit:
        return None
    graph = np.repeat(np.arange(sizes.size), sizes)
    falling = pt[1:] <= pt[:-1]
    if bool((falling | (graph[1:] != graph[:-1])).all()):
        rank = np.arange(pt.size) - np.repeat(offsets[:-1], sizes)
    else:
        order = np.lexsort((-pt, graph))  # a stable sort, jet by jet
        rank = np.empty(pt.size, dtype=np.int64)
        rank[order] = np.arange(pt.size) - np.repeat(offsets[:-1], sizes)
    return np.flatnonzero(rank < limit)


def particle_pt(records: FlatRecords) -> np.ndarray:
    """Transverse momenta of all particles in GeV, (N,)."""
    return evaluate_column("part_pt", records, "particles")[0]
