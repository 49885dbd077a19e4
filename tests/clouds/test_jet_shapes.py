"""Soft drop and N-subjettiness against plain formulas; only where FastJet is installed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from pcgnn.data.jet_shapes import load_fastjet, n_subjettiness, softdrop_mass
from pcgnn.errors import BackendError, ConfigError, DataError

REASON = "the extra [simulation] is not installed"


@pytest.fixture(scope="module", autouse=True)
def _fastjet() -> None:
    pytest.importorskip("fastjet", reason=REASON)


def four(pt: object, y: object, phi: object, mass: float = 0.0) -> NDArray[np.float64]:
    """E, px, py, pz from pT, rapidity, phi and mass."""
    pt, y, phi = (np.asarray(values, dtype=np.float64) for values in (pt, y, phi))
    mt = np.hypot(pt, mass)
    return np.stack([mt * np.cosh(y), pt * np.cos(phi), pt * np.sin(phi), mt * np.sinh(y)], axis=1)


def mass_of(p4: NDArray[np.float64]) -> float:
    e, px, py, pz = p4.sum(axis=0)
    return float(np.sqrt(max(e**2 - px**2 - py**2 - pz**2, 0.0)))


def polar(p4: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    e, px, py, pz = p4.T
    return np.hypot(px, py), np.arctanh(pz / e), np.arctan2(py, px)


def random_jets(seed: int, sizes: list[int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    total = sum(sizes)
    p4 = four(
        rng.exponential(10.0, total) + 0.1,
        rng.normal(0.7, 0.25, total),
        rng.normal(3.1, 0.25, total),  # across the seam of phi
        0.14,
    )
    return p4, np.concatenate([[0], np.cumsum(sizes)])


def distance(y: object, phi: object, axis_y: float, axis_phi: float) -> NDArray[np.float64]:
    dphi = np.remainder(phi - axis_phi + np.pi, 2 * np.pi) - np.pi  # type: ignore[operator]
    return np.hypot(y - axis_y, dphi)  # type: ignore[operator]


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_tau1_is_the_plain_sum_about_the_jet(beta: float) -> None:
    p4, ptr = random_jets(1, [3, 17, 50, 2])
    found = n_subjettiness(p4, ptr, n=(1,), radius=0.6, beta=beta, axes="kt")[:, 0]
    for i, tau in enumerate(found):
        jet = p4[ptr[i] : ptr[i + 1]]
        pt, y, phi = polar(jet)
        _, axis_y, axis_phi = polar(jet.sum(axis=0, keepdims=True))
        plain = (pt * distance(y, phi, axis_y[0], axis_phi[0]) ** beta).sum()
        assert tau == pytest.approx(plain / (pt.sum() * 0.6**beta), rel=1e-9)


def test_one_pass_axes_lie_in_a_minimum() -> None:
    """No axis of a grid about the jet does better than the one found, nor the plain kT axis."""
    p4, ptr = random_jets(2, [20, 30])
    found = n_subjettiness(p4, ptr, n=(1,))[:, 0]
    assert np.all(found <= n_subjettiness(p4, ptr, n=(1,), axes="kt")[:, 0])
    for i, tau in enumerate(found):
        pt, y, phi = polar(p4[ptr[i] : ptr[i + 1]])
        steps = np.linspace(-0.3, 0.3, 121)
        grid = [(0.7 + a, 3.1 + b) for a in steps for b in steps]
        best = min(float((pt * distance(y, phi, a, b)).sum()) for a, b in grid)
        assert tau == pytest.approx(best / (pt.sum() * 0.8), rel=5e-3)


def test_taus_fall_and_two_prongs_have_no_tau2() -> None:
    p4, ptr = random_jets(3, [40, 40])
    for axes in ("kt", "wta-kt", "onepass-kt"):
        assert np.all(np.diff(n_subjettiness(p4, ptr, axes=axes), axis=1) < 0)
    # five particles along one direction, five along another
    prongs = four([50.0, 40, 30, 20, 10] * 2, [0.0] * 5 + [0.4] * 5, [0.0] * 5 + [0.1] * 5)
    tau1, tau2 = n_subjettiness(prongs, np.array([0, 10]), n=(1, 2))[0]
    assert tau1 > 0.15
    assert abs(tau2) < 1e-6


def test_soft_drop_removes_what_is_soft_and_wide_only() -> None:
    prongs = four([300.0, 200], [0.0, 0.3], [0.0, 0.2], 5.0)
    soft = four([20.0], [-0.5], [-0.4])
    jet = np.concatenate([prongs, soft])
    found = softdrop_mass(np.concatenate([jet, prongs]), np.array([0, 3, 5]))
    np.testing.assert_allclose(found, mass_of(prongs), rtol=1e-10)
    assert mass_of(jet) > 1.05 * mass_of(prongs)
    # it stays where the cut allows it: 20 / 520 against 0.03
    loose = softdrop_mass(jet, np.array([0, 3]), z_cut=0.03)
    assert loose[0] == pytest.approx(mass_of(jet), rel=1e-10)


def test_soft_drop_beta() -> None:
    """20 / 220 at dR = 0.4, R0 = 0.8: dropped for beta 0, kept for beta 1."""
    jet = four([200.0, 20], [0.0, 0.4], [0.0, 0.0])
    assert softdrop_mass(jet, np.array([0, 2]))[0] == pytest.approx(0.0, abs=1e-4)
    kept = softdrop_mass(jet, np.array([0, 2]), beta=1.0)
    assert kept[0] == pytest.approx(mass_of(jet), rel=1e-10)


def test_small_jets_and_degenerate_ones() -> None:
    one = four([100.0], [0.3], [1.0], 7.0)
    none_of = np.zeros((0, 4))
    p4 = np.concatenate([one, none_of, one, one, np.zeros((2, 4)), 1e15 * one])
    ptr = np.array([0, 1, 1, 3, 5, 6])
    mass = softdrop_mass(p4, ptr)
    taus = n_subjettiness(p4, ptr, n=(1, 2, 7))
    assert np.isfinite(mass).all()
    np.testing.assert_allclose(mass[:3], [7.0, 0.0, 14.0], rtol=1e-9)
    assert mass[3] == 0.0
    np.testing.assert_allclose(taus, 0.0, atol=1e-6)
    assert np.all(taus[0] == 0.0)
    # a particle of no transverse momentum changes nothing
    with_beam = np.concatenate([one, [[5.0, 0.0, 0.0, 5.0]], np.zeros((1, 4))])
    np.testing.assert_allclose(softdrop_mass(with_beam, np.array([0, 3])), 7.0, rtol=1e-9)
    assert softdrop_mass(none_of, np.array([0])).shape == (0,)
    assert n_subjettiness(none_of, np.array([0])).shape == (0, 4)


def test_scale_and_order_do_not_matter() -> None:
    p4, ptr = random_jets(4, [25, 13])
    shuffled = np.concatenate([p4[:25][::-1], p4[25:][::-1]])
    np.testing.assert_allclose(softdrop_mass(1e3 * p4, ptr), 1e3 * softdrop_mass(p4, ptr))
    np.testing.assert_allclose(softdrop_mass(shuffled, ptr), softdrop_mass(p4, ptr), rtol=1e-9)
    for axes in ("kt", "wta-kt"):
        tau = n_subjettiness(p4, ptr, axes=axes)
        np.testing.assert_allclose(n_subjettiness(shuffled, ptr, axes=axes), tau, rtol=1e-7)
        np.testing.assert_allclose(n_subjettiness(1e3 * p4, ptr, axes=axes), tau, rtol=1e-7)


def test_errors() -> None:
    p4, ptr = random_jets(5, [3])
    with pytest.raises(ConfigError, match="radius=0"):
        softdrop_mass(p4, ptr, radius=0)
    with pytest.raises(ConfigError, match=r"z_cut=0\.7"):
        softdrop_mass(p4, ptr, z_cut=0.7)
    with pytest.raises(ConfigError, match="n="):
        n_subjettiness(p4, ptr, n=(0,))
    with pytest.raises(ConfigError, match=r"axes='ca'.*kt, wta-kt, onepass-kt"):
        n_subjettiness(p4, ptr, axes="ca")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"\(N, 4\)"):
        softdrop_mass(p4[:, :3], ptr)
    with pytest.raises(DataError, match="rise from 0"):
        softdrop_mass(p4, np.array([0, 2]))
    with pytest.raises(DataError, match="one of the jets 0 to 0"):  # the sum has no pT
        softdrop_mass(np.array([[10.0, 3, 4, 5], [10, -3, -4, -5]]), np.array([0, 2]))
    with pytest.raises(DataError, match="particle 1 is not finite"):
        softdrop_mass(np.where(np.arange(3)[:, None] == 1, np.nan, p4), ptr)


def test_without_fastjet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastjet", None)
    with pytest.raises(BackendError, match=r"Remedy: .*pip install 'pcgnn\[simulation\]'"):
        load_fastjet()
