"""Which format, and which events, files and folders hold."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from pcgnn.errors import ConfigError, ReadError
from pcgnn.io.hits.csv_files import find_csv, read_header
from pcgnn.io.sources import Files

__all__ = ["Format", "HitFormat", "detect_format", "event_number", "find_events", "find_parquet"]

HitFormat: TypeAlias = Literal["root", "trackml", "acts", "parquet"]
Format: TypeAlias = Literal["auto", "root", "trackml", "acts", "parquet"]

_CSV = re.compile(r"(?P<prefix>.*)-(?P<part>[A-Za-z][\w-]*)\.csv(\.gz)?")
_PART = re.compile(r"(?P<prefix>.*event\d+)-(?P<part>[A-Za-z][\w-]*)\.csv(\.gz)?")
_PARQUET_ENDINGS = (".parquet", ".pq")
_ACTS_PARTS = ("measurements", "spacepoint", "spacepoints", "measurement-simhit-map")


def detect_format(files: Files, format_name: str) -> HitFormat:
    """Tell the format of everything that was given.

    Args:
        files: as given to read_hits.
        format_name: "auto", or the format, which is believed.

    Raises:
        ReadError: if it is not clear, or the files are of different formats.
        ConfigError: if no format has that name.
    """
    if format_name not in get_args(Format):
        raise ConfigError(
            f"format={format_name!r} is not one of {', '.join(get_args(Format))}",
            remedy="leave it out: the format is recognised",
        )
    texts = _texts(files)
    if format_name != "auto":
        chosen: HitFormat = format_name  # type: ignore[assignment]
        return chosen
    found = {text: _format_of(text) for text in texts}
    kinds = sorted(set(found.values()))
    if len(kinds) > 1:
        one, other = (next(t for t, kind in found.items() if kind == name) for name in kinds[:2])
        raise ReadError(
            f"files of several formats: {kinds[0]} ({one!r}) and {kinds[1]}",
            file=other,
            remedy="read each format by itself",
        )
    return kinds[0]


def find_events(files: Files, parts: Sequence[str]) -> list[str]:
    """Give the prefixes, such as ``folder/event000001000``, of all events.

    Args:
        files: prefixes, folders, globs or single csv files.
        parts: an event needs a file of one of these.

    Raises:
        ReadError: if there is no event, or one is given twice.
    """
    events = [prefix for text in _texts(files) for prefix in _prefixes(text, parts)]
    seen: set[str] = set()
    for prefix in events:
        name = os.path.realpath(prefix)
        if name in seen:
            raise ReadError("the event is listed twice", file=prefix, remedy="give each once")
        seen.add(name)
    return events


def event_number(prefix: str, position: int) -> int:
    """The number in an event's name, its position where there is none."""
    match = re.search(r"(\d+)$", os.path.basename(prefix))
    return int(match[1]) if match else position


def find_parquet(files: Files) -> list[str]:
    """Give the Parquet files in files, folders (with the folders in them) and globs.

    Raises:
        ReadError: if there is none, or one is given twice.
    """
    found: list[str] = []
    for text in _texts(files):
        if os.path.isdir(text):
            inside = [f"{text}/**/*{ending}" for ending in _PARQUET_ENDINGS]
            matches = sorted(m for pattern in inside for m in glob.glob(pattern, recursive=True))
            if not matches:
                raise ReadError("no Parquet file in the folder", file=text)
            found += matches
        elif glob.has_magic(text) and not os.path.exists(text):
            matches = sorted(glob.glob(text, recursive=True))
            if not matches:
                raise ReadError("no file matches the pattern", file=text)
            found += matches
        else:
            if not os.path.isfile(text):
                raise ReadError("no such file", file=text)
            found.append(text)
    for file in found:
        if found.count(file) > 1:
            raise ReadError("the file is listed twice", file=file, remedy="give each once")
    return found


def _texts(files: Files) -> list[str]:
    if isinstance(files, str | os.PathLike):
        texts = [os.path.expanduser(os.fspath(files))]
    elif isinstance(files, Mapping):
        texts = [os.fspath(file) for file in files]
    elif isinstance(files, Sequence) and all(isinstance(f, str | os.PathLike) for f in files):
        texts = [os.path.expanduser(os.fspath(file)) for file in files]
    else:
        raise ReadError(f"files must be a path or a list of paths, not {type(files).__name__}")
    if not texts or not all(texts):
        raise ReadError("the list of files is empty")
    return texts


