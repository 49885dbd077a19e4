"""Truth and scores of graph edges -> construction, classification and both together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics._inputs import numeric
from pcgnn.metrics.edge_summary import EdgeReport
from pcgnn.metrics.intervals import LEVEL
from pcgnn.metrics.roc import RocCurve

__all__ = ["edge_report"]

BoolArray = NDArray[np.bool_]


def _flat(values: Any, what: str, size: int | None) -> NDArray[Any]:
    array = numeric(values, what)
    if array.ndim != 1:
        raise DataError(f"{what}: shape {array.shape}", remedy="give one value per edge, flat")
    if size is not None and array.size != size:
        raise DataError(
            f"{what}: {array.size} values for {size} edges",
            remedy="all must come from the same edges in the same order",
        )
    return array


def _binary(values: NDArray[Any], what: str) -> BoolArray:
    if values.dtype.kind != "b":
        wrong = (values != 0) & (values != 1)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{what}: {values[first]} at index {first}", remedy="give True or False, 1 or 0"
            )
    return values.astype(np.bool_)


def _all_true(true_edges: Any) -> int:
    array = numeric(true_edges, "true_edges")
    if array.ndim == 2 and array.shape[0] == 2:
        return int(array.shape[1])
    if array.ndim != 0 or array.dtype.kind not in "iu" or array < 0:
        raise DataError(
            f"true_edges: shape {array.shape} of {array.dtype}",
            remedy="give the number of all true edges, or the edges themselves as (2, K)",
        )
    return int(array)


def edge_report(
    y: Any,
    score: Any,
    *,
    threshold: float = 0.5,
    mask: Any = None,
    true_edges: Any = None,
    truth: str = "not stated",
    low_pt: str = "ignore",
    level: float = LEVEL,
) -> EdgeReport:
    r"""Judge a graph and the classifier of its edges; three efficiencies that are not one.

    $$\underbrace{\frac{\text{true in graph}}{\text{all true}}}_\text{construction} \times
      \underbrace{\frac{\text{true kept}}{\text{true in graph}}}_\text{classifier} =
      \underbrace{\frac{\text{true kept}}{\text{all true}}}_\text{cumulative}$$

    The published figures of edge classifiers are mostly the second, over edges already in the
    graph, and depend on what a true edge is (consecutive hits of a particle, or all pairs of its
    hits on neighbouring layers): say so in `truth`.

    Args:
        y: 1 (or True) for the true edges of the graph.
        score: score of each edge; any range.
        threshold: edges with `score >= threshold` are kept.
        mask: True for the edges that are to be judged, for instance to leave out those of
            particles below a momentum floor; None judges all.
        true_edges: number of all true edges, in the graph or not, by the same truth and the same
            mask; or the edges themselves. None: no construction efficiency.
        truth: what a true edge is, in words; printed with the report.
        low_pt: fate of edges outside the mask: `"ignore"` leaves them out, `"false"` counts them
            as false edges.
        level: confidence level of the intervals.

    Shapes:
        - **y**, **score**, **mask**: $(E,)$
        - **true_edges**: $()$ or $(2, K)$

    Returns:
        The report; `print(report)` shows it.

    Raises:
        DataError: lengths differ, NaN, no edges, more true edges in the graph than there are.
        ConfigError: an option out of range.

    Example:
        >>> report = edge_report([1, 1, 0, 0, 1], [0.9, 0.4, 0.6, 0.1, 0.8], true_edges=4)
        >>> report.construction_efficiency.counts, report.efficiency.counts, report.purity.counts
        ('3 / 4', '2 / 3', '2 / 3')
    """
    if low_pt not in ("ignore", "false"):
        raise ConfigError(f"low_pt is {low_pt!r}", remedy="choose 'ignore' or 'false'")
    if not np.isfinite(threshold):
        raise ConfigError(f"the threshold is {threshold}", remedy="give a finite number")
    true = _binary(_flat(y, "y", None), "y")
    values = _flat(score, "score", true.size)
    if true.size == 0:
        raise DataError("there are no edges", remedy="check the graph construction")
    if not np.isfinite(values).all():
        bad = ~np.isfinite(values)
        raise DataError(
            f"score: {int(bad.sum())} of {bad.size} are NaN or infinite, the first at index "
            f"{int(np.flatnonzero(bad)[0])}"
        )
    inside = np.ones(true.size, np.bool_)
    if mask is not None:
        inside = _binary(_flat(mask, "mask", true.size), "mask")
    given, masked_true = true.size, int((true & ~inside).sum())
    if low_pt == "ignore":
        true, values = (true, values) if inside.all() else (true[inside], values[inside])
    else:
        true = true & inside
    n_true, kept = int(true.sum()), values >= threshold
    kept_true = int((kept & true).sum())
    everything = None if true_edges is None else _all_true(true_edges)
    if everything is not None and n_true > everything:
        raise DataError(
            f"{n_true} true edges in the graph but only {everything} in all",
            remedy="count both by the same truth and mask, and each edge in one direction only",
        )
    both = 0 < n_true < true.size
    return EdgeReport(
        truth=truth,
        low_pt=low_pt,
        threshold=float(threshold),
        given=given,
        masked=int((~inside).sum()),
        masked_true=masked_true,
        true=n_true,
        false=true.size - n_true,
        kept_true=kept_true,
        kept_false=int(kept.sum()) - kept_true,
        true_edges=everything,
        level=level,
        _roc=RocCurve.from_arrays(true, values, level=level) if both else None,
    )
