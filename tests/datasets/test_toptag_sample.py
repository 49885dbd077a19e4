"""The bundled jets: counts, checksums and the physics that must be in them."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import awkward as ak
import numpy as np
import pytest
import uproot

from pcgnn import datasets
from pcgnn.errors import ConfigError, DataError

FOLDER = datasets.bundled("toptag").parent


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    with uproot.open(datasets.bundled("toptag")) as file:
        return file["jets"].arrays()


@pytest.fixture(scope="module")
def make_sample() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_sample", FOLDER / "make_sample.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_sample"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def sums(jets: ak.Array) -> np.ndarray:
    """E, px, py, pz of each jet from its particles, (G, 4) float64."""
    names = ("part_energy", "part_px", "part_py", "part_pz")
    columns = [ak.sum(ak.values_astype(jets[name], np.float64), axis=1) for name in names]
    return np.stack([ak.to_numpy(column) for column in columns], axis=1)


@pytest.mark.parametrize(
    ("split", "top", "qcd"), [(0, 3027, 3028), (1, 1000, 1000), (2, 2000, 2000)]
)
def test_counts(jets: ak.Array, split: int, top: int, qcd: int) -> None:
    label = ak.to_numpy(jets.is_top[jets.split == split])
    assert np.bincount(label).tolist() == [qcd, top]


def test_split_follows_the_entries(jets: ak.Array) -> None:
    expected = np.repeat([0, 1, 2], [6055, 2000, 4000])
    np.testing.assert_array_equal(ak.to_numpy(jets.split), expected)


def test_classes_are_mixed_inside_each_part(jets: ak.Array) -> None:
    """A file read in order must not show one class first and the other later."""
    for split in range(3):
        label = ak.to_numpy(jets.is_top[jets.split == split]).astype(float)
        block_means = label[: len(label) // 200 * 200].reshape(-1, 200).mean(axis=1)
        assert np.all(np.abs(block_means - 0.5) < 5 * 0.5 / np.sqrt(200))


def test_rows_are_unique_and_from_the_stated_pool(jets: ak.Array) -> None:
    row = ak.to_numpy(jets.row)
    assert len(np.unique(row)) == 12_055
    assert row.min() >= 0
    assert row.max() < 100_000


def test_no_jet_occurs_twice(jets: ak.Array) -> None:
    assert len(np.unique(sums(jets), axis=0)) == 12_055


def test_jet_columns_are_the_sums_of_the_particles(jets: ak.Array) -> None:
    E, px, py, pz = sums(jets).T
    pt = np.sqrt(px**2 + py**2)
    close = {"rtol": 2 * np.finfo(np.float32).eps, "atol": 1e-7}
    np.testing.assert_allclose(ak.to_numpy(jets.jet_pt), pt, **close)
    np.testing.assert_allclose(
        ak.to_numpy(jets.jet_eta), np.arctanh(pz / np.sqrt(pt**2 + pz**2)), **close
    )
    np.testing.assert_allclose(ak.to_numpy(jets.jet_phi), np.arctan2(py, px), **close)
    mass = np.sqrt(E**2 - pt**2 - pz**2)
    # the last digits of E^2 - p^2 depend on the order of the sum in float64: 1e-7 GeV is enough
    np.testing.assert_allclose(ak.to_numpy(jets.jet_mass), mass, rtol=2e-7, atol=1e-7)


def test_published_selection(jets: ak.Array) -> None:
    """550 < pT < 650 GeV and |eta| < 2, as the authors of the data set state."""
    pt, eta = ak.to_numpy(jets.jet_pt), ak.to_numpy(jets.jet_eta)
    assert pt.min() >= 550
    assert pt.max() <= 650
    assert np.abs(eta).max() < 2


def test_particles_are_sorted_and_nearly_massless(jets: ak.Array) -> None:
    pt = np.hypot(jets.part_px, jets.part_py)
    assert ak.all(pt[:, :-1] >= pt[:, 1:])
    momentum = np.sqrt(
        sum(
            ak.values_astype(jets[name], np.float64) ** 2
            for name in ("part_px", "part_py", "part_pz")
        )
    )
    np.testing.assert_allclose(ak.flatten(jets.part_energy / momentum), 1.0, atol=1e-5)


def test_particles_lie_inside_the_cone(jets: ak.Array) -> None:
    """anti-kT with R = 0.8: nearly everything within 0.8 of the axis, nothing far away."""
    eta = np.arctanh(jets.part_pz / jets.part_energy * (1 - 1e-6))
    dphi = (np.arctan2(jets.part_py, jets.part_px) - jets.jet_phi + np.pi) % (2 * np.pi) - np.pi
    distance = ak.to_numpy(ak.flatten(np.hypot(eta - jets.jet_eta, dphi)))
    assert np.mean(distance < 0.8) > 0.99
    assert distance.max() < 1.6


def test_mass_of_tops_and_of_qcd(jets: ak.Array) -> None:
    mass, top = ak.to_numpy(jets.jet_mass), ak.to_numpy(jets.is_top) == 1
    counts, edges = np.histogram(mass[top], bins=60, range=(100, 250))  # 2.5 GeV
    peak = edges[counts.argmax()] + 1.25
    assert 168 < peak < 180  # the top quark weighs 173 GeV
    assert 165 < np.median(mass[top]) < 182
    assert 60 < np.median(mass[~top]) < 110
    inside = (mass > 145) & (mass < 205)
    assert inside[top].mean() > 3 * inside[~top].mean()


def test_tops_have_more_particles(jets: ak.Array) -> None:
    n, top = ak.to_numpy(ak.num(jets.part_px)), ak.to_numpy(jets.is_top) == 1
    assert n[top].mean() > n[~top].mean() + 5
    assert 45 < n.mean() < 55


def test_several_clusters() -> None:
    """Streaming demonstrations need more than one chunk."""
    with uproot.open(datasets.bundled("toptag")) as file:
        assert file["jets/part_px"].num_baskets == 13
        assert file["jets/part_px"].compression_ratio > 1


def test_checksum() -> None:
    assert datasets.verify("toptag") == datasets.bundled("toptag")
    digest = hashlib.sha256(datasets.bundled("toptag").read_bytes()).hexdigest()
    card = (FOLDER / "README.md").read_text()
    assert f"`{digest}`" in card
    assert digest in (FOLDER / "SHA256SUMS").read_text()


def test_content_checksum_of_the_card(jets: ak.Array, make_sample: ModuleType) -> None:
    data = {
        name: ak.to_numpy(jets[name])
        for name in jets.fields
        if not name.startswith(("part_", "npart"))
    }
    data["part"] = ak.zip({name: jets[f"part_{name}"] for name in ("px", "py", "pz", "energy")})
    assert f"`{make_sample.content_sha256(data)}`" in (FOLDER / "README.md").read_text()


def test_card_names_source_and_licence() -> None:
    card = (FOLDER / "README.md").read_text()
    for needed in (
        "10.5281/zenodo.2603256",
        "CC-BY-4.0",
        "Kasieczka",
        "Plehn",
        "Thompson",
        "Russel",
    ):
        assert needed in card


def test_damaged_sample_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "pcgnn"
    shutil.copytree(FOLDER, package / "_bundled" / "toptag")
    monkeypatch.setattr(datasets, "__file__", str(package / "datasets.py"))
    path = datasets.verify("toptag")  # as in a wheel
    assert path == package / "_bundled" / "toptag" / "toptag_sample.root"
    content = bytearray(path.read_bytes())
    content[5_000_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="is not the published 74c0f0"):
        datasets.verify("toptag")
    (path.parent / "SHA256SUMS").unlink()
    with pytest.raises(DataError, match="no checksum"):
        datasets.verify("toptag")
    path.unlink()
    with pytest.raises(DataError, match="not in this installation"):
        datasets.bundled("toptag")


def test_unknown_name() -> None:
    known = ["jets-pf", "resonance", "softdrop", "stop", "toptag", "tracks"]
    assert datasets.list_datasets() == known
    with pytest.raises(ConfigError, match="no data set is called 'tops'"):
        datasets.bundled("tops")


def miniature(seed: int, n_jets: int = 60) -> dict[str, np.ndarray]:
    """Rows like the public ones, two of them copies of each other."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 12, n_jets)
    n[40] = n[7]
    momentum = rng.normal(size=(n.sum(), 3)) * 50
    p4 = np.column_stack([np.linalg.norm(momentum, axis=1), momentum]).astype(np.float32)
    by_pt = np.lexsort([-np.hypot(p4[:, 1], p4[:, 2]), np.repeat(np.arange(n_jets), n)])
    p4, start = p4[by_pt], np.concatenate([[0], np.cumsum(n)])
    p4[start[40] : start[41]] = p4[start[7] : start[8]]
    label = (np.arange(n_jets) % 2).astype(np.int8)
    label[40] = label[7]
    return {"p4": p4, "n": n, "label": label, "row": np.arange(n_jets)}


