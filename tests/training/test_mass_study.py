"""Networks for many masses: what is told the mass wins, and interpolates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import MassResult, MassStudy, significance_ratio
from pcgnn.training import MassApproach, mass_study

MASSES = [3.0, 4.0, 5.0, 6.0, 7.0]
SMALL = {
    "single": MassApproach("single", "dense", {"widths": [32, 32]}),
    "affine-pnn": MassApproach("parametric", "affine-pnn", {"widths": [32, 32], "dropout": 0.0}),
}


def resonance(events: int, seed: int) -> ParticleClouds:
    """A peak at the mass over two background processes, flat and rising, from 0 to 10."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, events)
    mass = np.where(y == 1, rng.choice(MASSES, events), 0.0)
    process = np.where(y == 1, 0, rng.integers(1, 3, events))
    flat, rising = rng.uniform(0, 10, events), 10 * np.sqrt(rng.uniform(size=events))
    value = np.where(y == 1, rng.normal(mass, 0.4), np.where(process == 1, flat, rising))
    x = np.stack([value, rng.normal(size=events), mass], 1)
    return ParticleClouds(
        x=x.astype(np.float32), ptr=np.arange(events + 1), y=y, mass=mass, process=process,
        levels={"mass": "graph", "process": "graph"},
    )  # fmt: skip


def best_ratio(test: ParticleClouds, mass: float) -> float:
    """That of the likelihood ratio, which is known."""
    assert test.x is not None
    assert test.y is not None
    chosen = (test.y != 1) | (test.x[:, 2] == mass)
    value, y = test.x[chosen, 0].double(), test.y[chosen]
    density = 0.5 * 0.1 + 0.5 * value.clamp(0, 10) / 50
    score = torch.exp(-0.5 * ((value - mass) / 0.4) ** 2) / (density + 1e-12)
    return significance_ratio(y, score).value


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[MassStudy, ParticleClouds, Path]:
    folder = tmp_path_factory.mktemp("masses")
    parts = [resonance(n, s) for n, s in ((9_000, 1), (3_000, 2), (12_000, 3))]
    found = mass_study(
        *parts, drop=[5.0], approaches=SMALL, directory=folder, epochs=8, batch_size=200, lr=5e-3,
        balance="full", progress=False,
    )  # fmt: skip
    return found, parts[2], folder


@pytest.mark.slow
def test_every_mass_is_found_as_well_as_can_be(
    study: tuple[MassStudy, ParticleClouds, Path],
) -> None:
    found, test, _ = study
    assert found.masses == MASSES
    assert found.dropped == [5.0]
    for mass in MASSES:
        best = best_ratio(test, mass)
        assert best - 0.03 < found.value("affine-pnn", mass) < best + 0.01
        # what is not told the mass has to keep the background under all five
        assert found.value("single", mass) < best - 0.04
    unseen = found.value("affine-pnn", 5.0, interpolated=True)
    assert abs(unseen - found.value("affine-pnn", 5.0)) < 0.03
    text = str(found)
    assert "affine-pnn, mass not trained on" in text
    assert "3 GeV" in text


@pytest.mark.slow
def test_finished_trainings_are_read(
    study: tuple[MassStudy, ParticleClouds, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, test, folder = study

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("nothing is trained")

    monkeypatch.setattr("pcgnn.training.mass_studies.fit", refuse)
    parts = [resonance(9_000, 1), resonance(3_000, 2), test]
    options = {"approaches": SMALL, "directory": folder, "batch_size": 200, "progress": False}
    again = mass_study(*parts, drop=[5.0], epochs=8, lr=5e-3, balance="full", **options)
    assert again.to_dict() == found.to_dict()
    with pytest.raises(ConfigError, match=r"another kind.*epochs"):
        mass_study(*parts, drop=[5.0], epochs=9, lr=5e-3, balance="full", **options)


def test_one_network_per_mass_sees_that_mass_alone(tmp_path: Path) -> None:
    train = resonance(3_000, 1)
    two = train[np.isin(train.graph_column("mass").numpy(), [0.0, 3.0, 7.0])]
    approaches = {"each": MassApproach("per-mass", "dense", {"widths": [16]})}
    found = mass_study(
        two, two, two, approaches=approaches, directory=tmp_path, epochs=4, batch_size=100,
        lr=1e-2, progress=False,
    )  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "each").iterdir()) == ["3-seed1", "7-seed1"]
    model = pcgnn.load_checkpoint(tmp_path / "each" / "3-seed1" / "best.ckpt")
    scores = pcgnn.predict(model, _told_nothing(two)).signal
    assert two.x is not None
    near = np.abs(two.x[:, 0].numpy() - 3.0) < 0.3
    far = np.abs(two.x[:, 0].numpy() - 7.0) < 0.3
    assert scores[near].mean() > 0.6 > 0.35 > scores[far].mean()
    assert found.value("each") > 0.5


