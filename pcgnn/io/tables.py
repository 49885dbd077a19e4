"""The branches of a TTree under the names users know, with their types."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from uproot.interpretation.jagged import AsJagged
from uproot.interpretation.numerical import Numerical

from pcgnn.errors import ReadError
from pcgnn.io.boundary import reading

__all__ = ["Branch", "BranchTable", "Level", "identifier"]

Level: TypeAlias = Literal["event", "jagged", "unusable"]


def identifier(name: str) -> str:
    """Turn a branch name into a name for expressions: ``Jet.PT`` becomes ``Jet_PT``."""
    text = re.sub(r"[^0-9A-Za-z_]", "_", name)
    return f"_{text}" if text[:1].isdigit() else text


@dataclass(frozen=True)
class Branch:
    """A branch or leaf field.

    Args:
        key: full path as uproot wants it.
        level: one number (or fixed-size array) per entry, one number per particle, or neither.
        dtype: of the numbers.
        shape: of a fixed-size array per entry.
        type_name: for messages.
    """

    key: str
    level: Level
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    type_name: str

    @property
    def short(self) -> str:
        """The last part of the path."""
        return self.key.rpartition("/")[2]


class BranchTable:
    """Names and types of the branches of a TTree; types are looked at when needed.

    Args:
        tree: uproot's TTree.
        file: its file, for messages.
        name: its name, for messages.
    """

    kind = "TTree"

    def __init__(self, tree: Any, file: str, name: str) -> None:
        self.file, self.name = file, name
        self.keys: list[str] = []
        self.duplicates: set[str] = set()
        self.identifiers: dict[str, list[str]] = {}
        self._tree = tree
        self._aliases: dict[str, list[str]] = {}
        self._branches: dict[str, Branch] = {}
        self._load()

    def _load(self) -> None:
        with reading(self.file, self.name):
            keys = [str(key) for key in self._tree.keys(recursive=True)]
        for key in keys:
            self._add(key)

    def _add(self, key: str) -> None:
        """Make a key known under its full path and the last part of it."""
        if key in self._aliases and key in self._aliases[key]:
            self.duplicates.add(key)
        self.keys.append(key)
        for alias in {key, key.rpartition("/")[2]}:
            self._aliases.setdefault(alias, []).append(key)
            known = self.identifiers.setdefault(identifier(alias), [])
            if key not in known:
                known.append(key)

    def prepare(self, pattern: str) -> None:
        """Make sure that all keys a name or pattern may mean are known."""

    def prepare_identifier(self, name: str) -> None:
        """Make sure that all keys a name in an expression may mean are known."""

    def prepare_all(self) -> None:
        """Make sure that all keys are known."""

    def __contains__(self, name: str) -> bool:
        self.prepare(name)
        return name in self._aliases

    def find(self, name: str) -> Branch:
        """Give the branch of a name.

        Args:
            name: its full path or the last part of it.

        Raises:
            ReadError: if there is none (naming the nearest) or more than one.
        """
        self.prepare(name)
        keys = self._aliases.get(name)
        if not keys:
            near = difflib.get_close_matches(name, self._aliases, n=3, cutoff=0.5)
            remedy = f"did you mean {' or '.join(near)}?" if near else f"there are: {self.some()}"
            raise self.error("no such branch", name, remedy)
        if len(keys) > 1:
            raise self._ambiguous(name, keys)
        return self.branch(keys[0])

    def find_identifier(self, name: str) -> Branch | None:
        """Give the branch an expression means, None if there is none.

        Raises:
            ReadError: if several branches go by that name.
        """
        if name in self._aliases:
            return self.find(name)
        self.prepare_identifier(name)
        keys = self.identifiers.get(name, [])
        if len(keys) > 1:
            raise self._ambiguous(name, keys)
        return self.branch(keys[0]) if keys else None

    def branch(self, key: str) -> Branch:
        """Give the branch of a full path."""
        if key not in self._branches:
            self._branches[key] = self._classify(key)
        return self._branches[key]

    def _classify(self, key: str) -> Branch:
        with reading(self.file, self.name, key):
            return _classify(key, self._tree[key])

    def usable(self) -> list[Branch]:
        """Give all branches that hold numbers."""
        branches = [self.branch(key) for key in dict.fromkeys(self.keys)]
        return [branch for branch in branches if branch.level != "unusable"]

    def some(self, count: int = 12) -> str:
        """List the first few names."""
        names = list(dict.fromkeys(key.rpartition("/")[2] for key in self.keys))
        return ", ".join(names[:count]) + (", ..." if len(names) > count else "")

    def error(self, problem: str, branch: str, remedy: str | None = None) -> ReadError:
        """Make an error about a branch of this tree."""
        return ReadError(problem, file=self.file, tree=self.name, branch=branch, remedy=remedy)

    def _ambiguous(self, name: str, keys: Sequence[str]) -> ReadError:
        if len(set(keys)) == 1:
            return self.error(
                f"the tree holds {len(keys)} branches of this name",
                name,
                "rename one of them in the program that writes the file",
            )
        return self.error(
            "several branches go by this name", name, f"give the full path: {' or '.join(keys)}"
        )


_NONE = np.dtype(np.void)


def _classify(key: str, branch: Any) -> Branch:
    """Tell what a TBranch holds from uproot's interpretation of it."""
    unusable = Branch(key, "unusable", _NONE, (), str(branch.typename))
    try:
        interpretation = branch.interpretation
    except Exception:  # uproot cannot make sense of it, so neither can we: not an error until used
        return unusable
    level: Level = "event"
    if isinstance(interpretation, AsJagged):
        level, interpretation = "jagged", interpretation.content
    if not isinstance(interpretation, Numerical):
        return unusable
    dtype = np.dtype(getattr(interpretation, "to_dtype", _NONE))
    dtype, shape = dtype.subdtype or (dtype, ())
    if dtype.kind not in "biuf" or (level == "jagged" and shape):
        return unusable
    return Branch(key, level, dtype.newbyteorder("="), tuple(shape), str(branch.typename))
