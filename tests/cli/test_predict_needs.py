"""``pcgnn predict`` needs what the inputs need, and no more."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import uproot

import pcgnn
from pcgnn.cli import main

SIZES = [3, 1, 0, 5, 2]


def write(path: Path, seed: int, *, labels: bool, empty: bool) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array(SIZES * 6) if empty else np.maximum(SIZES * 6, 1)
    momenta = {f"part_{k}": rng.normal(0, 20, sizes.sum()) for k in ("px", "py", "pz")}
    momenta["part_energy"] = np.sqrt(sum(v**2 for v in momenta.values())) + 0.2
    branches = {name: ak.unflatten(values, sizes) for name, values in momenta.items()}
    if labels:
        branches["pdg"] = rng.choice([6, 21], sizes.size)
    with uproot.recreate(path) as file:
        file.mktree(
            "jets",
            {name: ak.type(v).content if v.ndim > 1 else v.dtype for name, v in branches.items()},
        )
        file["jets"].extend(branches)


def test_derived_labels_and_empty_jets_are_no_obstacle(tmp_path: Path) -> None:
    write(tmp_path / "train.root", 1, labels=True, empty=False)
    write(tmp_path / "new.root", 2, labels=False, empty=True)
    jets = pcgnn.read_root(
        tmp_path / "train.root",
        particles="part_*",
        event=["pdg"],
        derived={"label": "where(pdg == 6, 1, 0)", "hardest": "max(part_pt)"},
        cut="n_particles >= 0",
    )
    clouds = pcgnn.ParticleClouds.from_awkward(jets, features="particlenet", target="label")
    model = pcgnn.create_model("particlenet-lite", features=clouds.features)
    result = pcgnn.fit(model, clouds, clouds, epochs=1, directory=tmp_path / "run", progress=False)
    words = ["predict", "--checkpoint", str(result.best_checkpoint)]
    words += ["--files", str(tmp_path / "new.root"), "--output", str(tmp_path / "scored.root")]
    assert main([*words, "--empty", "error"]) == 2
    assert not (tmp_path / "scored.root").exists()
    assert main(words) == 0
    with uproot.open(tmp_path / "scored.root") as file:
        scores = file["jets"].arrays(library="np")
    empty = np.array(SIZES * 6) == 0
    for values in scores.values():
        assert np.array_equal(np.isnan(values), empty)
