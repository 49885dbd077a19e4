"""HEPMASS and HEPMASS-IMB, public tables of resonances to top-quark pairs, as published in CSV.

P. Baldi, K. Cranmer, T. Faucett, P. Sadowski, D. Whiteson, Eur. Phys. J. C 76 (2016) 235,
arXiv:1601.07913, in the machine learning repository of UC Irvine; L. Anzalone, T. Diotalevi,
D. Bonacorsi, *HEPMASS-IMB*, doi:10.5281/zenodo.6453048, arXiv:2202.00424.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, ReadError
from pcgnn.io.assembly import assemble
from pcgnn.io.boundary import reading
from pcgnn.io.provenance import describe
from pcgnn.io.ranges import check_range
from pcgnn.io.recipe import Nonfinite, Recipe
from pcgnn.io.records import Columns
from pcgnn.io.selection import Place

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HEPMASS_FEATURES", "read_hepmass"]

HEPMASS_FEATURES = (
    *("lep_pt", "lep_eta", "lep_phi", "met", "met_phi", "njet"),
    *(f"jet{n}_{name}" for n in (1, 2, 3, 4) for name in ("pt", "eta", "phi", "btag")),
    *("m_jj", "m_jjj", "m_lv", "m_blv", "m_wwbb"),
)
"""What the published columns ``f0`` to ``f26`` are, each normalised by its authors."""

_LABELS = ("# label", "#label", "label", "type")
_ROWS = 100_000  # at a time: 12 MB


def read_hepmass(
    path: str | os.PathLike[str],
    entry_start: int | None = None,
    entry_stop: int | None = None,
    *,
    mass: float | None = None,
    processes: Mapping[str, int] | None = None,
    rename: bool = True,
    event: Sequence[str] | Mapping[str, str] | None = None,
    cut: str | None = None,
    derived: Mapping[str, str] | None = None,
    nonfinite: Nonfinite = "error",
    allow_empty: bool = False,
) -> ak.Array:
    """Read a file of HEPMASS (``all_train.csv.gz``, ...) or HEPMASS-IMB.

    The files have a header; a label (``# label`` of HEPMASS, ``type`` of HEPMASS-IMB) becomes
    the column ``is_signal``; ``f0`` to ``f26`` get the names of :data:`HEPMASS_FEATURES`, those
    of the bundled data set "resonance". The features are normalised; ``mass``, the mass of the
    hypothesis in GeV, is not. In HEPMASS the background has masses drawn from those of the signal;
    ``1000_train`` and ``1000_test`` have no column of masses.

    Args:
        path: CSV file, also compressed (``.gz``).
        entry_start: first row after the header.
        entry_stop: one past the last row; beyond the end means the end.
        mass: of all events of a file that has no column of masses, GeV.
        processes: number of each text in the column ``name`` of HEPMASS-IMB, for the column
            ``process``; without it they are numbered from 0 in order of appearance.
        rename: give the features their names; otherwise they keep ``f0`` to ``f26``.
        event: columns to keep, all by default.
        cut: condition on events; see :func:`pcgnn.io.read_root`.
        derived: columns to compute.
        nonfinite: "error", "drop" or "keep" events with NaN or infinities.
        allow_empty: give an empty array instead of an error when nothing is left.

    Returns:
        Records with one number per event and column, and without particles. The provenance
        tells the numbers of the ``processes``.

    Shapes:
        - output (G,) records

    Raises:
        ReadError: if the file is missing, damaged, has no label, or holds other texts than
            ``processes`` says.
        ExpressionError: for a typo or anything not allowed in ``cut`` or ``derived``.
        ConfigError: if the options make no sense.

    Example:
        >>> events = read_hepmass("all_train.csv.gz", cut="mass == 1000")  # doctest: +SKIP
    """
    recipe = Recipe.make(None, event, cut, derived, nonfinite)
    start, stop = check_range(entry_start, entry_stop)
    if mass is not None and (isinstance(mass, bool) or not mass > 0):
        raise ConfigError(f"mass={mass!r} must be a positive number of GeV")
    file = os.fspath(path)
    if not os.path.exists(file):
        raise ReadError("no such file", file=file)
    if not os.path.isfile(file):
        raise ReadError("not a file", file=file)
    numbers = dict(processes or {})
    description = describe(
        "csv", [file], None, recipe, entry_range=[start, stop], processes=numbers
    )
    table = _Table(file, mass, numbers, processes is None, rename)
    chunks = table.chunks(start, stop)
    return assemble(chunks, recipe, Place(file, None), description, allow_empty)


class _Table:
    """One pass over a file."""

    def __init__(
        self, file: str, mass: float | None, numbers: dict[str, int], grow: bool, rename: bool
    ) -> None:
        self.file, self.mass, self.numbers = file, mass, numbers
        self.grow, self.rename = grow, rename

    def chunks(self, start: int, stop: int | None) -> Iterator[Columns]:
        """Columns of the rows from ``start`` to ``stop`` - 1."""
        first = 0
        given = False
        for frame in self._frames(stop):
            last = first + len(frame)
            if last > start or not given:
                wanted = frame.iloc[max(start - first, 0) :]
                begin = last - len(wanted)
                yield Columns(np.arange(begin, last, dtype=np.int64), event=self._columns(wanted))
                given = True
            first = last

    def _frames(self, stop: int | None) -> Iterator[pd.DataFrame]:
        options = {"chunksize": _ROWS, "nrows": stop, "skipinitialspace": True}
        import pandas as pd  # heavy, and of this reader alone

        with reading(self.file), pd.read_csv(self.file, **options) as reader:
            yield from reader

    def _columns(self, frame: pd.DataFrame) -> dict[str, NDArray[Any]]:
        labels = [name for name in frame.columns if name.strip() in _LABELS]
        if len(labels) != 1:
            raise ReadError(
                f"{len(labels)} of the columns {', '.join(map(str, frame.columns))} are a label",
                file=self.file,
                remedy="HEPMASS calls it '# label', HEPMASS-IMB 'type'",
            )
        columns: dict[str, NDArray[Any]] = {}
        for name in frame.columns:
            if name == labels[0]:
                columns["is_signal"] = self._labels(frame[name])
            elif name == "name":
                columns["process"] = self._processes(frame[name])
            else:
                columns[self._called(name)] = self._numbers(name, frame[name])
        if self.mass is not None:
            if "mass" in columns:
                raise ConfigError(
                    f"mass={self.mass!r}, but the file has a column of masses", file=self.file
                )
            columns["mass"] = np.full(len(frame), self.mass, dtype=np.float32)
        return columns

    def _called(self, name: str) -> str:
        number = name[1:] if name.startswith("f") else ""
        if not self.rename or not number.isdecimal() or int(number) >= len(HEPMASS_FEATURES):
            return name.strip()
        return HEPMASS_FEATURES[int(number)]

    def _numbers(self, name: str, values: pd.Series[Any]) -> NDArray[Any]:
        if values.dtype.kind not in "biuf" and len(values):
            raise ReadError("not a column of numbers", file=self.file, branch=str(name))
        return np.asarray(values, dtype=np.float32)

    def _labels(self, values: pd.Series[Any]) -> NDArray[Any]:
        numbers = self._numbers(str(values.name), values)
        odd = ~np.isin(numbers, (0, 1))
        if odd.any():
            raise ReadError(
                f"the label {numbers[odd][0]:g} is neither 0 nor 1",
                file=self.file,
                branch=str(values.name),
                entry=int(values.index[np.flatnonzero(odd)[0]]),
            )
        return numbers.astype(np.int32)

    def _processes(self, values: pd.Series[Any]) -> NDArray[Any]:
        texts = values.astype(str)
        for text in texts.unique():
            if text not in self.numbers:
                if not self.grow:
                    raise ReadError(
                        f"the process {text!r} is not in processes={self.numbers}",
                        file=self.file,
                        branch="name",
                    )
                self.numbers[text] = len(self.numbers)
        return np.asarray(texts.map(self.numbers), dtype=np.int32)
