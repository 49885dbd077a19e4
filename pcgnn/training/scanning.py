"""Scans of hyper-parameters: grid, random or Bayesian, resumable, pruned, in parallel."""

from __future__ import annotations

import datetime
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from pcgnn.errors import CheckpointError, ConfigError, PcgnnError, WriteError
from pcgnn.io.atomic import atomic_path
from pcgnn.training.callbacks.early_stopping import better
from pcgnn.training.callbacks.reporting import EpochReport
from pcgnn.training.fingerprint import data_fingerprint
from pcgnn.training.fitting import resolve_device
from pcgnn.training.plan import Plan, check_seed, plan_of
from pcgnn.training.plan_config import plan_config
from pcgnn.training.scan_result import Scan, ScanTrial
from pcgnn.training.scan_space import Space, nested, parse_space
from pcgnn.training.scan_study import PRUNERS, SAMPLERS, ScanStudy, load_study, quiet_optuna
from pcgnn.training.shared_data import opened, share
from pcgnn.training.study_folder import STUDY, locked, open_study, read_json
from pcgnn.training.workers import run_jobs

__all__ = ["load_scan", "scan"]

TRIALS = 20


def scan(
    model: Any,
    train: Any,
    val: Any,
    parameters: Mapping[str, Any],
    *,
    trials: int | None = None,
    sampler: str = "tpe",
    pruner: str | None = "median",
    pruner_arguments: Mapping[str, Any] | None = None,
    seed: int = 0,
    directory: str | os.PathLike[str] | None = None,
    resume: bool = False,
    jobs: int = 1,
    device: str = "auto",
    progress: bool = True,
    base_config: Mapping[str, Any] | None = None,
    **fit_arguments: Any,
) -> Scan:
    """Trains with many values of some parameters and finds out which are best.

    All trials start from the same seed, so that they differ by their parameters alone. The
    parameters of trial n follow from ``seed`` and n, for ``random`` and ``grid`` whatever the
    number of jobs; ``tpe`` (tree-structured Parzen estimators, Bergstra et al., NeurIPS 2011, of
    Optuna) also looks at the trials that have ended.

    **Resumption.** With ``resume=True`` finished trials are read, unfinished ones go on from their
    last epoch, and new ones follow until there are ``trials`` (which may be more than before). A
    trial that ends its process three times before a new epoch is done counts as failed.

    **Pruning.** After every epoch a trial is given up if it is worse than the median of the others
    at that epoch (``median``, not in the first third of the epochs) or by successive halving
    (``hyperband``, `arXiv:1603.06560 <https://arxiv.org/abs/1603.06560>`__).

    Args:
        model: the name of a model, a :class:`~pcgnn.training.Recipe`, or a function that makes a
            network from the arguments in the section ``model``.
        train: as in :func:`pcgnn.fit`.
        val: decides which trial is best.
        parameters: what is varied: ``{"model": {...}, "fit": {...}}`` with ``{choice: [...]}``,
            ``{int: [low, high]}``, ``{float: [low, high]}`` or ``{log: [low, high]}``; see
            :func:`~pcgnn.training.parse_space`.
        trials: number of trials in all; None means 20, or the whole grid.
        sampler: ``tpe``, ``random`` or ``grid``.
        pruner: ``median``, ``hyperband`` or None.
        pruner_arguments: over the defaults of Optuna's pruner.
        seed: of the parameters and of each training.
        directory: where the trials are kept; None makes ``runs/<model>-scan-<date>-<time>``.
        resume: go on with the scan in ``directory`` if there is one.
        jobs: trials at a time, each a process with one thread. A script needs the usual
            ``if __name__ == "__main__":`` for that.
        device: as in :func:`pcgnn.fit`.
        progress: show progress.
        base_config: a configuration of ``pcgnn fit`` that the best recipe is laid over.
        **fit_arguments: arguments of :func:`pcgnn.fit` that are not varied; ``monitor`` is what
            is compared.

    Returns:
        the trials; ``best.yaml`` in the directory is the best recipe for ``pcgnn fit -c``.

    Raises:
        ConfigError: arguments or parameters that do not fit, a directory that holds another scan,
            or a scan in which every trial failed.
        BackendError: Optuna is not installed.

    Example:
        >>> space = {"fit": {"lr": {"log": [1e-4, 1e-1]}, "batch_size": [64, 128, 256]}}
        >>> found = scan("pfn", train, val, space, trials=30, epochs=9)  # doctest: +SKIP
        >>> found.best.parameters, found.importance()  # doctest: +SKIP
    """
    space = parse_space(parameters)
    _check(trials, sampler, pruner, val)
    check_seed(seed)
    fixed = {"epochs": 1} if "fit.epochs" in space.names else {}
    plan = plan_of(model, {**fixed, **fit_arguments})
    monitor = str(plan.fit.get("monitor", "val_loss"))
    # made before anything is written, so that a wrong name is found here
    first = nested(space.draw(seed, 0))
    made = plan.varied(first["model"], first["fit"]).make(train, seed)
    record = {
        "study": "scan",
        "plan": plan.record(made),
        "parameters": space.record(),
        "sampler": sampler,
        "pruner": {"name": pruner, **dict(pruner_arguments or {})},
        "seed": seed,
        "monitor": monitor,
        "data": {"train": data_fingerprint(train), "val": data_fingerprint(val)},
    }
    path = Path(directory) if directory is not None else _new_directory(plan.name)
    with quiet_optuna():
        resolve_device(device)
        with locked(path):
            folder = open_study(path, record, resume=resume)
            study = ScanStudy(
                folder,
                space,
                larger_is_better=better(monitor, 1.0, 0.0),
                sampler=sampler,
                pruner=pruner,
                pruner_arguments=dict(pruner_arguments or {}),
                epochs=_longest(plan, space),
                seed=seed,
            )
            wanted = study.size or TRIALS if trials is None else trials
            wanted = min(wanted, study.size or wanted)
            job = _Job(-1, plan, train, val, folder, seed, device)
            keeper = _Keeper(job, monitor, base_config)
            _run_trials(study, keeper, job, wanted, jobs, progress)
    found = load_scan(path)
    ended = [trial for trial in found.trials if trial.state in ("complete", "pruned")]
    if found.trials and not ended:
        raise ConfigError(
            f"every trial failed, the first because {found.trials[0].error}", file=path
        )
    return found


