"""Geometric selection of edges by pairs of layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError
from pcgnn.tracking.columns import EventHits
from pcgnn.tracking.edge_maker import EdgeMaker
from pcgnn.tracking.event_join import join_event
from pcgnn.tracking.geometry import LayerGeometry, geometry

__all__ = ["LayerPairCuts"]

# pT floor in GeV -> largest |d_phi/d_r| in 1/mm, largest |z0| in mm
_TABLES: dict[str, dict[float, tuple[float, float]]] = {
    "trackml": {
        0.5: (0.0085, 500.0),
        0.8: (0.008, 425.0),
        0.9: (0.0072, 375.0),
        1.0: (0.007, 350.0),
        1.5: (0.006, 275.0),
    },
    "generic": {
        0.5: (2.2e-3, 200.0),
        1.0: (1.1e-3, 160.0),
        1.5: (8e-4, 140.0),
        2.0: (6e-4, 100.0),
    },
}


@dataclass(frozen=True)
class LayerPairCuts(EdgeMaker):
    r"""Cuts on pairs of hits on allowed pairs of layers.

    As in "Charged particle tracking via edge-classifying interaction networks" (`arXiv:2103.16701
    <https://arxiv.org/abs/2103.16701>`__): an edge joins hits 1 (inner layer) and 2 (outer layer)
    if

    .. math::
        \left|\frac{\Delta\phi}{r_2 - r_1}\right| < s, \qquad
        \left| z_1 - r_1 \frac{z_2 - z_1}{r_2 - r_1} \right| < z_{0,\max}

    with the azimuth wrapped to :math:`(-\pi, \pi]`. In a field of B tesla a particle of transverse
    momentum p_T (GeV) from the beam line bends by :math:`|\Delta\phi/\Delta r| \approx
    0.15\,B/(1000\,p_T)` per mm.

    Args:
        phi_slope_max: s in 1/mm; None for no cut.
        z0_max: largest \|z0\| in mm; None for no cut.
        eta_max: largest \|eta\| of either hit, seen from the origin; None for no cut.
        dr_max: largest :math:`\Delta R = \sqrt{\Delta\eta^2 + \Delta\phi^2}`; None for no cut.
        pairs: allowed pairs (inner, outer) of layer numbers; None for those of the geometry.
        layers: a :class:`LayerGeometry` or the name of one.
        pt: the pT floor in GeV the cuts are made for; for the record and as the default floor of
            reports.

    Raises:
        ConfigError: a cut that is not positive, or pairs of layers that do not exist.

    Example:
        >>> cuts = LayerPairCuts.for_pt(1.0)
        >>> cuts.phi_slope_max, cuts.z0_max
        (0.0011, 160.0)
    """

    kind: ClassVar[str] = "layer-pairs"

    phi_slope_max: float | None
    z0_max: float | None
    eta_max: float | None = None
    dr_max: float | None = None
    pairs: tuple[tuple[int, int], ...] | None = None
    layers: str | LayerGeometry = "generic_pixels"
    pt: float | None = None

    def __post_init__(self) -> None:
        for name in ("phi_slope_max", "z0_max", "eta_max", "dr_max", "pt"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} = {value!r} must be a positive number, or None")
        found = geometry(self.layers)
        if self.pairs is not None:
            pairs = tuple((int(a), int(b)) for a, b in self.pairs)
            object.__setattr__(self, "pairs", pairs)
            replace(found, pairs=pairs, crossings=())  # says what is wrong with them

    @classmethod
    def for_pt(cls, pt: float, table: str = "generic") -> LayerPairCuts:
        """Cuts for particles above a transverse momentum.

        Args:
            pt: pT floor in GeV. Between two entries of a table the looser one is taken.
            table: "generic" for the ACTS Generic detector, "trackml" for the published table of
                2103.16701, which is far looser.

        Raises:
            ConfigError: no such table, or pT below its first entry.
        """
        if table not in _TABLES:
            raise ConfigError(f"no table {table!r}", remedy=f"choose one of {sorted(_TABLES)}")
        entries = [floor for floor in _TABLES[table] if floor <= pt]
        if not entries:
            raise ConfigError(
                f"the table {table!r} begins at {min(_TABLES[table])} GeV, not at {pt} GeV",
                remedy="give phi_slope_max and z0_max yourself",
            )
        slope, z0 = _TABLES[table][max(entries)]
        return cls(slope, z0, layers=f"{table}_pixels", pt=float(pt))

    @classmethod
    def barrel(
        cls, phi_slope_max: float = 6e-4, z0_max: float = 100.0, layers: str = "generic_barrel"
    ) -> LayerPairCuts:
        """The barrel alone, ten layers, neighbouring ones joined."""
        return cls(phi_slope_max, z0_max, layers=layers)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> LayerPairCuts:
        """Cuts from plain values, as :meth:`to_dict` gives them; what is absent is None.

        Raises:
            ConfigError: unknown keys.
        """
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(value) - known):
            raise ConfigError(f"cuts have no {unknown[0]!r}", remedy=f"choose from {sorted(known)}")
        plain = {"phi_slope_max": None, "z0_max": None, **value}
        if plain.get("pairs") is not None:
            plain["pairs"] = tuple((int(a), int(b)) for a, b in plain["pairs"])
        return cls(**plain)

    @property
    def geometry(self) -> LayerGeometry:
        """The layers, with the pairs that are allowed."""
        found = geometry(self.layers)
        return found if self.pairs is None else replace(found, pairs=self.pairs)

    @property
    def allowed_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of layers that are joined."""
        return self.geometry.pairs

    def number(self, hits: EventHits, event: int) -> NDArray[np.int64]:
        """Number the layers as the geometry does; -1 for hits on others, which take no part."""
        return geometry(self.layers).number(hits.volume, hits.layer)

    def join(self, hits: EventHits, layer: NDArray[np.int64], event: int) -> NDArray[np.int64]:
        """Join the hits on allowed pairs of layers that pass the cuts, (2, E)."""
        return join_event(hits, layer, self.geometry, lambda inner, outer: self)

    def keep(
        self,
        r1: NDArray[np.float64],
        z1: NDArray[np.float64],
        dr: NDArray[np.float64],
        dphi: NDArray[np.float64],
        dz: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Whether pairs of hits pass the cuts on slope and z0.

        Written without division: pairs of equal radius never pass a cut.

        Args:
            r1: radius of the inner hits, mm.
            z1: z of the inner hits, mm.
            dr: difference of the radii, mm.
            dphi: wrapped difference of the azimuths, rad.
            dz: difference in z, mm.

        **Shapes:** all (E,) -> (E,)
        """
        span = np.abs(dr)
        passed = np.ones(span.shape, dtype=bool)
        if self.phi_slope_max is not None:
            np.less(np.abs(dphi), self.phi_slope_max * span, out=passed)
        if self.z0_max is not None:
            passed &= np.abs(z1 * dr - r1 * dz) < self.z0_max * span
        return passed

    def to_dict(self) -> dict[str, Any]:
        """Plain values for configurations, provenance and checkpoints."""
        plain = asdict(replace(self, layers="generic_pixels", pairs=None))
        plain["layers"] = geometry(self.layers).name
        plain["pairs"] = [list(pair) for pair in self.geometry.pairs]
        return plain

    def __str__(self) -> str:
        parts = []
        if self.phi_slope_max is not None:
            parts.append(f"|d_phi/d_r| < {self.phi_slope_max:g} /mm")
        if self.z0_max is not None:
            parts.append(f"|z0| < {self.z0_max:g} mm")
        if self.eta_max is not None:
            parts.append(f"|eta| < {self.eta_max:g}")
        if self.dr_max is not None:
            parts.append(f"dR < {self.dr_max:g}")
        return f"{geometry(self.layers).name}, {len(self.geometry.pairs)} layer pairs, " + (
            ", ".join(parts) or "no cuts"
        )
