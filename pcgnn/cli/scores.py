"""``pcgnn predict``: a checkpoint and ROOT files in, a friend tree with scores out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcgnn.cli.options import Parser
from pcgnn.cli.track_options import add_tracking, check_tracking
from pcgnn.cli.tracks import KINDS, predict_hits
from pcgnn.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pcgnn.io.predicted_rows import PredictedRows
    from pcgnn.training import BoostedTrees, Ensemble, Task

__all__ = ["predict", "reading_of", "score_files"]

# The jet axis is taken from these columns where the features were made with it.
_AXIS = frozenset({"jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_energy"})


def predict(words: Sequence[str]) -> int:
    """``pcgnn predict --checkpoint FILE --files FILES --output FILE``."""
    parser = Parser(
        "predict",
        "Score ROOT, HDF5 or npz files and write a ROOT tree that fits them entry by entry. "
        "What to read is taken from the checkpoint; labels are not needed. Models on the edges of "
        "hit graphs find tracks in files of hits (hit_track, one label per hit), models on hits "
        "score them (hit_score).",
    )
    parser.add_argument("-c", "--config", help="take run.directory (best.ckpt) and files from it")
    parser.add_argument("--trust", action="append", default=[], help="package named in the config")
    parser.add_argument(
        "--checkpoint", nargs="+",
        help="checkpoint of pcgnn fit, trees.json or a folder with ensemble.json; of several the "
        "mean of the scores is written",
    )  # fmt: skip
    parser.add_argument("--files", nargs="+", help="files to score")
    parser.add_argument("--output", required=True, help="for several files with {stem} in it")
    parser.add_argument("--tree", help="tree, if it is not the one of the training")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    # None where nothing is given, so that options that do not fit the checkpoint are noticed
    group = parser.add_argument_group("models on jets")
    group.add_argument(
        "--no-cut", action="store_true", default=None, help="score entries outside the cut too"
    )
    group.add_argument(
        "--empty",
        choices=("drop", "error"),
        help="entries without particles get NaN (drop, the default) or end the command (error)",
    )
    group.add_argument("--prefix", help="prefix of the branches; default: score_ or predicted_")
    group.add_argument("--batch-size", type=int, help="jets per batch; default: 512")
    add_tracking(parser)
    found = parser.parse_args(list(words))
    checkpoint, files = found.checkpoint, found.files
    if found.config is not None:
        checkpoint, files = _from_config(found.config, found.trust, checkpoint, files)
    if checkpoint is None or not files:
        raise ConfigError(
            "a checkpoint and files are needed", remedy="give --checkpoint FILE --files FILES"
        )
    from pcgnn.io import write_scores
    from pcgnn.ops import tune_allocator

    _check_output(found.output, len(files), found.overwrite)
    if found.edges is not None:
        _check_output(found.edges, len(files), found.overwrite)
    tune_allocator()
    task: Any = _load(checkpoint)
    check_tracking(found, task.kind, task.of_graphs)
    if task.kind in KINDS:
        predict_hits(task, checkpoint[0], files, found)
        return 0
    if not task.of_graphs:
        raise ConfigError(
            f"the checkpoint is of a model for {task.kind}",
            file=checkpoint[0],
            remedy="in Python: pcgnn.predict(checkpoint, build_graphs(hits, cuts)), or of clouds",
        )
    prediction = score_files(
        task,
        files,
        tree=found.tree,
        use_cut=not found.no_cut,
        empty=found.empty or "drop",
        batch_size=512 if found.batch_size is None else found.batch_size,
        device=found.device,
    )
    like: Any = files if len(files) > 1 else files[0]
    paths = write_scores(
        found.output,
        prediction,
        like=like,
        tree=prediction.tree,
        overwrite=found.overwrite,
        prefix=found.prefix,
    )
    for path in paths:
        print(f"{len(prediction)} jets scored -> {path}" if len(paths) == 1 else path)
    return 0


def _load(checkpoints: Sequence[str]) -> Task | BoostedTrees | Ensemble:
    """What one checkpoint holds, or the ensemble of several."""
    from pcgnn.training import load_checkpoint, load_ensemble, load_trees
    from pcgnn.training.ensembles import ensemble, is_ensemble

    if len(checkpoints) > 1:
        return ensemble(checkpoints)
    (name,) = checkpoints
    if is_ensemble(name):
        return load_ensemble(name)
    return load_trees(name) if name.endswith(".json") else load_checkpoint(name)


def score_files(
    task: Task | BoostedTrees | Ensemble,
    files: Sequence[str],
    *,
    tree: str | None = None,
    use_cut: bool = True,
    empty: str = "error",
    batch_size: int = 512,
    device: str = "auto",
    step_size: int | str = "100 MB",
) -> PredictedRows:
    """Scores files as the training read them, chunk by chunk.

    Args:
        task: a task from a checkpoint, trees or an ensemble.
        files: ROOT files, or one HDF5 or npz file.
        tree: the tree; by default that of the training.
        use_cut: apply the cut of the training.
        empty: what to do with entries without particles, "drop" or "error".
        batch_size: jets per batch.
        device: where to compute.
        step_size: how much of a ROOT file to hold at once.

    Raises:
        DataError: if nothing is selected.
        CheckpointError, ReadError: if something cannot be read.
    """
    import numpy as np

    from pcgnn.data import ParticleClouds
    from pcgnn.training import predict as run

    parts: list[Any] = []
    for jets in _chunks(task, files, tree, use_cut, empty, step_size):
        if len(jets) == 0:
            continue
        clouds = ParticleClouds.from_awkward(
            jets,
            features=task.features,
            columns=[],
            max_particles=task.provenance.get("max_particles"),
        )
        parts.append(run(task, clouds, batch_size=batch_size, device=device))
    if not parts:
        raise DataError(
            "no jets to score are left after the cut",
            file=files[0],
            remedy="score all entries with --no-cut, or look at the cut of the training",
        )
    first = parts[0]
    rows: dict[str, Any] = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in fields(first)
        if isinstance(getattr(first, field.name), np.ndarray)
    }
    joined: PredictedRows = replace(first, **rows)
    return joined


def reading_of(task: Task | BoostedTrees | Ensemble, use_cut: bool = True) -> dict[str, Any]:
    """The options with which the training read its files, without what only labels need.

    Raises:
        ConfigError: if the checkpoint does not say how its data were read.
    """
    read = task.provenance.get("read")
    if not isinstance(read, Mapping) or task.features is None:
        raise ConfigError(
            "the checkpoint does not say how its data were read from files",
            remedy="read the files in Python and call pcgnn.predict(checkpoint, clouds)",
        )
    options = {key: value for key, value in read.items() if value is not None}
    needed = set(task.features.needs)
    if task.features.jet_axis == "columns":
        needed |= _AXIS
    event = options.pop("event", None) or {}
    event = dict(event) if isinstance(event, Mapping) else {name: name for name in event}
    kept = {name: branch for name, branch in event.items() if name in needed}
    if kept:
        options["event"] = kept
    if not use_cut:
        options.pop("cut", None)
    derived = _needed_derived(options.pop("derived", None) or {}, needed, options.get("cut"))
    if derived:
        options["derived"] = derived
    return options


def _needed_derived(
    derived: Mapping[str, str], needed: Collection[str], cut: str | None
) -> dict[str, str]:
    """The derived columns that features and cut use, and those that these use."""
    from pcgnn.io.expressions import compile_expression

    wanted = set(needed) | (compile_expression(cut).names if cut else set())
    kept: set[str] = set()
    while more := {name for name in derived if name in wanted} - kept:
        kept |= more
        for name in more:
            wanted |= set(compile_expression(derived[name]).names)
    return {name: text for name, text in derived.items() if name in kept}


def _chunks(
    task: Task | BoostedTrees | Ensemble,
    files: Sequence[str],
    tree: str | None,
    use_cut: bool,
    empty: str,
    step_size: int | str,
) -> Iterator[Any]:
    options = reading_of(task, use_cut) | {"empty": empty}
    if Path(str(files[0])).suffix.lower() in (".h5", ".hdf5", ".npz"):
        from pcgnn.training.root_data import read_jets

        yield read_jets(list(files), **options)
        return
    from pcgnn.io import iterate_root

    if tree is None and task.provenance.get("format") == "root":
        tree = task.provenance.get("tree")
    yield from iterate_root(list(files), tree, step_size=step_size, **options)


def _check_output(output: str, files: int, overwrite: bool) -> None:
    folder = Path(output).parent
    if not folder.is_dir():
        raise ConfigError("the folder of the output does not exist", file=folder)
    if files > 1 and "{stem}" not in output:
        raise ConfigError(
            f"{files} files need as many outputs",
            file=output,
            remedy="write {stem} where the name of each input shall stand",
        )
    if "{stem}" not in output and Path(output).exists() and not overwrite:
        raise ConfigError("the output exists already", file=output, remedy="add --overwrite")


def _from_config(
    name: str, trust: Sequence[str], checkpoint: list[str] | None, files: Sequence[str] | None
) -> tuple[list[str] | None, Sequence[str] | None]:
    from pcgnn.cli.configs import load_config
    from pcgnn.training.callbacks.run_checkpoint import BEST

    config = load_config(name, trust)
    directory = (config.get("run") or {}).get("directory")
    if checkpoint is None and directory:
        checkpoint = [str(Path(directory) / BEST)]
    if files is None:
        given = ((config.get("data") or {}).get("init_args") or {}).get("files")
        files = [given] if isinstance(given, str) else given
    return checkpoint, files
