"""Cross-validation: every graph judged by trainings that have not seen it, resumed, in parallel."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from workshop_samples import Mean, Memory, Regression, labelled, make_mean

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError
from pcgnn.training.fold_splits import Fold, make_folds

SHORT = {"epochs": 3, "batch_size": 32, "lr": 3e-2, "progress": False, "device": "cpu"}


def folds_of(clouds: ParticleClouds, **options: object) -> list[Fold]:
    given = {"folds": None, "splits": None, "validation": 0.2, "stratified": True, "groups": None}
    return make_folds(clouds, **{**given, "repeats": 1, "seed": 3, **options})


# ---------------------------------------------------------------------------------------- splits


@pytest.mark.parametrize("folds", [2, 5, 7])
def test_k_folds_hold_out_every_graph_once_with_its_class_in_proportion(folds: int) -> None:
    clouds = labelled(203, 0)
    found = folds_of(clouds, folds=folds)
    held = np.concatenate([fold.test for fold in found])
    assert np.array_equal(np.sort(held), np.arange(203))
    for label in (0, 1):
        counts = [int((clouds.y[fold.test] == label).sum()) for fold in found]
        assert max(counts) - min(counts) <= 1
    sizes = [len(fold.test) for fold in found]
    assert max(sizes) - min(sizes) <= 1


def test_the_three_parts_are_disjoint_and_complete() -> None:
    for options in ({"folds": 4}, {"splits": (3, 0.25)}, {"folds": 3, "repeats": 2}):
        for fold in folds_of(labelled(120, 1), **options):
            parts = np.concatenate([fold.train, fold.validation, fold.test])
            assert np.array_equal(np.sort(parts), np.arange(120))
            rest = len(fold.train) + len(fold.validation)
            assert abs(len(fold.validation) - 0.2 * rest) <= 1


def test_groups_stay_together_and_classes_in_proportion() -> None:
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 60, 400)
    clouds = labelled(400, 2, event=torch.tensor(groups))
    for options in ({"folds": 5}, {"splits": (4, 0.3)}):
        for fold in folds_of(clouds, groups="event", **options):
            owners = [set(groups[part]) for part in (fold.train, fold.validation, fold.test)]
            assert not owners[0] & owners[1]
            assert not owners[0] & owners[2]
            assert not owners[1] & owners[2]
            share = clouds.y[fold.test].double().mean()
            assert share == pytest.approx(float(clouds.y.double().mean()), abs=0.12)


def test_several_columns_name_a_group() -> None:
    clouds = labelled(90, 3, run=torch.arange(90) // 30, event=(torch.arange(90) // 3) % 10)
    for fold in folds_of(clouds, folds=3, groups=["run", "event"]):
        triples = np.unique(fold.test // 3, return_counts=True)[1]
        assert (triples == 3).all()


def test_folds_depend_on_seed_and_repeat_alone() -> None:
    clouds = labelled(100, 4)
    first, again = folds_of(clouds, folds=5, repeats=2), folds_of(clouds, folds=5, repeats=2)
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a.test, b.test)
        assert np.array_equal(a.validation, b.validation)
    assert not np.array_equal(first[0].test, first[5].test)
    assert not np.array_equal(first[0].test, folds_of(clouds, folds=5, seed=4)[0].test)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": 1}, "at least 2"),
        ({"folds": 3, "splits": (2, 0.5)}, "choose one"),
        ({"splits": (2, 1.5)}, "between 0 and 1"),
        ({"splits": (2, 0.5), "repeats": 2}, "no repeats"),
        ({"validation": 1.0}, "below 1"),
        ({"folds": 500}, "cannot be dealt"),
        ({"groups": [1, 2]}, "one number per graph"),
        ({"groups": "nothing"}, "nothing"),
        ({"stratified": "nothing"}, "nothing"),
    ],
)
def test_impossible_folds_are_refused(options: dict, message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        folds_of(labelled(50, 5), **options)


# ---------------------------------------------------------------------------------------- scores


def test_scores_are_those_of_the_held_out_folds_in_input_order(tmp_path: Path) -> None:
    clouds = labelled(150, 6)
    found = pcgnn.cross_validate(make_mean, clouds, folds=3, directory=tmp_path / "a", **SHORT)
    assert found.scores.shape == (150, 2)
    assert (found.counts == 1).all()
    for fold in found.folds:
        task = pcgnn.load_checkpoint(fold.checkpoint, network=make_mean())
        by_hand = pcgnn.predict(task, clouds[fold.test], device="cpu").probabilities
        assert np.array_equal(found.scores[fold.test], by_hand.astype(np.float64))
        report = pcgnn.metrics.tagging_report(clouds.y[fold.test], by_hand)
        assert fold.numbers["auc"] == pytest.approx(report.auc.value, abs=1e-6)
        assert fold.numbers["accuracy"] == pytest.approx(report.accuracy.value, abs=1e-6)
    aucs = [fold.numbers["auc"] for fold in found.folds]
    assert found.values["auc"] == pytest.approx(np.mean(aucs))
    assert found.spreads["auc"] == pytest.approx(np.std(aucs, ddof=1))
    # Nadeau and Bengio: n folds, test over training part
    assert found.errors["auc"] == pytest.approx(np.std(aucs, ddof=1) * np.sqrt(1 / 3 + 1 / 2))
    assert found.report().auc.value == pytest.approx(
        pcgnn.metrics.tagging_report(clouds.y, found.scores).auc.value
    )
    assert "spread" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_monte_carlo_gives_the_mean_and_nan_where_nothing_was_held_out(tmp_path: Path) -> None:
    clouds = labelled(80, 7)
    found = pcgnn.cross_validate(
        make_mean, clouds, splits=(3, 0.2), directory=tmp_path / "a", **SHORT
    )
    total, counts = np.zeros((80, 2)), np.zeros(80, int)
    for fold in found.folds:
        task = pcgnn.load_checkpoint(fold.checkpoint, network=make_mean())
        total[fold.test] += pcgnn.predict(task, clouds[fold.test], device="cpu").probabilities
        counts[fold.test] += 1
    assert np.array_equal(found.counts, counts)
    assert counts.sum() == 3 * 16
    never = counts == 0
    assert never.any()
    assert np.isnan(found.scores[never]).all()
    expected = total[~never] / counts[~never, None]
    assert np.allclose(found.scores[~never], expected, rtol=1e-7, atol=0)
    assert found.prediction.entry.tolist() == np.flatnonzero(~never).tolist()
    assert found.to_dict()["never_held_out"] == never.sum()


def test_repeats_hold_out_every_graph_that_often(tmp_path: Path) -> None:
    found = pcgnn.cross_validate(
        make_mean, labelled(60, 8), folds=2, repeats=2, directory=tmp_path / "a",
        **{**SHORT, "epochs": 1},
    )  # fmt: skip
    assert (found.counts == 2).all()
    assert len({fold.checkpoint for fold in found.folds}) == 4


def test_nothing_learned_by_heart_reaches_the_scores(tmp_path: Path) -> None:
    """A network that memorises random labels is right on its training graphs, by chance elsewhere.

    Any leak, in training or in the choice of the epoch, lifts the out-of-fold AUC above 1/2.
    """
    graphs = 300
    clouds = labelled(graphs, 9, shift=0.0, name=torch.arange(graphs))
    options = {**SHORT, "lr": 1.0, "weight_decay": 0.0, "standardize": "none", "epochs": 8}
    found = pcgnn.cross_validate(
        Memory(graphs, "name"), clouds, folds=3, directory=tmp_path / "a", **options
    )
    fold = found.folds[0]
    trained = make_folds(
        clouds, folds=3, splits=None, validation=0.15, stratified=True, groups=None, repeats=1,
        seed=0,
    )[0].train  # fmt: skip
    network = Memory(graphs, "name")
    task = pcgnn.load_checkpoint(fold.checkpoint.with_name("last.ckpt"), network=network)
    by_heart = pcgnn.predict(task, clouds[trained], device="cpu")
    assert pcgnn.metrics.tagging_report(clouds.y[trained], by_heart).auc.value == 1.0
    assert (found.scores[:, 1] == 0.5).all()  # nothing is known of a name never seen


def test_graphs_of_an_event_leak_without_groups_and_not_with_them(tmp_path: Path) -> None:
    """Six jets per event share a random label: without groups the event is recognised."""
    event = torch.arange(50).repeat_interleave(6)
    labels = torch.tensor(np.random.default_rng(0).integers(0, 2, 50))[event]
    plain = labelled(300, 10, shift=0.0)
    clouds = ParticleClouds(x=plain.x, ptr=plain.ptr, y=labels, event=event)
    options = {**SHORT, "lr": 1.0, "weight_decay": 0.0, "standardize": "none", "epochs": 8}
    aucs = {}
    for name, groups in (("jets", None), ("events", "event")):
        found = pcgnn.cross_validate(
            Memory(50, "event"), clouds, folds=3, groups=groups, directory=tmp_path / name,
            **options,
        )  # fmt: skip
        aucs[name] = found.report().auc.value
    assert aucs["jets"] > 0.99
    assert aucs["events"] == 0.5


def test_the_epoch_is_not_chosen_on_the_fold_that_is_held_out(tmp_path: Path) -> None:
    """The best epoch is that of the lowest loss on the inner part, found in the history."""
    clouds = labelled(90, 11)
    found = pcgnn.cross_validate(make_mean, clouds, folds=3, directory=tmp_path / "a", **SHORT)
    for fold in found.folds:
        task = pcgnn.load_checkpoint(fold.checkpoint, network=make_mean())
        data = task.record["data"]
        parts = folds_of(clouds, folds=3, validation=0.15, seed=0)[fold.number]
        assert data["train"]["hash"] == clouds[parts.train].data_hash()
        assert data["val"]["hash"] == clouds[parts.validation].data_hash()


def test_standardisation_knows_the_training_part_alone(tmp_path: Path) -> None:
    clouds = labelled(90, 12)
    found = pcgnn.cross_validate(make_mean, clouds, folds=3, directory=tmp_path / "a", **SHORT)
    for fold, parts in zip(
        found.folds, folds_of(clouds, folds=3, validation=0.15, seed=0), strict=True
    ):
        task = pcgnn.load_checkpoint(fold.checkpoint, network=make_mean())
        expected = pcgnn.Standardizer.fit(clouds[parts.train], method="mean-std")
        ours, theirs = task.standardizer.state_dict(), expected.state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_regression_has_out_of_fold_values_too(tmp_path: Path) -> None:
    plain = labelled(200, 13)
    means = torch.stack([plain[i].x[:, 0].mean() for i in range(200)])
    clouds = ParticleClouds(x=plain.x, ptr=plain.ptr, y=2.0 * means + 1.0)

    found = pcgnn.cross_validate(
        lambda: Regression(Mean(outputs=1), lr=0.1, schedule="one-cycle"),
        clouds, folds=3, directory=tmp_path / "a", epochs=25, batch_size=20, progress=False,
        device="cpu",
    )  # fmt: skip
    assert found.scores.shape == (200,)
    assert np.abs(found.scores - clouds.y.numpy()).max() < 0.2
    assert set(found.values) == {"loss", "bias"}
    with pytest.raises(ConfigError, match=r"\.scores"):
        _ = found.prediction


def test_models_by_name_and_weights_in_the_loss(tmp_path: Path) -> None:
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=200
    )
    clouds = pcgnn.ParticleClouds.from_awkward(jets, features="particlenet", target="is_top")
    recipe = pcgnn.training.Recipe("pfn", arguments={"phi": [8], "f": [8]}, fit={"epochs": 1})
    found = pcgnn.cross_validate(
        recipe, clouds, folds=2, groups=["file", "entry"], directory=tmp_path / "a",
        progress=False, device="cpu",
    )  # fmt: skip
    assert found.classes == clouds.classes
    assert np.array_equal(found.prediction.entry, clouds.entry.numpy())
    combined = pcgnn.predict(found.ensemble, clouds, device="cpu")
    assert combined.spread.shape == (200, 2)


# ---------------------------------------------------------------------------------------- studies


def test_a_finished_study_is_read_and_another_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clouds = labelled(60, 14)
    options = {**SHORT, "epochs": 1, "folds": 2, "directory": tmp_path / "a"}
    first = pcgnn.cross_validate(make_mean, clouds, **options)
    with pytest.raises(ConfigError, match="holds a study"):
        pcgnn.cross_validate(make_mean, clouds, **options)
    for change in ({"seed": 1}, {"epochs": 2}, {"folds": 3}, {"validation": 0.3}):
        with pytest.raises(ConfigError, match="other settings or data"):
            pcgnn.cross_validate(make_mean, clouds, resume=True, **{**options, **change})
    with pytest.raises(ConfigError, match="other settings or data"):
        pcgnn.cross_validate(make_mean, labelled(60, 15), resume=True, **options)

    def never(*args: object, **options: object) -> None:
        raise AssertionError("a finished fold was trained again")

    monkeypatch.setattr("pcgnn.training.plan.fit", never)
    again = pcgnn.cross_validate(make_mean, clouds, resume=True, **options)
    assert np.array_equal(again.scores, first.scores)
    assert again.to_dict() == first.to_dict()


def test_wrong_arguments_are_found_before_anything_is_trained(tmp_path: Path) -> None:
    clouds = labelled(40, 16)
    with pytest.raises(ConfigError, match="learning_rate"):
        pcgnn.cross_validate(make_mean, clouds, epochs=1, learning_rate=0.1)
    with pytest.raises(ConfigError, match="epochs"):
        pcgnn.cross_validate(make_mean, clouds)
    with pytest.raises(ConfigError, match="function that makes the task"):
        pcgnn.cross_validate(Regression(Mean()), clouds, epochs=1)
    with pytest.raises(ConfigError, match="belongs to the task"):
        pcgnn.cross_validate(lambda: Regression(Mean()), clouds, epochs=1, lr=0.1)
    with pytest.raises(ConfigError, match="seed = -1"):
        pcgnn.cross_validate(make_mean, clouds, epochs=1, seed=-1)
    with pytest.raises(ConfigError, match="no network or task"):
        pcgnn.cross_validate(lambda: 3, clouds, epochs=1)
    with pytest.raises(ConfigError, match="ParticleClouds"):
        pcgnn.cross_validate(make_mean, [1, 2], epochs=1)


def test_two_processes_give_what_one_gives(tmp_path: Path) -> None:
    clouds = labelled(90, 17)
    options = {**SHORT, "folds": 3, "epochs": 2}
    alone = pcgnn.cross_validate(make_mean, clouds, directory=tmp_path / "one", **options)
    shared = pcgnn.cross_validate(make_mean, clouds, directory=tmp_path / "two", jobs=2, **options)
    assert np.array_equal(alone.scores, shared.scores)
    assert alone.values == shared.values
    assert not list((tmp_path / "two").glob(".data-*"))


def test_a_lambda_cannot_be_sent_to_processes(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="jobs=1"):
        pcgnn.cross_validate(
            lambda: Mean(), labelled(40, 18), folds=2, directory=tmp_path / "a", jobs=2,
            **{**SHORT, "epochs": 1},
        )  # fmt: skip


KILLED = """
import sys
from pathlib import Path
from workshop_samples import Wait, labelled, make_mean
import pcgnn, pcgnn.training.plan as plan

