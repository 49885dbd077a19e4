"""The score from which an edge is kept: chosen on validation graphs, carried by the checkpoint."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pcgnn.training.checkpoint_content import check_content
from pcgnn.training.checkpoint_io import read_checkpoint, write_checkpoint
from pcgnn.training.plain import to_plain
from pcgnn.training.predicting import predict

if TYPE_CHECKING:
    from pcgnn.metrics import EdgeReport
    from pcgnn.tracking import HitGraphs

__all__ = ["choose_threshold", "keep_threshold", "kept_threshold"]

_ENTRY = "threshold"


def choose_threshold(source: Any, graphs: HitGraphs, efficiency: float = 0.98) -> EdgeReport:
    """The report of the edges at the highest threshold that keeps this share of the true ones.

    Args:
        source: result of :func:`pcgnn.fit`, a checkpoint or a task.
        graphs: with truth, of the validation part: on the test part the choice would see what
            it is judged by.
        efficiency: wanted share of the true edges in the graph, in (0, 1].

    Raises:
        ConfigError: not in (0, 1].
        DataError: there is no truth, or only one kind of edge.

    Example:
        >>> choose_threshold(result, val, 0.98).threshold  # doctest: +SKIP
        0.31
    """
    report = graphs.report(predict(source, graphs))
    return report.at_threshold(report.threshold_at_efficiency(efficiency))


def keep_threshold(
    path: str | os.PathLike[str], report: EdgeReport, efficiency: float, events: int
) -> dict[str, Any]:
    """Write a threshold into a checkpoint, from where ``pcgnn predict`` takes it.

    The file is replaced in one step; weights and all else in it stay as they are.

    Args:
        path: checkpoint of an edge classifier.
        report: of :func:`choose_threshold`.
        efficiency: what was wanted.
        events: number of events it was chosen on.

    Returns:
        What was written: the threshold, and efficiency and purity with their counts.

    Raises:
        CheckpointError: the file cannot be read or written.
    """
    checkpoint = read_checkpoint(path)
    content = check_content(checkpoint, path)
    chosen = {
        "value": float(report.threshold),
        "wanted_efficiency": float(efficiency),
        "events": int(events),
        "efficiency": to_plain(report.efficiency.to_dict()),
        "purity": to_plain(report.purity.to_dict()),
        "truth": report.truth,
    }
    checkpoint["pcgnn"] = {**content, _ENTRY: chosen}
    write_checkpoint(checkpoint, path)
    return chosen


def kept_threshold(path: str | os.PathLike[str]) -> dict[str, Any] | None:
    """What :func:`keep_threshold` wrote into a checkpoint, None if it did not.

    Raises:
        CheckpointError: the file cannot be read.
    """
    found = check_content(read_checkpoint(path), path).get(_ENTRY)
    return dict(found) if isinstance(found, dict) else None
