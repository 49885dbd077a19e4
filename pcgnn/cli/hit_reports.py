"""What ``fit``, ``validate`` and ``test`` print of models on hit graphs."""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING, Any

from pcgnn.errors import ConfigError, PcgnnError

if TYPE_CHECKING:
    from pcgnn.tracking import HitGraphs
    from pcgnn.training import FitResult, Task

__all__ = ["is_hit_graphs", "keep_best_threshold", "test_text", "validation_text"]

EFFICIENCY = 0.98
RULE = "double_majority"
# tried for condensation networks; in the units of the learned space
RADII, STRENGTHS = (0.2, 0.35, 0.5, 0.7), (0.05, 0.1)


def is_hit_graphs(data: Any) -> bool:
    """Whether a part of the data is hit graphs."""
    from pcgnn.tracking import HitGraphs

    return isinstance(data, HitGraphs)


def keep_best_threshold(result: FitResult, val: Any, efficiency: float | None) -> str:
    """Chooses the threshold of an edge classifier on the validation part, and keeps it.

    Args:
        result: of the training; its best checkpoint is written to.
        val: the validation part, or None.
        efficiency: wanted share of the true edges, by default :data:`EFFICIENCY`.

    Returns:
        A line that says what was done; empty where nothing was to be done.
    """
    if result.task.kind != "edges":
        return ""
    if not is_hit_graphs(val):
        return "no threshold is kept: there is no validation part to choose it on"
    from pcgnn.training.thresholds import choose_threshold, keep_threshold

    efficiency = EFFICIENCY if efficiency is None else efficiency
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


def validation_text(path: str | os.PathLike[str], val: HitGraphs, efficiency: float | None) -> str:
    """The report of the edges of the validation part, at the threshold it gives."""
    from pcgnn.training.thresholds import choose_threshold

    efficiency = EFFICIENCY if efficiency is None else efficiency
    report = choose_threshold(path, val, efficiency)
    return (
        f"{report}\n\nthreshold for an efficiency of {efficiency:g}: "
        f"pcgnn predict --threshold {report.threshold!r}"
    )


def test_text(
    path: str | os.PathLike[str], data: Any, efficiency: float | None, method: str
) -> str:
    """The report of the test part.

    Args:
        path: the checkpoint.
        data: the data module, loaded.
        efficiency: of edges; the threshold for it is chosen on the validation part. None takes
            the threshold that fit kept, as predict does.
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
    if task.kind == "condensation":
        return _condensed(task, data)
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
    path: str | os.PathLike[str], task: Task, data: Any, efficiency: float | None, method: Any
) -> str:
    from pcgnn.tracking import find_tracks
    from pcgnn.training import predict

    threshold, origin = _threshold(path, task, data.val, efficiency)
    scores = predict(task, data.test)
    lines = [f"threshold {threshold:.6g}: {origin}", ""]
    lines.append(str(data.test.report(scores, threshold=threshold)))
    hits = _hits_of_part(data, data.test, getattr(data, "test_files", None))
    if hits is not None:
        part = data.test.compact()
        tracks = find_tracks(part, scores, hits=hits, method=method, threshold=threshold)
        lines += ["", f"tracks by {method}", str(_track_report(hits, tracks, part.description))]
    return "\n".join(lines)


def _condensed(task: Task, data: Any) -> str:
    """Tracks around condensation points, radius and smallest strength chosen on validation."""
    from pcgnn.tracking import find_tracks
    from pcgnn.training import predict

    chosen, origin = _condensation_options(task, data)
    hits = _hits_of_part(data, data.test, data.test_files)
    part = data.test.compact()
    outputs = predict(task, part)
    tracks = find_tracks(part, outputs, hits=hits, method="condensation", **chosen)
    words = ", ".join(f"{name} {value:g}" for name, value in chosen.items())
    return f"{words}: {origin}\n\n{_track_report(hits, tracks, part.description)}"


def _condensation_options(task: Task, data: Any) -> tuple[dict[str, Any], str]:
    """Those with which most particles of the validation part are found."""
    from pcgnn.tracking import find_tracks
    from pcgnn.training import predict

    if not is_hit_graphs(data.val):
        first = {"radius": RADII[len(RADII) // 2], "beta_min": STRENGTHS[-1]}
        return first, "there is no validation part to choose them on"
    hits = _hits_of_part(data, data.val, data.val_files)
    part = data.val.compact()
    outputs = predict(task, part)
    found: list[tuple[float, dict[str, Any]]] = []
    for radius, strength in product(RADII, STRENGTHS):
        options: dict[str, Any] = {"radius": radius, "beta_min": strength}
        tracks = find_tracks(part, outputs, hits=hits, method="condensation", **options)
        efficiency = _track_report(hits, tracks, part.description).efficiency.value
        found.append((efficiency, options))
    best = max(found, key=lambda pair: pair[0])
    return best[1], (
        f"{RULE} finds most particles with them, {best[0]:.3f} on {len(part)} validation events"
    )


def _threshold(
    path: str | os.PathLike[str], task: Task, val: Any, efficiency: float | None
) -> tuple[float, str]:
    """Never chosen on the test part."""
    from pcgnn.training.thresholds import choose_threshold, kept_threshold

    kept = kept_threshold(path)
    if efficiency is None and kept is not None:
        return float(kept["value"]), "kept in the checkpoint by pcgnn fit"
    if is_hit_graphs(val):
        efficiency = EFFICIENCY if efficiency is None else efficiency
        report = choose_threshold(task, val, efficiency)
        return report.threshold, (
            f"chosen for an efficiency of {efficiency:g} on {len(val.events)} validation events"
        )
    if efficiency is not None:
        raise ConfigError(
            f"efficiency = {efficiency:g}: there is no validation part to choose a threshold on",
            remedy="give one, or leave --efficiency out",
        )
    return 0.5, "there is no validation part to choose it on"


def _hits_of_part(data: Any, part: Any, own_files: Any) -> Any:
    """The hits of the events of a part; None for data that are not read from files here."""
    from pcgnn.io import read_hits
    from pcgnn.training import HitData
    from pcgnn.training.root_data import file_names

    if not isinstance(data, HitData):
        return None
    options: dict[str, Any] = {
        name: value for name, value in data.read_options.items() if value is not None
    }
    files = file_names(data.files if own_files is None else own_files)
    return read_hits(files, **options)[part.events]


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
