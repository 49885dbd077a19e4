"""The bundled hits: counts, checksums and the physics that must be in them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import awkward as ak
import numpy as np
import pytest
import uproot

import pcgnn
from pcgnn import datasets
from pcgnn.errors import ConfigError

FOLDER = datasets.bundled("tracks").parent
PIXELS, COMPLETE = "pixels_pt05.root", "event_pu200.root"
COUNTS = {PIXELS: (30, 996_721, 137_891), COMPLETE: (1, 152_794, 14_339)}

BARREL_RADII = {
    (8, 2): 32.0, (8, 4): 72.0, (8, 6): 116.0, (8, 8): 172.0,
    (13, 2): 260.0, (13, 4): 360.0, (13, 6): 500.0, (13, 8): 660.0,
    (17, 2): 820.0, (17, 4): 1020.0,
}  # fmt: skip
"""(volume, layer) -> radius in mm, of the Generic detector."""
PIXEL_DISKS = (600.0, 700.0, 820.0, 960.0, 1100.0, 1300.0, 1500.0)


@pytest.fixture(scope="module")
def samples() -> dict[str, ak.Array]:
    arrays = {}
    for name in COUNTS:
        with uproot.open(datasets.bundled("tracks", name)) as file:
            arrays[name] = file["events"].arrays()
    return arrays


def flat(events: ak.Array, name: str) -> np.ndarray:
    return ak.to_numpy(ak.flatten(events[name]))


@pytest.mark.parametrize("name", COUNTS)
def test_counts(samples: dict[str, ak.Array], name: str) -> None:
    events = samples[name]
    found = len(events), len(flat(events, "hit_x")), len(flat(events, "particle_px"))
    assert found == COUNTS[name]
    card = (FOLDER / "README.md").read_text()
    assert all(f"{count:,}" in card for count in found)


@pytest.mark.parametrize("name", COUNTS)
def test_checksums(name: str) -> None:
    path = datasets.bundled("tracks", name)
    assert datasets.verify("tracks", name) == path
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert f"`{digest}`" in (FOLDER / "README.md").read_text()
    assert f"{digest}  {name}" in (FOLDER / "SHA256SUMS").read_text().splitlines()


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_tracks", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_tracks"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", COUNTS)
def test_content_checksum_of_the_card(
    samples: dict[str, ak.Array], make: ModuleType, name: str
) -> None:
    events = samples[name]
    digest = make.content_sha256({field: events[field] for field in events.fields})
    assert f"content: `{digest}`" in (FOLDER / "README.md").read_text()


def test_settings_in_the_files_are_those_of_the_script(make: ModuleType) -> None:
    for name, settings in ((PIXELS, make.PIXELS), (COMPLETE, make.COMPLETE)):
        with uproot.open(datasets.bundled("tracks", name)) as file:
            about = json.loads(str(file["simulation"]))
        assert settings.to_dict().items() <= about.items()
        assert about["events"] == COUNTS[name][0]
        assert about.get("truth_pt_min") == (0.5 if name == PIXELS else None)


def test_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 15_000_000


def test_truth_selection_is_kept_and_flagged(samples: dict[str, ak.Array]) -> None:
    pixels, complete = samples[PIXELS], samples[COMPLETE]
    pt = np.hypot(flat(pixels, "particle_px"), flat(pixels, "particle_py"))
    assert pt.min() > 0.5
    assert pt.min() < 0.501  # the floor is where it is said to be
    assert set(np.unique(flat(pixels, "hit_volume"))) == {7, 8, 9}
    assert flat(pixels, "hit_particle").min() == 0
    assert ak.all(pixels.truth_selected == 1)
    assert ak.all(complete.truth_selected == 0)
    below = np.hypot(flat(complete, "particle_px"), flat(complete, "particle_py")) < 0.5
    assert 0.5 < below.mean() < 0.8
    assert set(np.unique(flat(complete, "hit_volume"))) == {7, 8, 9, 12, 13, 14, 16, 17, 18}
    assert "truth-selected" in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", COUNTS)
def test_hits_lie_on_the_layers(samples: dict[str, ak.Array], name: str) -> None:
    events = samples[name]
    volume, layer = flat(events, "hit_volume"), flat(events, "hit_layer")
    radius = np.hypot(flat(events, "hit_x"), flat(events, "hit_y"))
    z = flat(events, "hit_z")
    for (barrel, number), expected in BARREL_RADII.items():
        here = radius[(volume == barrel) & (layer == number)]
        assert len(here) > 300 or (name == PIXELS and barrel != 8)
        assert np.all(np.abs(here - expected) < 15)  # flat modules, tilted and staggered
    for number, expected in enumerate(PIXEL_DISKS):
        assert np.all(np.abs(z[(volume == 9) & (layer == 2 + 2 * number)] - expected) < 5)
        assert np.all(np.abs(z[(volume == 7) & (layer == 14 - 2 * number)] + expected) < 5)
    assert np.array_equal(np.round(z * 1024), z * 1024)  # the rounding that the card states


@pytest.mark.parametrize("name", COUNTS)
def test_particles_own_their_hits(samples: dict[str, ak.Array], name: str) -> None:
    for event in samples[name][:3]:
        counts = np.bincount(ak.to_numpy(event.hit_particle), minlength=len(event.particle_px))
        np.testing.assert_array_equal(counts, event.particle_nhits)
        assert counts.min() > 0
        # no two hits of a particle have the same place along it
        owner, order = (ak.to_numpy(event[f"hit_{name}"]) for name in ("particle", "order"))
        assert len(np.unique(owner.astype(np.int64) * 1000 + order)) == len(owner)


def test_pile_up_and_beam_spot(samples: dict[str, ak.Array]) -> None:
    """Of 201 collisions some are elastic-like and leave no particle above the thresholds."""
    events = samples[PIXELS]
    collisions = np.array([len(np.unique(vertices)) for vertices in events.particle_vertex])
    assert 170 < collisions.mean() < 201
    prompt = (events.particle_secondary == 0) & (events.particle_generation == 0)
    z, vertex = events.particle_vz[prompt], events.particle_vertex[prompt]
    first = ak.to_numpy(ak.firsts(z[vertex == 1]))
    one_each = np.concatenate(
        [z[i].to_numpy()[np.unique(vertex[i], return_index=True)[1]] for i in range(len(events))]
    )
    assert abs(one_each.std() - 55.5) < 5 * 55.5 / np.sqrt(2 * len(one_each))
    assert ak.all(abs(z[vertex == 1] - first) < 0.01)  # one collision, one place


def test_reference_tracks(samples: dict[str, ak.Array]) -> None:
    """Plain double matching gives ACTS' efficiency, stated in the card."""
    event = samples[COMPLETE][0]
    owner = ak.to_numpy(event.hit_particle)
    pt = np.hypot(event.particle_px, event.particle_py)
    eta = np.arcsinh(event.particle_pz / pt)
    total = ak.to_numpy(event.particle_nhits)
    wanted = (pt > 1) & (abs(eta) < 3) & (total >= 9) & (event.particle_charge != 0)
    found, fakes = set(), 0
    stop = np.cumsum(event.ambi_nhits)
    for start, end in zip(stop - event.ambi_nhits, stop, strict=True):
        owners = owner[event.ambihit_index[start:end]]
        particles, shared = np.unique(owners, return_counts=True)
        best = shared.argmax()
        if 2 * shared[best] >= end - start and 2 * shared[best] >= total[particles[best]]:
            found.add(int(particles[best]))
        else:
            fakes += 1
    assert len(stop) == 1_236
    assert ak.sum(wanted) == 1_297
    assert sum(bool(wanted[particle]) for particle in found) == 1_213
    assert fakes == 2


