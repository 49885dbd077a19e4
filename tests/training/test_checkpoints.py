"""Checkpoints hold plain data, come back as they were, and refuse everything else."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
import torch
from training_samples import separable, small_model

from pcgnn.errors import CheckpointError
from pcgnn.training import fit, load_checkpoint, predict
from pcgnn.training.checkpoint_io import read_checkpoint, write_checkpoint
from pcgnn.training.plain import differences, to_plain


@pytest.fixture(scope="module")
def parts():
    return separable(120, 1), separable(60, 2)


@pytest.fixture(scope="module")
def result(parts, tmp_path_factory):
    directory = tmp_path_factory.mktemp("ckpt") / "run"
    return fit(small_model(), *parts, epochs=2, directory=directory, progress=False)


def plain(value) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, (str, int)) and plain(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(plain, value))
    return value is None or isinstance(value, (str, int, float, bool, torch.Tensor))


def test_opens_with_weights_only_and_is_plain(result):
    content = torch.load(result.best_checkpoint, weights_only=True)["pcgnn"]
    assert plain(content)
    assert set(content) >= {
        "version",
        "model",
        "features",
        "classes",
        "target",
        "standardizer",
        "provenance",
    }
    assert content["version"] == 1
    assert content["model"]["name"] == "particlenet-lite"
    assert content["model"]["arguments"]["features"] == 3


def test_round_trip_gives_the_same_scores(result, parts):
    task = load_checkpoint(result.best_checkpoint)
    theirs, ours = result.task.state_dict(), task.state_dict()
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[k], ours[k]) for k in theirs)
    assert not task.training
    assert np.array_equal(
        predict(result.best_checkpoint, parts[1]).probabilities,
        predict(result, parts[1]).probabilities,
    )
    assert task.lr == result.task.lr
    assert task.schedule == result.task.schedule


def test_own_network_has_to_be_passed(parts, tmp_path):
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(3, 2)

        def forward(self, batch):
            return self.linear(batch.x.index_select(0, batch.ptr[:-1]))

    result = fit(Own(), *parts, epochs=1, directory=tmp_path / "r", progress=False)
    with pytest.raises(CheckpointError, match="network="):
        load_checkpoint(result.best_checkpoint)
    task = load_checkpoint(result.best_checkpoint, network=Own())
    assert torch.equal(task.network.linear.weight, result.model.linear.weight)


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="no such"):
        load_checkpoint(tmp_path / "none.ckpt")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_files(result, tmp_path, share):
    whole = result.best_checkpoint.read_bytes()
    path = tmp_path / "cut.ckpt"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"damaged|not"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04broken", b"\x80\x04N.", bytes(1000)])
def test_other_files(tmp_path, content):
    path = tmp_path / "other.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_hostile_pickle_is_not_executed(tmp_path):
    marker = tmp_path / "executed"

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(marker),)

    for name, save in (
        ("torch", lambda path: torch.save({"pcgnn": Hostile(), "state_dict": {}}, path)),
        ("pickle", lambda path: path.write_bytes(pickle.dumps(Hostile()))),
    ):
        path = tmp_path / f"{name}.ckpt"
        save(path)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
    assert not marker.exists()


def altered(result, tmp_path, change):
    checkpoint = torch.load(result.best_checkpoint, weights_only=True)
    change(checkpoint)
    path = tmp_path / "altered.ckpt"
    torch.save(checkpoint, path)
    return path


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda c: c.pop("pcgnn"), "not written by pcgnn"),
        (lambda c: c.pop("state_dict"), "not written by pcgnn"),
        (lambda c: c["pcgnn"].update(version=99), "version 99"),
        (lambda c: c["pcgnn"].pop("standardizer"), "standardizer"),
        (lambda c: c["pcgnn"]["model"].update(name="os.system"), "not a model of pcgnn"),
        (lambda c: c["pcgnn"]["model"]["arguments"].update(features=5), "do not fit"),
        (lambda c: c["pcgnn"]["model"]["arguments"].update(nonsense=5), "nonsense"),
        (lambda c: c["state_dict"].popitem(), "do not fit"),
        (lambda c: c["pcgnn"]["standardizer"].update(config={"a": 1}), "cannot be used"),
    ],
)
def test_altered_checkpoints_are_explained(result, tmp_path, change, word):
    path = altered(result, tmp_path, change)
    with pytest.raises(CheckpointError, match=word) as caught:
        load_checkpoint(path)
    assert caught.value.file == str(path)


def test_writing_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.ckpt"
    write_checkpoint({"value": 1}, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        write_checkpoint({"value": 2}, path)
    monkeypatch.undo()
    assert read_checkpoint(path) == {"value": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.ckpt"]


def test_plain_types():
    value = {"a": np.float32(0.5), "b": (np.arange(2), {"c"}), 3: torch.tensor([1.0])}
    assert to_plain(value) == {"a": 0.5, "b": [[0, 1], ["c"]], "3": [1.0]}
    with pytest.raises(CheckpointError, match=r"model\.x is a object"):
        to_plain({"x": object()}, where="model")
    assert differences({"a": 1, "d": 1}, {"a": 1}) == ["d: 1 -> None"]
