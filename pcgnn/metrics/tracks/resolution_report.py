"""How far fitted track parameters are from those of the particles, and how that prints."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics.binned import assign_bins
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.text import table

__all__ = ["BinnedResolution", "TrackResolution"]

FloatArray = NDArray[np.float64]

_RESIDUALS = {"pt": "", "phi": "rad", "eta": "", "z0": "mm"}
"""Parameters and the units of their residuals; that of pT is relative."""

_VARIABLES = {"pt": "GeV", "eta": "", "abs_eta": ""}
_QUANTILES = (0.158655, 0.5, 0.841345)
_WIDTH_ERROR = 0.96
"""Error of half the central 68% of a normal sample of size n: this over the square root of n."""


@dataclass(frozen=True, eq=False)
class BinnedResolution:
    r"""Medians and widths of residuals in bins.

    Args:
        edges: bin edges.
        name: the quantity of the true particle on the axis.
        unit: its unit.
        counts: tracks in each bin.
        median: by parameter; NaN in an empty bin.
        width: half of the central 68.27% interval, by parameter; NaN in an empty bin.
        outside: tracks below the first or above the last edge.

    Shapes:
        - **edges**: $(B + 1,)$; all others $(B,)$
    """

    edges: FloatArray
    name: str
    unit: str
    counts: NDArray[np.int64]
    median: dict[str, FloatArray]
    width: dict[str, FloatArray]
    outside: int

    @property
    def width_error(self) -> dict[str, FloatArray]:
        r"""Statistical errors of the widths, $0.96\,w / \sqrt{n}$, right for normal residuals."""
        root = np.sqrt(np.maximum(self.counts, 1))
        return {name: _WIDTH_ERROR * values / root for name, values in self.width.items()}

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; empty bins are null."""
        return {
            "name": self.name,
            "unit": self.unit,
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "outside": self.outside,
            "median": {name: _plain(values) for name, values in self.median.items()},
            "width": {name: _plain(values) for name, values in self.width.items()},
        }

    def __str__(self) -> str:
        head = [f"{self.name} [{self.unit}]" if self.unit else self.name, "tracks"]
        for name in self.median:
            unit = _RESIDUALS[name]
            what = "pt / true - 1" if name == "pt" else f"d{name} [{unit}]" if unit else f"d{name}"
            head += [f"{what}: median", "width"]
        rows = []
        for b, count in enumerate(self.counts):
            row = [f"{self.edges[b]:g} - {self.edges[b + 1]:g}", f"{count:,}"]
            for name in self.median:
                error = self.width_error[name][b]
                row += [f"{self.median[name][b]:+.2g}", f"{self.width[name][b]:.2g} ± {error:.1g}"]
            rows.append(row if count else [*row[:2], *["-"] * (len(row) - 2)])
        return table(head, rows, "  ")


@dataclass(frozen=True, eq=False, repr=False)
class TrackResolution:
    r"""Residuals of fitted tracks, one entry per track used.

    Made by [`track_resolution`][pcgnn.metrics.tracks.resolution.track_resolution].

    Args:
        residuals: by parameter: $p_T / p_T^\mathrm{true} - 1$, and fitted minus true for `phi`
            (wrapped), `eta`, `z0` (absent where no vertex is known).
        pt: true transverse momentum, GeV.
        eta: true pseudorapidity.
        charge: tracks with the right charge over tracks used; None where no charge is known.
        selection: which tracks are used, in words.
        given: tracks given.

    Shapes:
        - **residuals**, **pt**, **eta**: $(T,)$
    """

    residuals: dict[str, FloatArray] = field(repr=False)
    pt: FloatArray
    eta: FloatArray
    charge: Estimate | None
    selection: str
    given: int

    def __len__(self) -> int:
        return len(self.pt)

    def vs(self, variable: str, bins: ArrayLike) -> BinnedResolution:
        """Medians and widths in bins of a quantity of the true particle.

        Args:
            variable: `"pt"`, `"eta"` or `"abs_eta"`.
            bins: rising edges, or a number of bins of equal population.

        Raises:
            ConfigError: an unknown name, or bad bins.
        """
        if variable not in _VARIABLES:
            raise ConfigError(f"variable {variable!r}", remedy=f"choose one of {[*_VARIABLES]}")
        values = self.pt if variable == "pt" else self.eta
        values = np.abs(values) if variable == "abs_eta" else values
        edges, index = assign_bins(values, bins, len(self), variable)
        size = len(edges) - 1
        found = {
            name: np.array([_three(residual[index == b]) for b in range(size)])
            for name, residual in self.residuals.items()
        }
        return BinnedResolution(
            edges,
            variable,
            _VARIABLES[variable],
            np.bincount(index[index >= 0], minlength=size),
            {name: each[:, 1] for name, each in found.items()},
            {name: (each[:, 2] - each[:, 0]) / 2 for name, each in found.items()},
            int((index < 0).sum()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON: everything but the single tracks."""
        return {
            "selection": self.selection,
            "tracks": len(self),
            "given": self.given,
            "charge": None if self.charge is None else self.charge.to_dict(),
            "vs_pt": self.vs("pt", _PT_BINS).to_dict(),
            "vs_abs_eta": self.vs("abs_eta", _ETA_BINS).to_dict(),
        }

    def __str__(self) -> str:
        lines = [
            f"Track resolution: {len(self):,} of {self.given:,} tracks, {self.selection}",
            str(self.vs("pt", _PT_BINS)),
            "",
            str(self.vs("abs_eta", _ETA_BINS)),
            "",
            "  width: half of the central 68.27%; errors for normal residuals",
        ]
        if self.charge is not None:
            lines.append(f"  right charge: {self.charge} ({self.charge.counts})")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"TrackResolution({len(self):,} of {self.given:,} tracks)"


_PT_BINS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 1000.0)
_ETA_BINS = (0.0, 1.0, 2.5, 4.0)


def _three(values: FloatArray) -> FloatArray:
    return np.quantile(values, _QUANTILES) if len(values) else np.full(3, np.nan)


def _plain(values: FloatArray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
