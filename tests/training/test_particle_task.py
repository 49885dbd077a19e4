"""Pile-up, particle by particle: training on clouds with a label for each particle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import tagging_report
from pcgnn.training import FitResult, ParticleClassificationTask

TARGET = "part_from_pileup > 0.5"


@pytest.fixture(scope="module")
def clouds() -> ParticleClouds:
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("softdrop"), particles="part_*", event=["split"], entry_stop=500
    )
    return ParticleClouds.from_awkward(jets, features="calorimeter", target=TARGET)


@pytest.fixture(scope="module")
def trained(
    clouds: ParticleClouds, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FitResult, ParticleClouds]:
    train, val, test = clouds.split((300, 40, 160), seed=1)
    torch.manual_seed(0)
    model = pcgnn.create_model("particlenet-nodes", features=clouds.features)
    result = pcgnn.fit(
        model,
        train,
        val,
        epochs=4,
        batch_size=15,
        lr=5e-3,
        progress=False,
        directory=tmp_path_factory.mktemp("nodes") / "run",
    )
    return result, test


def column(clouds: ParticleClouds, name: str) -> np.ndarray:
    return clouds.x[:, clouds.features.names.index(name)].numpy()


def test_it_beats_the_cuts_on_vertex_and_momentum(
    trained: tuple[FitResult, ParticleClouds],
) -> None:
    result, test = trained
    assert isinstance(result.task, ParticleClassificationTask)
    scores = pcgnn.predict(result, test)
    assert scores.offsets.tolist() == [0, *np.cumsum(test.sizes)]
    pile_up, track = test.y.numpy() == 1, column(test, "charge") != 0
    significance = np.abs(np.arctanh(column(test, "dz").clip(-0.999999, 0.999999)))
    significance = significance[track] / column(test, "dzerr")[track].clip(1e-3)
    network = tagging_report(pile_up[track], scores.values[track])
    by_vertex = tagging_report(pile_up[track], significance)
    assert network.auc.value > by_vertex.auc.value > 0.98
    cells = tagging_report(pile_up[~track], scores.values[~track])
    by_momentum = tagging_report(pile_up[~track], -column(test, "log_pt")[~track])
    assert cells.auc.value > 0.88 > by_momentum.auc.value
    # efficiency for pile-up and rejection of what belongs to the jet
    assert cells.rejection(0.5).value > 1.5 * by_momentum.rejection(0.5).value


def test_scores_are_those_of_the_checkpoint_whatever_the_batches(
    trained: tuple[FitResult, ParticleClouds],
) -> None:
    result, test = trained
    scores = pcgnn.predict(result, test)
    again = pcgnn.predict(result.best_checkpoint, test, batch_size=7)
    np.testing.assert_allclose(again.values, scores.values, atol=1e-5)
    np.testing.assert_array_equal(scores[3], scores.values[scores.offsets[3] : scores.offsets[4]])
    best = result.best_epoch
    validated = result.history["val_auc"][best]
    assert 0.9 < validated < 1
    with pytest.raises(ConfigError, match="scores clouds"):
        pcgnn.predict(result, [test.batch(np.arange(3))])


def test_the_validation_is_over_particles(trained: tuple[FitResult, ParticleClouds]) -> None:
    result, test = trained
    task = result.task
    task.on_validation_epoch_start()
    for begin in range(0, 160, 40):
        with torch.no_grad():
            task.validation_step(test.batch(np.arange(begin, begin + 40)), 0)
    numbers = task.evaluated_numbers()
    scores = pcgnn.predict(result, test).values
    assert numbers["auc"].item() == pytest.approx(roc_auc_score(test.y, scores), abs=1e-4)
    right = ((scores > 0.5) == (test.y.numpy() == 1)).mean()
    assert numbers["accuracy"].item() == pytest.approx(right, abs=1e-4)


def test_weights_of_graphs_and_particles() -> None:
    total = 5
    made = ParticleClouds(
        x=torch.ones(total, 2),
        pos=torch.rand(total, 2),
        ptr=[0, 3, 5],
        y=torch.tensor([0, 1, 0, 1, 1]),
        weight=torch.tensor([2.0, 3.0]),
        particle_weight=torch.tensor([1.0, 0.0, 1.0, 1.0, 0.5]),
    )
    task = ParticleClassificationTask(pcgnn.create_model("particlenet-nodes", features=2))
    target, weight = task.targets(made.batch(np.arange(2)))
    assert target.tolist() == [0, 1, 0, 1, 1]
    assert weight is not None
    assert weight.tolist() == [2, 0, 2, 3, 1.5]
    of_graphs = ParticleClouds(x=torch.ones(5, 2), ptr=[0, 3, 5], y=torch.tensor([0, 1]))
    with pytest.raises(DataError, match="column of the particles"):
        task.targets(of_graphs.batch(np.arange(2)))
    with pytest.raises(DataError, match="no target"):
        task.targets(ParticleClouds(x=torch.ones(5, 2), ptr=[0, 3, 5]).batch(np.arange(2)))


def test_the_command_line_fits_and_tests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import yaml

    from pcgnn.cli import main

    config = {
        "model": {
            "class_path": "pcgnn.training.ParticleClassificationTask",
            "init_args": {
                "name": "particlenet-nodes",
                "arguments": {"blocks": [[4, [8]]], "hidden": [8]},
            },
        },
        "data": {
            "class_path": "pcgnn.training.FileData",
            "init_args": {
                "files": str(pcgnn.datasets.bundled("softdrop")),
                "event": ["jet_pt"],
                "cut": "jet_pt > 740",
                "features": "calorimeter",
                "target": TARGET,
                "split": [0.5, 0.25, 0.25],
            },
        },
        "trainer": {"max_epochs": 1},
        "run": {"directory": str(tmp_path / "run"), "progress": False},
    }
    path = tmp_path / "pile_up.yaml"
    path.write_text(yaml.safe_dump(config))
    for command in ("fit", "validate", "test"):
        assert main([command, "-c", str(path)]) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    assert "val_auc" in text
    assert "part_from_pileup" in text
    words = ["predict", "--checkpoint", str(tmp_path / "run" / "best.ckpt")]
    words += ["--files", str(pcgnn.datasets.bundled("softdrop"))]
    assert main([*words, "--output", str(tmp_path / "a.root")]) == 2
    assert "pcgnn.predict(checkpoint" in capsys.readouterr().err
