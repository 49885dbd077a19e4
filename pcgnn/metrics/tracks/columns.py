"""Single columns, flat or jagged -> checked flat numpy arrays. Awkward is imported on first use."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError
from pcgnn.metrics._inputs import numeric

__all__ = ["flatten", "integers", "is_awkward", "per_hit", "split_levels"]

IntArray = NDArray[np.int64]


def is_awkward(values: Any) -> bool:
    """Whether this is an awkward array, told without importing awkward.

    Args:
        values: anything.
    """
    return type(values).__module__.partition(".")[0] == "awkward"


def integers(values: Any, what: str, remedy: str | None = None) -> IntArray:
    """A flat int64 array; floats are taken if each is an integer that a float holds exactly.

    Args:
        values: anything `np.asarray` takes, tensors included.
        what: how to call it in an error.
        remedy: what to do where a value is no integer.

    Raises:
        DataError: not one-dimensional, or a value that is no integer.
    """
    array = numeric(values, what)
    if array.size == 0 and array.ndim == 1:
        return np.empty(0, np.int64)
    if array.ndim != 1:
        raise DataError(f"{what}: shape {array.shape}", remedy="give one value per hit, flat")
    if array.dtype.kind == "f":
        wrong = ~(np.abs(array) <= 2.0**53) | (array != np.floor(array))
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{what}: {array[first]} at index {first} is no integer that a float can hold",
                remedy=remedy or "give an integer column; ids of 64 bits do not fit into floats",
            )
    elif array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise DataError(f"{what}: {array.max()} does not fit into 64 bits with a sign")
    return array.astype(np.int64, copy=False)


def _is_list(value: Any) -> bool:
    return np.iterable(value) and not isinstance(value, str)


def split_levels(values: Any, what: str) -> tuple[Any, list[IntArray]]:
    """Flat values and the counts of each list level, outermost first; no levels where flat.

    Args:
        values: an array, an awkward array, or (nested) lists of numbers or arrays.
        what: how to call it in an error.

    Raises:
        DataError: missing (None) entries, or something that is no array.
    """
    if isinstance(values, list | tuple) and any(map(_is_list, values)):
        if all(_is_list(part) and not any(map(_is_list, part[:1])) for part in values):
            parts = [numeric(part, what) for part in values]  # one loop over events
            if all(part.ndim == 1 for part in parts):
                return np.concatenate(parts), [np.array([part.size for part in parts], np.int64)]
        import awkward as ak

        try:
            values = ak.Array(values)
        except Exception as error:  # awkward raises types of its own
            raise DataError(f"{what}: cannot be made an array ({error})") from error
    if not is_awkward(values):
        array = numeric(values, what)
        if array.ndim <= 1:
            return array, []
        lengths = [
            np.full(int(np.prod(array.shape[:axis])), array.shape[axis], np.int64)
            for axis in range(1, array.ndim)
        ]
        return array.reshape(-1), lengths
    import awkward as ak

    if getattr(values, "fields", []):
        raise DataError(f"{what}: records with fields {values.fields}", remedy="name one field")
    levels = []
    while values.ndim > 1:
        counts = np.asarray(ak.fill_none(ak.num(values, axis=1), -1), np.int64)
        if (counts < 0).any():
            raise DataError(f"{what}: has missing lists (None)", remedy="fill or drop them")
        levels.append(counts)
        values = ak.flatten(values, axis=1)
    if values.layout.is_option or values.layout.is_unknown:
        if ak.any(ak.is_none(values)):
            raise DataError(f"{what}: has missing entries (None)", remedy="fill or drop them")
        values = ak.drop_none(values) if len(values) else np.empty(0, np.int64)
    return np.asarray(values), levels


def flatten(values: Any, what: str) -> tuple[Any, IntArray | None]:
    """Flat values and the counts per event; None where they came flat.

    Args:
        values: flat, or jagged over events.
        what: how to call it in an error.

    Raises:
        DataError: more than two levels.
    """
    flat, levels = split_levels(values, what)
    if len(levels) > 1:
        raise DataError(f"{what}: {len(levels) + 1} levels", remedy="give one value per hit")
    return flat, levels[0] if levels else None


def per_hit(values: Any, what: str, size: int, counts: IntArray | None) -> Any:
    r"""One value per hit from a flat column or one that is jagged over events.

    Args:
        values: the column.
        what: how to call it in an error.
        size: number of hits over all events.
        counts: hits per event; None where events do not lie in blocks.

    Shapes:
        - **output**: $(N,)$

    Raises:
        DataError: lengths differ.
    """
    flat, own = flatten(values, what)
    array = numeric(flat, what)
    if array.ndim != 1 or array.size != size:
        raise DataError(
            f"{what}: {array.size} values for {size} hits",
            remedy="give one value per hit, over all events in order",
        )
    if own is not None and (counts is None or not np.array_equal(own, counts)):
        raise DataError(
            f"{what}: its lists have other lengths than the events",
            remedy="give one list per event with one value per hit, or one flat array",
        )
    return array
