"""Fitted tracks written beside their labels, or as tracks beside their hits, and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from pcgnn.errors import WriteError
from pcgnn.io import read_hits, write_hits, write_tracks
from pcgnn.simulation import simulate_toy
from pcgnn.tracking import fit_tracks

NAMES = ("pt", "eta", "phi", "d0", "z0", "charge", "chi2", "ndf")


@pytest.fixture(scope="module")
def events() -> tuple[ak.Array, ak.Array, ak.Array]:
    """Hits, labels (the particles, noise on no track), and fits; the middle event has no track."""
    hits = simulate_toy(3, seed=5, pt_min=0.5, first_event=40)
    labels = hits.hit.particle_id * (hits.event_id != 41) - 1
    return hits, labels, fit_tracks(hits, labels, resolution=0.1, min_hits=9)


def test_parameters_are_aligned_with_their_tracks(
    tmp_path: Path, events: tuple[ak.Array, ak.Array, ak.Array]
) -> None:
    hits, labels, fitted = events
    file = write_tracks(tmp_path / "found.root", labels, hits, parameters=fitted)
    with uproot.open(file) as opened:
        found = opened["tracks"].arrays()
    assert found.event_id.tolist() == [40, 41, 42]
    assert found.track_label.tolist() == fitted.label.tolist()
    assert found.track_nhits.tolist() == fitted.nhits.tolist()
    assert found.trackhit_index.tolist() == ak.flatten(fitted.hit_index, axis=2).tolist()
    assert ak.num(found.track_pt).tolist()[1] == 0
    for name in NAMES:
        assert ak.num(found[f"track_{name}"]).tolist() == ak.num(fitted).tolist()
        written, given = (
            ak.to_numpy(ak.flatten(v)) for v in (found[f"track_{name}"], fitted[name])
        )
        assert written.dtype == given.dtype
        np.testing.assert_array_equal(written, given)
    short = ak.flatten(found.track_nhits < 9)
    assert ak.any(short)
    assert np.isnan(ak.flatten(found.track_pt)[short]).tolist() == [True] * int(ak.sum(short))
    # one event at a time, against the particles themselves
    for n in (0, 2):
        particle = hits[n].particle[found[n].track_label]
        good = np.asarray(found[n].track_nhits >= 9)
        ratio = np.asarray(found[n].track_pt / particle.pt)[good]
        assert good.sum() > 5
        assert np.median(np.abs(ratio - 1)) < 0.1


def test_without_parameters_nothing_changes(
    tmp_path: Path, events: tuple[ak.Array, ak.Array, ak.Array]
) -> None:
    hits, labels, fitted = events
    for name, given in (("a", None), ("b", fitted)):
        write_tracks(tmp_path / f"{name}.root", labels, hits, parameters=given)
    with uproot.open(tmp_path / "a.root") as a, uproot.open(tmp_path / "b.root") as b:
        plain, more = a["tracks"].arrays(), b["tracks"].arrays()
    assert sorted(set(more.fields) - set(plain.fields)) == sorted(f"track_{n}" for n in NAMES)
    assert ak.array_equal(more[plain.fields], plain)


def test_what_does_not_fit_is_refused(
    tmp_path: Path, events: tuple[ak.Array, ak.Array, ak.Array]
) -> None:
    hits, labels, fitted = events
    file = tmp_path / "bad.root"
    cases: tuple[tuple[Any, str], ...] = (
        (fitted[:2], "in 2 events"),
        (fitted[:, 1:], "entry 0"),
        (fitted[:, ::-1], "parameters of track"),
        (fitted[["label", "pt", "eta"]], "no field phi"),
        (np.zeros(3), "no field label"),
        (fit_tracks(hits, ak.where(labels == 0, 999, labels), resolution=0.1), "where the labels"),
    )
    for parameters, message in cases:
        with pytest.raises(WriteError, match=message):
            write_tracks(file, labels, hits, parameters=parameters)
    assert not file.exists()


def test_fits_are_tracks_beside_their_hits(
    tmp_path: Path, events: tuple[ak.Array, ak.Array, ak.Array]
) -> None:
    hits, _, fitted = events
    with_tracks = ak.with_field(hits, fitted, "found")
    read = read_hits(write_hits(tmp_path / "hits.root", with_tracks))
    assert read.attrs["pcgnn"]["tracks"] == ["found"]
    assert read.found.hit_index.tolist() == fitted.hit_index.tolist()
    for name in (*NAMES, "label", "turn", "qpt_error"):
        np.testing.assert_array_equal(ak.flatten(read.found[name]), ak.flatten(fitted[name]))
    again = fit_tracks(read, read.found, resolution=0.1, min_hits=9)
    assert again.label.tolist() == fitted.label.tolist()
    np.testing.assert_array_equal(ak.flatten(again.pt), ak.flatten(fitted.pt))
