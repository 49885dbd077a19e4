"""Evaluation of a feature definition over flat records, piece by piece in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from pcgnn.data.arena import Arena
from pcgnn.data.checks import GRAPH, PARTICLE
from pcgnn.data.feature_writer import FeatureWriter, FlatFeatures
from pcgnn.data.features import Feature, FeatureDefinition
from pcgnn.data.flat import Flat, NumpyBackend
from pcgnn.data.program import Input, Program, Tracer
from pcgnn.data.quantities import Quantities, choose_jet_axis
from pcgnn.data.records import FlatRecords
from pcgnn.data.shapes import available_shapes, with_shapes
from pcgnn.errors import ConfigError
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


def resolve_features(definition: FeatureDefinition, records: FlatRecords) -> FeatureDefinition:
    """Settle optional features and the jet axis for these records."""
    jet_axis = choose_jet_axis(definition.jet_axis, records.event)
    nothing = np.empty(0)
    known = replace(records, event={**records.event, **dict.fromkeys(available_shapes(), nothing)})
    return definition.resolve(_quantities(known, slice(0, 0), jet_axis)[1], jet_axis)


def compute_features(
    definition: FeatureDefinition,
    records: FlatRecords,
    *,
    p4: bool,
    dtype: Any,
    arena: Arena | None = None,
) -> FlatFeatures:
    """Evaluate all features, coordinates and, if wanted, four-vectors.

    One row per particle, or per jet if the definition says so; N is the number of either.

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
    records = with_shapes(records, definition.needs, _four_vectors)
    if definition.rows == GRAPH:
        return _graph_rows(definition, records, p4, dtype, arena or Arena())
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
    writer = FeatureWriter(jobs, records)
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


def _graph_rows(
    definition: FeatureDefinition, records: FlatRecords, p4: bool, dtype: Any, arena: Arena
) -> FlatFeatures:
    """One row per jet; the four-vector is that of the axis."""
    graphs = records.offsets.size - 1
    x = arena.take("x", (graphs, len(definition)), dtype)
    pos = arena.take("pos", (graphs, len(definition.pos)), dtype)
    vectors = arena.take("p4", (graphs, 4), dtype) if p4 else None
    jobs = [(x[:, column], feature) for column, feature in enumerate(definition)]
    jobs += [(pos[:, column], Feature(text, text)) for column, text in enumerate(definition.pos)]
    if vectors is not None:
        for column, name in enumerate(("energy", "px", "py", "pz")):
            jobs.append((vectors[:, column], Feature(f"p4.{name}", f"axis_{name}")))
    rows = FlatRecords(np.arange(graphs + 1), {}, records.event, {})
    writer = FeatureWriter(jobs, rows)
    with np.errstate(all="ignore"):
        for piece in _pieces(records.offsets):
            writer.begin(piece.start, piece.stop)
            backend, quantities = _quantities(records, piece, definition.jet_axis)
            for output, (_, feature) in enumerate(jobs):
                value = feature.compiled.evaluate(quantities, backend)
                if not isinstance(value, Flat):
                    value = Flat(np.full(piece.stop - piece.start, float(value)), GRAPH)
                if value.level != GRAPH:
                    raise ConfigError(
                        f"{feature.name} = {feature.expression} has one value per particle, but "
                        f"{definition.name!r} has one row per jet",
                        remedy="reduce it, for example sum(...), or use rows='particle'",
                    )
                writer.write(output, np.asarray(value.data, np.float64))
    return FlatFeatures(
        x if x.shape[1] else None, pos if pos.shape[1] else None, vectors, writer.finite
    )


def _four_vectors(records: FlatRecords) -> Iterator[tuple[slice, np.ndarray]]:
    """E, px, py, pz in GeV of the particles, with the jets they belong to, piece by piece."""
    with np.errstate(all="ignore"):
        for piece in _pieces(records.offsets):
            _, quantities = _quantities(records, piece, "particles")
            columns = [quantities[f"part_{name}"].data for name in ("energy", "px", "py", "pz")]
            yield piece, np.stack([np.asarray(c, np.float64) for c in columns], 1)


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
    records = with_shapes(records, compile_expression(text).names, _four_vectors)
    graphs = slice(0, records.offsets.size - 1)
    backend, quantities = _quantities(records, graphs, jet_axis)
    with np.errstate(all="ignore"):
        value = compile_expression(text).evaluate(quantities, backend)
    if not isinstance(value, Flat):
        value = Flat(backend.full(float(value)), PARTICLE)
    return np.asarray(value.data), value.level


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
