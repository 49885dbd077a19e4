"""Resolutions of track parameters against plain loops, shifts that were put in, and real fits."""

from __future__ import annotations

import json
from typing import Any

import awkward as ak
import numpy as np
import pytest

import pcgnn
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import track_resolution
from pcgnn.tracking import fit_tracks


def sample(size: int, seed: int) -> tuple[ak.Array, ak.Array]:
    """Two events of particles with six hits each, and tracks with known normal residuals."""
    rng = np.random.default_rng(seed)
    hits, tracks = [], []
    for _ in range(2):
        pt, eta = rng.uniform(0.6, 9.0, size), rng.uniform(-3, 3, size)
        phi, vz = rng.uniform(-np.pi, np.pi, size), rng.normal(0, 50, size)
        particle = {"particle_id": np.arange(1, size + 1), "pt": pt, "eta": eta, "phi": phi}
        particle |= {"vx": np.zeros(size), "vy": np.zeros(size), "vz": vz}
        particle["charge"] = rng.choice([-1, 1], size)
        ids = np.repeat(particle["particle_id"], 6)
        found = {
            "pt": pt * (1 + 0.01 + 0.02 * rng.normal(size=size)),
            "eta": eta + 0.003 * rng.normal(size=size),
            "phi": np.angle(np.exp(1j * (phi + 0.002 * rng.normal(size=size)))),
            "z0": vz + 0.1 * rng.normal(size=size),
            "charge": particle["charge"] * np.where(np.arange(size) % 10, 1, -1),
        }
        index = np.arange(6 * size).reshape(size, 6)
        hits.append({"hit": ak.zip({"particle_id": ids}), "particle": ak.zip(particle)})
        found_lists: dict[str, Any] = {"hit_index": ak.from_regular(ak.Array(index), axis=1)}
        tracks.append(
            ak.zip(found_lists | {k: ak.Array(v) for k, v in found.items()}, depth_limit=1)
        )
    columns = {
        name: ak.Array([ak.to_list(event[name]) for event in hits]) for name in ("hit", "particle")
    }
    return ak.Array(columns), ak.Array([ak.to_list(each) for each in tracks])


def test_residuals_that_were_put_in() -> None:
    hits, tracks = sample(2000, 1)
    found = track_resolution(tracks, hits)
    assert len(found) == found.given == 4000
    binned = found.vs("pt", [0.6, 3.0, 9.0])
    assert binned.counts.sum() == 4000
    for name, width in {"pt": 0.02, "eta": 0.003, "phi": 0.002, "z0": 0.1}.items():
        assert (np.abs(binned.width[name] - width) < 4 * binned.width_error[name]).all(), name
        shift = 0.01 if name == "pt" else 0.0
        assert (np.abs(binned.median[name] - shift) < 0.1 * width).all(), name
    assert found.charge is not None
    assert found.charge.counts == "3,600 / 4,000"


def test_bins_are_those_of_a_plain_loop() -> None:
    hits, tracks = sample(300, 2)
    found = track_resolution(tracks, hits)
    edges = [0.0, 1.0, 2.0, 2.9]
    binned = found.vs("abs_eta", edges)
    residuals: list[list[float]] = [[], [], []]
    outside = 0
    for event in range(2):
        for track, particle in zip(tracks[event], hits.particle[event], strict=True):
            inside = [k for k in range(3) if edges[k] <= abs(particle.eta) < edges[k + 1]]
            outside += not inside
            for k in inside:
                residuals[k].append(track.pt / particle.pt - 1)
    assert binned.counts.tolist() == [len(part) for part in residuals]
    assert binned.outside == outside > 0
    for k, part in enumerate(residuals):
        ordered = np.sort(part)
        assert binned.median["pt"][k] == pytest.approx(np.median(part))
        low, high = (ordered[round(q * (len(part) - 1))] for q in (0.158655, 0.841345))
        assert binned.width["pt"][k] == pytest.approx((high - low) / 2, rel=0.05)


def test_tracks_that_are_not_used() -> None:
    hits, tracks = sample(20, 3)
    mixed = ak.to_list(tracks)
    # two hits of another particle: purity 4/6; a fit without result; a track too short
    mixed[0][0]["hit_index"] = [*mixed[0][0]["hit_index"][:4], 6, 7]
    mixed[0][1]["pt"] = float("nan")
    mixed[1][2]["hit_index"] = mixed[1][2]["hit_index"][:3]
    far = ak.to_list(hits.particle)
    far[1][5]["vx"] = 30.0
    changed = ak.with_field(hits, ak.Array(far), "particle")
    found = track_resolution(ak.Array(mixed), changed)
    assert (len(found), found.given) == (36, 40)
    assert len(track_resolution(ak.Array(mixed), changed, purity_min=0.6)) == 37
    assert len(track_resolution(ak.Array(mixed), changed, min_hits=3)) == 37
    assert len(track_resolution(ak.Array(mixed), changed, vertex_radius_max=50.0)) == 37
    empty = track_resolution(tracks, hits, min_hits=100)
    assert len(empty) == 0
    assert np.isnan(empty.vs("pt", [0, 10]).width["pt"]).all()


def test_text_and_plain_values() -> None:
    hits, tracks = sample(200, 4)
    found = track_resolution(tracks, hits)
    text = str(found)
    for words in ("400 of 400 tracks", "within 1 mm", "pt / true - 1", "360 / 400", "dz0 [mm]"):
        assert words in text
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["vs_pt"]["counts"] == found.vs("pt", values["vs_pt"]["edges"]).counts.tolist()
    assert values["vs_pt"]["median"]["pt"][0] is None  # nothing below 0.5 GeV
    with_less = track_resolution(tracks[["hit_index", "pt", "eta", "phi"]], hits)
    assert with_less.charge is None
    assert "z0" not in with_less.residuals


def test_fits_of_the_bundled_event() -> None:
    hits = pcgnn.read_hits(pcgnn.datasets.bundled("tracks", "event_pu200.root"))
    ours = track_resolution(fit_tracks(hits, hits.ambi), hits, min_hits=7)
    filtered = track_resolution(hits.ambi, hits, min_hits=7)
    assert len(ours) == len(filtered) > 1000
    for found, limits in ((ours, (0.016, 0.04)), (filtered, (0.012, 0.03))):
        width = found.vs("abs_eta", [0.0, 1.0, 2.5]).width["pt"]
        assert ((width > 0.003) & (width < limits)).all()
    assert ours.charge is not None
    assert ours.charge.value > 0.995


def test_what_does_not_fit_is_refused() -> None:
    hits, tracks = sample(10, 5)
    with pytest.raises(DataError, match="no field 'eta'"):
        track_resolution(tracks[["hit_index", "pt"]], hits)
    with pytest.raises(DataError, match="lists of 1 events"):
        track_resolution(tracks[:1], hits)
    with pytest.raises(DataError, match="of the particles is not known"):
        track_resolution(tracks, ak.Array({"hit": hits.hit}))
    with pytest.raises(ConfigError, match="purity_min"):
        track_resolution(tracks, hits, purity_min=0.0)
    with pytest.raises(ConfigError, match="choose one of"):
        track_resolution(tracks, hits).vs("d0", [0, 1])
