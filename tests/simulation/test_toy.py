"""The toy detector: helices, layers, scattering, errors and noise."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest

from pcgnn.errors import ConfigError
from pcgnn.io import read_hits, write_hits
from pcgnn.simulation import simulate_toy
from pcgnn.simulation.toy_detector import BARREL, DISKS, LAYERS, resolutions

IDEAL: dict[str, Any] = {"efficiency": 1.0, "noise": 0.0, "scattering": False, "resolution": 0.0}
FIELD = 2.0


def flat(hits: ak.Array, collection: str) -> dict[str, np.ndarray]:
    """Columns of all events, one after another."""
    table = ak.flatten(hits[collection])
    return {name: ak.to_numpy(table[name]) for name in table.fields}


def with_particles(hits: ak.Array) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Hits of particles, and the columns of the particle of each."""
    first = np.concatenate([[0], np.cumsum(ak.num(hits.particle))])[:-1]
    hit, particle = flat(hits, "hit"), flat(hits, "particle")
    row = np.repeat(first, ak.num(hits.hit)) + hit["particle_id"] - 1
    real = hit["particle_id"] > 0
    return (
        {name: values[real] for name, values in hit.items()},
        {name: values[row[real]] for name, values in particle.items()},
    )


@pytest.fixture(scope="module")
def ideal() -> ak.Array:
    return simulate_toy(20, pile_up=5, **IDEAL)


@pytest.fixture(scope="module")
def real() -> ak.Array:
    return simulate_toy(10, pile_up=15, seed=3)


def test_schema(real: ak.Array) -> None:
    assert real.fields == ["hit", "particle", "event_id", "file", "entry"]
    assert real.hit.fields == ["x", "y", "z", "layer", "particle_id", "tx", "ty", "tz", "order"]
    wanted = ["particle_id", "px", "py", "pz", "pt", "eta", "phi", "charge", "vx", "vy", "vz"]
    assert sorted(real.particle.fields) == sorted([*wanted, "vertex", "secondary", "nhits"])
    assert real.attrs["pcgnn"]["simulation"]["pile_up"] == 15
    for event in real:
        count = len(event.particle)
        assert event.particle.particle_id.tolist() == list(range(1, count + 1))
        counted = np.bincount(event.hit.particle_id, minlength=count + 1)[1:]
        assert event.particle.nhits.tolist() == counted.tolist()


def test_ideal_hits_lie_on_the_helix(ideal: ak.Array) -> None:
    """Circle through the vertex with the radius pT / (0.3 B), z linear in the arc length."""
    hit, particle = with_particles(ideal)
    radius = particle["pt"] / (0.3 * FIELD) * 1000
    # the force bends a positive charge in a field along +z to the right of its direction
    side = particle["charge"].astype(float)
    cx = particle["vx"] + side * radius * particle["py"] / particle["pt"]
    cy = particle["vy"] - side * radius * particle["px"] / particle["pt"]
    distance = np.hypot(hit["x"] - cx, hit["y"] - cy)
    np.testing.assert_allclose(distance, radius, rtol=1e-6)
    chord = np.hypot(hit["x"] - particle["vx"], hit["y"] - particle["vy"])
    arc = 2 * radius * np.arcsin(np.minimum(chord / (2 * radius), 1.0))
    z = particle["vz"] + arc * particle["pz"] / particle["pt"]
    np.testing.assert_allclose(hit["z"], z, rtol=1e-6, atol=1e-4)
    assert len(hit["x"]) > 20_000
    for axis in "xyz":
        np.testing.assert_array_equal(hit[axis], hit[f"t{axis}"])


def test_ideal_hits_lie_forward_of_the_vertex(ideal: ak.Array) -> None:
    hit, particle = with_particles(ideal)
    ahead = (hit["x"] - particle["vx"]) * particle["px"] + (hit["y"] - particle["vy"]) * particle[
        "py"
    ]
    quarter = particle["pt"] > 0.7  # stiffer ones cannot turn by a right angle inside
    assert (ahead[quarter] > 0).all()


def test_every_layer_is_crossed_where_it_is(ideal: ak.Array) -> None:
    hit, _ = with_particles(ideal)
    radius = np.hypot(hit["x"], hit["y"])
    for number, layer in enumerate(BARREL):
        own = hit["layer"] == number
        assert own.sum() > 100
        np.testing.assert_allclose(radius[own], layer.radius, rtol=1e-9)
        assert np.abs(hit["z"][own]).max() <= layer.half_length
    for number, disk in enumerate(DISKS, len(BARREL)):
        own = hit["layer"] == number
        assert own.any()
        np.testing.assert_allclose(hit["z"][own], disk.z, rtol=1e-9)
        assert disk.inner <= radius[own].min() <= radius[own].max() <= disk.outer
    assert hit["layer"].max() == LAYERS - 1


