"""Helix fits against helices made here, their symmetries, and the particles behind the hits."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest

import pcgnn
from pcgnn.errors import ConfigError, DataError
from pcgnn.simulation import simulate_toy
from pcgnn.simulation.toy_detector import BARREL, resolutions
from pcgnn.tracking import fit_tracks

Columns = dict[str, np.ndarray]


def points(
    pt: float, charge: int, phi: float, eta: float, d0: float, z0: float, path: Any, field: float
) -> np.ndarray:
    """Points on a helix: turned about the centre of the circle, which lies to the right of a
    positive particle in a positive field.
    """
    radius = pt / (0.3 * abs(field)) * 1000.0
    side = -charge * np.sign(field)  # +1: the centre is to the left
    left = np.array([-np.sin(phi), np.cos(phi)])
    start = d0 * left
    centre = start + side * radius * left
    angle = side * np.asarray(path) / radius
    away = start - centre
    x = centre[0] + away[0] * np.cos(angle) - away[1] * np.sin(angle)
    y = centre[1] + away[0] * np.sin(angle) + away[1] * np.cos(angle)
    return np.stack([x, y, z0 + np.asarray(path) * np.sinh(eta)], axis=1)


def hits_of(*tracks: np.ndarray) -> tuple[ak.Array, np.ndarray]:
    """One event with the points of each track, and their labels."""
    xyz = np.concatenate(tracks)
    labels = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    hit = ak.zip({name: xyz[:, i] for i, name in enumerate("xyz")})
    return ak.Array({"hit": ak.unflatten(hit, [len(xyz)])}), labels


def sample(size: int, seed: int, field: float = 2.0) -> tuple[Columns, list[np.ndarray]]:
    """Helices of 0.3 to 100 GeV, some far from the beam line, with 3 to 13 hits within a turn."""
    rng = np.random.default_rng(seed)
    true = {
        "pt": 10 ** rng.uniform(-0.5, 2, size),
        "charge": rng.choice([-1, 1], size),
        "phi": rng.uniform(-np.pi, np.pi, size),
        "eta": rng.uniform(-3, 3, size),
        "d0": rng.normal(0, 1, size) * rng.choice([0.1, 10.0, 40.0], size),
        "z0": rng.normal(0, 60, size),
    }
    tracks = []
    for i in range(size):
        radius = true["pt"][i] / (0.3 * abs(field)) * 1000.0
        path = np.linspace(35.0, min(1000.0, 2.5 * radius), rng.integers(3, 14))
        tracks.append(points(*(true[name][i] for name in true), path, field))
    return true, tracks


def flat(fitted: ak.Array, name: str) -> np.ndarray:
    return ak.to_numpy(ak.flatten(fitted[name]))


def angle(values: np.ndarray) -> np.ndarray:
    return np.angle(np.exp(1j * values))


def half_width(values: np.ndarray) -> float:
    return float(np.subtract(*np.quantile(values, [0.84135, 0.15865])) / 2)


@pytest.mark.parametrize("field", [2.0, -2.0, 3.8])
def test_exact_helices_are_recovered(field: float) -> None:
    true, tracks = sample(400, 1, field)
    hits, labels = hits_of(*tracks)
    order = np.random.default_rng(0).permutation(labels.size)
    hits = ak.Array({"hit": hits.hit[:, order]})
    fitted = fit_tracks(hits, labels[order], field=field, resolution=0.02)
    assert flat(fitted, "label").tolist() == list(range(400))
    assert np.array_equal(flat(fitted, "nhits"), [len(track) for track in tracks])
    assert np.array_equal(flat(fitted, "ndf"), 2 * flat(fitted, "nhits") - 5)
    assert np.array_equal(flat(fitted, "charge"), true["charge"])
    np.testing.assert_allclose(flat(fitted, "pt"), true["pt"], rtol=1e-9)
    np.testing.assert_allclose(angle(flat(fitted, "phi") - true["phi"]), 0, atol=1e-11)
    np.testing.assert_allclose(flat(fitted, "eta"), true["eta"], atol=1e-11)
    np.testing.assert_allclose(flat(fitted, "d0"), true["d0"], atol=1e-8)
    np.testing.assert_allclose(flat(fitted, "z0"), true["z0"], atol=1e-8)
    assert flat(fitted, "chi2").max() < 1e-12


def test_radius_and_momentum() -> None:
    # a circle of 1000 mm in 2 T: 0.6 GeV; anticlockwise, hence negative
    turn = np.array([0.1, 0.3, 0.6, 0.9])
    track = np.stack([1000 * np.sin(turn), 1000 - 1000 * np.cos(turn), 500 * turn], axis=1)
    hits, labels = hits_of(track)
    fitted = fit_tracks(hits, labels, resolution=0.1)[0, 0]
    assert fitted.pt == pytest.approx(0.6, rel=1e-12)
    assert fitted.charge == -1
    assert fitted.eta == pytest.approx(np.arcsinh(0.5), rel=1e-12)
    assert (fitted.phi, fitted.d0, fitted.z0) == pytest.approx((0, 0, 0), abs=1e-9)
    assert fitted.turn == pytest.approx(0.8, rel=1e-12)
    assert fit_tracks(hits, labels, resolution=0.1, field=-2.0)[0, 0].charge == 1
    assert fit_tracks(hits, labels, resolution=0.1, field=4.0)[0, 0].pt == pytest.approx(1.2)


def test_symmetries() -> None:
    rng = np.random.default_rng(3)
    tracks = [track + rng.normal(0, 0.02, track.shape) for track in sample(150, 2)[1]]

    def fit(change: Any, **options: Any) -> Columns:
        hits, labels = hits_of(*(change(track) for track in tracks))
        fitted = fit_tracks(hits, labels, resolution=(0.02, 0.05, 0.03), **options)
        return {name: flat(fitted, name) for name in fitted.fields if name != "hit_index"}

    def check(found: Columns, flipped: str, turned: float = 0.0, same_phi: bool = True) -> None:
        for name, values in plain.items():
            sign = -1 if name in flipped.split() else 1
            if name == "phi":
                difference = angle(found[name] - sign * values - turned)
            elif name == "pt":
                difference = found[name] / values - 1
            else:
                difference = found[name] - sign * values
            scale = 1 + np.abs(values) if name.startswith("chi2") else 1.0
            assert np.abs(difference / scale).max() < 1e-6, name

    plain = fit(lambda track: track)
    cos, sin = np.cos(0.7), np.sin(0.7)
    check(fit(lambda p: p @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])), "", turned=0.7)
    check(fit(lambda p: p * [1, -1, 1]), "charge phi d0")
    check(fit(lambda p: p * [1, 1, -1]), "eta z0")
    moved = fit(lambda p: p + np.array([0, 0, 500.0]))
    check({**moved, "z0": moved["z0"] - 500.0}, "")


def test_beam_line_elsewhere() -> None:
    tracks = sample(50, 4)[1]
    hits, labels = hits_of(*tracks)
    moved, _ = hits_of(*(track + np.array([3.0, -2.0, 0.0]) for track in tracks))
    here = fit_tracks(hits, labels, resolution=0.02)
    there = fit_tracks(moved, labels, resolution=0.02, beam=(3.0, -2.0))
    for name in ("pt", "phi", "d0", "z0", "eta"):
        np.testing.assert_allclose(flat(there, name), flat(here, name), rtol=1e-8, atol=1e-8)


def test_events_and_tracks_do_not_see_each_other() -> None:
    made = [hits_of(*sample(20, seed)[1]) for seed in (5, 6)]
    empty = ak.Array({"hit": made[0][0].hit[:, :0]})
    hits = ak.concatenate([made[0][0], empty, made[1][0]])
    labels = np.concatenate([made[0][1], made[1][1]])
    together = fit_tracks(hits, labels, resolution=0.02)
    assert ak.num(together).tolist() == [20, 0, 20]
    for event, (single, own) in zip((0, 2), made, strict=True):
        alone = fit_tracks(single, [own], resolution=0.02)
        for name in ("pt", "d0", "phi"):
            np.testing.assert_allclose(together[event][name], alone[0][name], rtol=1e-9, atol=1e-9)
        assert together[event].hit_index.tolist() == alone[0].hit_index.tolist()
    again = fit_tracks(hits, together, resolution=0.02)  # tracks as records with hit_index
    assert ak.array_equal(again, together)


def test_straight_tracks() -> None:
    path = np.array([30.0, 70.0, 120.0, 300.0, 600.0])
    lines = []
    for phi in (0.0, 0.3, -2.5, np.pi / 2):
        u, left = np.array([np.cos(phi), np.sin(phi)]), np.array([-np.sin(phi), np.cos(phi)])
        xy = path[:, None] * u + 1.5 * left
        lines.append(np.column_stack([xy, 20 + 2 * path]))
    hits, labels = hits_of(*lines)
    fitted = fit_tracks(hits, labels, resolution=0.02)[0]
    assert (np.asarray(fitted.pt) > 1e9).all()  # infinite but for rounding
    np.testing.assert_allclose(fitted.phi, [0.0, 0.3, -2.5, np.pi / 2], atol=1e-12)
    np.testing.assert_allclose(fitted.d0, 1.5, atol=1e-9)
    np.testing.assert_allclose(fitted.z0, 20.0, atol=1e-9)
    np.testing.assert_allclose(fitted.eta, np.arcsinh(2.0), rtol=1e-12)
    exact = fitted[:1]
    assert exact.charge.tolist() == [0]
    assert np.isinf(exact.pt[0])
    assert ak.all(np.isfinite(fitted.qpt_error))


def test_both_sides_of_the_beam_line() -> None:
    # a particle that crosses the whole detector, as cosmic muons do: no curl
    track = points(20.0, 1, 0.4, 0.2, 30.0, 5.0, np.linspace(-900.0, 1000.0, 9), 2.0)
    fitted = fit_tracks(*hits_of(track), resolution=0.02)[0, 0]
    assert fitted.turn == pytest.approx(1900.0 / (20.0 / 0.6e-3), rel=1e-9)
    assert fitted.pt == pytest.approx(20.0, rel=1e-9)
    assert (fitted.charge, fitted.d0) == (1, pytest.approx(30.0))
    assert (fitted.phi, fitted.z0) == (pytest.approx(0.4), pytest.approx(5.0))


def test_curling_tracks_are_flagged() -> None:
    true = (0.2, 1, 0.5, 1.0, 0.3, 10.0)  # a radius of 333 mm
    path = np.arange(60.0, 1900.0, 130.0)
    fitted = fit_tracks(*hits_of(points(*true, path, 2.0)), resolution=0.02)[0, 0]
    assert fitted.turn == pytest.approx((path[-1] - path[0]) / (0.2 / 0.6e-3), rel=1e-9)
    assert fitted.turn > np.pi
    found = [fitted[name] for name in ("pt", "charge", "phi", "eta", "d0", "z0")]
    assert found == pytest.approx(list(true), rel=1e-8, abs=1e-8)
    # the same hits from the end that is closer to the beam line give the other charge
    back = fit_tracks(*hits_of(points(*true, path + 120.0, 2.0)), resolution=0.02)[0, 0]
    assert (back.charge, back.turn) == (-1, pytest.approx(fitted.turn))
    assert back.eta == pytest.approx(-1.0)


def test_hits_that_fix_no_helix() -> None:
    track = points(2.0, -1, 0.2, 0.5, 0.0, 0.0, [30.0, 70.0, 110.0, 170.0], 2.0)
    twice = np.concatenate([track[:2], track[:1], track[1:2]])  # two places only
    same = np.repeat(track[:1], 4, axis=0)
    overlap = np.concatenate([track, track[1:2] + np.array([0.01, 0.0, 0.02])])
    hits, labels = hits_of(track, twice, same, track[:2], overlap)
    fitted = fit_tracks(hits, labels, resolution=0.02)[0]
    good = np.array([True, False, False, False, True])
    for name in ("pt", "eta", "phi", "d0", "z0", "chi2", "turn", "qpt_error", "z0_error"):
        assert np.isfinite(fitted[name]).tolist() == good.tolist(), name
    assert fitted.charge.tolist() == [-1, 0, 0, 0, -1]
    assert fitted.ndf.tolist() == [3, 0, 0, 0, 5]
    assert fitted.nhits.tolist() == [4, 4, 4, 2, 5]
    assert fitted.pt[0] == pytest.approx(2.0)
    assert np.isnan(fit_tracks(hits, labels, resolution=0.02, min_hits=5)[0].pt[0])
    nothing = fit_tracks(hits, np.full(labels.size, -1), resolution=0.02)
    assert (len(nothing), nothing.fields) == (1, fitted.fields)
    assert ak.num(nothing).tolist() == [0]


def test_wrong_tracks_stay_finite() -> None:
    rng = np.random.default_rng(11)
    tracks = [
        np.column_stack([rng.normal(0, 400, (size, 2)), rng.uniform(-3000, 3000, size)])
        for size in rng.integers(3, 9, 300)
    ]
    fitted = fit_tracks(*hits_of(*tracks), resolution=0.05)[0]
    for name in set(fitted.fields) - {"hit_index"}:
        assert np.isfinite(ak.to_numpy(fitted[name])).all(), name
    assert np.median(fitted.chi2[fitted.nhits > 3]) > 1e5
    assert ((fitted.turn >= 0) & (fitted.turn < 2 * np.pi)).tolist() == [True] * 300


def test_errors_and_chi2_of_the_toy_detector() -> None:
    hits = simulate_toy(25, seed=4, pile_up=3.0, noise=0.0, pt_min=0.5, scattering=False)
    layer = ak.to_numpy(ak.flatten(hits.hit.layer))
    first, second = resolutions()
    barrel = layer < len(BARREL)
    errors = (
        first[layer],
        np.where(barrel, 0.0, second[layer]),
        np.where(barrel, second[layer], 0.0),
    )
    fitted = fit_tracks(hits, hits.hit.particle_id - 1, resolution=errors, min_hits=6)
    true = ak.flatten(hits.particle[fitted.label])
    fitted = ak.flatten(fitted)
    near = np.hypot(true.vx, true.vy) < 0.3
    fitted, true = fitted[(fitted.ndf > 0) & near], true[(fitted.ndf > 0) & near]
    assert len(fitted) > 500
    assert ak.mean(fitted.charge == true.charge) > 0.999
    nhits = ak.to_numpy(fitted.nhits)
    for name, ndf in (("xy", nhits - 3), ("z", nhits - 2)):
        assert np.sum(fitted[f"chi2_{name}"]) / ndf.sum() == pytest.approx(1.0, abs=0.06), name
    phi, d0, z0 = _perigee(true)
    pulls = {
        "qpt": (fitted.charge / fitted.pt - true.charge / true.pt) / fitted.qpt_error,
        "phi": angle(ak.to_numpy(fitted.phi) - phi) / fitted.phi_error,
        "d0": (fitted.d0 - d0) / fitted.d0_error,
        "eta": (fitted.eta - true.eta) / fitted.eta_error,
        "z0": (fitted.z0 - z0) / fitted.z0_error,
    }
    for name, values in pulls.items():
        assert abs(np.median(values)) < 0.15, name
        assert half_width(ak.to_numpy(values)) == pytest.approx(1.0, abs=0.1), name


def _perigee(true: ak.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Direction, distance and z of true helices where they are closest to the beam line."""
    x, y, z, phi, eta, pt, charge = (
        ak.to_numpy(true[name]).astype(float)
        for name in ("vx", "vy", "vz", "phi", "eta", "pt", "charge")
    )
    signed = -charge * pt / 0.6e-3  # positive: the centre is to the left
    centre_x, centre_y = x - signed * np.sin(phi), y + signed * np.cos(phi)
    side = np.sign(signed)
    at = np.arctan2(-centre_x * side, centre_y * side)
    path = angle(phi - at) * signed
    return at, side * np.hypot(centre_x, centre_y) - signed, z - path * np.sinh(eta)