@pytest.mark.parametrize("name", COUNTS)
def test_read_hits(samples: dict[str, ak.Array], name: str) -> None:
    hits, plain = pcgnn.read_hits(datasets.bundled("tracks", name)), samples[name]
    assert len(hits) == COUNTS[name][0]
    np.testing.assert_array_equal(ak.flatten(hits.hit.x), flat(plain, "hit_x"))
    np.testing.assert_array_equal(ak.flatten(hits.hit.particle_id), flat(plain, "hit_particle") + 1)
    np.testing.assert_allclose(
        ak.flatten(hits.particle.pt),
        np.hypot(flat(plain, "particle_px"), flat(plain, "particle_py")),
        rtol=1e-6,
    )
    if name == COMPLETE:
        assert ak.num(hits.ambi.hit_index).tolist() == [1_236]
        np.testing.assert_array_equal(
            ak.flatten(hits.ambi.hit_index, axis=None), flat(plain, "ambihit_index")
        )


def test_names() -> None:
    assert datasets.bundled("tracks").name == PIXELS
    assert datasets.describe("tracks").samples == (PIXELS, COMPLETE)
    with pytest.raises(ConfigError, match=r"ships no sample 'event.root'.*event_pu200.root"):
        datasets.bundled("tracks", "event.root")
    with pytest.raises(ConfigError, match="no published files, it ships with pcgnn"):
        datasets.download("tracks")


def test_card_names_licence_and_programs() -> None:
    card = Path(FOLDER / "README.md").read_text()
    for needed in ("CC0-1.0", "Pythia 8.317", "ACTS 48.1", "python make.py", "Generic detector"):
        assert needed in card
