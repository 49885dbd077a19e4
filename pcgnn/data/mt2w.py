"""The smallest mother mass mT2W of events that lost one lepton of a top-quark pair.

Y. Bai, H.-C. Cheng, J. Gallicchio, J. Gu, *Stop the top background of the stop search*,
J. High Energy Phys. 07 (2012) 110, arXiv:1203.4813.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError

__all__ = ["MT2W_MAX", "mt2w", "mt2w_of_pair"]

MT2W_MAX = 500.0
"""No larger mass is tried; events that need one get this value, GeV."""

_W_MASS = 80.4
_ANGLES = 32  # first look at each curve
_ZOOMS, _ZOOM_POINTS = 3, 7  # then near its best point, each time three times as close
_SCAN = 40  # masses tried between the lower limit and MT2W_MAX
_HALVINGS = 12
_ROWS = 2_000  # at once: 2000 x 32 numbers fit the cache

Floats = NDArray[np.float64]


def mt2w(
    lepton: Floats,
    jets: Floats,
    btag: NDArray[np.bool_],
    met_x: Floats,
    met_y: Floats,
    *,
    light_jets: int = 3,
) -> Floats:
    """mT2W of events, the smallest over the jets that may be the two b jets.

    With two or more tagged jets these are the leading two tagged; with one it is paired with
    each of the leading ``light_jets`` others; with none any two of these. Each pair is tried
    both ways around, see :func:`mt2w_of_pair`.

    Args:
        lepton: E, px, py, pz, GeV.
        jets: the same of so many jets per event, by falling transverse momentum; zeros where
            an event has fewer.
        btag: which are tagged.
        met_x: missing transverse momentum along x, GeV.
        met_y: along y, GeV.
        light_jets: number of jets without tag that are tried.

    Shapes:
        - lepton (G, 4), jets (G, J, 4), btag (G, J), met_x and met_y (G,), output (G,)

    Raises:
        DataError: shapes do not agree or an event has fewer than two jets.
        ConfigError: ``light_jets`` is no number from 1.

    Example:
        >>> lepton = np.array([[50.0, 50.0, 0.0, 0.0]])
        >>> jets = np.array([[[60.0, -60.0, 0.0, 0.0], [70.0, 0.0, 70.0, 0.0]]])
        >>> tags = np.array([[True, True]])
        >>> mt2w(lepton, jets, tags, np.array([10.0]), np.array([-70.0])).round(1)
        array([144.2])
    """
    if isinstance(light_jets, bool) or not isinstance(light_jets, int) or light_jets < 1:
        raise ConfigError(f"light_jets={light_jets!r} must be a whole number from 1")
    size = len(lepton)
    met_shapes = {np.shape(met_x), np.shape(met_y)}
    if jets.shape[::2] != (size, 4) or btag.shape != jets.shape[:2] or met_shapes != {(size,)}:
        raise DataError(
            f"{size} leptons, jets of shape {jets.shape}, tags of {btag.shape} and missing "
            f"momenta of {sorted(met_shapes)} do not belong together"
        )
    real = jets[:, :, 0] > 0
    if size and (real.sum(axis=1) < 2).any():
        short = int(np.flatnonzero(real.sum(axis=1) < 2)[0])
        raise DataError("mT2W needs two jets", entry=short, remedy="select njet >= 2")
    event, first, second = _pairs(btag & real, real, light_jets)
    both = [(first, second), (second, first)]
    best = np.full(size, MT2W_MAX)
    for beside, other in both:
        mass = mt2w_of_pair(
            lepton[event], jets[event, beside], jets[event, other], met_x[event], met_y[event]
        )
        np.minimum.at(best, event, mass)
    return best


def _pairs(
    tagged: NDArray[np.bool_], real: NDArray[np.bool_], light_jets: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Event and the two jets of every pair to try, each unordered pair once."""
    tags = tagged.sum(axis=1)[:, None]
    tag_rank = np.where(tagged, np.cumsum(tagged, axis=1), 0)
    light = real & ~tagged
    light_rank = np.where(light, np.cumsum(light, axis=1), 0)
    eligible_tag = (tag_rank > 0) & (tag_rank <= 2)
    eligible_light = (light_rank > 0) & (light_rank <= light_jets) & (tags < 2)
    chosen = eligible_tag | eligible_light
    pair = chosen[:, :, None] & chosen[:, None, :]
    pair &= np.triu(np.ones(pair.shape[1:], dtype=bool), 1)
    with_tag = tagged[:, :, None] | tagged[:, None, :]
    pair &= with_tag | (tags[:, :, None] == 0)
    event, first, second = np.nonzero(pair)
    return event, first, second


