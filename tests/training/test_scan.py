"""Scans: the same whatever interrupts them, pruned where it pays, in processes or not."""

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
import yaml
from workshop_samples import Mean, labelled, make_wide

import pcgnn
from pcgnn.errors import ConfigError
from pcgnn.training import Recipe, load_scan

pytest.importorskip("optuna")

SPACE = {"model": {"hidden": [2, 4]}, "fit": {"lr": {"log": [1e-4, 0.3]}}}
SHORT = {"epochs": 3, "batch_size": 64, "progress": False, "device": "cpu"}
TRAIN, VAL = labelled(120, 0), labelled(60, 1)


def run(folder: Path, space: dict = SPACE, **options: object) -> pcgnn.training.Scan:
    given = {**SHORT, "sampler": "random", "pruner": None, "trials": 4, "seed": 5, **options}
    return pcgnn.scan(make_wide, TRAIN, VAL, space, directory=folder, **given)


def content(found: pcgnn.training.Scan) -> list[dict]:
    """Everything but clock and place."""
    trials = found.to_dict()["trials"]
    return [{k: v for k, v in t.items() if k not in ("seconds", "directory")} for t in trials]


def test_trials_are_what_fit_gives(tmp_path: Path) -> None:
    found = run(tmp_path / "a")
    assert [trial.state for trial in found.trials] == ["complete"] * 4
    for trial in found.trials:
        import torch

        torch.manual_seed(5)
        model = make_wide(**trial.arguments["model"])
        result = pcgnn.fit(
            model, TRAIN, VAL, directory=tmp_path / f"b{trial.number}", seed=5,
            **{**SHORT, **trial.arguments["fit"]},
        )  # fmt: skip
        assert trial.value == min(result.history["val_loss"])
        assert list(trial.reports.values()) == result.history["val_loss"]
        assert trial.best_epoch == result.best_epoch
    values = [trial.value for trial in found.trials]
    assert found.best.number == int(np.argmin(values))
    assert found.best.checkpoint.is_file()
    assert [trial.number for trial in found.ranked()] == list(np.argsort(values))
    assert f"{min(values):.5f}" in str(found).splitlines()[3]
    json.dumps(found.to_dict(), allow_nan=False)


def test_larger_is_better_for_the_auc(tmp_path: Path) -> None:
    found = run(tmp_path / "a", monitor="val_auc", epochs=1)
    assert found.best.value == max(trial.value for trial in found.trials)
    assert found.study.direction.name == "MAXIMIZE"


def test_random_and_grid_do_not_depend_on_the_number_of_jobs(tmp_path: Path) -> None:
    alone = run(tmp_path / "one", epochs=1)
    shared = run(tmp_path / "two", epochs=1, jobs=2)
    assert content(alone) == content(shared)
    assert not list((tmp_path / "two").glob(".data-*"))
    grid = run(tmp_path / "grid", {"model": {"hidden": [2, 3]}, "fit": {"lr": [0.1, 0.01]}},
               sampler="grid", trials=None, epochs=1)  # fmt: skip
    assert [tuple(t.parameters.values()) for t in grid.trials] == [
        (2, 0.1), (2, 0.01), (3, 0.1), (3, 0.01),
    ]  # fmt: skip


