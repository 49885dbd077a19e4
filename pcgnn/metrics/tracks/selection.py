"""Which particles count: the denominator that every rate shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics.tracks.hits import TruthHits

__all__ = ["ParticleSelection"]


@dataclass(frozen=True)
class ParticleSelection:
    r"""Cuts on particles: $p_T \geq$ `pt_min`, $|\eta| <$ `eta_max`, enough hits, not noise.

    Where the hits have a column `reconstructable` it decides, and the number of hits is asked
    only if `min_particle_hits` is given.

    Args:
        pt_min: lowest transverse momentum in GeV, itself included.
        eta_max: largest |pseudorapidity|, itself excluded; infinity for no cut.
        min_particle_hits: fewest hits in the input; None for 3, or the column alone.
    """

    pt_min: float = 0.9
    eta_max: float = 4.0
    min_particle_hits: int | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.pt_min):
            raise ConfigError(f"pt_min is {self.pt_min}", remedy="give GeV, 0 for no cut")
        if not self.eta_max > 0:
            raise ConfigError(
                f"eta_max is {self.eta_max}", remedy="give a positive number, inf for no cut"
            )
        if self.min_particle_hits is not None and self.min_particle_hits < 0:
            raise ConfigError(f"min_particle_hits is {self.min_particle_hits}")

    def mask(self, hits: TruthHits) -> NDArray[np.bool_]:
        r"""True for each particle that passes.

        Args:
            hits: the hits with their particles.

        Shapes:
            - **output**: $(P,)$

        Raises:
            DataError: a column is missing, or a particle in question has no value (NaN).
        """
        column = hits.of_particles("reconstructable")
        fewest = self.min_particle_hits
        if fewest is None:
            fewest = 3 if column is None else 1
        # a particle without any hit is outside every detector acceptance
        mask: NDArray[np.bool_] = hits.particle_hits >= max(fewest, 1)
        if column is not None:
            mask &= np.nan_to_num(column, nan=0.0) > 0
        if self.pt_min > 0:
            mask = mask & (self._values(hits, "pt", mask, "pt_min=0") >= self.pt_min)
        if np.isfinite(self.eta_max):
            eta = self._values(hits, "eta", mask, "eta_max=float('inf')")
            mask = mask & (np.abs(eta) < self.eta_max)
        return mask

    @staticmethod
    def _values(hits: TruthHits, name: str, used: Any, without: str) -> NDArray[np.float64]:
        values = hits.of_particles(name)
        if values is None:
            raise DataError(
                f"hits: no column {name!r}",
                remedy=f"give the {name} of the particle of each hit, or {without} for no cut",
            )
        bad = used & np.isnan(values)
        if bad.any():
            first = int(np.flatnonzero(bad)[0])
            raise DataError(
                f"{name}: {hits.name(first)} has {hits.particle_hits[first]} hits but its {name} "
                f"is NaN or not listed ({int(bad.sum())} such particles)",
                remedy="complete the particles, or mark their hits as noise (particle_id 0)",
            )
        return values

    def describe(self, hits: TruthHits) -> str:
        """The cuts in words.

        Args:
            hits: the hits they are applied to.
        """
        parts = [f"pT >= {self.pt_min:g} GeV" if self.pt_min > 0 else "no pT floor"]
        parts += [f"|eta| < {self.eta_max:g}" if np.isfinite(self.eta_max) else "any eta"]
        given = hits.of_particles("reconstructable") is not None
        if given:
            parts.append("marked reconstructable")
        fewest = self.min_particle_hits
        if fewest is not None or not given:
            parts.append(f">= {3 if fewest is None else fewest} hits")
        return ", ".join(parts)
