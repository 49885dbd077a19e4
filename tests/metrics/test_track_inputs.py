"""Every accepted form of hits and tracks gives the same numbers; the others are named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_tracks import Sample, sample

from pcgnn.errors import DataError
from pcgnn.metrics import track_report, trackml_weights
from pcgnn.metrics.tracks.grouping import group


def as_read(data: Sample, **attrs: Any) -> ak.Array:
    """The sample in the shape that files are read into: hits and particles, event by event."""
    hits, particles = [], []
    for event in np.unique(data.hits["event_id"]):
        own = data.hits["event_id"] == event
        column = {name: values[own] for name, values in data.hits.items()}
        ids, first = np.unique(column["particle_id"], return_index=True)
        rows = [(i, f) for i, f in zip(ids, first, strict=True) if i > 0][::-1]
        # 3-4-5: px, py of each particle make its pt; eta comes from pz
        particles.append(
            [
                {
                    "particle_id": int(i),
                    "px": 0.6 * column["pt"][f],
                    "py": -0.8 * column["pt"][f],
                    "pz": column["pt"][f] * np.sinh(column["eta"][f]),
                    "vx": 3.0,
                    "vy": 4.0,
                    "vz": column["vz"][f],
                }
                for i, f in rows
            ]
            + [{"particle_id": 10**6, "px": 9.0, "py": 0.0, "pz": 0.0, "vx": 0, "vy": 0, "vz": 0}]
        )
        hits.append(
            [
                {"particle_id": int(i), "tz": z}
                for i, z in zip(column["particle_id"], column["tz"], strict=True)
            ]
        )
    array = ak.Array({"hit": hits, "particle": particles})
    array.attrs["pcgnn"] = attrs
    return array


def per_event(data: Sample, values: np.ndarray) -> list[np.ndarray]:
    return [values[data.hits["event_id"] == event] for event in np.unique(data.hits["event_id"])]


def test_all_forms_of_hits_and_tracks_agree() -> None:
    # pt 1.0 would come back from its components with a rounding error, so cut elsewhere
    data, options = sample(4), {"rule": "double_majority", "pt_min": 0.95}
    expected = track_report(data.hits, data.labels, **options).to_dict()
    read = as_read(data)
    tensors = {name: torch.tensor(values) for name, values in data.hits.items()}
    jagged = ak.Array(per_event(data, data.labels))
    for hits in (data.hits, tensors, {k: v.tolist() for k, v in data.hits.items()}, read):
        for tracks in (
            data.labels,
            data.labels.tolist(),
            torch.tensor(data.labels),
            data.labels.astype(float),
            jagged,
            per_event(data, data.labels),
            jagged.to_list(),
            data.lists,
            ak.Array(data.lists),
            ak.Array({"hit_index": data.lists, "n": [len(each) for each in data.lists]}),
        ):
            found = track_report(hits, tracks, **options).to_dict()
            assert found == expected


def test_read_hits_bring_vertex_and_notes() -> None:
    read = as_read(sample(4), truth_selection="pixels, no noise")
    report = track_report(read, sample(4).labels, rule="lhc")
    assert report.truth_selection == "pixels, no noise"
    np.testing.assert_allclose(report.particles.vertex_radius, 5.0)
    assert report.n_particles < 40  # the particle without hits is in no denominator
    assert 10**6 not in report.particles.particle_id
    np.testing.assert_allclose(trackml_weights(read), trackml_weights(sample(4).hits))


def test_interleaved_events_are_kept_apart() -> None:
    hits = {"particle_id": [1] * 6, "event_id": [0, 1] * 3, "pt": [2.0] * 6, "eta": [0.0] * 6}
    report = track_report(hits, [0] * 6, rule="perfect")
    assert report.efficiency.counts == "2 / 2"
    with pytest.raises(DataError, match="blocks"):
        track_report(hits, [[[0, 1]], [[0]]], rule="perfect")


@given(st.data())
def test_group_numbers_like_sorting(data: Any) -> None:
    n = data.draw(st.integers(1, 40))
    wide = data.draw(st.booleans())
    bounds = (-(2**62), 2**62) if wide else (-5, 20)
    ids = np.array(data.draw(st.lists(st.integers(*bounds), min_size=n, max_size=n)))
    event = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    groups = group(ids, event, 4)
    pairs = sorted(set(zip(event.tolist(), ids.tolist(), strict=True)))
    assert list(zip(groups.event.tolist(), groups.id.tolist(), strict=True)) == pairs
    back = [pairs.index(pair) for pair in zip(event.tolist(), ids.tolist(), strict=True)]
    assert groups.number.tolist() == back


HITS: dict[str, Any] = {"particle_id": [1, 1, 1, 2], "pt": [2.0] * 4, "eta": [0.0] * 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"particle_id": None}, "no column 'particle_id'.*Remedy"),
        ({"pt": None}, "no column 'pt'.*pt_min=0"),
        ({"eta": None}, "no column 'eta'.*eta_max"),
        ({"pt": [2.0] * 3}, "pt: 3 values for 4 hits"),
        ({"pt": [float("nan")] * 3 + [1.0]}, "particle 1 has 3 hits but its pt is NaN"),
        ({"pt": [1.0, 1.0, 2.0, 1.0]}, "hits of particle 1 do not agree"),
        ({"event_id": [0, 0]}, "event_id: 2 values for 4 hits"),
        ({"particle_id": [1.5, 1, 1, 2]}, "no integer"),
        ({"particle_id": [2.0**60, 1, 1, 2]}, "no integer that a float can hold"),
        ({"particle_id": np.array([2**63, 1, 1, 2], np.uint64)}, "64 bits"),
        ({"particle_id": [[[1]]]}, "levels"),
    ],
)
def test_bad_hits_are_named(change: dict[str, Any], message: str) -> None:
    hits = {k: v for k, v in {**HITS, **change}.items() if v is not None}
    with pytest.raises(DataError, match=message):
        track_report(hits, [0, 0, 0, -1], rule="lhc")


def test_values_of_unused_particles_may_be_missing() -> None:
    hits = {**HITS, "pt": [2.0] * 3 + [float("nan")], "eta": [0.0] * 3 + [float("nan")]}
    assert track_report(hits, [0, 0, 0, 1], rule="lhc").efficiency.counts == "1 / 1"
    only = {"particle_id": [1, 1, 1]}
    report = track_report(only, [0] * 3, rule="lhc", pt_min=0, eta_max=float("inf"))
    assert report.selection == "no pT floor, any eta, >= 3 hits"


@pytest.mark.parametrize(
    ("tracks", "message"),
    [
        ([0, 0, 0], "3 labels for 4 hits"),
        ([0.0, 0.0, 0.0, float("nan")], "-1 for a hit in no track"),
        ([[0, 0], [0, 0]], "other lengths than the events"),
        ([[[0, 1], [4]]], "hit index 4 in track 1 of event 0, which has 4 hits"),
        ([[[0, -1]]], "hit index -1 in track 0"),
        ([[[0]], [[1]]], "2 events for hits of 1"),
        ([[[0, 1], [2, 1, 2]]], "track 1 of event 0 holds a hit twice"),
        ([[[[0]]]], "4 levels"),
        (ak.Array([0, None, 1, 1]), "missing"),
        (ak.Array([{"a": 1}]), "records with fields"),
        (["a", "b", "c", "d"], "not numeric|array"),
    ],
)
def test_bad_tracks_are_named(tracks: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        track_report(HITS, tracks, rule="lhc")


def test_empty_and_strange_hits() -> None:
    with pytest.raises(DataError, match="no hits"):
        track_report({"particle_id": [], "pt": [], "eta": []}, [], rule="lhc")
    with pytest.raises(DataError, match="no named columns"):
        track_report([1, 2, 3], [0, 0, 0], rule="lhc")
    read = as_read(sample(1))
    without = ak.Array({"hit": read.hit[["tz"]], "particle": read.particle})
    with pytest.raises(DataError, match="particle_id"):
        track_report(without, sample(1).labels, rule="lhc")
    twice = ak.Array({"hit": read.hit, "particle": ak.concatenate([read.particle] * 2, axis=1)})
    with pytest.raises(DataError, match="listed twice"):
        track_report(twice, sample(1).labels, rule="lhc")
    lost = ak.Array({"hit": read.hit, "particle": read.particle[:, -1:]})
    with pytest.raises(DataError, match="NaN or not listed"):
        track_report(lost, sample(1).labels, rule="lhc")


def test_metrics_import_neither_torch_nor_awkward() -> None:
    code = "import sys, pcgnn.metrics; print(' '.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "awkward", "scipy.sparse.csgraph"} & set(out.stdout.split())