def test_more_trials_follow_on_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bayesian too: each suggestion follows from seed, number and the trials before."""
    whole = run(tmp_path / "whole", sampler="tpe", trials=13, epochs=1)
    run(tmp_path / "parts", sampler="tpe", trials=4, epochs=1)
    run(tmp_path / "parts", sampler="tpe", trials=12, epochs=1, resume=True)
    parts = run(tmp_path / "parts", sampler="tpe", trials=13, epochs=1, resume=True)
    assert content(parts) == content(whole)
    assert len({trial.parameters["fit.lr"] for trial in whole.trials}) == 13

    def never(*args: object, **options: object) -> None:
        raise AssertionError("a finished trial was trained again")

    monkeypatch.setattr("pcgnn.training.plan.fit", never)
    assert content(run(tmp_path / "parts", sampler="tpe", trials=13, epochs=1, resume=True)) == (
        content(whole)
    )


def test_another_scan_in_the_directory_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a", trials=1, epochs=1)
    with pytest.raises(ConfigError, match="holds a study"):
        run(tmp_path / "a", trials=1, epochs=1)
    for change in ({"seed": 6}, {"epochs": 2}, {"sampler": "tpe"}, {"pruner": "median"}):
        with pytest.raises(ConfigError, match="other settings or data"):
            run(tmp_path / "a", trials=1, resume=True, **{"epochs": 1, **change})


def test_bad_trials_are_given_up_early_and_the_best_is_not(tmp_path: Path) -> None:
    """Learning rates of nearly nothing are worse than the median of the good ones."""
    rates = [0.1, 0.08, 0.12, 0.09, 1e-7, 2e-7, 0.11]
    space = {"fit": {"lr": {"choice": rates}}}
    options = {"sampler": "grid", "trials": None, "epochs": 6, "schedule": "constant"}
    free = run(tmp_path / "free", space, **options)
    pruned = run(tmp_path / "pruned", space, pruner="median", **options)
    states = {trial.parameters["fit.lr"]: trial for trial in pruned.trials}
    for rate in (1e-7, 2e-7):
        assert states[rate].state == "pruned"
        assert len(states[rate].reports) == 3  # a third of the epochs is not judged
        with open(states[rate].directory / "history.csv") as file:
            assert len(file.readlines()) == 4
    assert pruned.best.number == free.best.number
    assert pruned.best.value == free.best.value
    # what was seen of a pruned trial are its first epochs
    whole = free.trials[4].reports
    assert states[1e-7].reports == {epoch: whole[epoch] for epoch in range(3)}
    assert pruned.table().count("pruned") == 2


def test_hyperband_prunes_too(tmp_path: Path) -> None:
    rates = [0.1, 1e-7, 0.12, 2e-7, 0.09, 3e-7, 0.11, 4e-7]
    found = run(
        tmp_path / "a", {"fit": {"lr": {"choice": rates}}}, sampler="grid", trials=None, epochs=9,
        schedule="constant", pruner="hyperband", pruner_arguments={"reduction_factor": 2},
    )  # fmt: skip
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert pruned
    assert found.best.parameters["fit.lr"] > 0.01
    with pytest.raises(ConfigError, match="pruner_arguments"):
        run(tmp_path / "b", pruner="hyperband", pruner_arguments={"nothing": 2})


def test_a_trial_that_fails_does_not_end_the_scan(tmp_path: Path) -> None:
    space = {"fit": {"schedule": ["constant", "no-such-schedule"]}}
    found = run(tmp_path / "a", space, sampler="grid", trials=None, epochs=1)
    assert [trial.state for trial in found.trials] == ["complete", "failed"]
    assert "no-such-schedule" in found.trials[1].error
    with pytest.raises(ConfigError, match="every trial failed"):
        run(tmp_path / "b", {"fit": {"schedule": ["no-such-schedule"]}}, sampler="grid",
            trials=None, epochs=1)  # fmt: skip


def test_mistakes_are_found_before_anything_is_trained(tmp_path: Path) -> None:
    for space, message in (
        ({"fit": {"learning_rate": [1, 2]}}, "learning_rate"),
        ({"optimizer": {"lr": [1, 2]}}, "neither"),
    ):
        with pytest.raises(ConfigError, match=message):
            run(tmp_path / "a", space)
    for options in ({"sampler": "simplex"}, {"pruner": "axe"}, {"trials": 0}):
        with pytest.raises(ConfigError, match=str(next(iter(options)))):
            run(tmp_path / "a", **options)
    with pytest.raises(ConfigError, match="validation part"):
        pcgnn.scan(make_wide, TRAIN, None, SPACE, epochs=1)
    with pytest.raises(ConfigError, match="takes no arguments"):
        pcgnn.scan(Mean(), TRAIN, VAL, SPACE, epochs=1, directory=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_the_parameter_that_matters_is_found(tmp_path: Path) -> None:
    space = {
        "fit": {"lr": {"log": [1e-5, 0.3]}},
        "model": {"slope": {"float": [0.0, 1.0]}},  # without any effect
    }
    found = run(tmp_path / "a", space, trials=24, epochs=2, schedule="constant")
    methods = ["ped-anova"]
    try:
        import sklearn  # noqa: F401

        methods += ["fanova", "mdi"]
    except ImportError:
        pass
    for method in methods:
        shares = found.importance(method)
        assert set(shares) == {"fit.lr", "model.slope"}
        assert shares["fit.lr"] > 0.7
        assert sum(shares.values()) == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="use one of"):
        found.importance("guess")


def test_the_best_recipe_is_a_configuration(tmp_path: Path) -> None:
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=300
    )
    clouds = pcgnn.ParticleClouds.from_awkward(jets, features="particlenet", target="is_top")
    train, val = clouds.split((0.7, 0.3))
    recipe = Recipe("pfn", arguments={"phi": [8], "f": [8]}, fit={"epochs": 1, "batch_size": 64})
    space = {"model": {"f": [[4], [8]]}, "fit": {"lr": [1e-3, 1e-2], "gradient_clip": [1.0]}}
    found = pcgnn.scan(
        recipe, train, val, space, sampler="grid", directory=tmp_path / "a", progress=False,
        device="cpu", seed=3,
    )  # fmt: skip
    config = yaml.safe_load(found.config.read_text())
    best = found.best
    assert config["model"]["class_path"] == "pcgnn.training.ClassificationTask"
    assert config["model"]["init_args"] == {
        "name": "pfn",
        "arguments": {"phi": [8], "f": best.parameters["model.f"]},
        "lr": best.parameters["fit.lr"],
    }
    assert config["trainer"] == {"max_epochs": 1, "gradient_clip_val": 1.0}
    assert config["data"]["init_args"] == {"batch_size": 64, "seed": 3}
    assert config["seed_everything"] == 3


KILLED = """
import sys
from pathlib import Path
from workshop_samples import Wait, labelled, make_wide
import pcgnn, pcgnn.training.plan as plan

original, calls = plan.fit, []

