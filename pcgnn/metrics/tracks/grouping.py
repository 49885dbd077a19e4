"""Numbering of things that are named by an event and an id."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Groups", "group"]

IntArray = NDArray[np.int64]


class Groups(NamedTuple):
    """Dense numbers 0, 1, ... of the distinct (event, id), and what stands behind each number."""

    number: IntArray
    event: IntArray
    id: IntArray


def group(ids: IntArray, event: IntArray | None = None, events: int = 1) -> Groups:
    r"""Number the distinct pairs (event, id) in rising order of event, then id.

    Ids of a small range are looked up in a table, which takes a few passes over memory; ids of
    64 bits, such as those of TrackML, are sorted. Both give the same numbers.

    Args:
        ids: any integers.
        event: number of the event of each entry, from 0; None puts all into one event.
        events: how many events there are.

    Shapes:
        - **ids**, **event**: $(N,)$
        - **output**: $(N,)$, then $(G,)$ for the $G$ distinct pairs

    Example:
        >>> group(np.array([7, 3, 7]), np.array([0, 0, 1]), 2).number
        array([1, 0, 2])
    """
    if ids.size == 0:
        empty = np.empty(0, np.int64)
        return Groups(empty, empty, empty)
    low = int(ids.min())
    span = int(ids.max()) - low + 1  # a Python integer: it cannot overflow
    if span * events <= 8 * ids.size + 2**20:
        key = ids - low
        if event is not None:
            key += event * span
        seen = np.zeros(span * events, np.bool_)
        seen[key] = True
        present = np.flatnonzero(seen)
        number = np.empty(span * events, np.int64)
        number[present] = np.arange(present.size)
        return Groups(number[key], present // span, present % span + low)
    values, code = np.unique(ids, return_inverse=True)
    if event is None or events == 1:
        return Groups(code, np.zeros(values.size, np.int64), values)
    inner = group(event * values.size + code)  # one id for both, so this ends here
    return Groups(inner.number, inner.id // values.size, values[inner.id % values.size])
