"""The command line end to end on a small ROOT file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
import uproot
import yaml

import pcgnn
from pcgnn.cli import main
from pcgnn.data import ParticleClouds
from pcgnn.io import read_root
from pcgnn.training import load_checkpoint, predict

JETS = 300


def write_jets(path: Path, seed: int, labels: bool = True, tree: str = "jets") -> None:
    """Signal jets are wider than background jets."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 12, JETS)
    y = rng.integers(0, 2, JETS)
    total = sizes.sum()
    width = np.repeat(np.where(y == 1, 0.4, 0.1), sizes)
    pt = rng.exponential(20.0, total) + 1.0
    axis_eta, axis_phi = rng.uniform(-1.5, 1.5, JETS), rng.uniform(-np.pi, np.pi, JETS)
    eta = np.repeat(axis_eta, sizes) + rng.normal(0, width)
    phi = np.repeat(axis_phi, sizes) + rng.normal(0, width)
    phi = (phi + np.pi) % (2 * np.pi) - np.pi
    branches = {
        name: ak.unflatten(values, sizes)
        for name, values in {
            "part_px": pt * np.cos(phi),
            "part_py": pt * np.sin(phi),
            "part_pz": pt * np.sinh(eta),
            "part_energy": pt * np.cosh(eta),
        }.items()
    }
    branches["jet_number"] = rng.permutation(JETS).astype(np.int32)
    if labels:
        branches["is_top"] = y.astype(np.int32)
        branches["part_of"] = np.repeat([0, 1, 2], [180, 60, 60]).astype(np.int32)
    with uproot.recreate(path) as file:
        types = {name: ak.type(ak.Array(values)).content for name, values in branches.items()}
        file.mktree(tree, {name: str(kind) for name, kind in types.items()})
        file[tree].extend(branches)