def _told_nothing(clouds: ParticleClouds) -> ParticleClouds:
    assert clouds.x is not None
    return ParticleClouds(x=clouds.x[:, :-1], ptr=clouds.ptr, y=clouds.y)


def test_table_and_values() -> None:
    rows = [
        MassResult("a", False, 1.0, 1, 0.8, 0.01, 0.9, 0.7),
        MassResult("a", False, 2.0, 1, 0.6, 0.01, 0.9, 0.7),
        MassResult("a", False, 1.0, 2, 0.9, 0.01, 0.9, 0.7),
        MassResult("a", False, 2.0, 2, 0.7, 0.01, 0.9, 0.7),
    ]
    found = MassStudy(rows)
    assert found.value("a", 1.0) == pytest.approx(0.85)
    assert found.value("a") == pytest.approx(0.75)
    assert found.spread("a") == pytest.approx(np.std([0.7, 0.8], ddof=1))
    assert np.isnan(found.value("a", 1.0, interpolated=True))
    with pytest.raises(ConfigError, match="metric"):
        found.value("a", metric="loss")


def test_refusals(tmp_path: Path) -> None:
    parts = [resonance(300, s) for s in range(3)]
    with pytest.raises(ConfigError, match="inner masses"):
        mass_study(*parts, drop=[3.0], directory=tmp_path)
    with pytest.raises(ConfigError, match="no approach 'best'"):
        mass_study(*parts, approaches=["best"], directory=tmp_path)
    with pytest.raises(DataError, match="no per-graph column 'm'"):
        mass_study(*parts, mass="m", directory=tmp_path)
    with pytest.raises(ConfigError, match="kind = 'other'"):
        MassApproach("other", "dense")  # type: ignore[arg-type]
    assert "mass_study" in dir(pcgnn)


def test_weights_of_the_test_part_are_copies(tmp_path: Path) -> None:
    train, validation, test = (resonance(300, seed) for seed in range(3))
    copies = np.random.default_rng(5).integers(1, 4, len(test))
    cases = {
        "weighted": test.replace(weight=torch.tensor(copies, dtype=torch.float32)),
        "repeated": test[np.repeat(np.arange(len(test)), copies)],
    }
    approaches = {"one": MassApproach("single", "dense", {"widths": [8]})}
    found = {
        name: mass_study(
            train, validation, part, approaches=approaches, directory=tmp_path / name, epochs=1,
            batch_size=100, progress=False,
        )
        for name, part in cases.items()
    }  # fmt: skip
    for metric in ("ratio", "auc", "average_precision"):
        for mass in MASSES:
            weighted, repeated = (one.value("one", mass, metric=metric) for one in found.values())
            assert weighted == pytest.approx(repeated, rel=1e-9), (metric, mass)


def test_every_part_needs_every_mass(tmp_path: Path) -> None:
    parts = [resonance(300, seed) for seed in range(3)]
    for number, name in ((1, "validation"), (2, "test")):
        some = list(parts)
        some[number] = parts[number][parts[number].graph_column("mass") != 4.0]
        with pytest.raises(DataError, match=f"the {name} part has no signal of mass = 4"):
            mass_study(*some, directory=tmp_path)