def mt2w_of_pair(
    lepton: Floats, b_leptonic: Floats, b_other: Floats, met_x: Floats, met_y: Floats
) -> Floats:
    """mT2W for given jets: b beside the lepton, and the one whose W boson was not seen.

    ::

        mT2W = min m_y  such that  p1 + p2 = pTmiss (transverse),  p1^2 = 0,  p2^2 = m_W^2,
               (p1 + p_l)^2 = m_W^2,  (p1 + p_l + p_b1)^2 = (p2 + p_b2)^2 = m_y^2

    For a mass m_y, the neutrino p1 lies on a closed curve: with a = m_W^2 / 2 and
    c = (m_y^2 - m_W^2 - m_b^2) / 2 - l.b1 ::

        p1 = alpha l + beta b1 + rho (cos t e1 + sin t e2),   beta = a / l.b1,
        alpha = (c - beta m_b^2) / l.b1,   rho^2 = 2 alpha beta l.b1 + beta^2 m_b^2

    with unit vectors e1, e2 that are orthogonal to l and b1. The W boson p2 has a solution
    for its longitudinal momentum where its transverse mass with b2 is not above m_y. The first
    of 40 masses for which the curve has such a point is refined by bisection.

    Args:
        lepton: E, px, py, pz, GeV, taken as massless.
        b_leptonic: the same of the jet beside the lepton.
        b_other: the same of the other jet.
        met_x: missing transverse momentum along x, GeV.
        met_y: along y, GeV.

    Returns:
        Masses, GeV, to about 0.01; :data:`MT2W_MAX` where no smaller one is found.

    Shapes:
        - all momenta (G, 4), met_x and met_y (G,), output (G,)

    Example:
        >>> lepton = np.array([[50.0, 50.0, 0.0, 0.0]])
        >>> b1 = np.array([[60.0, -60.0, 0.0, 0.0]])
        >>> b2 = np.array([[70.0, 0.0, 70.0, 0.0]])
        >>> mt2w_of_pair(lepton, b1, b2, np.array([10.0]), np.array([-70.0])).round(1)
        array([176.8])
    """
    masses = [
        _least_masses(
            _Curves.make(lepton[rows], b_leptonic[rows], b_other[rows], met_x[rows], met_y[rows])
        )
        for rows in (slice(start, start + _ROWS) for start in range(0, len(lepton), _ROWS))
    ]
    return np.concatenate([np.zeros(0), *masses])