def _format_of(text: str) -> HitFormat:
    if os.path.isfile(text):
        return _format_of_file(text)
    if os.path.isdir(text):
        return _format_of_names(text, sorted(os.listdir(text)), text)
    if glob.has_magic(text) and "://" not in text:
        matches = sorted(glob.glob(text, recursive=True))
        if matches:
            return _format_of(matches[0])
    lower = text.lower()
    if re.search(r"\.root(\?[^:]*)?(:.*)?$", lower) or "://" in lower:
        return "root"
    if lower.endswith(_PARQUET_ENDINGS):
        return "parquet"
    folder, name = os.path.split(text)
    if os.path.isdir(folder or "."):
        names = [other for other in os.listdir(folder or ".") if other.startswith(f"{name}-")]
        if names:
            return _format_of_names(folder, names, text)
    raise ReadError(
        "no such file, folder or event",
        file=text,
        remedy="an event of csv files is given by the part of its name before -hits.csv",
    )


def _format_of_file(file: str) -> HitFormat:
    with open(file, "rb") as handle:
        head = handle.read(4)
    if head == b"root":
        return "root"
    if head == b"PAR1":
        return "parquet"
    match = _CSV.fullmatch(file)
    if match:
        return _format_of_event(match["prefix"])
    if file.lower().endswith(_PARQUET_ENDINGS):
        return "parquet"
    if file.lower().endswith(".root"):
        return "root"
    raise ReadError(
        "the format is not recognised",
        file=file,
        remedy="read_hits reads ROOT, TrackML csv, ACTS csv and Parquet; say which with format=",
    )


def _format_of_names(folder: str, names: Iterable[str], given: str) -> HitFormat:
    names = list(names)
    prefixes = [m["prefix"] for name in names if (m := _PART.fullmatch(name) or _csv(name, given))]
    if prefixes:
        return _format_of_event(os.path.join(folder, prefixes[0]))
    if any(name.lower().endswith(".root") for name in names):
        raise ReadError("a folder with ROOT files", file=given, remedy="give folder/*.root")
    inside = (glob.iglob(f"{folder}/**/*{end}", recursive=True) for end in _PARQUET_ENDINGS)
    if any(next(found, None) for found in inside):
        return "parquet"
    raise ReadError(
        "no events are recognised in the folder",
        file=given,
        remedy="expected are files such as event000001000-hits.csv, or Parquet files",
    )


def _csv(name: str, given: str) -> re.Match[str] | None:
    """An event of another name than event..., which only a prefix given outright may have."""
    return None if os.path.isdir(given) else _CSV.fullmatch(name)


def _format_of_event(prefix: str) -> HitFormat:
    if any(find_csv(prefix, part) for part in _ACTS_PARTS):
        return "acts"
    hits = find_csv(prefix, "hits")
    if hits is None:
        raise ReadError(
            "the event has neither hits nor measurements",
            file=prefix,
            remedy="expected is -hits.csv (TrackML), -measurements.csv or -spacepoint.csv (ACTS)",
        )
    return "acts" if "geometry_id" in read_header(hits) else "trackml"


def _prefixes(text: str, parts: Sequence[str]) -> list[str]:
    if os.path.isdir(text):
        names = [os.path.join(text, name) for name in os.listdir(text)]
        found = {m["prefix"] for name in names if (m := _PART.fullmatch(name))}
        events = sorted(p for p in found if any(find_csv(p, part) for part in parts))
        if not events:
            raise ReadError(
                f"no event in the folder: there is no event...-{parts[0]}.csv", file=text
            )
        return events
    if glob.has_magic(text) and not os.path.exists(text):
        matches = glob.glob(text, recursive=True)
        found = {m["prefix"] for name in matches if (m := _CSV.fullmatch(name))}
        if not found:
            raise ReadError("no file matches the pattern", file=text)
        return sorted(found)
    match = _CSV.fullmatch(text)
    prefix = match["prefix"] if match else text
    if not any(find_csv(prefix, part) for part in parts):
        raise ReadError("no such file", file=f"{prefix}-{parts[0]}.csv")
    return [prefix]
