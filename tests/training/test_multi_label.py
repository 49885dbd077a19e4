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


def test_the_command_line_fits_tests_and_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import uproot
    import yaml

    from pcgnn.cli import main

    config = {
        "model": {
            "class_path": "pcgnn.training.MultiLabelTask",
            "init_args": {"name": "dense", "features": "high-level", "classes": ["top", "busy"]},
        },
        "data": {
            "class_path": "pcgnn.training.FileData",
            "init_args": {
                "files": str(pcgnn.datasets.bundled("toptag")),
                "event": ["is_top"],
                "cut": "sum(part_pt) > 640",
                "features": "high-level",
                "target": TARGET,
                "split": [0.6, 0.2, 0.2],
            },
        },
        "trainer": {"max_epochs": 1},
        "run": {"directory": str(tmp_path / "run"), "progress": False},
    }
    path = tmp_path / "labels.yaml"
    path.write_text(yaml.safe_dump(config))
    assert main(["fit", "-c", str(path)]) == 0, capsys.readouterr().err
    assert main(["test", "-c", str(path)]) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    assert "label top" in text
    assert "not busy" in text
    words = ["--checkpoint", str(tmp_path / "run" / "best.ckpt")]
    words += ["--files", str(pcgnn.datasets.bundled("toptag"))]
    assert main(["predict", *words, "--output", str(tmp_path / "scores.root")]) == 0
    with uproot.open(tmp_path / "scores.root") as file:
        scores = file[file.keys(cycle=False)[0]].arrays(["score_top", "score_busy"], library="np")
    assert len(scores["score_top"]) == 12_055
    selected = np.isfinite(scores["score_busy"])
    assert 200 < selected.sum() < 3000  # the others are outside the cut


def test_the_balance_is_of_each_label() -> None:
    from pcgnn.losses import BinaryCrossEntropy

    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 2, generator=generator, dtype=torch.float64)
    target = torch.stack([torch.arange(200) < 10, torch.arange(200) < 120], 1).double()
    loss = BinaryCrossEntropy("balanced")(logits, target)
    values = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    weight = torch.where(target > 0, torch.tensor([190 / 10, 80 / 120]).double(), 1.0)
    torch.testing.assert_close(loss, (weight * values).sum() / weight.sum())


def test_wrong_labels_are_named(jets: ak.Array, tmp_path: Path) -> None:
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
        pcgnn.fit(model, clouds, epochs=1, progress=False, directory=tmp_path / "run")