@dataclass(frozen=True)
class _Curves:
    """What the curves of the neutrinos and the test of the other side need, all (G, 1).

    Args:
        l_dot_b: product of lepton and jet, GeV^2.
        beta: share of the jet in the neutrino.
        mass2: squared mass of the jet, GeV^2.
        l_x, l_y: transverse momentum of the lepton, GeV.
        b_x, b_y: of the jet.
        e1_x, e1_y: transverse part of the first unit vector.
        e2_x, e2_y: of the second.
        other_mass2: squared mass of the other jet, GeV^2.
        other_x, other_y: its transverse momentum, GeV.
        met_x, met_y: missing transverse momentum, GeV.
    """

    l_dot_b: Floats
    beta: Floats
    mass2: Floats
    l_x: Floats
    l_y: Floats
    b_x: Floats
    b_y: Floats
    e1_x: Floats
    e1_y: Floats
    e2_x: Floats
    e2_y: Floats
    other_mass2: Floats
    other_x: Floats
    other_y: Floats
    met_x: Floats
    met_y: Floats

    @classmethod
    def make(
        cls, lepton: Floats, jet: Floats, other: Floats, met_x: Floats, met_y: Floats
    ) -> _Curves:
        lepton, jet, other = (values.astype(np.float64) for values in (lepton, jet, other))
        lepton[:, 0] = np.linalg.norm(lepton[:, 1:], axis=1)
        mass2 = np.maximum(_dot(jet, jet), 0.0)
        jet[:, 0] = np.sqrt((jet[:, 1:] ** 2).sum(axis=1) + mass2)
        l_dot_b = np.maximum(_dot(lepton, jet), 1e-6)
        normal = np.cross(lepton[:, 1:], jet[:, 1:])
        e1 = normal / np.maximum(np.linalg.norm(normal, axis=1), 1e-9)[:, None]
        # the time axis without its parts along lepton and jet
        along_jet = lepton[:, 0] / l_dot_b
        along_lepton = (jet[:, 0] - along_jet * mass2) / l_dot_b
        e2 = -along_lepton[:, None] * lepton - along_jet[:, None] * jet
        e2[:, 0] += 1.0
        e2 = e2 / np.sqrt(np.maximum(-_dot(e2, e2), 1e-18))[:, None]
        columns = (
            l_dot_b, _W_MASS**2 / 2 / l_dot_b, mass2,
            lepton[:, 1], lepton[:, 2], jet[:, 1], jet[:, 2], e1[:, 0], e1[:, 1], e2[:, 1],
            e2[:, 2], np.maximum(_dot(other, other), 0.0), other[:, 1], other[:, 2], met_x, met_y,
        )  # fmt: skip
        return cls(*(np.asarray(column, dtype=np.float64)[:, None] for column in columns))

    def take(self, rows: NDArray[np.int64]) -> _Curves:
        """Some of the events."""
        return _Curves(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def lower_limit(self) -> Floats:
        """Mass at which the curve shrinks to a point, or the other side begins; (G,)."""
        c_least = self.beta * self.mass2 / 2
        seen = np.sqrt(_W_MASS**2 + self.mass2 + 2 * (c_least + self.l_dot_b))
        limit: Floats = np.maximum(seen, _W_MASS + np.sqrt(self.other_mass2))[:, 0]
        return limit

    def excess(self, mass: Floats, angle: Floats) -> Floats:
        """Squared transverse mass of the other side minus m_y^2; mass (G,), angle (G or 1, A)."""
        mass2 = mass[:, None] ** 2
        c = (mass2 - _W_MASS**2 - self.mass2) / 2 - self.l_dot_b
        alpha = (c - self.beta * self.mass2) / self.l_dot_b
        rho2 = 2 * alpha * self.beta * self.l_dot_b + self.beta**2 * self.mass2
        rho = np.sqrt(np.maximum(rho2, 0.0))
        cos, sin = rho * np.cos(angle), rho * np.sin(angle)
        x = self.met_x - alpha * self.l_x - self.beta * self.b_x - cos * self.e1_x - sin * self.e2_x
        y = self.met_y - alpha * self.l_y - self.beta * self.b_y - cos * self.e1_y - sin * self.e2_y
        jet = np.sqrt(self.other_x**2 + self.other_y**2 + self.other_mass2)
        product = np.sqrt(_W_MASS**2 + x * x + y * y) * jet - x * self.other_x - y * self.other_y
        above: Floats = _W_MASS**2 + self.other_mass2 + 2 * product - mass2
        return above


def _least_masses(curves: _Curves) -> Floats:
    low = curves.lower_limit()
    below, above = low.copy(), np.full(len(low), MT2W_MAX)
    found = np.zeros(len(low), dtype=bool)
    waiting = np.flatnonzero(low < MT2W_MAX)
    # where one mass is allowed a larger one need not be: search from below
    for step in range(_SCAN):
        if not len(waiting):
            break
        mass = low[waiting] + (MT2W_MAX - low[waiting]) * step / (_SCAN - 1)
        hit = _allowed(curves.take(waiting), mass)
        above[waiting[hit]], found[waiting[hit]] = mass[hit], True
        below[waiting[~hit]] = mass[~hit]
        waiting = waiting[~hit]
    rows = np.flatnonzero(found)
    inside = curves.take(rows)
    for _ in range(_HALVINGS):
        middle = (below[rows] + above[rows]) / 2
        hit = _allowed(inside, middle)
        above[rows] = np.where(hit, middle, above[rows])
        below[rows] = np.where(hit, below[rows], middle)
    return above


def _allowed(curves: _Curves, mass: Floats) -> NDArray[np.bool_]:
    """Whether some point of the curve leaves the other side a transverse mass below ``mass``."""
    step = 2 * np.pi / _ANGLES
    angle: Floats = np.asarray(np.arange(_ANGLES)[None] * step, dtype=np.float64)
    allowed = np.zeros(len(mass), dtype=bool)
    rows = np.arange(len(mass))
    for _ in range(1 + _ZOOMS):
        values = curves.excess(mass[rows], angle)
        best = values.argmin(axis=1)
        one = np.arange(len(rows))
        hit = values[one, best] <= 0
        allowed[rows[hit]] = True
        centre = np.broadcast_to(angle, values.shape)[one, best][~hit]
        rows, curves = rows[~hit], curves.take(np.flatnonzero(~hit))
        nearby = np.linspace(-step, step, _ZOOM_POINTS, dtype=np.float64)
        angle = centre[:, None] + nearby
        step /= (_ZOOM_POINTS - 1) / 2
    return allowed


def _dot(a: Floats, b: Floats) -> Floats:
    product: Floats = a[:, 0] * b[:, 0] - (a[:, 1:] * b[:, 1:]).sum(axis=1)
    return product
