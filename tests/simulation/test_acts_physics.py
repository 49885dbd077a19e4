"""Two real events through Pythia and ACTS; only where the extra ``simulation`` is installed."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

from pcgnn.simulation import TrackSimulation, simulate_tracks

REASON = "the extra [simulation] is not installed"
pytest.importorskip("acts", reason=REASON)
pytest.importorskip("pythia8mc", reason=REASON)

PIXEL_RADII = {2: 32.0, 4: 72.0, 6: 116.0, 8: 172.0}
"""Mean radii of the barrel pixel layers of the Generic detector, mm."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TrackSimulation:
    path = tmp_path_factory.mktemp("acts") / "two.root"
    return simulate_tracks(
        path, 2, pile_up=0, seed=7, reconstruction=True, truth_positions=True, progress=False
    )


@pytest.fixture(scope="module")
def events(made: TrackSimulation) -> ak.Array:
    with uproot.open(made.path) as file:
        return file["events"].arrays()


def of_owner(events: ak.Array, name: str) -> np.ndarray:
    """A column of the particles, repeated for their hits."""
    return ak.to_numpy(ak.flatten(events[f"particle_{name}"][events.hit_particle]))


def flat(events: ak.Array, name: str) -> np.ndarray:
    return ak.to_numpy(ak.flatten(events[name]))


def test_counts(made: TrackSimulation, events: ak.Array) -> None:
    assert made.events == len(events) == 2
    assert made.hits == ak.sum(ak.num(events.hit_x))
    assert made.particles == ak.sum(ak.num(events.particle_px))
    assert 500 < made.hits / 2 < 12_000  # a pair of top quarks: some 200 charged particles
    assert ak.all(events.particle_nhits > 0)
    for event in events:  # plainly
        owners = ak.to_numpy(event.hit_particle)
        assert owners.min() >= 0
        counts = np.bincount(owners, minlength=len(event.particle_px))
        np.testing.assert_array_equal(counts, event.particle_nhits)
    assert str(made).startswith(f"{made.path}: 2 events")


def test_hits_lie_on_the_layers(events: ak.Array) -> None:
    volume, layer = flat(events, "hit_volume"), flat(events, "hit_layer")
    radius = np.hypot(flat(events, "hit_x"), flat(events, "hit_y"))
    z = flat(events, "hit_z")
    assert set(np.unique(volume)) <= {7, 8, 9, 12, 13, 14, 16, 17, 18}
    for number, expected in PIXEL_RADII.items():
        on_layer = radius[(volume == 8) & (layer == number)]
        assert len(on_layer) > 100
        assert np.abs(on_layer - expected).max() < 6
    assert (z[volume == 7] < -590).all()
    assert (z[volume == 9] > 590).all()


def test_resolution_of_the_pixels(events: ak.Array) -> None:
    """50 um / sqrt(12) along the modules of the barrel, whose long side is the beam."""
    residual = flat(events, "hit_z") - flat(events, "hit_tz")
    pixels = residual[flat(events, "hit_volume") == 8]
    error = 0.0144 / np.sqrt(2 * len(pixels))
    assert abs(pixels.std() - 0.0144) < 5 * error
    assert abs(pixels.mean()) < 5 * 0.0144 / np.sqrt(len(pixels))


def test_charged_particles_bend_in_two_tesla(events: ak.Array) -> None:
    """Circle through three true hits: pT = 0.3 B R, on the side that the charge asks for."""
    event = events[0]
    owner, order = ak.to_numpy(event.hit_particle), ak.to_numpy(event.hit_order)
    pt = np.hypot(event.particle_px, event.particle_py)
    sign, ratio = [], []
    for particle in np.flatnonzero((ak.to_numpy(event.particle_nhits) > 8) & (pt > 1)):
        rows = np.flatnonzero(owner == particle)
        rows = rows[np.argsort(order[rows])]
        a, b, c = (
            np.array([event.hit_tx[rows[i]], event.hit_ty[rows[i]]], np.float64) for i in (0, 4, 8)
        )
        (ux, uy), (vx, vy) = b - a, c - b
        cross = ux * vy - uy * vx
        sides = np.linalg.norm(b - a) * np.linalg.norm(c - b) * np.linalg.norm(c - a)
        radius = sides / (2 * abs(cross)) / 1000  # m
        ratio.append(0.299792458 * 2 * radius / pt[particle])
        sign.append(np.sign(cross) * event.particle_charge[particle])
    assert len(ratio) > 20
    assert abs(np.median(ratio) - 1) < 0.02
    assert np.mean(np.array(sign) == -1) > 0.95  # positive particles turn clockwise


