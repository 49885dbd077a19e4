"""Observables of a whole jet that no expression gives: by name, computed where one is wanted.

They join the vocabulary of features as ``shape_<name>``, one value per jet, of all its particles:

- ``shape_e2``, ``shape_e3``: energy correlation functions with beta = 1
  (:func:`pcgnn.ops.energy_correlators`);
- ``shape_tau1`` ... ``shape_tau4``: N-subjettiness, ``shape_softdrop_mass``: mass in GeV of the
  groomed jet, both for a radius of 0.8 (:mod:`pcgnn.data.jet_shapes`); they need fastjet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import torch

from pcgnn.data.records import FlatRecords

__all__ = ["available_shapes", "with_shapes"]

PREFIX = "shape_"
_TAUS = (1, 2, 3, 4)


class _Group(NamedTuple):
    """Observables computed together.

    Attributes:
        names: without the prefix.
        compute: (p4 (N, 4) in GeV, offsets (G + 1,)) -> (G, names).
        package: what has to be installed, or None.
    """

    names: tuple[str, ...]
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]
    package: str | None = None


def available_shapes() -> list[str]:
    """The names that can be computed with what is installed, with their prefix.

    Example:
        >>> "shape_e2" in available_shapes()
        True
    """
    return [
        PREFIX + name
        for group in _GROUPS
        if group.package is None or find_spec(group.package) is not None
        for name in group.names
    ]


def with_shapes(
    records: FlatRecords,
    names: Collection[str],
    four_vectors: Callable[[FlatRecords], Iterable[tuple[slice, np.ndarray]]],
) -> FlatRecords:
    """Add the observables among ``names`` to the event columns.

    Args:
        records: the flat columns.
        names: any names; those of no observable are not looked at.
        four_vectors: gives E, px, py, pz in GeV piece by piece, with the jets of each piece.

    Raises:
        BackendError: an observable needs a package that is not installed.
    """
    wanted = [group for group in _GROUPS if any(PREFIX + name in names for name in group.names)]
    if not wanted:
        return records
    graphs = records.offsets.size - 1
    columns = {PREFIX + name: np.empty(graphs) for group in wanted for name in group.names}
    for piece, p4 in four_vectors(records):
        offsets = records.offsets[piece.start : piece.stop + 1]
        for group in wanted:
            values = group.compute(p4, offsets - offsets[0])
            for name, column in zip(group.names, values.T, strict=True):
                columns[PREFIX + name][piece] = column
    return replace(records, event={**records.event, **columns})


def _correlators(p4: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    from pcgnn.ops.correlators import energy_correlators

    found = energy_correlators(torch.from_numpy(p4), torch.from_numpy(offsets))
    return np.asarray(found.numpy())


def _subjettiness(p4: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    from pcgnn.data.jet_shapes import n_subjettiness

    return n_subjettiness(p4, offsets, n=_TAUS)


def _groomed(p4: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    from pcgnn.data.jet_shapes import softdrop_mass

    return softdrop_mass(p4, offsets)[:, None]


_GROUPS = (
    _Group(("e2", "e3"), _correlators),
    _Group(tuple(f"tau{n}" for n in _TAUS), _subjettiness, "fastjet"),
    _Group(("softdrop_mass",), _groomed, "fastjet"),
)