def test_no_crossing_is_missed(ideal: ak.Array) -> None:
    """Stiff central primaries against a walk along the helix in small steps."""
    table = flat(ideal, "particle")
    event = np.repeat(np.arange(len(ideal)), ak.num(ideal.particle))
    chosen = np.flatnonzero((table["pt"] > 0.5) & (event < 3))[:60]
    path = np.arange(0.0, 2500.0, 0.25)
    for row in chosen:
        p = {name: float(values[row]) for name, values in table.items()}
        turn = -p["charge"] * 0.3 * FIELD / p["pt"] * 1e-3
        x = p["vx"] + np.cumsum(0.25 * np.cos(p["phi"] + turn * (path + 0.125)))
        y = p["vy"] + np.cumsum(0.25 * np.sin(p["phi"] + turn * (path + 0.125)))
        z = p["vz"] + (path + 0.25) * np.sinh(p["eta"])
        first_half = np.abs(turn) * path < np.pi
        radius = np.hypot(x, y)
        crossed = []
        for number, layer in enumerate(BARREL):
            out = np.flatnonzero((radius >= layer.radius) & first_half)
            start = np.hypot(p["vx"], p["vy"]) < layer.radius
            if len(out) and start and abs(z[out[0]]) < layer.half_length:
                crossed.append(number)
        for number, disk in enumerate(DISKS, len(BARREL)):
            side = np.sign(disk.z)
            out = np.flatnonzero((side * z >= side * disk.z) & first_half)
            if len(out) and disk.inner < radius[out[0]] < disk.outer:
                crossed.append(number)
        own = ideal.hit[event[row]]
        own = own[own.particle_id == p["particle_id"]]
        # a step of 0.25 mm may decide an edge of a layer otherwise
        assert len(set(crossed) ^ set(own.layer.tolist())) <= 1
        assert own.order.tolist() == list(range(len(own)))
        assert len(own) == p["nhits"]


def test_order_follows_the_path(real: ak.Array) -> None:
    hit, particle = with_particles(real)
    distance = np.abs(hit["tz"] - particle["vz"])
    event = np.repeat(np.arange(len(real)), ak.num(real.hit))
    event = event[flat(real, "hit")["particle_id"] > 0]
    order = np.lexsort((hit["order"], hit["particle_id"], event))
    same = (np.diff(hit["particle_id"][order]) == 0) & (np.diff(event[order]) == 0)
    forward = np.abs(particle["eta"][order])[1:] > 0.5  # scattering may turn z only near 90 deg
    assert (np.diff(hit["order"][order])[same] > 0).all()
    assert (np.diff(distance[order])[same & forward] > -5).all()


def test_pulls_of_the_measurement_are_normal(real: ak.Array) -> None:
    hit, _ = with_particles(real)
    first, second = resolutions()
    azimuth = np.arctan2(hit["y"], hit["x"]) - np.arctan2(hit["ty"], hit["tx"])
    azimuth = (azimuth + np.pi) % (2 * np.pi) - np.pi
    true_radius = np.hypot(hit["tx"], hit["ty"])
    across = azimuth * true_radius / first[hit["layer"]]
    barrel = hit["layer"] < len(BARREL)
    along = np.where(barrel, hit["z"] - hit["tz"], np.hypot(hit["x"], hit["y"]) - true_radius)
    along = along / second[hit["layer"]]
    for pull in (across[barrel], across[~barrel], along[barrel], along[~barrel]):
        error = 1 / np.sqrt(2 * len(pull))
        assert abs(pull.std() - 1) < 4 * error
        assert abs(pull.mean()) < 4 * np.sqrt(2) * error


def test_measured_hits_stay_on_their_layers(real: ak.Array) -> None:
    hit = flat(real, "hit")
    radius = np.hypot(hit["x"], hit["y"])
    barrel = hit["layer"] < len(BARREL)
    radii = np.array([layer.radius for layer in BARREL])
    places = np.array([disk.z for disk in DISKS])
    np.testing.assert_allclose(radius[barrel], radii[hit["layer"][barrel]], rtol=1e-9)
    np.testing.assert_allclose(
        hit["z"][~barrel], places[hit["layer"][~barrel] - len(BARREL)], rtol=1e-9
    )


