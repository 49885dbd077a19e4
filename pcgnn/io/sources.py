"""Which files and which tree: globs, ``file.root:tree``, addresses, the sole tree of a file."""

from __future__ import annotations

import contextlib
import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import fsspec.core
import uproot

from pcgnn.errors import ReadError
from pcgnn.io.boundary import reading
from pcgnn.io.expressions.parser import did_you_mean

__all__ = ["Files", "Source", "find_sources", "is_local", "list_trees", "open_tree"]

Files: TypeAlias = (
    str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | Mapping[str, str | None]
)
"""A path, glob, address or ``file.root:tree``; several of them; or ``{file: tree}``."""

_FILE_AND_TREE = re.compile(r"(?P<file>.+\.root(?:\?[^:]*)?):(?P<tree>[^:/][^:]*)", re.I)
_TREE_CLASSES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple", "ROOT::Experimental::RNTuple")


@dataclass(frozen=True)
class Source:
    """One file and the tree asked for in it (None: the sole one)."""

    file: str
    tree: str | None


def is_local(file: str) -> bool:
    """Say whether a file is on the local file system, so that it can be looked at directly."""
    return "://" not in file


def find_sources(files: Files, tree: str | None = None) -> list[Source]:
    """Expand what the user gave into a list of files.

    Args:
        files: see :data:`Files`. Globs are sorted; an existing path is taken literally even if
            it contains glob characters or a colon. Addresses (``root://``, ``https://``...) go
            to uproot and fsspec untouched, except that ``*`` in them is expanded by fsspec.
        tree: tree for all files that do not name their own after a colon.

    Raises:
        ReadError: if nothing is there, a file is listed twice, or two trees are asked for.
    """
    if isinstance(files, Mapping):
        wanted = [(os.fspath(file), name) for file, name in files.items()]
    elif isinstance(files, str | os.PathLike):
        wanted = [(os.fspath(files), None)]
    elif isinstance(files, Sequence) and all(isinstance(f, str | os.PathLike) for f in files):
        wanted = [(os.fspath(file), None) for file in files]
    else:
        raise ReadError(
            f"files must be a path, a list of paths or a mapping, not {type(files).__name__}"
        )
    sources = [source for text, name in wanted for source in _expand(text, name or tree)]
    if not sources:
        raise ReadError("the list of files is empty")
    seen: set[str] = set()
    for source in sources:
        name = os.path.realpath(source.file) if is_local(source.file) else source.file
        if name in seen:
            raise ReadError(
                "the file is listed twice, its entries would be counted twice",
                file=source.file,
                remedy="give each file once, and look for globs that overlap",
            )
        seen.add(name)
    return sources


def _expand(text: str, tree: str | None) -> list[Source]:
    if not text:
        raise ReadError("an empty text is not a file name")
    if "\0" in text:
        raise ReadError(f"a null byte in the file name {text!r}")
    if is_local(text) and os.path.exists(text):
        return [Source(text, tree)]
    match = _FILE_AND_TREE.fullmatch(text)
    if match:
        text, own = match["file"], match["tree"]
        if tree is not None and tree != own:
            raise ReadError(
                f"two trees are asked for, {own!r} after the colon and {tree!r}", file=text
            )
        tree = own
    elif is_local(text) and ":" in text and os.path.isfile(text.rpartition(":")[0]):
        text, _, tree = text.rpartition(":")
    if is_local(text):
        if glob.has_magic(text) and not os.path.exists(text):
            found = sorted(glob.glob(os.path.expanduser(text), recursive=True))
            if not found:
                raise ReadError("no file matches the pattern", file=text)
            return [Source(file, tree) for file in found]
        return [Source(os.path.expanduser(text), tree)]
    if "*" in text:
        with reading(text):
            system, path = fsspec.core.url_to_fs(text)
            found = sorted(str(system.unstrip_protocol(name)) for name in system.glob(path))
        if not found:
            raise ReadError("no file matches the pattern", file=text)
        return [Source(file, tree) for file in found]
    return [Source(text, tree)]


@contextlib.contextmanager
def open_tree(source: Source) -> Iterator[tuple[Any, str]]:
    """Open a file and find its tree.

    Args:
        source: file and, optionally, tree.

    Yields:
        uproot's TTree or RNTuple, and its name.

    Raises:
        ReadError: if the file cannot be opened, the tree is not there, or none is named and
            there are several.
    """
    check_root_file(source.file)
    with contextlib.ExitStack() as stack:
        with reading(source.file):
            directory = stack.enter_context(uproot.open(source.file))
            trees = list_trees(directory)
        name = _choose(source, trees)
        with reading(source.file, name):
            tree = directory[name]
        yield tree, name


def list_trees(directory: Any) -> dict[str, str]:
    """Give the class of each tree in an open file by its path, without cycle numbers."""
    classes = directory.classnames(recursive=True)
    return {key.partition(";")[0]: name for key, name in classes.items() if name in _TREE_CLASSES}


def _choose(source: Source, trees: Mapping[str, str]) -> str:
    if source.tree is not None:
        name = source.tree.strip("/")
        if name.partition(";")[0] in trees:
            return name
        listed = ", ".join(trees) or "none"
        raise ReadError(
            f"no such tree{did_you_mean(name, trees)}; trees in the file: {listed}",
            file=source.file,
            tree=source.tree,
        )
    if len(trees) == 1:
        return next(iter(trees))
    if not trees:
        raise ReadError("the file holds no TTree and no RNTuple", file=source.file)
    raise ReadError(
        f"the file holds {len(trees)} trees: {', '.join(trees)}",
        file=source.file,
        remedy=f"name one, for example tree={next(iter(trees))!r}",
    )


def check_root_file(file: str) -> None:
    """Look at the first bytes of a local file: is it ROOT, and is it all there?

    Raises:
        ReadError: if it is missing, of another format, or shorter than its header says.
    """
    if not is_local(file):
        return
    path = Path(file)
    if not path.exists():
        raise ReadError("no such file", file=file)
    if not path.is_file():
        raise ReadError(
            "not a file", file=file, remedy="for a folder give a pattern, folder/*.root"
        )
    with reading(file), open(path, "rb") as handle:
        head = handle.read(64)
    size = path.stat().st_size
    if size == 0:
        raise ReadError("the file is empty (0 bytes)", file=file)
    if head[:4] != b"root":
        raise ReadError("not a ROOT file", file=file, remedy=_other_format(head))
    if len(head) < 24:
        raise ReadError(f"the ROOT file is truncated after {size} bytes", file=file)
    version = int.from_bytes(head[4:8], "big", signed=True)  # negative in some builds of ROOT
    end = int.from_bytes(head[12:20] if version >= 1_000_000 else head[12:16], "big")
    if end > size:
        raise ReadError(
            f"the ROOT file is truncated: its header promises {end} bytes, {size} are there",
            file=file,
            remedy="fetch or write the file again",
        )


def _other_format(head: bytes) -> str | None:
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "it is HDF5: use read_toptag_hdf5"
    if head[:2] == b"PK":
        return "it is a zip archive, perhaps .npz: use read_npz"
    return None
