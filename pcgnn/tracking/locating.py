"""Errors about an event of an array, with the file and entry it was read from."""

from __future__ import annotations

import awkward as ak

from pcgnn.errors import PcgnnError

__all__ = ["located"]


def located(error: PcgnnError, hits: ak.Array, event: int | None = None) -> PcgnnError:
    """The same error, naming file, tree and entry of an event where the reader noted them.

    Args:
        error: of an event.
        hits: what :func:`pcgnn.read_hits` returns, or some of its events.
        event: number of the event in this array; None for all of them.
    """
    source = hits.attrs.get("pcgnn") or {}
    files = list(source.get("files") or [])
    file, entry = error.file, error.entry
    if file is None and files:
        if event is not None and {"file", "entry"} <= set(ak.fields(hits)):
            file, entry = files[int(hits["file"][event])], int(hits["entry"][event])
        elif len(files) == 1 and event is None:
            file = files[0]
    return type(error)(
        error.problem,
        file=file,
        tree=error.tree or (source.get("tree") if file is not None else None),
        branch=error.branch,
        entry=entry,
        remedy=error.remedy,
    )