def test_scattering_has_the_width_of_highland() -> None:
    """The second crossing is off by one angle times the way from the first."""
    options = {**IDEAL, "pile_up": 100, "eta_max": 0.3, "seed": 5}
    straight, bent = (simulate_toy(4, **{**options, "scattering": on}) for on in (False, True))
    hit, particle = with_particles(bent)
    exact, _ = with_particles(straight)
    use = (hit["layer"] == 1) & (hit["order"] == 1) & (particle["pt"] > 0.5)
    use &= particle["secondary"] == 0
    angle = np.arctan2(hit["y"], hit["x"]) - np.arctan2(exact["y"], exact["x"])
    shift = ((angle + np.pi) % (2 * np.pi) - np.pi) * 72
    momentum = particle["pt"] * np.cosh(particle["eta"])
    thickness = 0.025 * np.cosh(particle["eta"])
    width = 13.6e-3 / momentum * np.sqrt(thickness) * (1 + 0.038 * np.log(thickness))
    pull = (shift / (width * 40 * np.cosh(particle["eta"])))[use]
    assert len(pull) > 1000
    assert abs(pull.std() - 1) < 4 / np.sqrt(2 * len(pull)) + 0.01  # the path is slightly bent
    first = (hit["order"] == 0) & (hit["layer"] == 0)
    np.testing.assert_array_equal(hit["x"][first], exact["x"][first])


def test_efficiency_and_noise_within_counting_errors() -> None:
    every = simulate_toy(5, pile_up=15, efficiency=1.0, noise=0.0)
    some = simulate_toy(5, pile_up=15, noise=0.1)
    crossings = int(ak.sum(every.particle.nhits))
    seen = int(ak.sum(some.particle.nhits))
    error = np.sqrt(0.98 * 0.02 / crossings)
    assert abs(seen / crossings - 0.98) < 4 * error
    noise = int(ak.sum(some.hit.particle_id == 0))
    assert abs(noise - 0.1 * seen) < 4 * np.sqrt(0.1 * seen)
    dark = ak.flatten(some.hit[some.hit.particle_id == 0])
    assert ak.all(dark.order == -1)
    assert np.isnan(ak.to_numpy(dark.tx)).all()
    assert np.isfinite(ak.to_numpy(dark.x)).all()


def test_seeds_reproduce_and_events_do_not_depend_on_each_other(real: ak.Array) -> None:
    again = simulate_toy(10, pile_up=15, seed=3)
    assert ak.array_equal(again, real, equal_nan=True)
    late = simulate_toy(2, pile_up=15, seed=3, first_event=7)
    assert late.event_id.tolist() == [7, 8]
    for name in ("hit", "particle"):
        assert ak.array_equal(late[name], real[name][7:9], equal_nan=True)
    other = simulate_toy(1, pile_up=15, seed=4)
    assert not ak.array_equal(other.particle.pt[0], real.particle.pt[0])


def test_spectrum_and_vertices(real: ak.Array) -> None:
    particle = flat(real, "particle")
    assert particle["pt"].min() >= 0.15
    assert np.abs(particle["eta"]).max() <= 3.5
    assert 0.4 < np.median(particle["pt"]) < 0.7  # charged particles of minimum-bias collisions
    np.testing.assert_allclose(np.hypot(particle["px"], particle["py"]), particle["pt"])
    np.testing.assert_allclose(np.arcsinh(particle["pz"] / particle["pt"]), particle["eta"])
    prompt = particle["secondary"] == 0
    assert np.hypot(particle["vx"], particle["vy"])[prompt].max() < 0.1
    assert 0.04 < 1 - prompt.mean() < 0.08
    assert set(np.unique(particle["charge"])) == {-1, 1}


def test_round_trip_through_root(tmp_path: Any) -> None:
    hits = simulate_toy(3, pile_up=2)
    again = read_hits(write_hits(tmp_path / "toy.root", hits))
    assert ak.array_equal(again.hit, hits.hit, equal_nan=True)
    assert ak.array_equal(again.particle[hits.particle.fields], hits.particle)
    assert again.event_id.tolist() == hits.event_id.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("events", 0),
        ("events", 2.5),
        ("pile_up", -1),
        ("seed", -1),
        ("seed", "a"),
        ("first_event", -1),
        ("pt_min", 0),
        ("eta_max", float("nan")),
        ("field", 0),
        ("efficiency", 1.1),
        ("noise", -0.1),
        ("resolution", -1),
    ],
)
def test_arguments_that_make_no_sense(name: str, value: Any) -> None:
    options = {"events": 1, name: value}
    with pytest.raises(ConfigError, match=name):
        simulate_toy(**options)