def test_order_goes_outwards(events: ak.Array) -> None:
    pt = np.hypot(of_owner(events, "px"), of_owner(events, "py"))
    radius = np.hypot(flat(events, "hit_x"), flat(events, "hit_y"))
    eta = np.arcsinh(of_owner(events, "pz") / pt)
    keep = (pt > 1) & (np.abs(eta) < 1)
    event = np.repeat([0, 1], ak.to_numpy(ak.num(events.hit_x)))
    owner = event * 1_000_000 + flat(events, "hit_particle")
    rows = np.lexsort([flat(events, "hit_order")[keep], owner[keep]])
    same = np.diff(owner[keep][rows]) == 0
    outwards = np.diff(radius[keep][rows])[same] > -2  # overlaps of modules on a layer
    assert outwards.mean() > 0.99


def test_generator_cuts(events: ak.Array) -> None:
    pt = np.hypot(flat(events, "particle_px"), flat(events, "particle_py"))
    generated = flat(events, "particle_generation") == 0
    assert pt[generated].min() > 0.1
    assert np.abs(np.arcsinh(flat(events, "particle_pz") / pt)[generated]).max() < 4.0
    prompt = generated & (flat(events, "particle_secondary") == 0)
    assert 0.5 < prompt[generated].mean() < 0.98
    vertex = events.particle_vz[
        (events.particle_secondary == 0) & (events.particle_generation == 0)
    ]
    assert ak.all(ak.max(vertex, axis=1) - ak.min(vertex, axis=1) < 1e-2)  # one collision each


def test_reference_tracks(made: TrackSimulation, events: ak.Array) -> None:
    ambi = made.reference["ambi"]
    assert ambi.efficiency > 0.9
    assert ambi.fake_rate < 0.05
    assert ambi.duplicates == 0
    assert ambi.tracks <= made.reference["ckf"].tracks
    for event in events:  # purity as ACTS computed it: hits of the particle / hits of the track
        stop = np.cumsum(event.ambi_nhits)
        assert stop[-1] == len(event.ambihit_index)
        for track, (start, end) in enumerate(zip(stop - event.ambi_nhits, stop, strict=True)):
            owners = ak.to_numpy(event.hit_particle[event.ambihit_index[start:end]])
            share = np.mean(owners == event.ambi_particle[track])
            assert share == pytest.approx(event.ambi_purity[track], abs=1e-3)


def test_event_is_the_same_alone_and_in_company(
    made: TrackSimulation, events: ak.Array, tmp_path: Path
) -> None:
    alone = simulate_tracks(
        tmp_path / "one.root", 1, pile_up=0, seed=7, first_event=1, progress=False
    )
    with uproot.open(alone.path) as file:
        second = file["events"].arrays()
    assert second.event.tolist() == [1]
    for name in second.fields:
        assert ak.array_equal(second[name], events[name][1:]), name


def test_clusters_losses_and_noise(tmp_path: Path) -> None:
    options = {"pile_up": 0, "seed": 8, "digitisation": "geometric", "progress": False}
    clean = simulate_tracks(tmp_path / "clean.root", 1, truth_positions=True, **options)
    dirty = simulate_tracks(tmp_path / "dirty.root", 1, inefficiency=0.1, noise=0.2, **options)
    with uproot.open(clean.path) as file:
        event = file["events"].arrays()
    with uproot.open(dirty.path) as file:
        owners = flat(file["events"].arrays(), "hit_particle")
    assert ak.min(event.hit_nsim) >= 1
    offset = np.abs(flat(event, "hit_z") - flat(event, "hit_tz"))[flat(event, "hit_volume") == 8]
    assert np.median(offset) < 0.05  # within the channel or two of the cluster
    kept, noise = np.sum(owners >= 0), np.sum(owners < 0)
    assert abs(kept - 0.9 * clean.hits) < 5 * np.sqrt(0.09 * clean.hits)
    assert abs(noise - 0.2 * kept) < 5 * np.sqrt(0.2 * kept)
