"""Inputs of hits and edges by name."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pcgnn.errors import ConfigError
from pcgnn.tracking.columns import EventHits
from pcgnn.tracking.features import (
    EDGE_SETS,
    HIT_SETS,
    edge_features,
    feature_names,
    hit_features,
    reversed_signs,
)

HELIX = EDGE_SETS["helix"]


def hits_at(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> EventHits:
    number = np.arange(len(x))
    return EventHits(number, x, y, z, None, number, None, None, None, None)


def random_hits(count: int = 40) -> EventHits:
    x, y, z = np.random.default_rng(5).normal(scale=[[300], [300], [800]], size=(3, count))
    return hits_at(x, y, z)


def random_edges(count: int = 40) -> np.ndarray:
    edges = np.random.default_rng(6).integers(0, count, (2, 300))
    return edges[:, edges[0] != edges[1]]


def test_edges_follow_the_plain_formulas() -> None:
    hits, edges = random_hits(), random_edges()
    found = edge_features(hits, edges, HELIX)
    for row, (i, j) in zip(found, edges.T, strict=True):
        r1, r2 = math.hypot(hits.x[i], hits.y[i]), math.hypot(hits.x[j], hits.y[j])
        dphi = math.remainder(
            math.atan2(hits.y[j], hits.x[j]) - math.atan2(hits.y[i], hits.x[i]), math.tau
        )
        eta1, eta2 = math.asinh(hits.z[i] / r1), math.asinh(hits.z[j] / r2)
        dz, dr = hits.z[j] - hits.z[i], r2 - r1
        expected = {
            "dr": dr / 1000,
            "dphi": dphi / math.pi,
            "dz": dz / 1000,
            "dR": math.hypot(eta2 - eta1, dphi),
            "phi_slope": max(-100.0, min(100.0, 1000 * dphi / dr)),
            "z0": max(-10.0, min(10.0, (hits.z[i] - r1 * dz / dr) / 100)),
            "direction": math.asinh(dz / dr),
        }
        assert row == pytest.approx([expected[name] for name in HELIX], rel=1e-6, abs=1e-7)


def test_a_chosen_set_holds_the_same_columns() -> None:
    hits, edges = random_hits(), random_edges()
    whole = edge_features(hits, edges, HELIX)
    some = edge_features(hits, edges, ("z0", "dr"))
    assert np.array_equal(some, whole[:, [HELIX.index("z0"), HELIX.index("dr")]])
    columns = [HIT_SETS["helix"].index("z"), HIT_SETS["helix"].index("eta")]
    assert np.array_equal(
        hit_features(hits, ("z", "eta")), hit_features(hits, HIT_SETS["helix"])[:, columns]
    )


def test_a_reversed_edge_has_the_signs_that_are_stated() -> None:
    hits, edges = random_hits(), random_edges()
    forward = edge_features(hits, edges, HELIX)
    back = edge_features(hits, edges[::-1], HELIX)
    assert np.allclose(back, forward * reversed_signs(HELIX), rtol=1e-5, atol=1e-5)


def test_hits_of_a_straight_track_share_z0_and_direction() -> None:
    """All pairs of hits on a line from (0, 0, z0) point back to it, whatever their distance."""
    r = np.array([30.0, 70.0, 115.0, 170.0, 500.0])
    z0, slope, phi = 42.0, 1.7, 0.3
    hits = hits_at(r * np.cos(phi), r * np.sin(phi), z0 + slope * r)
    edges = np.stack(np.triu_indices(5, 1))
    found = edge_features(hits, edges, ("z0", "direction", "phi_slope"))
    assert np.allclose(found[:, 0], z0 / 100, atol=1e-5)
    assert np.allclose(found[:, 1], math.asinh(slope), atol=1e-5)
    assert np.allclose(found[:, 2], 0, atol=1e-4)


def test_hits_of_equal_radius_and_hits_on_top_of_each_other_stay_finite() -> None:
    hits = hits_at(np.array([50.0, 0.0, 50.0]), np.array([0.0, 50.0, 0.0]), np.zeros(3))
    found = edge_features(hits, np.array([[0, 0], [1, 2]]), HELIX)
    assert np.isfinite(found).all()
    assert (found[:, 4:] == 0).all()


def test_names_that_are_not_known_are_refused() -> None:
    assert feature_names("published", EDGE_SETS) == ("dr", "dphi", "dz", "dR")
    assert feature_names(["z0", "dr"], EDGE_SETS) == ("z0", "dr")
    with pytest.raises(ConfigError, match="'all'"):
        feature_names("all", EDGE_SETS)
    for wrong in (["dr", "energy"], ["dr", "dr"], []):
        with pytest.raises(ConfigError, match="choose from"):
            feature_names(wrong, EDGE_SETS)