sign, directory = Path(sys.argv[1]), sys.argv[2]
original, calls = plan.fit, []

def fit(*args, **options):
    calls.append(1)
    if len(calls) == 2:
        options["callbacks"] = [Wait(2, sign)]
    return original(*args, **options)

plan.fit = fit
pcgnn.cross_validate(
    make_mean, labelled(90, 19), folds=3, epochs=4, batch_size=32, lr=3e-2, progress=False,
    device="cpu", directory=directory,
)
"""


def test_killed_study_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill -9 in the third epoch of the second fold."""
    sign, directory = tmp_path / "sign", tmp_path / "killed"
    paths = [str(Path(__file__).parent), str(Path(pcgnn.__file__).parent.parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(sign), str(directory)], env=environment
    )
    end = time.monotonic() + 120
    while not sign.exists():
        assert child.poll() is None, "the study ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL
    assert (directory / "fold-01" / "result.json").exists()
    assert not (directory / "fold-02" / "result.json").exists()

    from pcgnn.training import plan

    original, begun = plan.fit, {}

    def fit(*args: object, **options: object) -> object:
        last = Path(options["directory"]) / "last.ckpt"
        done = torch.load(last, weights_only=True)["epoch"] if last.exists() else None
        begun[Path(options["directory"]).name] = done
        return original(*args, **options)

    monkeypatch.setattr(plan, "fit", fit)
    options = {"folds": 3, "epochs": 4, "batch_size": 32, "lr": 3e-2, "progress": False}
    clouds = labelled(90, 19)
    resumed = pcgnn.cross_validate(
        make_mean, clouds, directory=directory, resume=True, device="cpu", **options
    )
    # the finished fold is not touched, the interrupted one goes on after two epochs
    assert begun == {"fold-02": 1, "fold-03": None}
    whole = pcgnn.cross_validate(
        make_mean, clouds, directory=tmp_path / "whole", device="cpu", **options
    )
    assert np.array_equal(resumed.scores, whole.scores)
    assert resumed.values == whole.values
