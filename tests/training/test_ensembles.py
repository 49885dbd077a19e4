"""Ensembles: the mean of the members, in input order, kept in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.training import Ensemble, FitResult, ensemble, load_ensemble


@pytest.fixture(scope="module")
def jets() -> tuple[pcgnn.ParticleClouds, ...]:
    records = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=1500
    )
    clouds = pcgnn.ParticleClouds.from_awkward(records, features="particlenet", target="is_top")
    return clouds.split((0.4, 0.1, 0.5))


@pytest.fixture(scope="module")
def runs(
    jets: tuple[pcgnn.ParticleClouds, ...], tmp_path_factory: pytest.TempPathFactory
) -> list[FitResult]:
    found = []
    for seed in range(4):
        torch.manual_seed(seed)
        model = pcgnn.create_model("pfn", features=7, phi=[16, 16], f=[16])
        found.append(
            pcgnn.fit(
                model,
                jets[0],
                jets[1],
                epochs=4,
                batch_size=64,
                seed=seed,
                progress=False,
                directory=tmp_path_factory.mktemp("runs") / str(seed),
                device="cpu",
            )
        )
    return found


def by_hand(runs: list[FitResult], test: pcgnn.ParticleClouds) -> np.ndarray:
    return np.stack(
        [pcgnn.predict(run, test, device="cpu").probabilities.astype(np.float64) for run in runs]
    )


def cross_entropy(y: np.ndarray, probabilities: np.ndarray) -> float:
    return float(-np.log(probabilities[np.arange(len(y)), y]).mean())


def test_mean_and_spread_of_the_probabilities_in_input_order(runs, jets) -> None:
    test = jets[2]
    each = by_hand(runs, test)
    found = pcgnn.predict(ensemble(runs), test, device="cpu")
    assert np.allclose(found.probabilities, each.mean(axis=0), rtol=1e-12)
    assert np.allclose(found.spread, each.std(axis=0, ddof=1), rtol=1e-12)
    assert np.array_equal(found.entry, test.entry.numpy())
    assert found.classes == test.classes


def test_mean_of_the_logits_is_that_of_the_networks(runs, jets) -> None:
    test = jets[2]
    batch = test.batch(np.arange(len(test)))
    with torch.no_grad():
        logits = torch.stack([run.task(batch).double() for run in runs])
    expected = logits.mean(dim=0).softmax(dim=1).numpy()
    found = pcgnn.predict(ensemble(runs, average="logits"), test, device="cpu")
    assert np.allclose(found.probabilities, expected, atol=1e-6)


def test_the_mean_is_better_than_its_members_on_average(runs, jets) -> None:
    """Its cross entropy by Jensen's inequality; and here the AUC too."""
    test = jets[2]
    y = test.y.numpy()
    each = by_hand(runs, test)
    found = pcgnn.predict(ensemble(runs), test, device="cpu")
    losses = [cross_entropy(y, probabilities) for probabilities in each]
    assert cross_entropy(y, found.probabilities) < np.mean(losses)
    aucs = [pcgnn.metrics.tagging_report(y, probabilities).auc.value for probabilities in each]
    assert pcgnn.metrics.tagging_report(y, found).auc.value > np.mean(aucs)


def test_a_saved_ensemble_gives_the_same_scores(runs, jets, tmp_path: Path) -> None:
    test = jets[2]
    mixed = ensemble([runs[0], runs[1].best_checkpoint, runs[2].task], average="logits")
    path = mixed.save(tmp_path / "three")
    assert sorted(p.name for p in (tmp_path / "three").iterdir()) == [
        "ensemble.json", "member-01.ckpt", "member-02.ckpt", "member-03.ckpt",
    ]  # fmt: skip
    expected = pcgnn.predict(mixed, test, device="cpu")
    for source in (path, tmp_path / "three", str(tmp_path / "three"), load_ensemble(path)):
        found = pcgnn.predict(source, test, device="cpu")
        assert np.array_equal(found.probabilities, expected.probabilities)
        assert np.array_equal(found.spread, expected.spread)
    with pytest.raises(ConfigError, match="holds an ensemble"):
        mixed.save(tmp_path / "three")
    mixed.save(tmp_path / "three", overwrite=True)
    assert "3 members" in str(load_ensemble(path))


def test_trees_and_networks_do_not_mix_but_trees_do(jets, tmp_path: Path) -> None:
    pytest.importorskip("xgboost")
    records = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=600
    )
    rows = pcgnn.ParticleClouds.from_awkward(records, features="high-level", target="is_top")
    trees = [pcgnn.fit_trees(rows, rounds=10, seed=seed) for seed in (1, 2)]
    both = ensemble(trees)
    expected = np.mean([pcgnn.predict(one, rows).probabilities for one in trees], axis=0)
    assert np.allclose(pcgnn.predict(both, rows).probabilities, expected)
    both.save(tmp_path / "trees")
    assert np.allclose(pcgnn.predict(tmp_path / "trees", rows).probabilities, expected)


def test_labels_that_do_not_exclude_each_other() -> None:
    from pcgnn.training.ensembles import _averaged

    stack = np.array([[[0.2, 0.9]], [[0.6, 0.99]]])
    odds = np.sqrt((0.2 / 0.8) * (0.6 / 0.4))
    assert _averaged(stack, "logits", True)[0, 0] == pytest.approx(odds / (1 + odds))
    assert _averaged(stack, "probabilities", True)[0].tolist() == pytest.approx([0.4, 0.945])
    sure = np.array([[[0.0, 1.0]], [[1.0, 0.0]]])
    for labels in (True, False):
        assert _averaged(sure, "logits", labels)[0] == pytest.approx([0.5, 0.5])


def test_members_must_fit_together(runs, jets, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one"):
        ensemble([])
    with pytest.raises(ConfigError, match="a list"):
        ensemble(runs[0])
    with pytest.raises(ConfigError, match="cannot be a member"):
        ensemble([runs[0], 3])
    with pytest.raises(ConfigError, match="average"):
        ensemble(runs, average="median")
    other = pcgnn.training.ClassificationTask(
        pcgnn.create_model("pfn", features=7, classes=3), features="particlenet", classes=3
    )
    with pytest.raises(ConfigError, match="same classes"):
        ensemble([runs[0], other])
    other = pcgnn.training.ClassificationTask(
        pcgnn.create_model("pfn", features=4), features="p4", classes=jets[0].classes
    )
    with pytest.raises(ConfigError, match="same features"):
        ensemble([runs[0], other])
    with pytest.raises(CheckpointError, match="no such ensemble"):
        load_ensemble(tmp_path)
    (tmp_path / "ensemble.json").write_text('{"format": "pcgnn ensemble 1", "members": ["../a"]}')
    with pytest.raises(CheckpointError, match="beside the list"):
        pcgnn.predict(tmp_path, jets[2])
    (tmp_path / "ensemble.json").write_text("{")
    with pytest.raises(CheckpointError):
        pcgnn.predict(tmp_path, jets[2])


def test_one_member_is_that_member(runs, jets) -> None:
    one = pcgnn.predict(Ensemble((runs[0].task,)), jets[2], device="cpu")
    alone = pcgnn.predict(runs[0], jets[2], device="cpu")
    assert np.array_equal(one.probabilities, alone.probabilities.astype(np.float64))
    assert np.isnan(one.spread).all()
