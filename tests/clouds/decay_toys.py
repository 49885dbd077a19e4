"""Two-body decays in plain NumPy, for observables whose answer is then known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TOP, W, B = 172.5, 80.4, 4.8
"""Masses, GeV."""


def moving(mass: float, three: Floats) -> Floats:
    """E, px, py, pz of particles of this mass and these momenta (G, 3)."""
    energy = np.sqrt(mass**2 + (three**2).sum(axis=1))
    return np.concatenate([energy[:, None], three], axis=1)


def boosted(p4: Floats, velocity: Floats) -> Floats:
    square = (velocity**2).sum(axis=1)
    gamma = 1 / np.sqrt(1 - square)
    along = (velocity * p4[:, 1:]).sum(axis=1)
    factor = (gamma - 1) * along / np.maximum(square, 1e-12) + gamma * p4[:, 0]
    energy = gamma * (p4[:, 0] + along)
    return np.concatenate([energy[:, None], p4[:, 1:] + velocity * factor[:, None]], axis=1)


def decay(
    parent: Floats, mass: float, first: float, second: float, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """Isotropic decay of parents of this mass to two particles."""
    size = len(parent)
    energy = (mass**2 + first**2 - second**2) / (2 * mass)
    cos, phi = random.uniform(-1, 1, size), random.uniform(0, 2 * np.pi, size)
    sin = np.sqrt(1 - cos**2)
    direction = np.stack([sin * np.cos(phi), sin * np.sin(phi), cos], axis=1)
    three = np.sqrt(energy**2 - first**2) * direction
    velocity = parent[:, 1:] / parent[:, :1]
    return boosted(moving(first, three), velocity), boosted(moving(second, -three), velocity)


def invariant_mass(p4: Floats) -> Floats:
    return np.sqrt(np.maximum(p4[:, 0] ** 2 - (p4[:, 1:] ** 2).sum(axis=1), 0))
