"""mT2W against its endpoint, a search over the whole solution space, and symmetries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from decay_toys import TOP, B, Floats, W, decay, moving

from pcgnn.data.mt2w import MT2W_MAX, mt2w, mt2w_of_pair
from pcgnn.errors import ConfigError, DataError


@dataclass(frozen=True)
class Toy:
    lepton: Floats
    b1: Floats
    b2: Floats
    met: Floats

    @property
    def args(self) -> tuple[Floats, ...]:
        return self.lepton, self.b1, self.b2, self.met[:, 0], self.met[:, 1]


def lost_lepton_events(size: int, extra: float = 0.0) -> Toy:
    """Top-quark pairs whose second W boson is not seen; more missing momentum if asked."""
    random = np.random.default_rng(3)
    tops = [moving(TOP, random.normal(0, 100, (size, 3))) for _ in range(2)]
    (w1, b1), (w2, b2) = (decay(top, TOP, W, B, random) for top in tops)
    lepton, neutrino = decay(w1, W, 0, 0, random)
    met = (neutrino + w2)[:, 1:3] + random.normal(0, extra, (size, 2)) * (extra > 0)
    return Toy(lepton, b1, b2, met)


@pytest.fixture(scope="module")
def toy() -> Toy:
    return lost_lepton_events(600)


def test_top_pairs_end_at_the_top_mass(toy: Toy) -> None:
    # the true momenta are a solution with m_y = m_t, the smallest one is not above it
    mass = mt2w_of_pair(*toy.args)
    assert mass.max() < TOP + 0.05
    assert mass.max() > TOP - 3  # and the bound is reached
    assert mass.min() > W + B - 1e-9


def test_is_the_least_mass_of_all_neutrinos(toy: Toy) -> None:
    """Every direction of the neutrino fixes its energy by the W mass: look at all of them."""
    mass = mt2w_of_pair(*toy.args)
    z, phi = np.meshgrid(np.linspace(-1, 1, 700), np.linspace(0, 2 * np.pi, 700))
    direction = np.stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z])
    for event in range(8):
        lepton, b1, b2 = toy.lepton[event], toy.b1[event], toy.b2[event]
        angle = lepton[0] - np.tensordot(lepton[1:], direction, 1)
        energy = W**2 / 2 / np.maximum(angle, 1e-9)
        top = [lepton[i] + b1[i] + (energy * direction[i - 1] if i else energy) for i in range(4)]
        seen = np.sqrt(np.maximum(top[0] ** 2 - sum(p**2 for p in top[1:]), 0))
        x, y = (toy.met[event, i] - energy * direction[i] for i in (0, 1))
        product = np.hypot(W, np.hypot(x, y)) * np.hypot(B, np.hypot(b2[1], b2[2]))
        unseen = np.sqrt(W**2 + B**2 + 2 * (product - x * b2[1] - y * b2[2]))
        # both sides have the mass m_y or can be brought to it
        least = np.maximum(seen, unseen).min()
        np.testing.assert_allclose(mass[event], least, atol=0.3)


def test_more_missing_momentum_goes_beyond(toy: Toy) -> None:
    mass = mt2w_of_pair(*lost_lepton_events(600, extra=200.0).args)
    assert (mass > 200).mean() > 0.2
    assert mass.max() <= MT2W_MAX


def test_does_not_see_rotations_and_boosts_along_the_beam(toy: Toy) -> None:
    turn, rapidity = 0.7, 0.4
    cos, sin, cosh, sinh = np.cos(turn), np.sin(turn), np.cosh(rapidity), np.sinh(rapidity)
    rotation = np.array([[1, 0, 0, 0], [0, cos, -sin, 0], [0, sin, cos, 0], [0, 0, 0, 1]])
    boost = np.eye(4)
    boost[[0, 3], [0, 3]], boost[[0, 3], [3, 0]] = cosh, sinh
    moved = Toy(
        *(p4 @ (boost @ rotation).T for p4 in (toy.lepton, toy.b1, toy.b2)),
        toy.met @ rotation[1:3, 1:3].T,
    )
    np.testing.assert_allclose(mt2w_of_pair(*moved.args), mt2w_of_pair(*toy.args), atol=0.1)


def test_pairs_of_jets(toy: Toy) -> None:
    random = np.random.default_rng(1)
    light = moving(0.0, random.normal(0, 60, (len(toy.met), 3)))
    other = moving(0.0, random.normal(0, 40, (len(toy.met), 3)))
    jets = np.stack([toy.b1, light, toy.b2, other, 0 * light], axis=1)
    x, y = toy.met.T

    def least(*pairs: tuple[int, int]) -> Floats:
        both = [*pairs, *(pair[::-1] for pair in pairs)]
        masses = [mt2w_of_pair(toy.lepton, jets[:, i], jets[:, k], x, y) for i, k in both]
        return np.min(masses, axis=0)

    def of(tags: list[int], **options: int) -> Floats:
        return mt2w(
            toy.lepton, jets, np.tile(np.array(tags, dtype=bool), (600, 1)), x, y, **options
        )

    np.testing.assert_array_equal(of([1, 0, 1, 0, 0]), least((0, 2)))
    np.testing.assert_array_equal(of([1, 1, 1, 0, 0]), least((0, 1)))  # the leading two
    np.testing.assert_array_equal(of([1, 0, 0, 0, 0]), least((0, 1), (0, 2), (0, 3)))
    np.testing.assert_array_equal(of([0, 0, 1, 0, 1], light_jets=1), least((0, 2)))
    np.testing.assert_array_equal(of([0, 0, 0, 0, 0]), least((0, 1), (0, 2), (1, 2)))
    assert of([1, 0, 1, 0, 0]).max() < TOP + 0.05


def test_batches_change_nothing_and_none_is_fine(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mt2w_of_pair(*toy.args)
    monkeypatch.setattr("pcgnn.data.mt2w._ROWS", 7)
    np.testing.assert_array_equal(mt2w_of_pair(*toy.args), whole)
    assert len(mt2w_of_pair(*(values[:0] for values in toy.args))) == 0


def test_odd_momenta_stay_finite() -> None:
    lepton = np.array([[50.0, 50, 0, 0], [1e-6, 1e-6, 0, 0], [1e4, 0, 0, 1e4]])
    jets = np.stack([lepton, lepton * [1, -1, -1, -1]], axis=1)  # along and against the lepton
    mass = mt2w(lepton, jets, np.ones((3, 2), dtype=bool), np.zeros(3), np.zeros(3))
    assert np.isfinite(mass).all()
    assert ((mass >= W) & (mass <= MT2W_MAX)).all()


def test_mistakes() -> None:
    lepton, jets = np.ones((2, 4)), np.ones((2, 3, 4))
    tags, met = np.ones((2, 3), dtype=bool), np.ones(2)
    with pytest.raises(DataError, match="do not belong together"):
        mt2w(lepton, jets, tags[:1], met, met)
    with pytest.raises(DataError, match="needs two jets"):
        mt2w(lepton, jets * [[[1.0], [0.0], [0.0]]], tags, met, met)
    with pytest.raises(ConfigError, match="light_jets=0"):
        mt2w(lepton, jets, tags, met, met, light_jets=0)