def config(files: Path, directory: Path) -> dict:
    return {
        "seed_everything": 2,
        "tune_allocator": False,
        "model": {
            "class_path": "pcgnn.training.ClassificationTask",
            "init_args": {
                "name": "particlenet-lite",
                "arguments": {"blocks": [[3, [8, 8]]], "classifier": [[8, 0.1]]},
                "lr": 1e-2,
            },
        },
        "data": {
            "class_path": "pcgnn.training.FileData",
            "init_args": {
                "files": str(files),
                "event": ["is_top", "jet_number", "part_of"],
                "cut": "n_particles > 3",
                "target": "is_top",
                "split_column": "part_of",
                "batch_size": 32,
            },
        },
        "trainer": {"max_epochs": 6, "accelerator": "cpu"},
        "run": {"directory": str(directory)},
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    write_jets(folder / "jets.root", 1)
    (folder / "config.yaml").write_text(
        yaml.safe_dump(config(folder / "jets.root", folder / "run"))
    )
    return folder


@pytest.fixture(autouse=True)
def _untouched(monkeypatch):
    """Commands may not change the allocator or the seed variable of the test process."""
    monkeypatch.setattr("pcgnn.ops.tune_allocator", lambda: False)
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")
    monkeypatch.setenv("PL_SEED_WORKERS", "0")
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.fixture(scope="module")
def trained(folder):
    assert main(["--debug", "fit", "-c", str(folder / "config.yaml")]) == 0
    return folder / "run"


def test_fit_learns_and_leaves_a_complete_run(trained):
    assert {p.name for p in trained.iterdir()} == {
        "best.ckpt",
        "last.ckpt",
        "history.csv",
        "history.png",
        "config.yaml",
    }
    with open(trained / "history.csv") as file:
        names, *lines = [line.strip().split(",") for line in file]
    assert len(lines) == 6
    assert max(float(dict(zip(names, line, strict=True))["val_auc"]) for line in lines) > 0.95
    assert (trained / "history.png").read_bytes().startswith(b"\x89PNG")


def test_checkpoint_of_the_command_line_says_everything(trained, folder):
    content = torch.load(trained / "best.ckpt", weights_only=True)["pcgnn"]
    assert content["target"] == "is_top"
    assert content["classes"][1] == "is_top"
    assert content["features"]["name"] == "particlenet"
    assert content["provenance"]["read"]["cut"] == "n_particles > 3"
    assert content["provenance"]["files"] == [str(folder / "jets.root")]
    assert content["model"]["arguments"]["features"] == 7


def test_stored_configuration_trains_again_to_the_same_weights(trained, folder, capsys):
    stored = str(trained / "config.yaml")
    again = folder / "again"
    assert main(["--debug", "fit", "-c", stored, "--run.directory", str(again)]) == 0
    ours = torch.load(again / "last.ckpt", weights_only=True)["state_dict"]
    theirs = torch.load(trained / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_fit_does_not_overwrite_a_run(trained, folder, capsys):
    before = (trained / "best.ckpt").read_bytes()
    assert main(["fit", "-c", str(folder / "config.yaml")]) == 2
    assert "holds a run already" in capsys.readouterr().err
    assert (trained / "best.ckpt").read_bytes() == before


def test_resuming_through_the_command_line(trained, folder, capsys):
    words = ["fit", "-c", str(folder / "config.yaml"), "--run.resume", "true"]
    before = torch.load(trained / "last.ckpt", weights_only=True)["state_dict"]
    assert main(["--debug", *words]) == 0
    after = torch.load(trained / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert main([*words, "--model.lr", "0.5"]) == 2
    assert "lr: 0.01 -> 0.5" in capsys.readouterr().err


def test_validate_and_test_print_numbers(trained, folder, capsys):
    words = ["-c", str(folder / "config.yaml")]
    assert main(["--debug", "validate", *words]) == 0
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    with open(trained / "history.csv") as file:
        names, *lines = [line.strip().split(",") for line in file]
    losses = [float(dict(zip(names, line, strict=True))["val_loss"]) for line in lines]
    assert float(printed["val_loss"]) == pytest.approx(min(losses), abs=1e-4)
    assert main(["--debug", "test", *words]) == 0
    report = capsys.readouterr().out
    assert "AUC" in report
    assert "test graphs" in report


def test_predict_needs_checkpoint_and_file_only(trained, tmp_path, capsys):
    """Another file, without labels: scores equal those computed in Python, cut entries NaN."""
    write_jets(tmp_path / "new.root", 9, labels=False)
    words = ["predict", "--checkpoint", str(trained / "best.ckpt"), "--device", "cpu"]
    words += ["--files", str(tmp_path / "new.root"), "--output", str(tmp_path / "scored.root")]
    assert main(["--debug", *words]) == 0
    with uproot.open(tmp_path / "scored.root") as file:
        scores = file["jets"]["score_is_top"].array(library="np")
    assert len(scores) == JETS
    jets = read_root(tmp_path / "new.root", particles="part_*", cut="n_particles > 3")
    task = load_checkpoint(trained / "best.ckpt")
    expected = predict(task, ParticleClouds.from_awkward(jets, features=task.features))
    kept = ak.to_numpy(jets.entry)
    np.testing.assert_allclose(scores[kept], expected.signal, atol=1e-6)
    cut = np.setdiff1d(np.arange(JETS), kept)
    assert len(cut) > 0
    assert np.isnan(scores[cut]).all()

    assert main(words) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert main([*words, "--overwrite", "--no-cut", "--batch-size", "17"]) == 0
    with uproot.open(tmp_path / "scored.root") as file:
        everything = file["jets"]["score_is_top"].array(library="np")
    assert np.isfinite(everything).all()
    np.testing.assert_allclose(everything[kept], scores[kept], atol=1e-6)


def test_predict_several_files(trained, tmp_path):
    for number in (1, 2):
        write_jets(tmp_path / f"f{number}.root", number, labels=False)
    words = ["predict", "--checkpoint", str(trained / "best.ckpt"), "--files"]
    words += [str(tmp_path / "f1.root"), str(tmp_path / "f2.root"), "--output"]
    assert main([*words, str(tmp_path / "all.root")]) == 2
    assert main([*words, str(tmp_path / "{stem}_scored.root")]) == 0
    for number in (1, 2):
        alone = tmp_path / f"alone{number}.root"
        single = ["predict", "--checkpoint", str(trained / "best.ckpt"), "--files"]
        assert main([*single, str(tmp_path / f"f{number}.root"), "--output", str(alone)]) == 0
        found = []
        for path in (alone, tmp_path / f"f{number}_scored.root"):
            with uproot.open(path) as file:
                found.append(file["jets"]["score_is_top"].array(library="np"))
        np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_convert_to_clouds_and_to_root(folder, tmp_path, capsys):
    words = ["convert", str(folder / "jets.root"), str(tmp_path / "clouds"), "--event", "is_top"]
    assert main([*words, "--target", "is_top", "--cut", "n_particles > 5"]) == 0
    clouds = ParticleClouds.open(tmp_path / "clouds")
    direct = ParticleClouds.from_awkward(
        read_root(
            folder / "jets.root", particles="part_*", event=["is_top"], cut="n_particles > 5"
        ),
        target="is_top",
    )
    assert torch.equal(clouds.x, direct.x)
    assert torch.equal(clouds.y, direct.y)
    copy = tmp_path / "copy.root"
    assert main(["convert", str(folder / "jets.root"), str(copy), "--event", "is_top"]) == 0
    ours = read_root(copy, particles="part_*", event=["is_top"])
    theirs = read_root(folder / "jets.root", particles="part_*", event=["is_top"])
    assert ak.all(ours.particles.px == theirs.particles.px)
    assert ak.all(ours.is_top == theirs.is_top)
    assert main(["convert", str(folder / "jets.root"), str(copy)]) == 2


def test_small_commands(folder, capsys):
    assert main(["inspect", str(folder / "jets.root")]) == 0
    assert "part_px" in capsys.readouterr().out
    assert main(["models"]) == 0
    assert "366,160" in capsys.readouterr().out
    assert main(["configs"]) == 0
    assert capsys.readouterr().out.split() == [
        "analysis/affine-pnn",
        "analysis/asimov",
        "regression/dense-constituents",
        "regression/particlenet-lite",
        "toptag/particlenet",
        "toptag/particlenet-lite",
        "tracking/condensation",
        "tracking/interaction-network",
        "tracking/toy",
    ]
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pcgnn {pcgnn.__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fti"], "did you mean 'fit'"),
        (["inspect"], "required"),
        (["inspect", "nowhere.root"], "nowhere.root"),
        (["predict", "--output", "x.root"], "--checkpoint"),
        (["predict", "--checkpoint", "no.ckpt", "--files", "a.root", "--output", "x"], "no.ckpt"),
        (["convert", "nowhere.root", "somewhere"], "nowhere.root"),
        (["convert", "a.root", "b", "--derived", "x"], "NAME=EXPRESSION"),
        (["download", "nothing"], "nothing"),
        (["fit"], "toptag/particlenet-lite"),
        (["fit", "-c"], "expected one argument"),
        (["fit", "-c", "toptag/particlenet-lite", "--model.lrr", "1"], "lrr"),
        (["fit", "-c", "toptag/particlenet-lite", "--trainer.max_epochs", "many"], "max_epochs"),
        (["test", "-c", "toptag/particlenet-lite"], "--ckpt_path"),
        (["test", "-c", "toptag/particlenet-lite", "--ckpt_path", "no.ckpt"], "no.ckpt"),
    ],
)
def test_mistakes_are_one_message(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pcgnn: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("data/target", "is_bottom", "is_bottom"),
        ("data/split", [0.5, 0.5], "split"),
        ("data/cut", "jet_numbr > 3", "jet_numbr"),
        ("data/cut", "n_particles > 3000", ""),
        ("data/files", "nowhere.root", "nowhere.root"),
        ("data/batch_size", 0, "batch_size"),
        ("model/name", "particlenet-light", "particlenet-light"),
        ("model/schedule", "cosin", "cosine"),
        ("model/optimizer", "adamx", "adamx"),
    ],
)
def test_mistakes_in_the_configuration(folder, tmp_path, capsys, place, value, message):
    wrong = config(folder / "jets.root", tmp_path / "run")
    section, name = place.split("/")
    wrong[section]["init_args"][name] = value
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(wrong))
    assert main(["fit", "-c", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pcgnn: error: ")
    assert message in captured.err
    assert [p.name for p in tmp_path.iterdir()] == ["config.yaml"]


def test_debug_shows_where(capsys):
    with pytest.raises(pcgnn.PcgnnError):
        main(["--debug", "inspect", "nowhere.root"])


def test_help_is_quick_and_light():
    environment = {**os.environ, "PYTHONPATH": str(Path(pcgnn.__file__).parent.parent)}
    code = (
        "import sys; from pcgnn.cli import main; code = main(['--help']); "
        "heavy = {'torch', 'lightning', 'awkward', 'numpy', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy; sys.exit(code)"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage: pcgnn COMMAND" in done.stdout
    # Far below a second on a quiet machine; the bound leaves room for a busy one.
    assert time.perf_counter() - begin < 5.0