# measured: pixels .04 (|eta| < 1), .06 (< 2.5), .11 (< 4); all layers .011, .024, .08
@pytest.mark.parametrize(
    ("sample_name", "width"),
    [(None, (0.06, 0.09, 0.17)), ("event_pu200.root", (0.018, 0.04, 0.13))],
)
def test_momentum_resolution_of_bundled_events(
    sample_name: str | None, width: tuple[float, float, float]
) -> None:
    file = pcgnn.datasets.bundled("tracks", sample_name)
    hits = pcgnn.read_hits(file, entry_stop=1)
    fitted = fit_tracks(hits, hits.hit.particle_id - 1)[0]
    particle = hits.particle[0][fitted.label]
    assert np.array_equal(particle.particle_id, fitted.label + 1)
    usual = (
        (np.hypot(particle.vx, particle.vy) < 1)
        & (abs(particle.pdg) != 11)
        & (fitted.nhits >= 5)
        & (fitted.ndf > 0)
    )
    for low, high in ((0.5, 1.0), (1.0, 2.0), (2.0, 5.0)):
        for (inner, outer), limit in zip(((0, 1), (1, 2.5), (2.5, 4)), width, strict=True):
            chosen = usual & (particle.pt >= low) & (particle.pt < high)
            chosen = chosen & (abs(particle.eta) >= inner) & (abs(particle.eta) < outer)
            ratio = ak.to_numpy((fitted.pt / particle.pt)[chosen])
            assert len(ratio) > 30
            assert 0.005 < half_width(ratio) < limit, (low, inner)
            assert abs(np.median(ratio) - 1) < 0.3 * limit, (low, inner)
            assert ak.mean((fitted.charge == particle.charge)[chosen]) > 0.98
    hard = usual & (particle.pt > 1)
    assert half_width(ak.to_numpy((fitted.z0 - particle.vz)[hard & (abs(particle.eta) < 1)])) < 0.12
    assert half_width(ak.to_numpy((fitted.eta - particle.eta)[hard])) < 0.004
    assert half_width(ak.to_numpy(fitted.d0[hard])) < 0.2