def load_scan(directory: str | os.PathLike[str]) -> Scan:
    """Reads a scan, also one that is not finished.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(directory)
    record = read_json(folder / STUDY)
    space = parse_space(record["parameters"])
    with quiet_optuna():
        frozen = load_study(folder).get_trials(deepcopy=False)
    states = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    trials = [
        ScanTrial(
            number=trial.number,
            parameters=space.outer(trial.params),
            state=states.get(trial.state.name, "running"),
            value=trial.values[0] if trial.values else None,
            reports=dict(sorted(trial.intermediate_values.items())),
            best_epoch=trial.user_attrs.get("best_epoch"),
            seconds=trial.user_attrs.get("seconds"),
            error=trial.user_attrs.get("error"),
            directory=_folder_of(folder, trial.number),
        )
        for trial in frozen
    ]
    return Scan(tuple(trials), str(record["monitor"]), tuple(space.names), folder)


@dataclass(frozen=True)
class _Job:
    number: int
    plan: Plan
    train: Any
    val: Any
    folder: Path
    seed: int
    device: str


def _run_trials(
    study: ScanStudy, keeper: _Keeper, job: _Job, wanted: int, jobs: int, progress: bool
) -> None:
    """Runs what is left; ``job`` is what all trials have in common, its folder that of the scan."""
    for rest in job.folder.glob(".data-*"):  # of a killed process
        shutil.rmtree(rest, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".data-", dir=job.folder) as temporary:
        common = job
        if jobs > 1:
            place = Path(temporary)
            common = replace(
                job, train=share(job.train, place / "train"), val=share(job.val, place / "val")
            )
        waiting = study.unfinished()
        keeper.write(study)

        def next_job() -> _Job | None:
            if waiting:
                number = waiting.pop(0)
            elif len(study.trials()) < wanted:
                number = study.begin()
            else:
                return None
            study.start(number)
            varied = nested(study.point(number))
            made = job.plan.varied(varied["model"], varied["fit"])
            return replace(common, number=number, plan=made, folder=_folder_of(job.folder, number))

        def asked(job: _Job, question: tuple[int, float]) -> bool:
            return study.report(job.number, *question)

        def finished(job: _Job, outcome: dict[str, Any]) -> None:
            study.finish(job.number, outcome)
            keeper.look(job.number, study.point(job.number), outcome)
            if progress:
                value = outcome.get("value")
                text = outcome.get("error") or ("" if value is None else f"{value:.5f}")
                point = ", ".join(
                    f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
                    for name, value in study.point(job.number).items()
                )
                print(f"trial {job.number + 1} of {wanted}: {outcome['state']} {text}  ({point})")

        run_jobs(train_trial, next_job, finished, processes=jobs, asked=asked)
        keeper.write(study)


def train_trial(job: _Job, ask: Callable[[Any], Any]) -> dict[str, Any]:
    """Trains one trial; what goes wrong in it is its outcome."""
    start = time.perf_counter()
    monitor = str(job.plan.fit.get("monitor", "val_loss"))
    reporter = EpochReport(monitor, lambda epoch, value: bool(ask((epoch, value))))
    with locked(job.folder, wait=30.0):
        try:
            result = job.plan.train(
                opened(job.train),
                opened(job.val),
                directory=job.folder,
                seed=job.seed,
                device=job.device,
                callbacks=[reporter],
            )
        except (CheckpointError, WriteError):
            raise  # a full disk says nothing about the trial
        except (PcgnnError, torch.OutOfMemoryError) as error:
            return {"state": "failed", "error": " ".join(str(error).split())}
    seconds = round(time.perf_counter() - start, 3)
    if reporter.pruned:
        return {"state": "pruned", "seconds": seconds}
    value = float(result.history[monitor][result.best_epoch])
    notes = {"seconds": seconds, "best_epoch": result.best_epoch}
    return {"state": "complete", "value": value, **notes}


class _Keeper:
    """Writes the configuration of the best trial so far."""

    def __init__(self, job: _Job, monitor: str, base_config: Mapping[str, Any] | None) -> None:
        self.job, self.monitor, self.base = job, monitor, dict(base_config or {})
        self.best: float | None = None

    def look(self, number: int, point: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        """Writes it if this one is better."""
        value = outcome.get("value")
        if outcome["state"] != "complete" or value is None:
            return
        if self.best is not None and not better(self.monitor, value, self.best):
            return
        self.best = value
        self._write(number, point)

    def write(self, study: ScanStudy) -> None:
        """Writes it after all trials, those of earlier processes included."""
        self.best = None
        for trial in study.trials():
            if trial.state.name == "COMPLETE":
                outcome = {"state": "complete", "value": trial.values[0]}
                self.look(trial.number, study.point(trial.number), outcome)

    def _write(self, number: int, point: Mapping[str, Any]) -> None:
        varied = nested(point)
        plan = self.job.plan.varied(varied["model"], varied["fit"])
        config = plan_config(plan, self.job.train, self.job.seed)
        if config is None:
            return
        text = yaml.safe_dump(_laid_over(self.base, config), sort_keys=False)
        note = f"# the best recipe of the scan, trial {number}, {self.monitor} {self.best:.6g}\n"
        with atomic_path(self.job.folder / "best.yaml", overwrite=True) as temporary:
            temporary.write_text(note + text, encoding="utf-8")


def _laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        nested_both = isinstance(old, Mapping) and isinstance(value, Mapping)
        # arguments are those of the trial, not a mixture
        whole = key in ("arguments", "loss_arguments", "schedule_arguments", "optimizer_arguments")
        result[key] = _laid_over(old, value) if nested_both and not whole else value  # type: ignore[arg-type]
    return result


def _check(trials: int | None, sampler: str, pruner: str | None, val: Any) -> None:
    if trials is not None and trials < 1:
        raise ConfigError(f"trials = {trials} must be at least 1")
    if sampler not in SAMPLERS:
        raise ConfigError(f"sampler = {sampler!r}", remedy=f"use one of {', '.join(SAMPLERS)}")
    if pruner is not None and pruner not in PRUNERS:
        raise ConfigError(f"pruner = {pruner!r}", remedy=f"use None or one of {', '.join(PRUNERS)}")
    if val is None:
        raise ConfigError("a scan needs a validation part", remedy="split the training part")


def _longest(plan: Plan, space: Space) -> int:
    for parameter in space:
        if parameter.name == "fit.epochs":
            return int(max(parameter.values))
    return int(plan.fit["epochs"])


def _folder_of(folder: Path, number: int) -> Path:
    return folder / f"trial-{number:04d}"


def _new_directory(name: str) -> Path:
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path, number = Path("runs") / f"{name}-scan-{now}", 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-scan-{now}-{number}"
    return path