def drawn_from(make_sample: ModuleType, path: Path) -> dict[str, np.ndarray]:
    make_sample.main(["--input", str(path), "--output", str(path.with_suffix(".root"))])
    with uproot.open(path.with_suffix(".root")) as file:
        jets = file["jets"].arrays()
    flat = {name: jets[name] for name in jets.fields}
    return {k: ak.to_numpy(ak.flatten(v) if v.ndim > 1 else v) for k, v in flat.items()}


def test_script_draws_the_same_from_both_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_sample: ModuleType
) -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("tables")
    monkeypatch.setattr(make_sample, "SPLITS", {"train": 21, "val": 8, "test": 10})
    rows = miniature(3)
    np.savez(tmp_path / "rows.npz", **rows)

    padded = np.zeros((60, 200, 4), np.float32)
    padded[np.arange(200) < rows["n"][:, None]] = rows["p4"]
    names = [f"{c}_{i}" for i in range(200) for c in ("E", "PX", "PY", "PZ")]
    table = pd.DataFrame(padded.reshape(60, 800), columns=names)
    more = pd.DataFrame({"ttv": 0, "is_signal_new": rows["label"].astype(int)}, index=table.index)
    pd.concat([table, more], axis=1).to_hdf(tmp_path / "train.h5", key="table", format="table")

    from_npz = drawn_from(make_sample, tmp_path / "rows.npz")
    from_h5 = drawn_from(make_sample, tmp_path / "train.h5")
    for name, column in from_npz.items():
        np.testing.assert_array_equal(column, from_h5[name], err_msg=name)

    row, split = from_npz["row"], from_npz["split"]
    assert len(set(row)) == 39
    assert not {7, 40} & set(row)  # the two copies are left out
    for part, size in enumerate((21, 8, 10)):
        assert np.bincount(rows["label"][row[split == part]]).tolist() == [
            size - size // 2,
            size // 2,
        ]
    start = np.concatenate([[0], np.cumsum(rows["n"])])
    published = np.concatenate([rows["p4"][start[r] : start[r + 1]] for r in row])
    written = np.stack([from_npz[f"part_{c}"] for c in ("energy", "px", "py", "pz")], axis=1)
    assert written.tobytes() == published.tobytes()  # bit for bit the public values


def test_script_stops_when_jets_are_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_sample: ModuleType
) -> None:
    monkeypatch.setattr(make_sample, "SPLITS", {"train": 50, "val": 10, "test": 10})
    np.savez(tmp_path / "rows.npz", **miniature(3))
    with pytest.raises(SystemExit, match="too few jets of class"):
        make_sample.main(
            ["--input", str(tmp_path / "rows.npz"), "--output", str(tmp_path / "o.root")]
        )
    assert not (tmp_path / "o.root").exists()