def test_reference_tracks_of_a_kalman_filter() -> None:
    hits = pcgnn.read_hits(pcgnn.datasets.bundled("tracks", "event_pu200.root"))
    fitted, reference = fit_tracks(hits, hits.ambi)[0], hits.ambi[0]
    assert fitted.hit_index.tolist() == reference.hit_index.tolist()
    ratio = ak.to_numpy(fitted.pt / reference.pt)
    assert half_width(ratio) < 0.02
    assert abs(np.median(ratio) - 1) < 0.003
    assert half_width(ak.to_numpy(fitted.eta - reference.eta)) < 0.003
    assert half_width(angle(ak.to_numpy(fitted.phi - reference.phi))) < 0.004


def test_resolution_by_volume() -> None:
    track = points(5.0, 1, 0.1, 0.4, 0.0, 0.0, [32.0, 72.0, 116.0, 172.0, 260.0], 2.0)
    hits, labels = hits_of(track)
    with pytest.raises(DataError, match="no volume"):
        fit_tracks(hits, labels)
    hits["hit"] = ak.with_field(hits.hit, ak.Array([[8, 8, 8, 8, 13]]), "volume")
    table = {8: (0.01, 0.0, 0.02), 13: (0.03, 0.0, 0.5)}
    found = fit_tracks(hits, labels, resolution=table)[0, 0]
    same = (np.array([0.01] * 4 + [0.03]), 0.0, np.array([0.02] * 4 + [0.5]))
    plain = fit_tracks(hits, labels, resolution=same)[0, 0]
    assert found.tolist() == plain.tolist()
    assert fit_tracks(hits, labels)[0, 0].d0_error > found.d0_error
    with pytest.raises(DataError, match="volume 13"):
        fit_tracks(hits, labels, resolution={8: (0.01, 0.0, 0.02)})


