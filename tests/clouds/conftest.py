"""ROOT files and clouds that several modules use."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cloud_makers import make_arrays, records, write_root

from pcgnn.data import ParticleClouds


@pytest.fixture(scope="session")
def two_files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A file of signal and a larger one of background, several clusters each."""
    folder: Path = tmp_path_factory.mktemp("clouds")
    write_root(folder / "signal.root", make_arrays(900, seed=1), label=1, step=250)
    write_root(folder / "background.root", make_arrays(1500, seed=2), label=0, step=250)
    return [str(folder / "signal.root"), str(folder / "background.root")]


@pytest.fixture
def clouds() -> ParticleClouds:
    """60 jets with everything: x, pos, p4, y, weight, columns per jet and per particle."""
    arrays = make_arrays(60, seed=3)
    rng = np.random.default_rng(4)
    jets = records(
        arrays,
        event={
            "label": np.arange(60) % 3,
            "w": rng.normal(1.0, 0.5, 60),
            "moments": rng.normal(size=(60, 2)),
        },
        particle={"charge": rng.integers(-1, 2, int(arrays["n"].sum()))},
    )
    return ParticleClouds.from_awkward(
        jets,
        target="label",
        weight="w",
        columns=["label", "moments", "charge"],
        classes=["u", "d", "s"],
        dtype=torch.float64,
    )
