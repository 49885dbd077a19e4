"""Cross-validation, scans, range tests and ensembles on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import uproot
import yaml
from test_cli_commands import JETS, config, write_jets

import pcgnn
from pcgnn.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workshop")
    write_jets(folder / "jets.root", 1)
    content = config(folder / "jets.root", folder / "run")
    content["trainer"]["max_epochs"] = 2
    (folder / "config.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pcgnn.ops.tune_allocator", lambda: False)
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")
    monkeypatch.setenv("PL_SEED_WORKERS", "0")
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.fixture(scope="module")
def validated(folder: Path) -> Path:
    words = ["--debug", "cross-validate", "-c", str(folder / "config.yaml"), "--folds", "3"]
    words += ["--groups", "file", "entry", "--device", "cpu", "--no-progress"]
    assert main([*words, "--output", str(folder / "folds")]) == 0
    return folder / "folds"


def test_scores_of_the_folds_stand_at_their_entries(validated: Path, folder: Path) -> None:
    with uproot.open(validated / "scores.root") as file:
        columns = file["jets"].arrays(library="np")
    assert all(len(values) == JETS for values in columns.values())
    signal = columns["score_is_top"]
    expected = np.full(JETS, np.nan)
    summary = json.loads((validated / "summary.json").read_text())
    for fold in summary["folds"]:
        with np.load(Path(fold["checkpoint"]).with_name("scores.npz")) as file:
            graphs, scores = file["graphs"], file["scores"]
        task = pcgnn.load_checkpoint(fold["checkpoint"])
        options = {"event": ["is_top", "part_of"], "cut": "n_particles > 3"}
        jets = pcgnn.read_root(folder / "jets.root", particles="part_*", **options)
        seen = jets[jets.part_of < 2]
        clouds = pcgnn.ParticleClouds.from_awkward(seen, features=task.features, target="is_top")
        by_hand = pcgnn.predict(task, clouds[graphs], device="cpu")
        assert np.array_equal(by_hand.probabilities, scores)
        expected[by_hand.entry] = by_hand.signal
    assert np.allclose(signal, expected, equal_nan=True, atol=1e-7)
    # the test part of the configuration stays unseen
    assert np.isnan(signal[240:]).all()
    assert summary["values"]["auc"] > 0.6
    assert "mean" in (validated / "summary.txt").read_text()


def test_a_study_goes_on_only_when_told_to(validated: Path, folder: Path, capsys) -> None:
    words = ["cross-validate", "-c", str(folder / "config.yaml"), "--folds", "3", "--no-progress"]
    words += ["--groups", "file", "entry", "--device", "cpu", "--output", str(validated)]
    before = {path: path.stat().st_mtime_ns for path in validated.rglob("*.ckpt")}
    assert main(words) == 2
    assert "--resume" in capsys.readouterr().err
    assert main([*words, "--resume", "--trainer.max_epochs", "3"]) == 2
    assert "epochs: 2 -> 3" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert {path: path.stat().st_mtime_ns for path in validated.rglob("*.ckpt")} == before


def test_several_checkpoints_are_one_prediction(validated: Path, folder: Path) -> None:
    checkpoints = sorted(str(path) for path in validated.glob("fold-*/best.ckpt"))
    words = ["--debug", "predict", "--files", str(folder / "jets.root"), "--device", "cpu"]
    several, saved = folder / "several.root", folder / "saved.root"
    assert main([*words, "--output", str(several), "--checkpoint", *checkpoints]) == 0
    pcgnn.ensemble(checkpoints).save(folder / "together")
    assert main([*words, "--output", str(saved), "--checkpoint", str(folder / "together")]) == 0
    each = []
    for number, checkpoint in enumerate(checkpoints):
        path = folder / f"one{number}.root"
        assert main([*words, "--output", str(path), "--checkpoint", checkpoint]) == 0
        each.append(uproot.open(path)["jets"]["score_is_top"].array(library="np"))
    for path in (several, saved):
        found = uproot.open(path)["jets"]["score_is_top"].array(library="np")
        assert np.allclose(found, np.mean(each, axis=0), atol=1e-6, equal_nan=True)


def test_files_scored_in_chunks_keep_the_spread(validated: Path, folder: Path) -> None:
    from pcgnn.cli.scores import score_files

    together = pcgnn.ensemble(sorted(validated.glob("fold-*/best.ckpt")))
    files = [str(folder / "jets.root")]
    whole = score_files(together, files, device="cpu")
    chunks = score_files(together, files, device="cpu", step_size=70)
    assert chunks.spread.shape == chunks.probabilities.shape
    assert np.array_equal(chunks.entry, whole.entry)
    assert np.allclose(chunks.spread, whole.spread, atol=1e-6)


def test_scan_leaves_a_configuration_that_trains_the_best_trial_again(folder: Path, capsys) -> None:
    pytest.importorskip("optuna")
    space = {
        "fit": {"lr": ["1e-2", 0.03], "gradient_clip": [1.0]},
        "model": {"classifier": [[[4, 0.0]]]},
    }
    (folder / "space.yaml").write_text(yaml.safe_dump(space))
    words = ["--debug", "scan", "-c", str(folder / "config.yaml"), "--device", "cpu"]
    words += ["--parameters", str(folder / "space.yaml"), "--sampler", "grid", "--no-progress"]
    assert main([*words, "--output", str(folder / "scan")]) == 0
    assert "best: trial" in capsys.readouterr().out
    names = {path.name for path in (folder / "scan").iterdir() if path.is_file()}
    assert {"best.yaml", "scan.json", "scan.txt", "scan_history.png", "scan_slices.png"} <= names
    found = pcgnn.training.load_scan(folder / "scan")
    assert [trial.parameters["fit.lr"] for trial in found.trials] == [0.01, 0.03]

    again = ["--debug", "fit", "-c", str(found.config), "--run.directory", str(folder / "again")]
    assert main([*again, "--trainer.accelerator", "cpu"]) == 0
    ours = torch.load(folder / "again" / "best.ckpt", weights_only=True)
    theirs = torch.load(found.best.checkpoint, weights_only=True)
    assert ours["epoch"] == theirs["epoch"]
    assert all(
        torch.equal(ours["state_dict"][name], value) for name, value in theirs["state_dict"].items()
    )


def test_range_test_writes_curve_and_figure(folder: Path, capsys) -> None:
    words = ["--debug", "lr-range", "-c", str(folder / "config.yaml"), "--device", "cpu"]
    words += ["--updates", "20", "--output", str(folder / "lr"), "--data.batch_size=16"]
    assert main(words) == 0
    assert "suggested" in capsys.readouterr().out
    content = json.loads((folder / "lr" / "lr_range.json").read_text())
    assert len(content["lr"]) == len(content["loss"]) <= 20
    assert (folder / "lr" / "lr_range.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "needs a configuration"),
        (["-c", "CONFIG", "--trainer.max_epochs"], "has no value"),
        (["-c", "CONFIG", "--nothing", "3"], "no option"),
        (["-c", "CONFIG", "--trainer.val_check_interval", "3"], "val_check_interval"),
        (["-c", "CONFIG", "--data.nothing", "3"], "nothing"),
        (["-c", "CONFIG", "--model.class_path", "pcgnn.models.ParticleNet"], "pcgnn.training"),
        (["-c", "CONFIG", "--model.class_path", "os.system"], "trusted packages"),
        (["-c", "CONFIG", "--data.class_path", "pcgnn.training.CloudData"], "FileData"),
        (["-c", "CONFIG", "--splits", "1.5", "0.2"], "whole number"),
    ],
)
def test_mistakes_become_messages(folder: Path, words: list[str], message: str, capsys) -> None:
    words = [str(folder / "config.yaml") if word == "CONFIG" else word for word in words]
    assert main(["cross-validate", *words]) == 2
    assert message in capsys.readouterr().err


def test_bundled_configurations_can_be_studied(tmp_path: Path) -> None:
    from pcgnn.cli.configs import list_configs
    from pcgnn.cli.options import Parser
    from pcgnn.cli.studies import add_study, prepare

    for name in list_configs():
        parser = Parser("scan", "")
        add_study(parser)
        _, prepared = prepare(parser, ["-c", name])
        assert prepared.plan.fit["epochs"] == prepared.config["trainer"]["max_epochs"]
        assert prepared.plan.name == prepared.config["model"]["init_args"]["name"]
