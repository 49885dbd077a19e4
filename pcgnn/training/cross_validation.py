"""Cross-validation: every graph is scored by trainings that have not seen it."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.training.callbacks.run_checkpoint import BEST
from pcgnn.training.cross_validation_result import CrossValidation, FoldResult
from pcgnn.training.fitting import resolve_device
from pcgnn.training.fold_splits import Fold, make_folds
from pcgnn.training.held_out import held_out_outputs
from pcgnn.training.plan import Plan, check_seed, derived_seed, plan_of
from pcgnn.training.shared_data import opened, share
from pcgnn.training.study_folder import (
    finite_or_none,
    locked,
    open_study,
    read_json,
    write_json,
)
from pcgnn.training.workers import run_jobs

__all__ = ["cross_validate"]

RESULT = "result.json"
SCORES = "scores.npz"


def cross_validate(
    model: Any,
    clouds: ParticleClouds,
    *,
    folds: int | None = None,
    splits: tuple[int, float] | None = None,
    validation: float = 0.15,
    stratified: bool | str = True,
    groups: Any = None,
    repeats: int = 1,
    seed: int = 0,
    directory: str | os.PathLike[str] | None = None,
    resume: bool = False,
    jobs: int = 1,
    device: str = "auto",
    progress: bool = True,
    **fit_arguments: Any,
) -> CrossValidation:
    """Trains once per fold and scores the graphs that were held out.

    k-fold: the graphs are dealt to k folds, each of which is held out once, so that every graph
    gets exactly one score (per repeat). Monte Carlo (``splits``): a random part is held out, again
    and again; a graph has the mean of its scores, or NaN if it never was held out.

    **Three parts.** The graphs of a fold that are not held out are split once more: a share
    ``validation`` of them chooses the epoch (``val_loss`` or ``monitor``, early stopping), the rest
    is trained on, and the standardisation is fitted on this rest alone. Were the epoch chosen on
    the fold that is held out, its numbers would be the best of many looks at the same graphs, too
    good by about their statistical error. With ``validation=0`` nothing is taken away and the
    training loss chooses.

    **Resumption.** Every training is one folder. With ``resume=True`` finished ones are read,
    interrupted ones go on from their last epoch, and the result is that of an uninterrupted study.

    Args:
        model: the name of a model, a network (each fold starts from a copy with its weights), a
            :class:`~pcgnn.training.Recipe`, or a function without arguments that makes a network
            or a :class:`~pcgnn.training.Task`.
        clouds: graphs with targets: classes, labels or numbers.
        folds: number of folds; 5 if ``splits`` is not given either.
        splits: for Monte Carlo, the number of splits and the fraction held out.
        validation: share of the rest that chooses the epoch.
        stratified: keep the shares of the classes of ``y`` equal in all parts (no effect on
            targets that are no classes), or name a per-graph column to do it by.
        groups: graphs that must stay together, such as jets of one event: a per-graph column,
            several (``["file", "entry"]``), or one number per graph.
        repeats: number of times all graphs are dealt to folds anew.
        seed: of the folds and, together with the number of the fold, of each training.
        directory: where the trainings are kept; None makes ``runs/<model>-folds-<date>-<time>``.
        resume: go on with the study in ``directory`` if there is one.
        jobs: trainings at a time, each a process with one thread. A script needs the usual
            ``if __name__ == "__main__":`` for that.
        device: as in :func:`pcgnn.fit`.
        progress: show progress.
        **fit_arguments: arguments of :func:`pcgnn.fit`: epochs, batch_size, lr, ...

    Returns:
        numbers per fold and their spread, and the out-of-fold scores in input order.

    Raises:
        ConfigError: arguments that do not fit, or a directory that holds another study.
        DataError: a part would be empty, or graphs without targets.

    Example:
        >>> found = cross_validate("pfn", clouds, folds=5, epochs=20)  # doctest: +SKIP
        >>> print(found)  # doctest: +SKIP
        >>> found.report().auc  # of all graphs, each scored out of fold  # doctest: +SKIP
    """
    if not isinstance(clouds, ParticleClouds):
        raise ConfigError(
            f"cross-validation takes ParticleClouds, not a {type(clouds).__name__}",
            remedy="make clouds of the data first",
        )
    if clouds.y is None:
        raise ConfigError(
            "the graphs have no target", remedy="ParticleClouds.from_awkward(target=...)"
        )
    check_seed(seed)
    plan = plan_of(model, fit_arguments)
    found = make_folds(
        clouds,
        folds=folds,
        splits=splits,
        validation=validation,
        stratified=stratified,
        groups=groups,
        repeats=repeats,
        seed=seed,
    )
    record = {
        "study": "cross-validation",
        "plan": plan.record(plan.make(clouds, seed)),
        "data": {"graphs": len(clouds), "hash": clouds.data_hash()},
        "folds": len(found),
        "split": _split_hash(found),
        "seed": seed,
    }
    path = Path(directory) if directory is not None else _new_directory(plan.name)
    with locked(path):
        folder = open_study(path, record, resume=resume)
        resolve_device(device)
        _train_all(plan, clouds, found, folder, seed, jobs, device, progress)
        return _collect(found, clouds, folder, monte_carlo=splits is not None)


@dataclass(frozen=True)
class _Job:
    plan: Plan
    data: ParticleClouds | Path | None
    fold: Fold
    folder: Path
    seed: int
    device: str
    progress: bool


def _train_all(
    plan: Plan,
    clouds: ParticleClouds,
    folds: list[Fold],
    folder: Path,
    seed: int,
    jobs: int,
    device: str,
    progress: bool,
) -> None:
    left = [fold for fold in folds if not _is_finished(_folder_of(folder, fold))]
    for rest in folder.glob(".data-*"):  # of a killed process
        shutil.rmtree(rest, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".data-", dir=folder) as temporary:
        jobs = min(jobs, max(len(left), 1))
        data = share(clouds, Path(temporary) / "clouds") if jobs > 1 else clouds
        queue = iter(
            _Job(
                plan,
                data,
                fold,
                _folder_of(folder, fold),
                derived_seed(seed, fold.number),
                device,
                progress and jobs == 1,
            )
            for fold in left
        )
        done = len(folds) - len(left)

        def finished(job: _Job, numbers: dict[str, float]) -> None:
            nonlocal done
            done += 1
            if progress:
                text = ", ".join(f"{name} {value:.4f}" for name, value in numbers.items())
                print(f"fold {job.fold.number + 1} ({done} of {len(folds)} done): {text}")

        run_jobs(train_fold, lambda: next(queue, None), finished, processes=jobs)


def train_fold(job: _Job, ask: Callable[[Any], Any]) -> dict[str, float]:
    """Trains one fold and writes its scores and numbers."""
    clouds: ParticleClouds = opened(job.data)
    fold = job.fold
    with locked(job.folder, wait=30.0):
        result = job.plan.train(
            clouds[fold.train],
            clouds[fold.validation] if len(fold.validation) else None,
            directory=job.folder,
            seed=job.seed,
            device=job.device,
            progress=job.progress,
        )
        scores, numbers = held_out_outputs(
            result.task, clouds[fold.test], device=resolve_device(job.device)
        )
        with (
            atomic_path(job.folder / SCORES, overwrite=True) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez_compressed(file, scores=scores, graphs=fold.test)
        content = {
            "fold": fold.number,
            "repeat": fold.repeat,
            "seed": job.seed,
            "graphs": {
                "train": len(fold.train),
                "validation": len(fold.validation),
                "test": len(fold.test),
            },
            "numbers": finite_or_none(numbers),
            "best_epoch": result.best_epoch,
            "epochs": len(result.history.get("epoch", [])),
            "classes": list(result.task.classes),
            "kind": result.task.kind,
        }
        write_json(job.folder / RESULT, content)
    return numbers


def _folder_of(folder: Path, fold: Fold) -> Path:
    return folder / f"fold-{fold.number + 1:02d}"


def _is_finished(folder: Path) -> bool:
    # scores are written first
    return (folder / RESULT).is_file() and (folder / SCORES).is_file()


def _collect(
    folds: list[Fold], clouds: ParticleClouds, folder: Path, *, monte_carlo: bool
) -> CrossValidation:
    results = []
    total: NDArray[Any] | None = None
    counts = np.zeros(len(clouds), np.int64)
    for fold in folds:
        path = _folder_of(folder, fold)
        content = read_json(path / RESULT)
        with np.load(path / SCORES) as file:
            scores, graphs = file["scores"], file["graphs"]
        if not np.array_equal(graphs, fold.test):
            raise ConfigError(
                "the scores are of other graphs", file=path, remedy="delete this folder"
            )
        if total is None:
            total = np.zeros((len(clouds), *scores.shape[1:]))
        total[graphs] += scores
        counts[graphs] += 1
        results.append(
            FoldResult(
                number=fold.number,
                repeat=fold.repeat,
                graphs=dict(content["graphs"]),
                numbers={
                    name: float("nan") if value is None else float(value)
                    for name, value in content["numbers"].items()
                },
                best_epoch=int(content["best_epoch"]),
                checkpoint=path / BEST,
                test=fold.test,
            )
        )
    assert total is not None
    with np.errstate(invalid="ignore"):
        mean = total / counts.reshape(-1, *[1] * (total.ndim - 1))
    return CrossValidation(
        folds=tuple(results),
        scores=mean,
        counts=counts,
        clouds=clouds,
        classes=tuple(content["classes"]),
        kind=str(content["kind"]),
        directory=folder,
        monte_carlo=monte_carlo,
    )


def _split_hash(folds: list[Fold]) -> str:
    digest = hashlib.sha256()
    for fold in folds:
        for part in (fold.train, fold.validation, fold.test):
            digest.update(np.ascontiguousarray(part).tobytes())
            digest.update(b"|")
    return digest.hexdigest()[:16]


def _new_directory(name: str) -> Path:
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    path, number = Path("runs") / f"{name}-folds-{now}", 1
    while path.exists():
        number += 1
        path = Path("runs") / f"{name}-folds-{now}-{number}"
    return path
