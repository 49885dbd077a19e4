"""What a scan leaves: all trials, the best of them, and which parameters matter."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcgnn.errors import BackendError, ConfigError
from pcgnn.metrics.text import table
from pcgnn.training.callbacks.early_stopping import better
from pcgnn.training.callbacks.run_checkpoint import BEST
from pcgnn.training.scan_space import nested
from pcgnn.training.scan_study import load_study, quiet_optuna

if TYPE_CHECKING:
    import optuna

__all__ = ["Scan", "ScanTrial"]

_EVALUATORS = ("ped-anova", "fanova", "mdi")


@dataclass(frozen=True)
class ScanTrial:
    """One training of a scan.

    Args:
        number: from 0.
        parameters: name -> value.
        state: ``complete``, ``pruned``, ``failed`` or ``running`` (left by a killed process).
        value: the monitored number at the best epoch; of a pruned trial the last one reported.
        reports: epoch -> monitored number.
        best_epoch: the epoch kept, from 0; None where the trial is not complete.
        seconds: time of the training (of its last part, if it was resumed).
        error: why it failed.
        directory: its run directory.
    """

    number: int
    parameters: Mapping[str, Any]
    state: str
    value: float | None
    reports: Mapping[int, float]
    best_epoch: int | None
    seconds: float | None
    error: str | None
    directory: Path

    @property
    def checkpoint(self) -> Path:
        """Weights of its best epoch."""
        return self.directory / BEST

    @property
    def arguments(self) -> dict[str, dict[str, Any]]:
        """The parameters as nested arguments of ``model`` and ``fit``."""
        return nested(self.parameters)


@dataclass(frozen=True, eq=False)
class Scan:
    """The trials of a scan.

    Args:
        trials: by number.
        monitor: the number that is compared.
        names: of the parameters.
        directory: where everything is kept.
    """

    trials: tuple[ScanTrial, ...]
    monitor: str
    names: tuple[str, ...]
    directory: Path

    @property
    def best(self) -> ScanTrial:
        """The complete trial with the best value; of equal ones the first.

        The best of many validation results is too good by chance: judge its checkpoint on jets
        that no trial has seen.

        Raises:
            ConfigError: no trial is complete.
        """
        found: ScanTrial | None = None
        for trial in self.trials:
            if trial.state != "complete" or trial.value is None:
                continue
            if (
                found is None
                or found.value is None
                or better(self.monitor, trial.value, found.value)
            ):
                found = trial
        if found is None:
            raise ConfigError("no trial is complete", file=self.directory)
        return found

    @property
    def smaller_is_better(self) -> bool:
        """Whether the monitored number is minimised."""
        return better(self.monitor, 0.0, 1.0)

    @property
    def study(self) -> optuna.Study:
        """The Optuna study, for everything it can do beside."""
        with quiet_optuna():
            return load_study(self.directory)

    @property
    def config(self) -> Path:
        """The best recipe as a configuration of ``pcgnn fit``, where the model has a name."""
        return self.directory / "best.yaml"

    def ranked(self) -> list[ScanTrial]:
        """Complete trials from the best on, then pruned, then all others."""
        sign = 1 if self.smaller_is_better else -1
        order = {"complete": 0, "pruned": 1}

        def place(trial: ScanTrial) -> tuple[int, float, int]:
            value = math.inf if trial.value is None else sign * trial.value
            return order.get(trial.state, 2), value, trial.number

        return sorted(self.trials, key=place)

    def importance(self, method: str | None = None) -> dict[str, float]:
        """Share of each parameter in what the values differ by, the largest first.

        Complete trials alone count, and it takes some tens of them to tell importance from chance.

        Args:
            method: ``ped-anova`` (`arXiv:2304.10255 <https://arxiv.org/abs/2304.10255>`__: how far
                the best trials, a tenth of them or the square root of their number, lie from all
                of them, per parameter), ``fanova``
                (Hutter et al., ICML 2014: parts of the variance of a random forest) or ``mdi``
                (mean decrease of impurity in such a forest). The last two need scikit-learn and do
                with fewer trials; None takes ``fanova`` where it is installed.

        Raises:
            ConfigError: another method, or fewer than four complete trials.
            BackendError: scikit-learn is not installed.
        """
        if method is None:
            method = "fanova" if importlib.util.find_spec("sklearn") else "ped-anova"
        if method not in _EVALUATORS:
            raise ConfigError(f"method = {method!r}", remedy=f"use one of {', '.join(_EVALUATORS)}")
        complete = sum(trial.state == "complete" for trial in self.trials)
        if complete < 4:
            raise ConfigError(
                f"{complete} complete trials say nothing on what matters",
                remedy="make at least 4, better some tens",
            )
        with quiet_optuna():
            import optuna.importance as parts

            evaluators: dict[str, Any] = {
                "ped-anova": lambda: parts.PedAnovaImportanceEvaluator(
                    target_quantile=max(0.1, complete**-0.5)
                ),
                "fanova": lambda: parts.FanovaImportanceEvaluator(seed=0),
                "mdi": lambda: parts.MeanDecreaseImpurityImportanceEvaluator(seed=0),
            }
            try:
                found = parts.get_param_importances(
                    load_study(self.directory), evaluator=evaluators[method]()
                )
            except ImportError as error:
                raise BackendError(
                    f"{method} needs scikit-learn",
                    remedy='pip install "pcgnn[embedding]", or method="ped-anova"',
                ) from error
        shares = {name: float(found.get(name, 0.0)) for name in self.names}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def table(self, rows: int | None = 20) -> str:
        """One line per trial, the best first.

        Args:
            rows: how many; None for all.
        """
        lines = [
            [
                str(trial.number),
                trial.state,
                "-" if trial.value is None else f"{trial.value:.5f}",
                str(len(trial.reports)),
                *(_text(trial.parameters.get(name)) for name in self.names),
            ]
            for trial in self.ranked()[:rows]
        ]
        return table(["trial", "state", self.monitor, "epochs", *self.names], lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        complete = [trial for trial in self.trials if trial.state == "complete"]
        return {
            "monitor": self.monitor,
            "parameters": list(self.names),
            "best": self.best.number if complete else None,
            "trials": [
                {
                    "trial": trial.number,
                    "state": trial.state,
                    "value": trial.value,
                    "parameters": dict(trial.parameters),
                    "reports": {str(epoch): value for epoch, value in trial.reports.items()},
                    "best_epoch": trial.best_epoch,
                    "seconds": trial.seconds,
                    "error": trial.error,
                    "directory": str(trial.directory),
                }
                for trial in self.trials
            ],
        }

    def __str__(self) -> str:
        states = [trial.state for trial in self.trials]
        counts = [
            f"{states.count(state)} {state}"
            for state in ("complete", "pruned", "failed", "running")
            if state in states
        ]
        return f"{len(self.trials)} trials: {', '.join(counts)}\n{self.table()}"

    __repr__ = __str__


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
