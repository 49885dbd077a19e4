"""``pcgnn predict`` for hits: checkpoint and files of hits in, tracks or scores of hits out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.cli.track_finding import find_in_hits, hits_per_event, read_again
from pcgnn.errors import ConfigError

if TYPE_CHECKING:
    import awkward as ak

    from pcgnn.training import Task

__all__ = ["KINDS", "predict_hits"]

METHODS = {"edges": ("components", "walkthrough"), "condensation": ("condensation",)}
"""How tracks are built from what models of a kind say, the default first."""

KINDS = (*METHODS, "hits")
"""Kinds of tasks whose checkpoints are understood here."""


def predict_hits(task: Task, checkpoint: str, files: Sequence[str], found: Any) -> None:
    """Reads files, finds tracks or scores hits, writes.

    Args:
        task: of the checkpoint, of one of the kinds in :data:`KINDS`.
        checkpoint: its file.
        files: what :func:`pcgnn.read_hits` reads, one output each.
        found: the parsed options.

    Raises:
        ConfigError: options that do not fit, or no threshold.
        PcgnnError: whatever is wrong with files, graphs and outputs.
    """
    from pcgnn.io import write_tracks
    from pcgnn.io.hits.list_writing import write_event_lists
    from pcgnn.tracking.rebuilding import selects_by_truth

    outputs = _outputs(found.output, files, found.overwrite)
    edges: Sequence[Path | None] = [None] * len(files)
    if found.edges is not None:
        edges = _outputs(found.edges, files, found.overwrite)
    description = _description(task, checkpoint)
    options: dict[str, Any] = {"ideal": bool(found.ideal), "device": found.device}
    if task.kind in METHODS:
        options["finding"] = _finding(task.kind, checkpoint, found)
    fit = _fit(found.field, found.resolution)
    if selects_by_truth(description):
        _say_selection(description, bool(found.ideal))
    for file, output, edge_file in zip(files, outputs, edges, strict=True):
        hits = read_again(task, file, tree=found.tree, truth=bool(found.ideal))
        fit(hits, np.full(int(hits_per_event(hits).sum()), -1))  # finds mistakes before the work
        result = find_in_hits(task, hits, with_edges=edge_file is not None, **options)
        number = f"{len(hits)} events"
        if result.labels is not None:
            fitted = fit(hits, result.labels)
            write_tracks(output, result.labels, hits, parameters=fitted, overwrite=found.overwrite)
            tracks = np.unique(result.labels[result.labels >= 0]).size
            print(f"{number}, {tracks} tracks -> {output}")
        if result.scores is not None:
            counts = hits_per_event(hits)
            columns = {"score": result.scores}
            write_event_lists(
                output, "hit", columns, counts, hits, "scores", overwrite=found.overwrite
            )
            print(f"{number}, {result.scores.size} hits scored -> {output}")
        if result.edges is not None and edge_file is not None:
            lists, counts = result.edges
            write_event_lists(
                edge_file, "edge", lists, counts, hits, "edges", overwrite=found.overwrite
            )
            print(f"{number}, {counts.sum()} edges -> {edge_file}")


def _description(task: Task, checkpoint: str) -> Mapping[str, Any]:
    description = task.provenance.get("graphs")
    if not isinstance(description, Mapping):
        raise ConfigError(
            "the checkpoint does not say how its graphs were built",
            file=checkpoint,
            remedy="in Python: pcgnn.predict(checkpoint, build_graphs(hits, cuts))",
        )
    return description


def _finding(kind: str, checkpoint: str, found: Any) -> dict[str, Any]:
    """The options of find_tracks."""
    methods = METHODS[kind]
    method = found.method or methods[0]
    if method not in methods:
        raise ConfigError(f"no method {method!r} here", remedy=f"choose one of {list(methods)}")
    finding = {"method": method, "min_hits": 3 if found.min_hits is None else found.min_hits}
    if kind == "condensation":
        return {**finding, "radius": found.radius, "beta_min": found.beta_min}
    finding["threshold"], chosen = _threshold(found.threshold, checkpoint)
    print(f"threshold {finding['threshold']:.6g}: {chosen}")
    return finding


def _threshold(given: float | None, checkpoint: str) -> tuple[float, str]:
    """The threshold and where it is from."""
    from pcgnn.training.thresholds import kept_threshold

    if given is not None:
        if not np.isfinite(given):
            raise ConfigError(f"--threshold {given} is not a number")
        return given, "as given"
    kept = kept_threshold(checkpoint)
    if kept is None:
        raise ConfigError(
            "the checkpoint carries no threshold",
            file=checkpoint,
            remedy="give --threshold T; pcgnn validate prints one for --efficiency E, and pcgnn "
            "fit keeps one where there is a validation part",
        )
    return float(kept["value"]), (
        f"chosen by pcgnn fit on {kept['events']} validation events, of whose true edges "
        f"{kept['efficiency']['value']:.4f} pass; purity there {kept['purity']['value']:.4f}"
    )


def _fit(
    field: float | None, resolution: Sequence[float] | None
) -> Callable[[ak.Array, NDArray[np.int64]], ak.Array | None]:
    """What fits the tracks of some hits, or does not."""
    if field is None:
        if resolution is not None:
            raise ConfigError("--resolution without a fit", remedy="give --field T, too")
        return lambda hits, labels: None
    from pcgnn.tracking import fit_tracks

    options: dict[str, Any] = {"field": field}
    if resolution is not None:
        if len(resolution) not in (1, 3):
            raise ConfigError(
                f"--resolution has {len(resolution)} numbers", remedy="give one or three, in mm"
            )
        options["resolution"] = resolution[0] if len(resolution) == 1 else tuple(resolution)
    return lambda hits, labels: fit_tracks(hits, labels, **options)


def _say_selection(description: Mapping[str, Any], ideal: bool) -> None:
    then = f"the training saw selected hits ({description.get('selection')})"
    if ideal:
        text = f"{then}; here they are selected in the same way (--ideal)"
    else:
        text = (
            f"{then}; here all hits on the layers take part, so that efficiency and purity of the "
            "training do not hold (--ideal selects by truth)"
        )
    print(f"pcgnn: note: {text}", file=sys.stderr)


def _outputs(output: str, files: Sequence[str], overwrite: bool) -> list[Path]:
    paths = [Path(output.replace("{stem}", _stem(file))) for file in files]
    for path in paths:
        if path.exists() and not overwrite:
            raise ConfigError("the output exists already", file=path, remedy="add --overwrite")
        if paths.count(path) > 1:
            raise ConfigError(
                "several inputs would give the same output",
                file=path,
                remedy="write {stem} where the name of each input shall stand, or run them one by "
                "one",
            )
    return paths


def _stem(file: str) -> str:
    """Name of a file, without the tree behind it, or of an event of csv files."""
    name = Path(file).name
    return Path(name.partition(".root:")[0]).stem if ".root:" in name else Path(name).stem
