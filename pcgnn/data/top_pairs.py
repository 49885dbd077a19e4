"""Masses in events with one lepton, missing momentum and four jets, as top-quark pairs."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import DataError

__all__ = ["TOP_PAIR_MASSES", "neutrino_pz", "top_pair_masses", "transverse_mass"]

TOP_PAIR_MASSES = ("m_lv", "m_jj", "m_jjj", "m_blv", "m_wwbb")
"""W to leptons, W to quarks, the top quark of each, and the pair."""

_W_MASS, _TOP_MASS = 80.4, 172.5
# Resolutions of the reconstructed masses, GeV.
_SIGMA_W, _SIGMA_HADRONIC, _SIGMA_LEPTONIC = 12.0, 20.0, 25.0

Floats = NDArray[np.float64]


def transverse_mass(px: Floats, py: Floats, met_x: Floats, met_y: Floats) -> Floats:
    """Mass of a lepton and the missing momentum in the transverse plane.

    ::

        mT^2 = 2 (pT MET - pT . MET)

    Args:
        px: of the lepton, GeV.
        py: GeV.
        met_x: missing transverse momentum, GeV.
        met_y: GeV.

    Shapes:
        - all (G,)

    Example:
        >>> zero = np.zeros(1)
        >>> transverse_mass(np.array([40.0]), zero, np.array([-40.0]), zero)
        array([80.])
    """
    squared = 2 * (np.hypot(px, py) * np.hypot(met_x, met_y) - px * met_x - py * met_y)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def neutrino_pz(lepton: Floats, met_x: Floats, met_y: Floats) -> tuple[Floats, Floats]:
    """The two longitudinal momenta that give lepton and neutrino the mass of the W boson.

    ::

        pz = (a l_z +- E sqrt(a^2 - pT^2 MET^2)) / pT^2,   a = m_W^2 / 2 + pT . MET

    Where the transverse mass is above that of the W boson, the root is left out.

    Args:
        lepton: E, px, py, pz, GeV, taken as massless.
        met_x: missing transverse momentum, GeV.
        met_y: GeV.

    Returns:
        The solution nearer to zero, and the other, GeV.

    Shapes:
        - lepton (G, 4), all others (G,)
    """
    px, py, pz = lepton[:, 1], lepton[:, 2], lepton[:, 3]
    pt2 = np.maximum(px**2 + py**2, 1e-12)
    a = _W_MASS**2 / 2 + px * met_x + py * met_y
    energy = np.sqrt(pt2 + pz**2)
    root = energy * np.sqrt(np.maximum(a**2 - pt2 * (met_x**2 + met_y**2), 0.0))
    both = np.stack([a * pz - root, a * pz + root]) / pt2
    order = np.argsort(np.abs(both), axis=0, kind="stable")
    near, far = np.take_along_axis(both, order, axis=0)
    return near, far


def top_pair_masses(
    lepton: Floats, jets: Floats, met_x: Floats, met_y: Floats
) -> dict[str, Floats]:
    """Masses of the best assignment of four jets to t t -> (b l nu) (b q q).

    All twelve assignments and both neutrinos of :func:`neutrino_pz` are tried; the best has the
    least ::

        ((m_jj - 80.4) / 12)^2 + ((m_jjj - 172.5) / 20)^2 + ((m_blv - 172.5) / 25)^2      (GeV)

    Args:
        lepton: E, px, py, pz, GeV.
        jets: the same of the four leading jets.
        met_x: missing transverse momentum, GeV.
        met_y: GeV.

    Returns:
        The names of :data:`TOP_PAIR_MASSES` and the masses, GeV.

    Shapes:
        - lepton (G, 4), jets (G, 4, 4), all others (G,)

    Raises:
        DataError: there are not four jets per event.
    """
    if jets.shape != (len(lepton), 4, 4):
        raise DataError(
            f"{len(lepton)} leptons and jets of shape {jets.shape}",
            remedy="give E, px, py, pz of the four leading jets of each event",
        )
    best = np.full(len(lepton), np.inf)
    found = np.zeros((len(TOP_PAIR_MASSES), len(lepton)))
    for pz in neutrino_pz(lepton, met_x, met_y):
        energy = np.sqrt(met_x**2 + met_y**2 + pz**2)
        leptonic_w = lepton + np.stack([energy, met_x, met_y, pz], axis=1)
        m_lv = _mass(leptonic_w)
        for first, second in itertools.combinations(range(4), 2):
            hadronic_w = jets[:, first] + jets[:, second]
            m_jj = _mass(hadronic_w)
            rest = [place for place in range(4) if place not in (first, second)]
            for hadronic_b, leptonic_b in (rest, rest[::-1]):
                hadronic_top = hadronic_w + jets[:, hadronic_b]
                leptonic_top = leptonic_w + jets[:, leptonic_b]
                m_jjj, m_blv = _mass(hadronic_top), _mass(leptonic_top)
                distance = ((m_jj - _W_MASS) / _SIGMA_W) ** 2
                distance += ((m_jjj - _TOP_MASS) / _SIGMA_HADRONIC) ** 2
                distance += ((m_blv - _TOP_MASS) / _SIGMA_LEPTONIC) ** 2
                better = distance < best
                best = np.where(better, distance, best)
                masses = (m_lv, m_jj, m_jjj, m_blv, _mass(hadronic_top + leptonic_top))
                found = np.where(better, np.stack(masses), found)
    return dict(zip(TOP_PAIR_MASSES, found, strict=True))


def _mass(p4: Floats) -> Floats:
    squared = p4[:, 0] ** 2 - (p4[:, 1:] ** 2).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))
