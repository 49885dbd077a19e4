"""Charged particles of proton collisions from simple spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_particles"]

_PION_MASS = 0.13957
"""GeV."""

_TSALLIS_POWER, _TSALLIS_TEMPERATURE = 6.6, 0.145
"""Exponent, and temperature in GeV, of the spectrum of charged particles at the LHC."""

_PER_COLLISION, _SHAPE = 62.0 / 7.0, 1.6
"""Mean charged particles per collision and unit of pseudorapidity; the shape parameter of their
negative binomial distribution, whose variance is mean + mean^2 / shape."""

_HARD_FACTOR, _HARD_EXTRA = 2, 60
"""The hard collision has twice as many and 60 more."""

_HARD_FRACTION, _HARD_MOMENTUM = 0.3, 3.0
"""Fraction of its particles with additional transverse momentum, and its mean in GeV."""

_BEAM_SPOT = (0.0125, 0.0125, 55.5)
"""Spread of the collisions in x, y, z, mm."""

_DECAY_FRACTION, _DECAY_LENGTH, _DECAY_ANGLE = 0.06, 15.0, 0.1
"""Fraction of particles from decays, mean transverse flight in mm, and the spread in rad of the
angle between the flight and the particle."""

_LARGEST_MOMENTUM = 100.0
"""Upper end of the spectrum, GeV."""


def draw_particles(
    random: np.random.Generator, pile_up: float, pt_min: float, eta_max: float
) -> dict[str, NDArray[np.generic]]:
    """Draw the charged particles of one event.

    Args:
        random: generator.
        pile_up: mean number of collisions besides the hard one.
        pt_min: lowest transverse momentum, GeV.
        eta_max: largest absolute pseudorapidity; flat up to there.

    Returns:
        ``pt, eta, phi, charge, vx, vy, vz``, ``vertex`` (number of the collision, 0 the hard
        one), and ``secondary`` (1 for particles of decays).
    """
    collisions = 1 + int(random.poisson(pile_up))
    sizes = _multiplicities(random, collisions, eta_max)
    size = int(sizes.sum())
    vertex = np.repeat(np.arange(collisions, dtype=np.int32), sizes)
    pt = _momenta(random, size, pt_min)
    hard = (vertex == 0) & (random.random(size) < _HARD_FRACTION)
    pt = pt + np.where(hard, random.exponential(_HARD_MOMENTUM, size), 0.0)
    eta = random.uniform(-eta_max, eta_max, size)
    phi = random.uniform(-np.pi, np.pi, size)
    charge = (2 * random.integers(0, 2, size) - 1).astype(np.int8)
    origin = [random.normal(0.0, width, collisions)[vertex] for width in _BEAM_SPOT]
    secondary = random.random(size) < _DECAY_FRACTION
    flight = np.where(secondary, random.exponential(_DECAY_LENGTH, size), 0.0)
    direction = phi + random.normal(0.0, _DECAY_ANGLE, size)
    return {
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "charge": charge,
        "vx": origin[0] + flight * np.cos(direction),
        "vy": origin[1] + flight * np.sin(direction),
        "vz": origin[2] + flight * np.sinh(eta),
        "vertex": vertex,
        "secondary": secondary.astype(np.int8),
    }


def _multiplicities(
    random: np.random.Generator, collisions: int, eta_max: float
) -> NDArray[np.int64]:
    mean = _PER_COLLISION * 2.0 * eta_max
    sizes = random.negative_binomial(_SHAPE, _SHAPE / (_SHAPE + mean), collisions)
    sizes[0] = _HARD_FACTOR * sizes[0] + _HARD_EXTRA
    return sizes


def _momenta(random: np.random.Generator, size: int, pt_min: float) -> NDArray[np.float64]:
    r"""Transverse momenta from the Tsallis spectrum by inversion of its integral.

    $$\frac{dN}{dp_T} \propto p_T \left(1 + \frac{m_T - m}{n T}\right)^{-n}$$
    """
    grid = np.geomspace(pt_min, max(_LARGEST_MOMENTUM, 2.0 * pt_min), 4000)
    energy = np.hypot(grid, _PION_MASS) - _PION_MASS
    density = grid * (1.0 + energy / (_TSALLIS_POWER * _TSALLIS_TEMPERATURE)) ** -_TSALLIS_POWER
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(grid)
    integral = np.concatenate(([0.0], np.cumsum(steps)))
    return np.interp(random.random(size), integral / integral[-1], grid)
