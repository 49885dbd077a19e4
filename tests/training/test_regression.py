"""Regression of masses: training, prediction, checkpoints, files and the command line."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import regression_report
from pcgnn.models import list_models, model_class
from pcgnn.training import RegressionTask

LOSSES = ["central-fraction", "gaussian-likelihood", "huber", "mean-squared-ratio"]


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    return pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"),
        particles="part_*",
        event=["jet_mass", "jet_pt"],
        entry_stop=1500,
    )


@pytest.fixture(scope="module")
def masses(jets: ak.Array) -> ParticleClouds:
    return ParticleClouds.from_awkward(jets, features="high-level", target="jet_mass")


def fitted(clouds: ParticleClouds, path: Path, **options):
    outputs = 2 if options.get("loss") == "gaussian-likelihood" else 1
    torch.manual_seed(1)
    model = pcgnn.create_model("dense", features=clouds.features, classes=outputs)
    train, val, test = clouds.split((1000, 250, 250), seed=1)
    options = {"epochs": 6, "batch_size": 64, "directory": path / "run"} | options
    return pcgnn.fit(model, train, val, progress=False, **options), val, test


@pytest.mark.parametrize("loss", LOSSES)
def test_a_training_finds_the_mass(masses: ParticleClouds, tmp_path: Path, loss: str) -> None:
    """The mass over pT is an input, so the mass is known to some percent in GeV."""
    result, val, test = fitted(masses, tmp_path, loss=loss)
    assert isinstance(result.task, RegressionTask)
    prediction = pcgnn.predict(result, test)
    assert isinstance(prediction, pcgnn.RegressionPrediction)
    assert prediction.targets == ("jet_mass",)
    assert np.array_equal(prediction.entry, test.columns["entry"])
    report = regression_report(test.y, prediction)
    guess = regression_report(test.y, np.full(len(test), float(test.y.median())))
    assert report.resolution.value < 0.15 < guess.resolution.value
    assert abs(report.bias.value) < 0.15
    again = pcgnn.predict(result.best_checkpoint, test)
    assert np.array_equal(again.values, prediction.values)
    validated = regression_report(val.y, pcgnn.predict(result, val))
    best = result.best_epoch
    assert result.history["val_resolution"][best] == pytest.approx(
        validated.resolution.value, rel=1e-4
    )
    assert result.history["val_bias"][best] == pytest.approx(validated.bias.value, abs=1e-5)
    if loss == "gaussian-likelihood":
        assert prediction.width is not None
        pull = (prediction.values - test.y.numpy()[:, None]) / prediction.width
        assert 0.4 < np.median(np.abs(pull)) / 0.6745 < 2.0  # 1 of a normal distribution


def test_units_of_the_target_do_not_matter(masses: ParticleClouds, tmp_path: Path) -> None:
    clouds = masses[:400]
    parts = []
    for factor in (1.0, 1e3):
        scaled = ParticleClouds(
            x=clouds.x, p4=clouds.p4, pos=clouds.pos, ptr=clouds.ptr, y=factor * clouds.y
        )
        for loss in ("huber", "central-fraction"):
            torch.manual_seed(1)
            model = pcgnn.create_model("dense", features=clouds.x.shape[1], classes=1)
            result = pcgnn.fit(
                model,
                scaled,
                epochs=1,
                loss=loss,
                progress=False,
                directory=tmp_path / f"{loss}{factor}",
            )
            parts.append(pcgnn.predict(result, scaled).values / factor)
    np.testing.assert_allclose(parts[0], parts[2], rtol=2e-3)
    np.testing.assert_allclose(parts[1], parts[3], rtol=2e-3)


def test_scales_come_from_the_training_part_alone(masses: ParticleClouds, tmp_path: Path) -> None:
    train, val = masses.split((1000, 500), seed=3)
    for loss, shift, scale in (
        ("huber", train.y.double().mean(), train.y.double().std(correction=0)),
        ("mean-squared-ratio", 0.0, train.y.double().median()),
    ):
        model = pcgnn.create_model("dense", features=masses.features, classes=1)
        result = pcgnn.fit(
            model, train, val, epochs=1, loss=loss, progress=False, directory=tmp_path / loss
        )
        state = torch.load(result.best_checkpoint, weights_only=True)["state_dict"]
        assert state["target_shift"].item() == pytest.approx(float(shift), rel=1e-6)
        assert state["target_scale"].item() == pytest.approx(float(scale), rel=1e-6)


def test_a_stopped_training_goes_on_as_if_it_had_not(
    masses: ParticleClouds, tmp_path: Path
) -> None:
    whole, _, test = fitted(masses, tmp_path / "a", epochs=4, loss="central-fraction")

    class StoppedError(RuntimeError):
        pass

    class Breaker(pcgnn.training.fitting.Callback):
        def on_train_epoch_start(self, trainer, module):
            if trainer.current_epoch == 2:
                raise StoppedError

    with pytest.raises(StoppedError):
        fitted(masses, tmp_path / "b", epochs=4, loss="central-fraction", callbacks=[Breaker()])
    resumed, _, _ = fitted(masses, tmp_path / "b", epochs=4, loss="central-fraction", resume=True)
    assert np.array_equal(pcgnn.predict(whole, test).values, pcgnn.predict(resumed, test).values)


@pytest.mark.parametrize("loss", ["central-fraction", "mean-squared-ratio"])
def test_ratios_of_targets_over_two_decades_do_not_collapse(loss: str, tmp_path: Path) -> None:
    """One jet of 2 GeV predicted as 100 pulls as hard as thousands of others."""
    random = np.random.default_rng(1)
    truth = np.exp(random.uniform(np.log(2), np.log(200), 2000))
    x = np.stack([np.log(truth) + 0.1 * random.normal(size=2000), random.normal(size=2000)], 1)
    clouds = ParticleClouds(
        x=torch.tensor(x, dtype=torch.float32),
        ptr=torch.arange(2001),
        y=torch.tensor(truth, dtype=torch.float32),
    )
    train, val = clouds.split((1500, 500), seed=1)
    torch.manual_seed(1)
    model = pcgnn.create_model("dense", features=2, classes=1)
    result = pcgnn.fit(
        model,
        train,
        val,
        epochs=20,
        batch_size=100,
        lr=1e-2,
        loss=loss,
        progress=False,
        directory=tmp_path / "run",
    )
    report = regression_report(val.y, pcgnn.predict(result, val), bins=[2, 10, 50, 200])
    # a tenth is all that can be known
    assert 0.09 < report.resolution.value < 0.16
    assert all(abs(each.value) < 0.15 for each in report.binned.bias)


def test_a_new_network_predicts_the_best_constant(masses: ParticleClouds) -> None:
    for name in ("central-fraction", "mean-squared-ratio"):
        task = RegressionTask(
            pcgnn.create_model("dense", features=masses.features, classes=1), loss=name
        )
        task.fit_targets(masses)
        last = list(task.network.parameters())[-2:]
        for parameter in last:
            torch.nn.init.zeros_(parameter)
        with torch.no_grad():
            values = task.probabilities(task(masses.batch(np.arange(3))))
        y = masses.y.double()
        best = float((1 / y).sum() / (1 / y.square()).sum())
        if name == "central-fraction":
            loss = task.loss
            steps = np.geomspace(y.min(), y.max(), 400)
            found = [float(loss(torch.full_like(y, 3 * p)[:, None], y[:, None])) for p in steps]
            best = float(steps[np.argmin(found)])
        assert values[0, 0].item() == pytest.approx(best, rel=0.05)


def test_several_targets_keep_their_names_and_scales(jets: ak.Array, tmp_path: Path) -> None:
    import uproot

    clouds = ParticleClouds.from_awkward(
        jets, features="high-level", target={"mass": "jet_mass", "pt": "jet_pt"}
    )
    assert clouds.regression
    assert clouds.y.shape == (1500, 2)
    model = pcgnn.create_model("dense", features=clouds.features, classes=4)
    result = pcgnn.fit(
        model,
        clouds,
        epochs=3,
        loss="gaussian-likelihood",
        progress=False,
        directory=tmp_path / "run",
    )
    prediction = pcgnn.predict(result.best_checkpoint, clouds)
    assert list(prediction.columns) == ["mass", "pt", "mass_width", "pt_width"]
    medians = np.median(prediction.values, axis=0)
    assert 40 < medians[0] < 200
    assert 550 < medians[1] < 650
    path = tmp_path / "values.root"
    pcgnn.write_scores(path, prediction, like=pcgnn.datasets.bundled("toptag"), tree="jets")
    with uproot.open(path) as file:
        tree = file["jets"]
        for name, values in prediction.columns.items():
            written = tree[f"predicted_{name}"].array(library="np")
            assert np.array_equal(written[:1500], values)
            assert np.isnan(written[1500:]).all()


def test_a_stream_trains_as_well(tmp_path: Path) -> None:
    stream = pcgnn.CloudStream(
        [str(pcgnn.datasets.bundled("toptag"))],
        particles="part_*",
        event=["jet_mass"],
        entry_stop=600,
        features="high-level",
        target="jet_mass",
        batch_size=64,
    )
    assert stream.regression
    model = pcgnn.create_model("dense", features=stream.features, classes=1)
    result = pcgnn.fit(model, stream, epochs=2, progress=False, directory=tmp_path / "run")
    prediction = pcgnn.predict(result, stream)
    assert len(prediction) == 600
    assert np.array_equal(prediction.entry, np.arange(600))


@pytest.mark.parametrize("name", list_models("classification"))
def test_every_model_of_graphs_is_a_regressor(name: str, tmp_path: Path) -> None:
    """Sum of the energies: one epoch of every network ends in finite numbers in the right unit."""
    if name == "lgatr":
        pytest.importorskip("lgatr")
    random = np.random.default_rng(1)
    rows = getattr(model_class(name), "one_row", False)
    sizes = np.ones(48, int) if rows else random.integers(1, 12, 48)
    total = int(sizes.sum())
    momentum = random.normal(size=(total, 3)) * 20
    p4 = np.concatenate([np.linalg.norm(momentum, axis=1, keepdims=True) + 0.1, momentum], axis=1)
    ptr = np.concatenate([[0], sizes.cumsum()])
    energy = np.add.reduceat(p4[:, 0], ptr[:-1])
    clouds = ParticleClouds(
        x=torch.tensor(random.normal(size=(total, 7)), dtype=torch.float32),
        pos=torch.tensor(random.normal(size=(total, 2)) * 0.3, dtype=torch.float32),
        p4=torch.tensor(p4, dtype=torch.float32),
        ptr=torch.tensor(ptr),
        y=torch.tensor(energy, dtype=torch.float32),
    )
    torch.manual_seed(0)
    model = pcgnn.create_model(name, features=7, classes=1)
    result = pcgnn.fit(
        model,
        clouds,
        epochs=1,
        batch_size=24,
        lr=1e-4,
        loss="central-fraction",
        progress=False,
        directory=tmp_path / "run",
    )
    values = pcgnn.predict(result.best_checkpoint, clouds).values
    assert values.shape == (48, 1)
    assert (values > 0).all()
    median = float(np.median(values))
    assert 0.2 < median / float(np.median(energy)) < 5


def test_the_command_line_fits_validates_tests_and_predicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import uproot
    import yaml

    from pcgnn.cli import main

    config = {
        "model": {
            "class_path": "pcgnn.training.RegressionTask",
            "init_args": {"name": "dense", "loss": "gaussian-likelihood"},
        },
        "data": {
            "class_path": "pcgnn.training.FileData",
            "init_args": {
                "files": str(pcgnn.datasets.bundled("toptag")),
                "event": ["jet_mass"],
                "cut": "sum(part_pt) > 640",
                "features": "high-level",
                "target": "jet_mass",
                "split": [0.6, 0.2, 0.2],
            },
        },
        "trainer": {"max_epochs": 2},
        "run": {"directory": str(tmp_path / "run"), "progress": False},
    }
    path = tmp_path / "mass.yaml"
    path.write_text(yaml.safe_dump(config))
    for command in ("fit", "validate", "test"):
        assert main([command, "-c", str(path)]) == 0, capsys.readouterr().err
    text = capsys.readouterr().out
    assert "val_resolution" in text
    assert "Regression of jet_mass" in text
    words = ["--checkpoint", str(tmp_path / "run" / "best.ckpt")]
    words += ["--files", str(pcgnn.datasets.bundled("toptag"))]
    assert main(["predict", *words, "--output", str(tmp_path / "values.root")]) == 0
    with uproot.open(tmp_path / "values.root") as file:
        found = file["jets"].arrays(library="np")
    assert set(found) == {"predicted_jet_mass", "predicted_jet_mass_width"}
    selected = np.isfinite(found["predicted_jet_mass"])
    assert 200 < selected.sum() < 3000
    assert (found["predicted_jet_mass_width"][selected] > 0).all()


def test_wrong_targets_are_named(masses: ParticleClouds, jets: ak.Array, tmp_path: Path) -> None:
    two = pcgnn.create_model("dense", features=masses.features, classes=2)
    with pytest.raises(DataError, match="classes=1"):
        pcgnn.fit(two, masses, epochs=1, progress=False, directory=tmp_path / "a")
    one = pcgnn.create_model("dense", features=masses.features, classes=1)
    with pytest.raises(ConfigError, match="of classes, not of values"):
        pcgnn.fit(one, masses, epochs=1, loss="cross-entropy", directory=tmp_path / "b")
    below = ParticleClouds.from_awkward(
        jets, features="high-level", target="jet_mass - 100", columns=[]
    )
    with pytest.raises(DataError, match="not above 0"):
        pcgnn.fit(one, below, epochs=1, loss="mean-squared-ratio", directory=tmp_path / "c")
    particles = ParticleClouds(x=torch.ones(3, 2), ptr=[0, 2, 3], y=torch.rand(3))
    assert not particles.regression
    with pytest.raises(DataError, match="one value per graph"):
        pcgnn.fit(
            None,
            particles,
            epochs=1,
            task=RegressionTask(pcgnn.create_model("pfn", features=2, classes=1)),
            directory=tmp_path / "d",
        )
