"""The memory of a scan: an Optuna study in one file, written by one process alone."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcgnn.errors import BackendError, ConfigError
from pcgnn.training.scan_space import Space

if TYPE_CHECKING:
    import optuna

__all__ = ["PRUNERS", "SAMPLERS", "ScanStudy", "load_study", "quiet_optuna"]

JOURNAL = "trials.log"
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "hyperband")
_NAME = "scan"
_PATIENCE = 3  # starts that may end without a new epoch


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna without its lines per trial and its notes on what is new in it.

    Raises:
        BackendError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise BackendError(
            "scans need the package optuna", remedy='pip install "pcgnn[scan]"'
        ) from error
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(level)


def load_study(folder: Path) -> optuna.Study:
    """The study in a folder, for looking at it.

    Raises:
        ConfigError: there is none.
    """
    import optuna

    if not (folder / JOURNAL).is_file():
        raise ConfigError("there is no scan", file=folder)
    return optuna.load_study(study_name=_NAME, storage=_storage(folder))


class ScanStudy:
    """Trials that are begun, report, end.

    A trial enters the file in one line with all its parameters and leaves it in one line with its
    value, so that a process killed at any moment leaves whole trials, at most some of them
    unfinished.

    Args:
        folder: where the file is.
        space: what is varied.
        larger_is_better: whether the value is maximised.
        sampler: one of ``SAMPLERS``.
        pruner: one of ``PRUNERS``, or None.
        pruner_arguments: over the defaults of the pruner.
        epochs: of the longest training.
        seed: of the parameters.
    """

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        larger_is_better: bool,
        sampler: str,
        pruner: str | None,
        pruner_arguments: Mapping[str, Any],
        epochs: int,
        seed: int,
    ) -> None:
        import optuna

        self.space, self.sampler, self.seed = space, sampler, seed
        self.pruner = _pruner(pruner, pruner_arguments, epochs)
        self._points = space.points() if sampler == "grid" else []
        _repair(folder / JOURNAL)
        self.storage = _storage(folder)
        self.study = optuna.create_study(
            study_name=_NAME,
            storage=self.storage,
            direction="maximize" if larger_is_better else "minimize",
            load_if_exists=True,
        )
        self._known = space.distributions()

    @property
    def size(self) -> int | None:
        """Number of all points of a grid; None where there is no end."""
        return len(self._points) if self.sampler == "grid" else None

    def trials(self) -> list[optuna.trial.FrozenTrial]:
        """All trials."""
        return self.study.get_trials(deepcopy=False)

    def unfinished(self) -> list[int]:
        """Trials that an earlier process left, to be taken up.

        One that again and again ends its process before a new epoch is given up.
        """
        from optuna.trial import TrialState

        found = []
        for trial in self.study.get_trials(states=(TrialState.RUNNING,)):
            epochs = len(trial.intermediate_values)
            stuck = trial.user_attrs.get("stuck", 0)
            stuck = stuck + 1 if trial.user_attrs.get("began_at") == epochs else 1
            if stuck >= _PATIENCE:
                note = f"the process ended {stuck} times before epoch {epochs + 1} was done"
                self.finish(trial.number, {"state": "failed", "error": note})
                continue
            if self._prunes(trial.number):
                self.finish(trial.number, {"state": "pruned"})
                continue
            self._note(trial.number, stuck=stuck)
            found.append(trial.number)
        return found

    def begin(self) -> int:
        """A new trial: its number."""
        from optuna.trial import TrialState, create_trial

        number = len(self.trials())
        point = self._suggest(number)
        self.study.add_trial(
            create_trial(
                state=TrialState.RUNNING,
                params=self.space.inner(point),
                distributions=self._known,
                user_attrs={"began_at": 0, "stuck": 1},
            )
        )
        return number

    def point(self, number: int) -> dict[str, Any]:
        """Parameters of a trial."""
        return self.space.outer(self.trials()[number].params)

    def start(self, number: int) -> None:
        """Notes how far a trial is when its training starts."""
        self._note(number, began_at=len(self.trials()[number].intermediate_values))

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Notes the value after an epoch; whether the trial is to be given up."""
        trial = self.trials()[number]
        if epoch not in trial.intermediate_values:  # a resumed training may say it again
            self.storage.set_trial_intermediate_value(self._id(number), epoch, value)
        return self._prunes(number)

    def finish(self, number: int, outcome: Mapping[str, Any]) -> None:
        """Ends a trial: ``state`` complete, pruned or failed, ``value`` and notes."""
        from optuna.trial import TrialState

        notes = {key: value for key, value in outcome.items() if key not in ("state", "value")}
        self._note(number, **notes)
        states = {
            "complete": TrialState.COMPLETE,
            "pruned": TrialState.PRUNED,
            "failed": TrialState.FAIL,
        }
        value = outcome.get("value")
        if outcome["state"] == "pruned" and value is None:
            reported = self.trials()[number].intermediate_values
            value = reported[max(reported)] if reported else None
        self.storage.set_trial_state_values(
            self._id(number),
            states[outcome["state"]],
            None if value is None or outcome["state"] == "failed" else [value],
        )

    def _suggest(self, number: int) -> dict[str, Any]:
        """The parameters of a trial follow from seed, number and, for TPE, the trials so far."""
        if self.sampler == "grid":
            return self._points[number]
        if self.sampler == "random":
            return self.space.draw(self.seed, number)
        import optuna

        words = np.random.SeedSequence([self.seed, number]).generate_state(1)
        # asked in a copy in memory: the file gets the trial as a whole
        copy = optuna.create_study(
            direction=self.study.direction, sampler=optuna.samplers.TPESampler(seed=int(words[0]))
        )
        copy.add_trials(self.trials())
        return self.space.outer(copy.ask(self._known).params)

    def _prunes(self, number: int) -> bool:
        trial = self.trials()[number]
        if self.pruner is None or not trial.intermediate_values:
            return False
        return bool(self.pruner.prune(self.study, trial))

    def _note(self, number: int, **notes: Any) -> None:
        for key, value in notes.items():
            self.storage.set_trial_user_attr(self._id(number), key, value)

    def _id(self, number: int) -> int:
        study = self.storage.get_study_id_from_name(_NAME)
        return self.storage.get_trial_id_from_study_id_trial_number(study, number)


def _storage(folder: Path) -> optuna.storages.BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(folder / JOURNAL)))


def _repair(path: Path) -> None:
    """Removes what a process killed while it wrote has left; nobody else writes at this time."""
    for rest in path.parent.glob(f"{path.name}.lock*"):
        rest.unlink(missing_ok=True)
    if not path.is_file():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    while whole:
        start = whole.rfind(b"\n", 0, -1) + 1
        try:
            json.loads(whole[start:])
            break
        except ValueError:
            whole = whole[:start]
    if len(whole) < len(content):
        with open(path, "r+b") as file:
            file.truncate(len(whole))


def _pruner(
    name: str | None, arguments: Mapping[str, Any], epochs: int
) -> optuna.pruners.BasePruner | None:
    import optuna

    if name is None:
        return None
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        # while the learning rate is high, the numbers of the validation say little
        "median": (
            optuna.pruners.MedianPruner,
            {"n_startup_trials": 4, "n_warmup_steps": epochs // 3},
        ),
        "hyperband": (
            optuna.pruners.HyperbandPruner,
            {"min_resource": 1, "max_resource": epochs, "reduction_factor": 3},
        ),
    }
    kind, defaults = kinds[name]
    try:
        made: optuna.pruners.BasePruner = kind(**{**defaults, **arguments})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"pruner_arguments: {error}") from error
    return made
