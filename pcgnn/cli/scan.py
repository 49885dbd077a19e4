"""``pcgnn scan``: find out which values of some parameters are best."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcgnn.cli.options import Parser
from pcgnn.cli.studies import add_study, folder_of, prepare
from pcgnn.errors import ConfigError

if TYPE_CHECKING:
    from pcgnn.training import Scan

__all__ = ["scan", "write_scan"]


def scan(words: Sequence[str]) -> int:
    """``pcgnn scan -c CONFIG --parameters FILE``."""
    parser = Parser(
        "scan",
        "Train a configuration of pcgnn fit with many values of some parameters. Writes the table "
        "(scan.txt, scan.json), figures, and the best recipe as best.yaml for pcgnn fit -c. "
        "Options of the configuration follow as --section.key value.",
    )
    add_study(parser)
    parser.add_argument(
        "--parameters", required=True, metavar="FILE",
        help="YAML: {model: {argument: RANGE}, fit: {argument: RANGE}} with RANGE one of "
        "{choice: [...]}, {int: [low, high]}, {float: [low, high]}, {log: [low, high]}",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, metavar="N", help="in all [20, or the whole grid]")
    parser.add_argument(
        "--sampler", choices=("tpe", "random", "grid"), default="tpe", help="[%(default)s]"
    )
    parser.add_argument(
        "--pruner", choices=("median", "hyperband", "none"), default="median", help="[%(default)s]"
    )
    found, prepared = prepare(parser, words)
    space = _yaml(found.parameters)
    prepared.data.load()  # type: ignore[attr-defined]
    from pcgnn.training.scanning import scan as run

    base = {**prepared.config, "run": dict(prepared.config.get("run") or {})}
    for name in ("directory", "resume", "overwrite"):
        base["run"].pop(name, None)
    result = run(
        prepared.plan,
        prepared.data.train,
        prepared.data.val,
        space,
        trials=found.trials,
        sampler=found.sampler,
        pruner=None if found.pruner == "none" else found.pruner,
        seed=prepared.seed,
        directory=folder_of(found, prepared, "scan"),
        resume=found.resume,
        jobs=found.jobs,
        device=found.device,
        progress=not found.no_progress,
        base_config=base,
    )
    write_scan(result, result.directory)
    print(result)
    print(f"best: trial {result.best.number}; pcgnn fit -c {result.config}")
    return 0


def write_scan(result: Scan, folder: Path) -> None:
    """Writes table and figures into a folder."""
    from pcgnn import plots
    from pcgnn.io.atomic import atomic_path

    content: dict[str, Any] = result.to_dict()
    figures = {"scan_history": plots.scan_history(result)}
    complete = sum(trial.state == "complete" for trial in result.trials)
    if complete >= 4 and len(result.names) > 1:
        content["importance"] = result.importance()
        figures["scan_importance"] = plots.scan_importance(result)
    figures["scan_slices"] = plots.scan_slices(result)
    for name, text in (
        ("scan.json", json.dumps(content, indent=2)),
        ("scan.txt", result.table(None)),
    ):
        with atomic_path(folder / name, overwrite=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
    for name, figure in figures.items():
        plots.save(figure, folder / f"{name}.png", overwrite=True)


def _yaml(name: str) -> Any:
    import yaml

    path = Path(name)
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"the parameters cannot be read: {problem}", file=path) from error
