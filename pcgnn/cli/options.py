"""Argument parsing of the plain commands: mistakes become messages, not exits."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from pcgnn.errors import ConfigError

__all__ = ["Parser", "add_reading", "key_values", "reading_options"]


class Parser(argparse.ArgumentParser):
    """``ArgumentParser`` whose errors are :class:`~pcgnn.errors.ConfigError`."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(prog=f"pcgnn {command}", description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raises instead of leaving the process."""
        raise ConfigError(f"{self.prog}: {message}", remedy=f"{self.prog} --help shows the options")


def key_values(items: list[str]) -> dict[str, str]:
    """``["a=x + 1"]`` -> ``{"a": "x + 1"}``.

    Raises:
        ConfigError: if an item has no equals sign.
    """
    found: dict[str, str] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{item!r} is not of the form NAME=EXPRESSION")
        found[name.strip()] = text.strip()
    return found


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say what to read from a file."""
    group = parser.add_argument_group("reading")
    group.add_argument("--tree", help="tree in the ROOT file, if it holds several")
    group.add_argument("--particles", default="part_*", help="pattern of the particle branches")
    group.add_argument("--event", nargs="+", metavar="BRANCH", help="event columns to keep")
    group.add_argument("--cut", help="selection expression")
    group.add_argument(
        "--derived", nargs="+", default=[], metavar="NAME=EXPRESSION", help="columns to compute"
    )


def reading_options(found: argparse.Namespace) -> dict[str, Any]:
    """The options of :func:`add_reading` as keyword arguments of the readers."""
    return {
        "tree": found.tree,
        "particles": found.particles,
        "event": found.event,
        "cut": found.cut,
        "derived": key_values(found.derived) or None,
    }
