"""A training killed with SIGKILL and resumed equals an uninterrupted one, bit for bit."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
from multiprocessing import forkserver
from pathlib import Path

import pytest
import torch
from training_samples import train

import pcgnn

TIMES = ("seconds", "jets_per_second")


@pytest.fixture(scope="module")
def processes():
    """Processes forked from a server that has imported everything once."""
    folders = [str(Path(__file__).parent), str(Path(pcgnn.__file__).parent.parent)]
    with pytest.MonkeyPatch.context() as patch:
        # The server does not take over sys.path before Python 3.12.
        patch.setenv("PYTHONPATH", os.pathsep.join(folders))
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["training_samples"])
        forkserver.ensure_running()
    return context


def run(processes, directory: Path, *, resume=False, pause=None, **options) -> str:
    """Trains in a child process; kills it where it pauses."""
    ours, theirs = processes.Pipe(duplex=False)
    child = processes.Process(
        target=train, args=(str(directory), resume, pause, theirs), kwargs=options
    )
    child.start()
    theirs.close()
    assert ours.poll(300), "the training does not get to its pause"
    message = ours.recv()
    if pause is not None:
        os.kill(child.pid, signal.SIGKILL)
    child.join(60)
    assert child.exitcode == (0 if pause is None else -signal.SIGKILL)
    return message


def load(directory: Path, name: str) -> dict:
    return torch.load(directory / name, weights_only=True)


def rows(directory: Path) -> list[dict]:
    with open(directory / "history.csv") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def assert_same_tensors(left, right, where=""):
    assert type(left) is type(right), where
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), where
    elif isinstance(left, dict):
        assert list(left) == list(right), where
        for key in left:
            assert_same_tensors(left[key], right[key], f"{where}.{key}")
    elif isinstance(left, list):
        assert len(left) == len(right), where
        for index, (a, b) in enumerate(zip(left, right, strict=True)):
            assert_same_tensors(a, b, f"{where}[{index}]")


@pytest.fixture(scope="module")
def uninterrupted(processes, tmp_path_factory):
    directory = tmp_path_factory.mktemp("run") / "whole"
    assert run(processes, directory) == "done"
    assert len(rows(directory)) == 4
    return directory


# Renames of checkpoints: initial last, then last and (if improved) best per epoch. Number 2 is
# last.ckpt of epoch 0, number 3 its copy to best.ckpt.
KILLS = {
    "first epoch": ("batch", 0, 2),
    "third epoch": ("batch", 2, 3),
    "writing last.ckpt": ("replace", 2),
    "writing best.ckpt": ("replace", 3),
    "writing the very first checkpoint": ("replace", 1),
}


@pytest.mark.parametrize("pause", KILLS.values(), ids=KILLS)
def test_resumed_equals_uninterrupted(processes, uninterrupted, tmp_path, pause):
    directory = tmp_path / "run"
    message = run(processes, directory, pause=pause)
    assert message.startswith("waiting")
    if pause == ("replace", 3):
        assert message.endswith("best.ckpt")
    # What stands there after the kill can be read: there are no half-written checkpoints.
    for path in directory.glob("*.ckpt"):
        assert "state_dict" in torch.load(path, weights_only=True)

    if pause == ("replace", 1):
        # Nothing had been stored, so the new process starts with the model it is given.
        assert not list(directory.glob("*.ckpt"))
        assert run(processes, directory, resume=True) == "done"
        assert len(rows(directory)) == 4
        return
    assert run(processes, directory, resume=True) == "done"

    for name in ("last.ckpt", "best.ckpt"):
        whole, resumed = load(uninterrupted, name), load(directory, name)
        assert whole["epoch"] == resumed["epoch"]
        assert whole["global_step"] == resumed["global_step"]
        assert_same_tensors(whole["state_dict"], resumed["state_dict"])
        assert_same_tensors(whole["optimizer_states"], resumed["optimizer_states"])
        assert whole["lr_schedulers"] == resumed["lr_schedulers"]
    assert rows(directory) == rows(uninterrupted)


def test_two_kills_in_one_run(processes, uninterrupted, tmp_path):
    directory = tmp_path / "run"
    run(processes, directory, pause=("batch", 1, 0))
    run(processes, directory, resume=True, pause=("batch", 3, 4))
    assert run(processes, directory, resume=True) == "done"
    assert_same_tensors(
        load(uninterrupted, "last.ckpt")["state_dict"], load(directory, "last.ckpt")["state_dict"]
    )
    assert rows(directory) == rows(uninterrupted)


def test_early_stopping_is_resumed(processes, tmp_path):
    options = {"epochs": 12, "early_stopping": 1, "early_stopping_start": 0}
    options |= {"schedule": "constant", "lr": 0.3}
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(processes, whole, **options) == "done"
    length = len(rows(whole))
    assert 1 < length < 12, "the sample should stop early"
    run(processes, broken, pause=("batch", length - 1, 1), **options)
    assert run(processes, broken, resume=True, **options) == "done"
    assert rows(broken) == rows(whole)
    # A finished run stays finished.
    assert run(processes, broken, resume=True, **options) == "done"
    assert rows(broken) == rows(whole)


def test_adversarial_training_is_resumed(processes, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run(processes, whole, adversarial=True) == "done"
    run(processes, broken, pause=("batch", 2, 2), adversarial=True)
    assert run(processes, broken, resume=True, adversarial=True) == "done"
    for name in ("last.ckpt", "best.ckpt"):
        left, right = load(whole, name), load(broken, name)
        assert any(key.startswith("adversary.") for key in left["state_dict"])
        assert_same_tensors(left["state_dict"], right["state_dict"])
        assert_same_tensors(left["optimizer_states"], right["optimizer_states"])
    assert rows(broken) == rows(whole)
    assert "val_domain_auc" in rows(whole)[0]