def test_what_does_not_fit_is_refused() -> None:
    hits, labels = hits_of(*sample(3, 8)[1])
    for options, message in (
        ({"field": 0.0}, "bends no track"),
        ({"min_hits": 2}, "fewer than 3"),
        ({"resolution": "fine"}, "fine"),
        ({"resolution": -0.1}, "negative"),
        ({"resolution": (0.1, 0.1)}, "2 errors"),
        ({"resolution": (np.ones(2), 0.1, 0.1)}, "shape"),
    ):
        with pytest.raises(ConfigError, match=message):
            fit_tracks(hits, labels, **{"resolution": 0.1, **options})
    with pytest.raises(DataError, match="labels of the shape"):
        fit_tracks(hits, labels[:-1], resolution=0.1)
    with pytest.raises(DataError, match="points to hit 999"):
        fit_tracks(hits, ak.Array([[{"hit_index": [0, 1, 999]}]]), resolution=0.1)
    with pytest.raises(DataError, match="no field 'hit'"):
        fit_tracks(ak.Array({"cell": [[1]]}), labels, resolution=0.1)
    broken = ak.Array({"hit": ak.with_field(hits.hit, hits.hit.x * np.nan, "x")})
    with pytest.raises(DataError, match="not finite"):
        fit_tracks(broken, labels, resolution=0.1)
