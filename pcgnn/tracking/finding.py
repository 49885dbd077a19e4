"""From scored edges, or hits in a learned space, to tracks."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking.components import components, keep_long, renumber
from pcgnn.tracking.condensation import condense
from pcgnn.tracking.dbscan import dbscan
from pcgnn.tracking.graphs import HitGraphs
from pcgnn.tracking.scores import GraphScores
from pcgnn.tracking.spaces import GivenVectors
from pcgnn.tracking.walkthrough import walkthrough

__all__ = ["Method", "find_tracks"]

Method = Literal["components", "condensation", "dbscan", "walkthrough"]
Index = NDArray[np.int64]

_OPTIONS: dict[str, dict[str, float | None]] = {
    "components": {"threshold": 0.5},
    "walkthrough": {"threshold": 0.5},
    "dbscan": {"radius": None, "min_samples": 3},
    # half of the distance up to which the loss pushes hits of different particles apart
    "condensation": {"radius": 0.5, "beta_min": 0.1},
}
"""What the methods take, unless something else is given; None for what has to be given."""


def find_tracks(
    graphs: HitGraphs,
    scores: Any,
    *,
    hits: ak.Array | None = None,
    method: Method = "components",
    threshold: float | None = None,
    min_hits: int = 3,
    radius: float | None = None,
    min_samples: int | None = None,
    beta_min: float | None = None,
) -> Index:
    """Build tracks from the edges that pass a threshold, or from hits in a learned space.

    Args:
        graphs: hit graphs of one or many events. Graphs of the same event (sectors) are joined:
            an edge that several of them hold passes if its mean score does. A part of the
            events is made an array of its own with :meth:`HitGraphs.compact`, since events
            without a graph would count as events without tracks.
        scores: what :func:`pcgnn.predict` returns, a list of arrays or one flat array; for
            ``dbscan`` coordinates of the hits, (hits, D), as of an embedding network; for
            ``condensation`` strengths and coordinates, (hits, 1 + D), as of a condensation network.
        hits: the hits the graphs were made from, to check that they are; may be left out.
        method: ``components`` takes connected components of the edges that pass;
            ``walkthrough`` takes them where they do not branch and else the best paths through
            them, see :mod:`pcgnn.tracking.walkthrough`; ``dbscan`` takes clusters of hits in a
            learned space, see :mod:`pcgnn.tracking.dbscan`, and looks at no edges;
            ``condensation`` gathers hits around the strongest ones, see
            :mod:`pcgnn.tracking.condensation`, and looks at no edges either.
        threshold: of ``components`` and ``walkthrough``: score from which an edge passes, by
            default 0.5.
        min_hits: groups with fewer hits are no tracks.
        radius: of ``dbscan``: how near hits of a cluster are, in the units of the space; of
            ``condensation``: reach of the strongest hit of a track, by default 0.5.
        min_samples: of ``dbscan``: hits within the radius of a hit, itself included, from which
            it carries a cluster, by default 3.
        beta_min: of ``condensation``: smallest strength of a hit that gathers others, by default
            0.1.

    Returns:
        One label per hit over all events in order, -1 for none; labels do not repeat between
        events.

    Raises:
        ConfigError: an unknown method, or options that cannot be or mean nothing for it.
        DataError: scores or hits of other graphs, or events without a graph.

    **Shapes:** -> (hits,)

    Example:
        >>> tracks = find_tracks(graphs, scores, hits=hits)  # doctest: +SKIP
    """
    if method not in get_args(Method):
        raise ConfigError(f"no method {method!r}", remedy=f"choose one of {list(get_args(Method))}")
    if min_hits < 1:
        raise ConfigError(f"min_hits = {min_hits} must be at least 1")
    given = {"threshold": threshold, "radius": radius, "min_samples": min_samples}
    options = _options(method, {**given, "beta_min": beta_min})
    total = int(graphs.offsets[-1])
    if hits is not None and (
        len(hits) != graphs.offsets.size - 1 or int(ak.sum(ak.num(hits["hit"]))) != total
    ):
        raise DataError(
            f"the graphs were made from {graphs.offsets.size - 1} events with {total} hits, not "
            f"from these {len(hits)} events",
            remedy="pass the hits that build_graphs was given",
        )
    if len(graphs.events) < graphs.offsets.size - 1:
        raise DataError(
            f"the graphs are of {len(graphs.events)} of {graphs.offsets.size - 1} events, so that "
            "all particles of the others would count as lost",
            remedy="part = part.compact(), with hits[part.events] taken before",
        )
    if method == "dbscan":
        return renumber(keep_long(_dense(graphs, scores, **options), min_hits))
    if method == "condensation":
        return renumber(keep_long(_condensed(graphs, scores, **options), min_hits))
    found = GraphScores.of(scores, [int(graph.edge_index.shape[1]) for graph in graphs])
    if not np.isfinite(found.values).all():
        raise DataError("some scores are NaN or infinite", remedy="look at the network")
    edges, values = _joined(graphs, found, total)
    passed = values >= options["threshold"]
    edges, values = edges[:, passed], values[passed]
    if method == "components":
        labels = keep_long(components(edges, total), min_hits)
    else:
        labels = walkthrough(edges, values, total, min_hits)
    return renumber(labels)


def _options(method: str, given: dict[str, float | None]) -> dict[str, Any]:
    """Those of a method, as given or by default."""
    known = _OPTIONS[method]
    found = {name: value for name, value in given.items() if value is not None}
    if idle := [name for name in found if name not in known]:
        raise ConfigError(
            f"{idle[0]} means nothing for {method}",
            remedy=f"leave it out; there are {', '.join(known)}",
        )
    options = {**known, **found}
    if missing := [name for name, value in options.items() if value is None]:
        raise ConfigError(f"{method} needs a {missing[0]}", remedy=f"give {missing[0]}=")
    return options


def _dense(graphs: HitGraphs, scores: Any, radius: float, min_samples: int) -> Index:
    """Clusters of the hits of all events by DBSCAN, -1 for those that are in no graph as well."""
    if any(np.ndim(part) == 1 for part in _arrays(scores)):
        raise DataError(
            "dbscan needs coordinates of the hits, not one score each",
            remedy="give what pcgnn.predict returns for an embedding network, (hits, D)",
        )
    points = GivenVectors(scores, graphs).values.astype(np.float64)
    event = np.repeat([int(graph.event) for graph in graphs], graphs.sizes)
    labels = np.full(int(graphs.offsets[-1]), -1, dtype=np.int64)
    place = [graph.hit_index.cpu().numpy() for graph in graphs]
    if place:
        labels[np.concatenate(place) + graphs.offsets[event]] = dbscan(
            points, event, radius=radius, min_samples=min_samples
        )
    return labels


def _condensed(graphs: HitGraphs, scores: Any, radius: float, beta_min: float) -> Index:
    """Hits of all events around their condensation points, -1 as in :func:`_dense`."""
    remedy = "give what pcgnn.predict returns for a condensation network, (hits, 1 + D)"
    if bad := [np.shape(p) for p in _arrays(scores) if np.ndim(p) != 2 or np.shape(p)[1] < 2]:
        raise DataError(
            f"condensation needs strength and coordinates of each hit, not the shape {bad[0]}",
            remedy=remedy,
        )
    if not (math.isfinite(radius) and radius > 0):
        raise ConfigError(f"radius = {radius!r} must be a positive number")
    if math.isnan(beta_min):
        raise ConfigError("beta_min is not a number")
    values = GivenVectors(scores, graphs).values.astype(np.float64)
    if ((values[:, 0] < 0) | (values[:, 0] > 1)).any():
        raise DataError("the first column has strengths outside of [0, 1]", remedy=remedy)
    labels = np.full(int(graphs.offsets[-1]), -1, dtype=np.int64)
    begin = used = 0
    for graph in graphs:  # one event after the other: in the learned space they lie on each other
        mine = values[begin : begin + graph.x.shape[0]]
        found = condense(mine[:, 0], mine[:, 1:], radius=radius, beta_min=beta_min)
        place = graph.hit_index.cpu().numpy() + graphs.offsets[int(graph.event)]
        labels[place] = np.where(found >= 0, found + used, -1)
        begin, used = begin + len(mine), used + int(found.max(initial=-1)) + 1
    return labels


def _arrays(scores: Any) -> list[Any]:
    if isinstance(scores, (list, tuple)):
        return list(scores)
    return [scores.values if isinstance(scores, GraphScores) else scores]


def _joined(
    graphs: HitGraphs, scores: GraphScores, total: int
) -> tuple[Index, NDArray[np.floating]]:
    """Each edge once, from its inner to its outer hit, with the mean of its scores."""
    edges = graphs.edges().cpu().numpy()
    values = scores.values  # in their own precision, in which thresholds are compared elsewhere
    if graphs.description.get("undirected"):
        # the second half of each graph holds the edges of the first half reversed
        back = np.concatenate(
            [
                np.arange(part.size) >= part.size // 2
                for part in (scores[g] for g in range(len(scores)))
            ]
        )
        edges = np.where(back, edges[::-1], edges)
    key, inverse, count = np.unique(
        edges[0] * total + edges[1], return_inverse=True, return_counts=True
    )
    if key.size == values.size:
        return edges, values
    mean = (np.bincount(inverse, values) / count).astype(values.dtype)
    return np.stack(np.divmod(key, total)), mean
