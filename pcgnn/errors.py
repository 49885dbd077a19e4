"""The exceptions of pcgnn: each names what is at fault and what to do about it.

Every error a user can cause derives from :class:`PcgnnError`, so that one ``except`` catches
them all and a bug in a library underneath is never mistaken for bad input.
"""

from __future__ import annotations

__all__ = [
    "BackendError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DownloadError",
    "ExpressionError",
    "PcgnnError",
    "ReadError",
    "WriteError",
]


class PcgnnError(Exception):
    """Base of all errors raised on purpose by pcgnn.

    Args:
        problem: what is wrong, in one sentence.
        file: the file at fault.
        tree: the tree, RNTuple, table or group inside the file.
        branch: the branch, column or field.
        entry: the entry number inside the tree (counted from 0).
        remedy: what the user can do.

    Example:
        >>> str(PcgnnError("no such branch", file="a.root", branch="pt", remedy="use jet_pt"))
        "no such branch [file 'a.root', branch 'pt']. Remedy: use jet_pt"
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        tree: str | None = None,
        branch: str | None = None,
        entry: int | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.tree = tree
        self.branch = branch
        self.entry = entry
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        places = [
            f"{name} {value!r}"
            for name, value in (
                ("file", self.file),
                ("tree", self.tree),
                ("branch", self.branch),
                ("entry", self.entry),
            )
            if value is not None
        ]
        text = self.problem.rstrip(".")
        if places:
            text += f" [{', '.join(places)}]"
        if self.remedy:
            text += f". Remedy: {self.remedy}"
        return text


class ReadError(PcgnnError):
    """A file, tree, branch or entry cannot be read, or what it holds makes no sense."""


class WriteError(PcgnnError):
    """An output cannot be written; whatever stood at its place before is untouched."""


class ExpressionError(PcgnnError):
    """An expression (cut, feature, derived column) is not in the safe language or has a typo."""


class DataError(PcgnnError):
    """Arrays or tensors in memory do not fit together or hold impossible values."""


class ConfigError(PcgnnError):
    """An option, name or combination of options is not valid."""


class CheckpointError(PcgnnError):
    """A checkpoint or state dict cannot be used."""


class DownloadError(PcgnnError):
    """A public file cannot be fetched or its checksum is wrong."""


class BackendError(PcgnnError):
    """An optional backend was asked for by name but is not installed or cannot do it."""