def fit(*args, callbacks=(), **options):
    calls.append(1)
    if len(calls) == 3:
        callbacks = [*callbacks, Wait(2, Path(sys.argv[1]))]
    return original(*args, callbacks=callbacks, **options)

plan.fit = fit
pcgnn.scan(
    make_wide, labelled(120, 0), labelled(60, 1),
    {"model": {"hidden": [2, 4]}, "fit": {"lr": {"log": [1e-4, 0.3]}}},
    sampler="tpe", pruner="median", trials=5, seed=5, epochs=4, batch_size=64, progress=False,
    device="cpu", directory=sys.argv[2],
)
"""


def start(tmp_path: Path, directory: Path, script: str = KILLED) -> None:
    """Run until it waits in the third epoch of the third trial; then kill -9."""
    sign = tmp_path / "sign"
    paths = [str(Path(__file__).parent), str(Path(pcgnn.__file__).parent.parent)]
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(sign), str(directory)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    end = time.monotonic() + 120
    while not sign.exists():
        assert child.poll() is None, "the scan ended before it was killed"
        assert time.monotonic() < end
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(60) == -signal.SIGKILL


def test_killed_scan_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "killed"
    start(tmp_path, directory)
    left = load_scan(directory)
    assert [trial.state for trial in left.trials] == ["complete", "complete", "running"]
    assert list(left.trials[2].reports) == [0, 1]
    # a line that was being written and the lock of the killed process
    with open(directory / "trials.log", "ab") as file:
        file.write(b'{"op_code": 4, "worker')
    os.symlink("trials.log", directory / "trials.log.lock")

    from pcgnn.training import plan

    original, begun = plan.fit, []

    def fit(*args: object, **options: object) -> object:
        folder = Path(options["directory"])
        begun.append((folder.name, (folder / "last.ckpt").exists()))
        return original(*args, **options)

    monkeypatch.setattr(plan, "fit", fit)
    options = {"sampler": "tpe", "pruner": "median", "trials": 5, "epochs": 4}
    begin = time.monotonic()
    resumed = run(directory, resume=True, **options)
    assert time.monotonic() - begin < 20  # does not wait for the lock to age
    assert begun == [("trial-0002", True), ("trial-0003", False), ("trial-0004", False)]
    whole = run(tmp_path / "whole", **options)
    assert content(resumed) == content(whole)


@pytest.mark.parametrize("where", ["finish", "report"])
def test_interrupted_where_a_trial_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """After the training, before it is noted; after the report that prunes, before it acts."""
    from pcgnn.training.scan_study import ScanStudy

    rates = [0.1, 0.08, 0.12, 0.09, 1e-7, 0.11]
    options = {
        "space": {"fit": {"lr": {"choice": rates}}}, "sampler": "grid", "trials": None, "epochs": 3,
        "pruner": "median", "schedule": "constant",
    }  # fmt: skip
    whole = run(tmp_path / "whole", **options)
    assert [trial.state for trial in whole.trials].count("pruned") >= 1
    original = getattr(ScanStudy, where)

    def interrupted(self: ScanStudy, number: int, *args: object) -> object:
        if where == "report":
            answer = original(self, number, *args)
            if answer:
                raise KeyboardInterrupt
            return answer
        if number == 2:
            raise KeyboardInterrupt
        return original(self, number, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ScanStudy, where, interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "broken", **options)
    assert content(run(tmp_path / "broken", resume=True, **options)) == content(whole)


def test_a_function_that_makes_other_layers_is_another_scan(tmp_path: Path) -> None:
    options = {"space": {"fit": {"lr": [0.1, 0.2]}}, "trials": 1, "epochs": 1}
    run(tmp_path / "a", **options)

    def make_wide() -> Mean:
        return Mean(hidden=5)

    with pytest.raises(ConfigError, match="layers"):
        pcgnn.scan(
            make_wide, TRAIN, VAL, options["space"], directory=tmp_path / "a", resume=True,
            trials=1, sampler="random", pruner=None, seed=5, **{**SHORT, "epochs": 1},
        )  # fmt: skip


def test_a_trial_that_always_ends_its_process_is_given_up(tmp_path: Path) -> None:
    from pcgnn.training.scan_space import parse_space
    from pcgnn.training.scan_study import ScanStudy, quiet_optuna

    def study() -> ScanStudy:
        return ScanStudy(
            tmp_path, parse_space(SPACE), larger_is_better=False, sampler="random", pruner=None,
            pruner_arguments={}, epochs=9, seed=0,
        )  # fmt: skip

    with quiet_optuna():
        first = study()
        number = first.begin()
        first.start(number)
        first.report(number, 0, 1.0)
        for attempt in range(2):
            again = study()
            assert again.unfinished() == [number], attempt
            again.start(number)
        again.report(number, 1, 0.9)  # it got further, so that it has new chances
        for _ in range(2):
            again = study()
            assert again.unfinished() == [number]
            again.start(number)
        assert study().unfinished() == []
        (trial,) = study().trials()
        assert trial.state.name == "FAIL"
        assert "3 times before epoch 3" in trial.user_attrs["error"]
