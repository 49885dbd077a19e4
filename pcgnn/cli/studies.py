"""From a configuration of ``pcgnn fit`` to the plan and data that a study trains many times."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pcgnn.cli.configs import list_configs, load_config, merge
from pcgnn.cli.options import Parser
from pcgnn.cli.train import check_overrides
from pcgnn.errors import ConfigError

if TYPE_CHECKING:
    from pcgnn.data import ParticleClouds
    from pcgnn.training.datamodule import CloudData
    from pcgnn.training.plan import Plan

__all__ = ["Prepared", "add_study", "folder_of", "prepare"]

# sections of Lightning's trainer that change nothing about what is learned, or are set otherwise
_TRAINER_IGNORED = frozenset(
    {"default_root_dir", "enable_progress_bar", "logger", "log_every_n_steps", "accelerator"}
)


@dataclass(frozen=True)
class Prepared:
    """What a configuration says, ready to train.

    Args:
        config: the merged configuration.
        plan: network, task and arguments of fit.
        data: the data module; ``load()`` reads the files.
        seed: ``seed_everything``.
    """

    config: dict[str, Any]
    plan: Plan
    data: CloudData
    seed: int

    def clouds(self, parts: Sequence[str]) -> ParticleClouds:
        """The graphs of some parts (train, val, test) in the order of files and entries."""
        import numpy as np

        from pcgnn.data import ParticleClouds

        self.data.load()  # type: ignore[attr-defined]
        found = [getattr(self.data, part) for part in parts]
        clouds = [part for part in found if part is not None]
        if not all(isinstance(part, ParticleClouds) for part in clouds):
            raise ConfigError(
                "cross-validation takes clouds in memory, neither a stream nor hit graphs",
                remedy="use data: pcgnn.training.FileData without streaming",
            )
        whole = clouds[0] if len(clouds) == 1 else ParticleClouds.concatenate(clouds)
        order = np.lexsort((np.asarray(whole.entry), np.asarray(whole.file)))
        return whole if (np.diff(order) == 1).all() else whole.select(order)


def add_study(parser: Parser) -> None:
    """Adds the options that all studies have."""
    parser.add_argument("-c", "--config", action="append", default=[], help="as of pcgnn fit")
    parser.add_argument("--trust", action="append", default=[], help="package named in the config")
    parser.add_argument("--output", help="folder; default: runs/<model>-<study>")
    parser.add_argument("--resume", action="store_true", help="go on with the study in OUTPUT")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="trainings at a time [1]")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda [%(default)s]")
    parser.add_argument("--no-progress", action="store_true", help="say nothing on the way")


def prepare(parser: Parser, words: Sequence[str]) -> tuple[argparse.Namespace, Prepared]:
    """Reads options and configuration; ``--section.key value`` go over the configuration.

    Raises:
        ConfigError: for anything that is wrong with them.
    """
    found, rest = parser.parse_known_args(list(words))
    if not found.config:
        raise ConfigError(
            f"{parser.prog} needs a configuration",
            remedy=f"give -c FILE or -c NAME with one of {list_configs()}",
        )
    config: dict[str, Any] = {}
    for name in found.config:
        config = merge(config, load_config(name, found.trust))
    check_overrides(rest, found.trust)
    config = merge(config, _overrides(rest))
    if config.get("tune_allocator", True):
        from pcgnn.ops import tune_allocator

        tune_allocator()
    seed = config.get("seed_everything", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed_everything = {seed!r} must be a whole number")
    return found, Prepared(config, _plan(config), _data(config), seed)


def _overrides(words: Sequence[str]) -> dict[str, Any]:
    """``--trainer.max_epochs 3 --model.lr=1e-3`` as a nested mapping."""
    result: dict[str, Any] = {}
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        key, equals, text = word[2:].partition("=")
        path = key.split(".")
        if not word.startswith("--") or not all(path) or (len(path) < 2 and "_" not in key):
            raise ConfigError(f"there is no option {word!r}", remedy="--help shows the options")
        if not equals:
            if index >= len(words):
                raise ConfigError(f"the option {word!r} has no value")
            text = words[index]
            index += 1
        if path[0] in ("model", "data") and path[1] not in ("class_path", "init_args"):
            path.insert(1, "init_args")  # --model.lr stands for --model.init_args.lr
        try:
            value: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"the value of {word!r} is no plain YAML: {text!r}") from error
        for part in reversed(path):
            value = {part: value}
        result = merge(result, value)
    return result


def _section(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    section = config.get(name) or {}
    if not isinstance(section, Mapping):
        raise ConfigError(f"the section {name!r} is not a mapping")
    return dict(section)


def _plan(config: Mapping[str, Any]) -> Plan:
    from pcgnn import training
    from pcgnn.training.plan import OF_TASK, Plan
    from pcgnn.training.plan_config import OF_DATA, OF_RUN, OF_TRAINER
    from pcgnn.training.scan_space import numbers_of_text

    model = _section(config, "model")
    path = str(model.get("class_path", ""))
    task = getattr(training, path.rpartition(".")[2], None)
    if not path.startswith("pcgnn.training.") or not (
        isinstance(task, type) and issubclass(task, training.Task)
    ):
        raise ConfigError(
            f"a study trains tasks of pcgnn.training, not {path or 'nothing'!r}",
            remedy="set model.class_path, e.g. pcgnn.training.ClassificationTask",
        )
    arguments: dict[str, Any] = numbers_of_text(_section(model, "init_args"))
    name = arguments.pop("name", None)
    if not isinstance(name, str):
        raise ConfigError(
            "the configuration does not name the model", remedy="set model.init_args.name"
        )
    of_model = dict(arguments.pop("arguments", None) or {})
    fit = {key: arguments.pop(key) for key in OF_TASK if key in arguments}
    data = numbers_of_text(_section(_section(config, "data"), "init_args"))
    fit |= {key: data[key] for key in OF_DATA if key in data}
    run = _section(config, "run")
    fit |= {key: run[key] for key in OF_RUN if key in run}
    fit |= _of_trainer(numbers_of_text(_section(config, "trainer")), OF_TRAINER)
    return Plan(name, of_model, fit, task=task, task_arguments=arguments)


def _of_trainer(trainer: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    found = {ours: trainer.pop(theirs) for ours, theirs in names.items() if theirs in trainer}
    if trainer.get("devices", 1) in (1, "auto", [0]):
        trainer.pop("devices", None)
    if left := sorted(set(trainer) - _TRAINER_IGNORED):
        raise ConfigError(
            f"trainer.{left[0]} has no meaning in a study",
            remedy=f"use {', '.join(names.values())}",
        )
    return found


def _data(config: Mapping[str, Any]) -> CloudData:
    from pcgnn.training import FileData, HitData

    section = _section(config, "data")
    kinds = {"FileData": FileData, "HitData": HitData}
    path = str(section.get("class_path", ""))
    kind: Any = kinds.get(path.rpartition(".")[2]) if path.startswith("pcgnn.training.") else None
    if kind is None:
        raise ConfigError(
            f"a study reads data with {' or '.join(kinds)}, not {path or 'nothing'!r}",
            remedy="set data.class_path, e.g. pcgnn.training.FileData",
        )
    try:
        made: CloudData = kind(**_section(section, "init_args"))
    except TypeError as error:
        raise ConfigError(f"data: {str(error).rpartition('__init__() ')[2]}") from error
    return made


def folder_of(found: argparse.Namespace, prepared: Prepared, study: str) -> Path:
    """The folder of the study."""
    return Path(found.output or f"runs/{prepared.plan.name}-{study}")
