"""What ``fit``, ``validate`` and ``test`` print of models on hit graphs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pcgnn.errors import ConfigError, PcgnnError

if TYPE_CHECKING:
    from pcgnn.tracking import HitGraphs
    from pcgnn.training import FitResult, Task

__all__ = ["is_hit_graphs", "keep_best_threshold", "test_text", "validation_text"]

RULE = "double_majority"


def is_hit_graphs(data: Any) -> bool:
    """Whether a part of the data is hit graphs."""
    from pcgnn.tracking import HitGraphs

    return isinstance(data, HitGraphs)


def keep_best_threshold(result: FitResult, val: Any, efficiency: float) -> str:
    """Chooses the threshold of an edge classifier on the validation part, and keeps it.

    Args:
        result: of the training; its best checkpoint is written to.
        val: the validation part, or None.
        efficiency: wanted share of the true edges.

    Returns:
        A line that says what was done; empty where nothing was to be done.
    """
    if result.task.kind != "edges":
        return ""
    if not is_hit_graphs(val):
        return "no threshold is kept: there is no validation part to choose it on"
    from pcgnn.training.thresholds import choose_threshold, keep_threshold

    try:
        report = choose_threshold(result, val, efficiency)
    except PcgnnError as error:  # the training is done; what it left is of use all the same
        return f"no threshold is kept: {error}"
    keep_threshold(result.best_checkpoint, report, efficiency, len(val.events))
    return (
        f"threshold {report.threshold:.6g}, kept in the checkpoint: efficiency "
        f"{report.efficiency}, purity {report.purity} of the edges of {len(val.events)} "
        "validation events"
    )


def validation_text(path: str | os.PathLike[str], val: HitGraphs, efficiency: float) -> str:
    """The report of the edges of the validation part, at the threshold it gives."""
    from pcgnn.training.thresholds import choose_threshold

    report = choose_threshold(path, val, efficiency)
    return (
        f"{report}\n\nthreshold for an efficiency of {efficiency:g}: "
        f"pcgnn predict --threshold {report.threshold!r}"
    )


def test_text(path: str | os.PathLike[str], data: Any, efficiency: float, method: str) -> str:
    """The report of the test part.

    Args:
        path: the checkpoint.
        data: the data module, loaded.
        efficiency: of edges; the threshold for it is chosen on the validation part.
        method: how tracks are built.

    Raises:
        ConfigError: if there is no report for the kind of model.
    """
    from pcgnn.training import load_checkpoint

    task = load_checkpoint(path)
    if task.kind == "edges":
        return _edges(path, task, data, efficiency, method)
    if task.kind == "hits":
        return _hits(task, data.test)
    raise ConfigError(
        f"there is no report on {task.kind} here",
        file=path,
        remedy="in Python: pcgnn.predict(checkpoint, graphs) and pcgnn.metrics",
    )


def _hits(task: Task, test: HitGraphs) -> str:
    import torch

    from pcgnn.metrics import tagging_report
    from pcgnn.training import predict

    truth = torch.cat([graph.hit_y for graph in test]).long().cpu().numpy()
    report = tagging_report(
        truth, predict(task, test).values, classes=("noise and soft particles", "wanted hits")
    )
    about = test.description
    return f"{report}\n\n  hits    {about['selection']}\n  truth   {about['truth']}"


def _edges(
    path: str | os.PathLike[str], task: Task, data: Any, efficiency: float, method: Any
) -> str:
    from pcgnn.tracking import find_tracks
    from pcgnn.training import predict

    threshold, origin = _threshold(path, task, data.val, efficiency)
    scores = predict(task, data.test)
    lines = [f"threshold {threshold:.6g}: {origin}", ""]
    lines.append(str(data.test.report(scores, threshold=threshold)))
    hits = _hits_of_test(data)
    if hits is not None:
        part = data.test.compact()
        tracks = find_tracks(part, scores, hits=hits, method=method, threshold=threshold)
        lines += ["", f"tracks by {method}", str(_track_report(hits, tracks, part.description))]
    return "\n".join(lines)


def _threshold(
    path: str | os.PathLike[str], task: Task, val: Any, efficiency: float
) -> tuple[float, str]:
    """Never chosen on the test part."""
    from pcgnn.training.thresholds import choose_threshold, kept_threshold

    if is_hit_graphs(val):
        report = choose_threshold(task, val, efficiency)
        return report.threshold, (
            f"chosen for an efficiency of {efficiency:g} on {len(val.events)} validation events"
        )
    kept = kept_threshold(path)
    if kept is not None:
        return float(kept["value"]), "kept in the checkpoint by pcgnn fit"
    return 0.5, "there is no validation part to choose it on"


def _hits_of_test(data: Any) -> Any:
    """The hits of the test events; None for data that are not read from files here."""
    from pcgnn.io import read_hits
    from pcgnn.training import HitData
    from pcgnn.training.root_data import file_names

    if not isinstance(data, HitData):
        return None
    options: dict[str, Any] = {
        name: value for name, value in data.read_options.items() if value is not None
    }
    files = file_names(data.files if data.test_files is None else data.test_files)
    return read_hits(files, **options)[data.test.events]


def _track_report(hits: Any, tracks: Any, description: dict[str, Any]) -> Any:
    from pcgnn.metrics import track_report
    from pcgnn.tracking.rebuilding import selects_by_truth

    selection = description["selection"] if selects_by_truth(description) else None
    return track_report(
        hits,
        tracks,
        rule=RULE,
        pt_min=description.get("pt_min") or 0.0,
        truth_selection=selection,
    )
