"""``pcgnn compare``: train taggers by name, judge them on the same jets, write one table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcgnn.cli.options import Parser, add_reading, key_values, reading_options
from pcgnn.errors import ConfigError, DataError

if TYPE_CHECKING:
    import awkward as ak

    from pcgnn.metrics import Comparison

__all__ = ["compare", "write_comparison"]


def compare(words: Sequence[str]) -> int:
    """``pcgnn compare TAGGER...``."""
    parser = Parser(
        "compare",
        "Train taggers on the same jets and judge them on the same test jets. Finished trainings "
        "in OUTPUT are read, interrupted ones go on. Without --files the bundled top-tagging jets "
        "are used.",
    )
    parser.add_argument(
        "taggers", nargs="*", metavar="TAGGER", help="names; without any, those with a recipe are "
        "listed",
    )  # fmt: skip
    parser.add_argument("--output", default="runs/compare", help="folder [%(default)s]")
    parser.add_argument(
        "--fractions", type=float, nargs="+", default=[1.0], metavar="F",
        help="parts of the training jets, above 0 and at most 1 [1]",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="N", help="[1]")
    parser.add_argument("--epochs", type=int, help="instead of the number in each recipe")
    parser.add_argument(
        "--recipes", metavar="FILE",
        help="YAML: tagger: {model, features, arguments: {...}, fit: {...}}; what is left out is "
        "that of the default recipe",
    )  # fmt: skip
    parser.add_argument("--files", nargs="+", help="jets to train on, ROOT, HDF5 or npz")
    parser.add_argument("--test-files", nargs="+", help="jets to test on, instead of a split")
    parser.add_argument("--target", default="is_top", help="column with the class [%(default)s]")
    parser.add_argument("--signal", help="class of AUC and rejections, if there are several")
    parser.add_argument(
        "--split", type=float, nargs=3, metavar=("TRAIN", "VALIDATION", "TEST"),
        help="fractions [0.6 0.2 0.2]",
    )  # fmt: skip
    parser.add_argument("--split-column", help="column with 0, 1, 2 for these parts instead")
    parser.add_argument(
        "--jet-axis", choices=("particles", "columns", "auto"), default="particles",
        help="where the jet axis comes from [%(default)s]",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda [%(default)s]")
    parser.add_argument("--no-progress", action="store_true", help="no progress bars")
    add_reading(parser)
    found = parser.parse_args(list(words))
    from pcgnn.training.recipes import default_recipe, list_recipes, parse_recipes

    if not found.taggers and found.recipes is None:
        print("\n".join(list_recipes()))
        return 0
    given = {} if found.recipes is None else parse_recipes(_yaml(found.recipes))
    names = found.taggers or list(given)
    recipes = {name: given[name] if name in given else default_recipe(name) for name in names}
    train, validation, test = _parts(found)
    from pcgnn.ops import tune_allocator
    from pcgnn.training.comparison import compare as run

    tune_allocator()
    comparison = run(
        recipes,
        train,
        validation,
        test,
        target=found.target,
        signal=found.signal,
        fractions=found.fractions,
        seeds=found.seeds,
        directory=found.output,
        epochs=found.epochs,
        jet_axis=found.jet_axis,
        device=found.device,
        progress=not found.no_progress,
    )
    write_comparison(comparison, Path(found.output))
    print(comparison)
    return 0


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Write the table (text, Markdown, JSON) and the figures into a folder."""
    from pcgnn import plots
    from pcgnn.io.atomic import atomic_path

    texts = {
        "comparison.txt": f"{comparison}\n",
        "comparison.md": comparison.table("markdown") + "\n",
        "comparison.json": json.dumps(comparison.to_dict(), indent=2) + "\n",
    }
    for name, text in texts.items():
        with atomic_path(folder / name, overwrite=True) as temporary:
            temporary.write_text(text)
    figures = {"roc": plots.compared_rocs(comparison)}
    if len({row.jets for row in comparison.rows}) > 1:
        figures["auc_against_jets"] = plots.auc_against_jets(comparison)
    for cost in ("training_speed", "inference_speed", "flops"):
        if any(row.cost(cost) is not None for row in comparison.rows):
            figures[f"auc_against_{cost}"] = plots.auc_against_cost(comparison, cost)
    for name, figure in figures.items():
        plots.save(figure, folder / f"{name}.png", overwrite=True)


def _parts(found: argparse.Namespace) -> tuple[ak.Array, ak.Array, ak.Array]:
    """Records of the training, validation and test part."""
    import numpy as np

    from pcgnn.training.root_data import read_jets

    options = reading_options(found)
    if found.files is None:
        from pcgnn.datasets import bundled

        if found.split is not None or found.split_column is not None:
            raise ConfigError("the bundled jets are split already", remedy="leave --split out")
        found.files, found.split_column = [str(bundled("toptag"))], "split"
    options["event"] = _columns(found, options["event"])
    jets = read_jets(found.files, **options)
    if found.split_column is not None:
        if found.split is not None:
            raise ConfigError("--split and --split-column are both given", remedy="choose one")
        part = np.asarray(jets[found.split_column])
        parts = [jets[part == number] for number in (0, 1, 2)]
    else:
        shares = np.array(found.split or (0.6, 0.2, 0.2))
        if (shares <= 0).any():
            raise ConfigError(f"--split {found.split}", remedy="give three numbers above 0")
        order = np.random.default_rng(0).permutation(len(jets))
        cuts = np.rint(np.cumsum(shares / shares.sum())[:2] * len(jets)).astype(int)
        parts = [jets[np.sort(numbers)] for numbers in np.split(order, cuts)]
    if found.test_files is not None:
        parts[2] = read_jets(found.test_files, **options)
    empty = [
        n for n, p in zip(("training", "validation", "test"), parts, strict=True) if not len(p)
    ]
    if empty:
        raise DataError(f"the {empty[0]} part is empty", remedy="check --split and --cut")
    return parts[0], parts[1], parts[2]


def _columns(found: argparse.Namespace, wanted: Sequence[str] | None) -> list[str] | None:
    """The event columns that target, split and jet axis need beside those asked for."""
    from pcgnn.io.expressions import compile_expression

    needed = set(compile_expression(found.target).names)
    needed = {n for n in needed if not n.startswith(("part_", "axis_", "shape_", "n_particles"))}
    if found.split_column is not None:
        needed.add(found.split_column)
    if found.jet_axis == "columns":
        needed |= {"jet_pt", "jet_eta", "jet_phi", "jet_mass"}
    derived = set(key_values(found.derived))
    return sorted({*(wanted or ()), *(needed - derived)}) or None


def _yaml(name: str) -> dict[str, Any]:
    import yaml

    path = Path(name)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"the recipes cannot be read: {problem}", file=path) from error
    if not isinstance(content, dict):
        raise ConfigError("the recipes are not a mapping of taggers", file=path)
    return content
