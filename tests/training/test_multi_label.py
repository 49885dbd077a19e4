"""Labels that do not exclude each other: from columns to one report per label."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from torch.nn import functional

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.training import MultiLabelTask
from pcgnn.training.base_task import Task


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    """Real jets with two labels that overlap: top, and more than 45 particles."""
    return pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=1500
    )


TARGET = {"top": "is_top", "busy": "n_particles > 45"}


def made(jets: ak.Array, **options: object) -> ParticleClouds:
    return ParticleClouds.from_awkward(jets, features="high-level", target=TARGET, **options)


def test_labels_are_the_columns(jets: ak.Array) -> None:
    clouds = made(jets)
    assert clouds.multi_label
    assert clouds.classes == ("top", "busy")
    wanted = np.stack([np.asarray(jets.is_top), np.asarray(ak.num(jets.particles) > 45)], 1)
    assert np.array_equal(clouds.y, wanted)
    assert "labels: top" in str(clouds)
    assert clouds[:10].multi_label


def test_a_training_learns_each_label(jets: ak.Array, tmp_path: Path) -> None:
    clouds = made(jets)
    train, val, test = clouds.split((900, 300, 300), seed=1)
    model = pcgnn.create_model("dense", features=clouds.features, classes=2)
    result = pcgnn.fit(model, train, val, epochs=15, directory=tmp_path / "run", progress=False)
    assert isinstance(result.task, MultiLabelTask)
    scores = pcgnn.predict(result, test)
    assert scores.multi_label
    reports = pcgnn.metrics.label_reports(test.y, scores)
    assert list(reports) == ["top", "busy"]
    assert reports["top"].auc.value > 0.9
    assert reports["busy"].auc.value > 0.95  # the multiplicity is one of the inputs
    again = pcgnn.predict(result.best_checkpoint, test)
    assert np.array_equal(again.probabilities, scores.probabilities)
    validated = pcgnn.metrics.label_reports(val.y, pcgnn.predict(result, val))
    mean = np.mean([report.auc.value for report in validated.values()])
    assert result.history["val_auc"][result.best_epoch] == pytest.approx(mean, abs=1e-6)
    accuracy = np.mean([report.accuracy.value for report in validated.values()])
    assert result.history["val_accuracy"][result.best_epoch] == pytest.approx(accuracy, abs=1e-6)
    with pytest.raises(ConfigError, match="label_reports"):
        pcgnn.metrics.tagging_report(test.y[:, 0], scores)


def test_the_loss_is_the_weighted_mean_over_labels(jets: ak.Array) -> None:
    clouds = made(jets[:50])
    model = pcgnn.create_model("dense", features=clouds.features, classes=2)
    task = MultiLabelTask(model, features=clouds.features, classes=list(clouds.classes))
    batch = clouds.batch(np.arange(50))
    batch.weight = torch.linspace(0.1, 3.0, 50)
    loss, examples = Task.batch_loss(task, batch)
    values = functional.binary_cross_entropy_with_logits(
        task(batch), batch.y.float(), reduction="none"
    )
    wanted = (values.mean(1) * batch.weight).sum() / batch.weight.sum()
    torch.testing.assert_close(loss, wanted)
    assert examples == 50


def test_scores_go_to_a_file_label_by_label(jets: ak.Array, tmp_path: Path) -> None:
    import uproot

    clouds = made(jets[:200])
    model = pcgnn.create_model("dense", features=clouds.features, classes=2)
    result = pcgnn.fit(model, clouds, epochs=1, directory=tmp_path / "run", progress=False)
    scores = pcgnn.predict(result, clouds)
    pcgnn.write_scores(
        tmp_path / "scores.root", scores, like=pcgnn.datasets.bundled("toptag"), tree="jets"
    )
    with uproot.open(tmp_path / "scores.root") as file:
        tree = file["jets"]
        assert np.array_equal(
            tree["score_busy"].array(library="np")[:200],
            scores.probabilities[:, 1].astype(tree["score_busy"].array(library="np").dtype),
        )


def test_wrong_labels_are_named(jets: ak.Array) -> None:
    with pytest.raises(DataError, match="not 0 or 1"):
        ParticleClouds.from_awkward(jets, target={"a": "is_top", "b": "n_particles"})
    with pytest.raises(DataError, match="two or more"):
        ParticleClouds.from_awkward(jets, target={"a": "is_top"})
    with pytest.raises(DataError, match="one value per jet"):
        ParticleClouds.from_awkward(jets, target={"a": "is_top", "b": "part_pt > 3"})
    with pytest.raises(DataError, match="not 0 or 1"):
        ParticleClouds(
            x=torch.ones(2, 1), ptr=[0, 1, 2], y=torch.tensor([[0, 1], [2, 0]]), classes="ab"
        )
    clouds = made(jets[:60])
    model = pcgnn.create_model("dense", features=clouds.features, classes=3)
    with pytest.raises(DataError, match="the model 3 outputs"):
        pcgnn.fit(model, clouds, epochs=1, progress=False, directory="unused")
