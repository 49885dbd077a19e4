"""``pcgnn fit``, ``validate`` and ``test``: Lightning's command line over pcgnn's task and data."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pcgnn.cli.configs import list_configs, load_config, merge
from pcgnn.cli.safety import check_classes
from pcgnn.errors import ConfigError

__all__ = ["fit", "run_lightning", "split_words", "test", "validate"]


def fit(words: Sequence[str]) -> int:
    """``pcgnn fit -c CONFIG``."""
    cli = run_lightning("fit", words)
    print(f"best epoch {cli.result.best_epoch + 1}: {cli.result.best_checkpoint}")
    return 0


def validate(words: Sequence[str]) -> int:
    """``pcgnn validate -c CONFIG``."""
    run_lightning("validate", words)
    return 0


def test(words: Sequence[str]) -> int:
    """``pcgnn test -c CONFIG``."""
    run_lightning("test", words)
    return 0


def run_lightning(command: str, words: Sequence[str]) -> Any:
    """Checks configuration and options, then hands both to Lightning.

    Raises:
        ConfigError: for anything that is wrong with them.
    """
    names, trust, overrides = split_words(words)
    wants_help = "-h" in overrides or "--help" in overrides
    if not names and not wants_help and not any(w.startswith("--print_config") for w in overrides):
        raise ConfigError(
            f"pcgnn {command} needs a configuration",
            remedy=f"give -c FILE or -c NAME with one of {list_configs()}",
        )
    config: dict[str, Any] = {}
    for name in names:
        config = merge(config, load_config(name, trust))
    check_overrides(overrides, trust)
    from pcgnn.cli.lightning_cli import PcgnnCLI
    from pcgnn.training.quiet import quiet_lightning

    with tempfile.TemporaryDirectory(prefix="pcgnn-") as folder:
        arguments = [command]
        if config:
            path = Path(folder) / "config.yaml"
            path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
            arguments += ["--config", str(path)]
        with quiet_lightning(), _argv():
            return PcgnnCLI.run([*arguments, *overrides], {"fit": config}.get(command, config))


class _argv:  # noqa: N801 - used like a function
    """Lightning warns if it is given words while the process has some of its own."""

    def __enter__(self) -> None:
        self.kept = sys.argv
        sys.argv = sys.argv[:1]

    def __exit__(self, *error: object) -> None:
        sys.argv = self.kept


def split_words(words: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Takes ``-c`` and ``--trust`` out of the words.

    Returns:
        names of configurations, trusted packages, all other words.

    Example:
        >>> split_words(["-c", "a.yaml", "--trust", "mypkg", "--trainer.max_epochs", "3"])
        (['a.yaml'], ['mypkg'], ['--trainer.max_epochs', '3'])
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-c", "--config", action="append", default=[])
    parser.add_argument("--trust", action="append", default=[])
    try:
        found, rest = parser.parse_known_args(list(words))
    except argparse.ArgumentError as error:
        raise ConfigError(str(error)) from error
    for package in found.trust:
        if not package.isidentifier():
            raise ConfigError(
                f"--trust {package!r} is not the name of a package",
                remedy="give the first part of the import path, e.g. --trust mypackage",
            )
    return found.config, found.trust, rest


def check_overrides(words: Sequence[str], trust: Sequence[str]) -> None:
    """Applies the rules of configurations to ``--key value`` and ``--key=value``.

    Raises:
        ConfigError: as :func:`~pcgnn.cli.safety.check_classes`.
    """
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if not word.startswith("--") or word in ("--help", "--print_config"):
            continue
        key, equals, value = word[2:].partition("=")
        if not equals and index < len(words) and not words[index].startswith("--"):
            value = words[index]
            index += 1
        key = key.removesuffix("+")
        if key == "print_config":
            continue
        try:
            content = yaml.safe_load(value) if value else None
        except yaml.YAMLError:
            content = value
        nested: Any = content
        for part in reversed(key.split(".")):
            nested = {part: nested}
        # Options of the known data class are texts; see the rules for configurations.
        if key.startswith("data.") and not key.endswith("class_path"):
            check_classes({"run": _only_classes(content)}, trust)
        else:
            check_classes(nested, trust)


def _only_classes(value: Any) -> Any:
    return value if isinstance(value, (Mapping, list)) else None
