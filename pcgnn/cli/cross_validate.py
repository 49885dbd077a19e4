"""``pcgnn cross-validate``: train k times, score every graph by a training that has not seen it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcgnn.cli.options import Parser
from pcgnn.cli.studies import add_study, folder_of, prepare
from pcgnn.errors import ConfigError

if TYPE_CHECKING:
    from pcgnn.training import CrossValidation

__all__ = ["cross_validate", "write_cross_validation"]


def cross_validate(words: Sequence[str]) -> int:
    """``pcgnn cross-validate -c CONFIG``."""
    parser = Parser(
        "cross-validate",
        "Train a configuration of pcgnn fit once per fold. Writes the out-of-fold scores entry by "
        "entry (scores.root) and the numbers per fold (summary.json, summary.txt). By default the "
        "training and validation parts of the configuration are dealt to folds, and its test part "
        "stays unseen. Options of the configuration follow as --section.key value.",
    )
    add_study(parser)
    parser.add_argument("--folds", type=int, metavar="K", help="number of folds [5]")
    parser.add_argument(
        "--splits", nargs=2, type=float, metavar=("N", "FRACTION"),
        help="instead: N random splits with this fraction held out",
    )  # fmt: skip
    parser.add_argument(
        "--validation", type=float, default=0.15, metavar="F",
        help="share of the rest that chooses the epoch [%(default)s]",
    )  # fmt: skip
    parser.add_argument(
        "--groups", nargs="+", metavar="COLUMN",
        help="graphs with the same values stay together, e.g. file entry",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=1, metavar="N", help="[%(default)s]")
    parser.add_argument("--no-stratification", action="store_true", help="ignore the classes")
    parser.add_argument(
        "--parts", nargs="+", choices=("train", "val", "test"), default=["train", "val"],
        help="parts of the split that are dealt to folds [train val]",
    )  # fmt: skip
    found, prepared = prepare(parser, words)
    if found.splits is not None and not float(found.splits[0]).is_integer():
        raise ConfigError(f"--splits {found.splits[0]} is no whole number")
    clouds = prepared.clouds(found.parts)
    from pcgnn.training.cross_validation import cross_validate as run

    result = run(
        prepared.plan,
        clouds,
        folds=found.folds,
        splits=None if found.splits is None else (int(found.splits[0]), found.splits[1]),
        validation=found.validation,
        stratified=not found.no_stratification,
        groups=found.groups,
        repeats=found.repeats,
        seed=prepared.seed,
        directory=folder_of(found, prepared, "folds"),
        resume=found.resume,
        jobs=found.jobs,
        device=found.device,
        progress=not found.no_progress,
    )
    for path in write_cross_validation(result, result.directory):
        print(path)
    print(result)
    return 0


def write_cross_validation(result: CrossValidation, folder: Path) -> list[Path]:
    """Writes scores and numbers into a folder.

    Returns:
        the files.
    """
    import json

    from pcgnn.io.atomic import atomic_path

    summary: dict[str, Any] = result.to_dict()
    text = str(result)
    written = _write_scores(result, folder)
    if result.kind == "classification":
        report = result.report()
        text += f"\n\nAll out-of-fold scores together\n{report}"
        summary["out_of_fold"] = {
            "accuracy": report.accuracy.value,
            "auc": report.auc.value,
        }
    for name, content in (
        ("summary.json", json.dumps(summary, indent=2)),
        ("summary.txt", text),
    ):
        with atomic_path(folder / name, overwrite=True) as temporary:
            temporary.write_text(content + "\n", encoding="utf-8")
        written.append(folder / name)
    return written


def _write_scores(result: CrossValidation, folder: Path) -> list[Path]:
    import numpy as np

    from pcgnn.io import write_scores
    from pcgnn.io.atomic import atomic_path

    clouds = result.clouds
    if result.kind in ("classification", "multi-label"):
        prediction = result.prediction
        several = len(prediction.files) > 1
        name = "scores_{stem}.root" if several else "scores.root"
        like: Any = list(prediction.files) if several else prediction.files[0]
        return list(
            write_scores(folder / name, prediction, like=like, tree=prediction.tree, overwrite=True)
        )
    path = folder / "scores.npz"
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            scores=result.scores,
            counts=result.counts,
            file_number=np.asarray(clouds.file),
            entry=np.asarray(clouds.entry),
        )
    return [path]
