"""Energies of particles from two calorimeters, and muons by what they leave there."""

from __future__ import annotations

import awkward as ak
import numpy as np

from pcgnn.errors import DataError

__all__ = ["MUON_MASS", "calorimeter_energies"]

MUON_MASS = 0.10566
"""GeV."""


def calorimeter_energies(jets: ak.Array, *, tolerance: float = 0.01) -> ak.Array:
    r"""Take the energy of particles from the calorimeters, and tell muons by it.

    The recipe of the regression of the soft-drop mass (challenge of the workshop on machine
    learning at CERN, 2018): with the energies in the electromagnetic and the hadronic calorimeter
    and the momentum :math:`p = |\vec p\,|`

    .. math:: E = E_\mathrm{ECAL} + E_\mathrm{HCAL}

    A charged particle with :math:`E/p < 1 - \mathrm{tolerance}` left less energy than its track has
    momentum. It is a muon and gets :math:`E = \sqrt{p^2 + m_\mu^2}`. No other charged particle can
    have E below p; the tolerance is for rounding, and for nothing else, so that files in which
    tracked hadrons have a measured energy (with a resolution of 10% and more) do not suit. Neutral
    particles are never muons.

    Args:
        jets: records as :func:`pcgnn.read_root` gives them, whose particles have ``ecal``,
            ``hcal`` (GeV) and ``charge``.
        tolerance: see above, in [0, 1).

    Returns:
        the records with other energies, and ``is_muon`` (0 or 1) among the fields of particles.

    Raises:
        DataError: a field is missing, or the tolerance makes no sense.

    Example:
        >>> jets = pcgnn.read_root("softdrop.root", particles="part_*")  # doctest: +SKIP
        >>> jets = calorimeter_energies(jets)  # doctest: +SKIP
    """
    if not 0 <= tolerance < 1:
        raise DataError(f"tolerance = {tolerance} must be from 0 to below 1")
    particles = jets.particles if "particles" in jets.fields else None
    names = [] if particles is None else particles.fields
    for name in ("ecal", "hcal", "charge"):
        if name not in names:
            raise DataError(
                f"the particles have no field {name!r}",
                branch=f"part_{name}",
                remedy="read it: particles='part_*' takes all branches of that name",
            )
    assert particles is not None
    momentum = particles.p
    energy = particles.ecal + particles.hcal
    muon = (particles.charge != 0) & (energy < (1 - tolerance) * momentum)
    energy = ak.where(muon, np.sqrt(momentum**2 + MUON_MASS**2), energy)
    kept = {n: particles[n] for n in names if n not in ("energy", "E", "mass", "M", "m", "t")}
    made = ak.zip(
        {**kept, "energy": energy, "is_muon": ak.values_astype(muon, np.int8)},
        with_name="Momentum4D",
        behavior=jets.behavior,
        depth_limit=2,
    )
    found = ak.with_field(jets, made, "particles")
    return ak.Array(found.layout, behavior=jets.behavior, attrs=jets.attrs)
