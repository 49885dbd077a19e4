"""``pcgnn predict`` for hits: checkpoint and files of hits in, tracks or scores of hits out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError

if TYPE_CHECKING:
    import awkward as ak

    from pcgnn.tracking import GraphScores, HitGraphs
    from pcgnn.training import Task

__all__ = ["KINDS", "Found", "add_tracking", "check_tracking", "find_in_hits", "predict_hits"]

KINDS = ("edges", "hits")
"""Kinds of tasks whose checkpoints are understood here."""

_BLOCK = 100_000
"""Hits whose graphs are held at once, at least one event."""


def add_tracking(parser: argparse.ArgumentParser) -> None:
    """Adds the options for models on hits."""
    group = parser.add_argument_group(
        "models on hits",
        "Graphs are built as in the training. Truth in the files is not looked at: hits that the "
        "training had selected by truth ('ideal') take part all the same, unless --ideal is given.",
    )
    group.add_argument(
        "--threshold", type=float, metavar="T",
        help="score from which an edge is kept; default: the one chosen on the validation part by "
        "pcgnn fit, which the checkpoint carries (pcgnn validate prints those for other "
        "efficiencies)",
    )  # fmt: skip
    group.add_argument("--method", metavar="NAME", help="components (default), walkthrough")
    group.add_argument(
        "--min-hits", type=int, metavar="N", help="fewest hits of a track; default: 3"
    )
    group.add_argument(
        "--edges", metavar="FILE",
        help="also write all edges with their scores: edge_source, edge_target, edge_score per "
        "event (12 bytes per edge before compression, held in memory)",
    )  # fmt: skip
    group.add_argument(
        "--field", type=float, metavar="T",
        help="fit a helix to each track in this field along the beam (tesla) and write track_pt "
        "(GeV), track_eta, track_phi (rad), track_d0, track_z0 (mm), track_charge, track_chi2, "
        "track_ndf",
    )  # fmt: skip
    group.add_argument(
        "--resolution", type=float, nargs="+", metavar="MM",
        help="errors of the hits for that fit in mm: along the azimuth, the radius and z, or one "
        "for all; default: by volume of the ACTS Generic detector",
    )  # fmt: skip
    group.add_argument(
        "--ideal", action="store_true", default=None,
        help="select hits by truth as the training did; files without truth are refused",
    )  # fmt: skip


def check_tracking(found: argparse.Namespace, kind: str) -> None:
    """Refuses options that mean nothing for a kind of model.

    Raises:
        ConfigError: naming the option.
    """
    of_jets = ("no_cut", "empty", "prefix", "batch_size")
    of_tracks = ("threshold", "method", "min_hits", "edges", "field", "resolution")
    idle: tuple[str, ...]
    if kind == "classification":
        idle, about = (*of_tracks, "ideal"), "scores jets"
    elif kind == "hits":
        idle, about = (*of_jets, *of_tracks), "scores hits"
    else:
        idle, about = of_jets, "finds tracks"
    for name in idle:
        if getattr(found, name) is not None:
            option = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{option} has no meaning for this checkpoint, which {about}",
                file=found.checkpoint,
                remedy=f"leave {option} out",
            )


@dataclass(frozen=True)
class Found:
    """What a model says of the hits of some events.

    Args:
        labels: track of each hit, -1 for none; None for a model on hits.
        scores: score of each hit, NaN for hits outside the graphs; None for a model on edges.
        edges: source, target and score of each edge, and the number of edges per event.

    **Shapes:** labels, scores (hits,); edges (E,) each and (events,)
    """

    labels: NDArray[np.int64] | None
    scores: NDArray[np.float32] | None
    edges: tuple[dict[str, NDArray[Any]], NDArray[np.int64]] | None


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
    if task.kind == "edges":
        options |= {"method": found.method or "components", "min_hits": found.min_hits}
        if options["min_hits"] is None:
            options["min_hits"] = 3
        _check_method(options["method"])
        options["threshold"], chosen = _threshold(found.threshold, checkpoint)
        print(f"threshold {options['threshold']:.6g}: {chosen}")
    fit = _fit(found.field, found.resolution)
    if selects_by_truth(description):
        _say_selection(description, bool(found.ideal))
    for file, output, edge_file in zip(files, outputs, edges, strict=True):
        hits = read_again(task, file, tree=found.tree, truth=bool(found.ideal))
        fit(hits, np.full(int(_hits_per_event(hits).sum()), -1))  # finds mistakes before the work
        result = find_in_hits(task, hits, with_edges=edge_file is not None, **options)
        number = f"{len(hits)} events"
        if result.labels is not None:
            fitted = fit(hits, result.labels)
            write_tracks(output, result.labels, hits, parameters=fitted, overwrite=found.overwrite)
            tracks = np.unique(result.labels[result.labels >= 0]).size
            print(f"{number}, {tracks} tracks -> {output}")
        if result.scores is not None:
            counts = _hits_per_event(hits)
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


def read_again(task: Task, file: str, *, tree: str | None = None, truth: bool = False) -> ak.Array:
    """Reads hits as the training read them, without what only truth needs.

    Args:
        task: a task from a checkpoint.
        file: what :func:`pcgnn.read_hits` reads.
        tree: the tree; by default that of the training.
        truth: whether truth is needed.
    """
    from pcgnn.io import read_hits
    from pcgnn.io.hits.discovery import detect_format

    provenance, kind = task.provenance, detect_format(file, "auto")
    mapping = dict(provenance.get("mapping") or {})
    if provenance.get("format") != kind:
        mapping, tree_then = {}, None  # names in files of another format say nothing here
    else:
        tree_then = provenance.get("tree")
    if not truth:
        mapping = {name: mapping[name] for name in ("hit", "event_id") if name in mapping}
    options: dict[str, Any] = {"mapping": mapping or None, "truth": truth}
    if kind == "root" and ":" not in Path(file).name:
        options["tree"] = tree or tree_then
    elif tree is not None:
        options["tree"] = tree
    return read_hits(file, **options)


def find_in_hits(
    task: Task,
    hits: ak.Array,
    *,
    threshold: float = 0.5,
    method: Any = "components",
    min_hits: int = 3,
    ideal: bool = False,
    with_edges: bool = False,
    device: str = "auto",
) -> Found:
    """Builds graphs as the training did, scores them and builds tracks, a few events at a time.

    Args:
        task: a task from a checkpoint.
        hits: what :func:`pcgnn.read_hits` returns.
        threshold: score from which an edge is kept.
        method: how tracks are built, see :func:`pcgnn.tracking.find_tracks`.
        min_hits: fewest hits of a track.
        ideal: select hits by truth where the training did.
        with_edges: keep all edges and their scores.
        device: where to compute.

    Raises:
        DataError: damaged hits, or none of them on a layer of the graphs.
    """
    from pcgnn.tracking import find_tracks
    from pcgnn.tracking.rebuilding import rebuild_graphs
    from pcgnn.training import predict

    offsets = np.concatenate([[0], np.cumsum(_hits_per_event(hits))])
    of_edges = task.kind == "edges"
    labels = np.full(offsets[-1], -1, dtype=np.int64)
    scores = np.full(offsets[-1], np.nan, dtype=np.float32)
    lists: list[dict[str, NDArray[Any]]] = []
    counts = np.zeros(len(hits), dtype=np.int64)
    next_label, outside, done = 0, None, False
    for start, stop in _blocks(offsets):
        part = hits[start:stop]
        try:
            graphs = rebuild_graphs(part, task.provenance["graphs"], ideal=ideal)
        except DataError as error:
            if error.branch != "hit.layer":
                raise
            outside = error  # no hit of these events is on a layer; that is wrong if of no event
            continue
        done = True
        values = predict(task, graphs, device=device)
        place = slice(offsets[start], offsets[stop])
        if not of_edges:
            scores[place][graphs.selected()] = values.values
            continue
        found = find_tracks(graphs, values, method=method, threshold=threshold, min_hits=min_hits)
        labels[place] = np.where(found >= 0, found + next_label, -1)
        next_label = max(next_label, int(labels[place].max(initial=-1)) + 1)
        if with_edges:
            counts[start:stop] = np.diff(values.offsets)
            lists.append(_edge_lists(graphs, values))
    if outside is not None and not done:
        raise outside
    edges = None
    if with_edges and of_edges:
        edges = ({name: _join([part[name] for part in lists]) for name in _EDGE_TYPES}, counts)
    return Found(labels if of_edges else None, None if of_edges else scores, edges)


_EDGE_TYPES = {"source": np.int32, "target": np.int32, "score": np.float32}


def _edge_lists(graphs: HitGraphs, values: GraphScores) -> dict[str, NDArray[Any]]:
    """Ends, as numbers of hits in their event, and scores."""
    ends = [graph.hit_index[graph.edge_index].cpu().numpy() for graph in graphs]
    flat = np.concatenate(ends, axis=1)
    columns = {"source": flat[0], "target": flat[1], "score": values.values}
    return {name: columns[name].astype(kind) for name, kind in _EDGE_TYPES.items()}


def _join(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, np.int32)


def _hits_per_event(hits: ak.Array) -> NDArray[np.int64]:
    import awkward as ak

    return np.asarray(ak.num(hits["hit"], axis=1), dtype=np.int64)


def _blocks(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Events in their order, a limited number of hits at a time."""
    start, events = 0, offsets.size - 1
    while start < events:
        full = int(np.searchsorted(offsets, offsets[start] + _BLOCK, side="right")) - 1
        stop = min(max(full, start + 1), events)
        yield start, stop
        start = stop


def _description(task: Task, checkpoint: str) -> Mapping[str, Any]:
    description = task.provenance.get("graphs")
    if not isinstance(description, Mapping):
        raise ConfigError(
            "the checkpoint does not say how its graphs were built",
            file=checkpoint,
            remedy="in Python: pcgnn.predict(checkpoint, build_graphs(hits, cuts))",
        )
    return description


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


def _check_method(method: str) -> None:
    from typing import get_args

    from pcgnn.tracking import Method

    if method not in get_args(Method):
        raise ConfigError(f"no method {method!r}", remedy=f"choose one of {list(get_args(Method))}")


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
