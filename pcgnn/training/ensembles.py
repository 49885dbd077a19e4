"""Several trainings as one: the mean of their scores, and how far they lie apart."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.io.prediction import Prediction
from pcgnn.training.base_task import Task
from pcgnn.training.checkpoint import load_checkpoint
from pcgnn.training.checkpoint_content import make_content
from pcgnn.training.checkpoint_io import copy_checkpoint, write_checkpoint
from pcgnn.training.fitting import FitResult
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.plain import differences, to_plain
from pcgnn.training.study_folder import read_json, write_json
from pcgnn.training.task import ClassificationTask
from pcgnn.training.trees import BoostedTrees, load_trees

__all__ = ["Ensemble", "EnsemblePrediction", "ensemble", "is_ensemble", "load_ensemble"]

LIST = "ensemble.json"
_FORMAT = "pcgnn ensemble 1"
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False, repr=False)
class EnsemblePrediction(Prediction):
    """A prediction that also knows how far the members lie apart.

    Args:
        spread: standard deviation of the members' probabilities, NaN for one member.

    **Shapes:** spread (G, C)
    """

    spread: NDArray[np.floating[Any]] = field(default_factory=lambda: np.empty((0, 0)))


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Trained classifiers of the same classes and inputs, usable where one of them is.

    Args:
        members: tasks or trees.
        average: ``probabilities`` (their mean) or ``logits`` (the mean of the logits, then the
            probabilities).
        sources: the file each member came from, None where there is none.

    Raises:
        ConfigError: no members, members that do not fit together, or another average.
    """

    members: tuple[Task | BoostedTrees, ...]
    average: str = "probabilities"
    sources: tuple[Path | None, ...] = ()

    def __post_init__(self) -> None:
        if self.average not in ("probabilities", "logits"):
            raise ConfigError(
                f"average = {self.average!r}", remedy="use 'probabilities' or 'logits'"
            )
        if not self.members:
            raise ConfigError("an ensemble needs at least one member")
        first = self.members[0]
        for number, member in enumerate(self.members):
            if not isinstance(member, (ClassificationTask, MultiLabelTask, BoostedTrees)):
                raise ConfigError(
                    f"member {number} is a task on {member.kind}",
                    remedy="ensembles are of classifiers of graphs",
                )
            if member.kind != first.kind or tuple(member.classes) != tuple(first.classes):
                raise ConfigError(
                    f"member {number} tells {', '.join(member.classes)} apart, member 0 "
                    f"{', '.join(first.classes)}",
                    remedy="train all members on the same classes",
                )
            if lines := differences(_inputs(first), _inputs(member)):
                raise ConfigError(
                    f"member {number} has other inputs than member 0: {'; '.join(lines[:3])}",
                    remedy="train all members on the same features",
                )

    @property
    def kind(self) -> str:
        """What is classified, as of a task."""
        return self.members[0].kind

    @property
    def of_graphs(self) -> bool:
        """Whether the scores are of graphs, as of a task."""
        return True

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.members[0].classes)

    @property
    def features(self) -> Any:
        """The inputs."""
        return self.members[0].features

    @property
    def provenance(self) -> dict[str, Any]:
        """Where the training data of the first member came from, and how they were read."""
        return self.members[0].provenance

    def predict(
        self, data: Any, *, batch_size: int = 512, device: Any = "auto"
    ) -> EnsemblePrediction:
        """Scores in input order with their spread; :func:`pcgnn.predict` comes here.

        **Shapes:** probabilities and spread (G, C)
        """
        from pcgnn.training.predicting import predict

        found = [
            predict(member, data, batch_size=batch_size, device=device) for member in self.members
        ]
        first = found[0]
        stack = np.stack([np.asarray(one.probabilities, np.float64) for one in found])
        count = len(stack)
        return EnsemblePrediction(
            probabilities=_averaged(stack, self.average, first.multi_label),
            file=first.file,
            entry=first.entry,
            files=first.files,
            tree=first.tree,
            classes=first.classes,
            multi_label=first.multi_label,
            spread=stack.std(axis=0, ddof=1) if count > 1 else np.full(stack.shape[1:], np.nan),
        )

    def save(self, directory: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Copies the checkpoints into a folder with a list of them, ``ensemble.json``.

        The list is written last: a folder without it is not an ensemble.

        Returns:
            the list, which :func:`pcgnn.predict` takes, like the folder.

        Raises:
            ConfigError: the folder holds an ensemble and ``overwrite`` is not set.
        """
        folder = Path(directory)
        if (folder / LIST).exists() and not overwrite:
            raise ConfigError(
                "the directory holds an ensemble already", file=folder, remedy="overwrite=True"
            )
        folder.mkdir(parents=True, exist_ok=True)
        names = []
        sources = self.sources or (None,) * len(self.members)
        for number, (member, source) in enumerate(zip(self.members, sources, strict=True)):
            name = f"member-{number + 1:02d}"
            if isinstance(member, BoostedTrees):
                name += ".json"
                member.save(folder / name, overwrite=True)
            else:
                name += ".ckpt"
                if source is not None and source.is_file():
                    copy_checkpoint(source, folder / name)
                else:
                    content = {"pcgnn": make_content(member), "state_dict": member.state_dict()}
                    write_checkpoint(content, folder / name)
            names.append(name)
        write_json(folder / LIST, {"format": _FORMAT, "average": self.average, "members": names})
        return folder / LIST

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        return f"Ensemble({len(self)} members, mean of {self.average})"


def ensemble(
    sources: Iterable[FitResult | Task | BoostedTrees | str | os.PathLike[str]],
    *,
    average: str = "probabilities",
) -> Ensemble:
    r"""Puts several trainings together: other seeds, folds, models on the same inputs.

    The mean :math:`\bar p = \frac1M \sum_m p_m` has at most the mean cross entropy of its members
    (the logarithm is concave), and less the more they disagree. ``average="logits"`` is
    :math:`\mathrm{softmax}(\frac1M \sum_m z_m)`, the geometric mean, normalised.

    Args:
        sources: results of :func:`pcgnn.fit`, tasks, checkpoint files, trees or their files.
        average: ``probabilities`` or ``logits``.

    Returns:
        an ensemble for :func:`pcgnn.predict`.

    Raises:
        ConfigError: members that do not fit together.
        CheckpointError: a file that cannot be used.

    Example:
        >>> runs = [fit(make(), train, val, epochs=9, seed=n) for n in range(5)]  # doctest: +SKIP
        >>> scores = predict(ensemble(runs), test)  # doctest: +SKIP
        >>> scores.spread[:3]  # how far the members lie apart  # doctest: +SKIP
    """
    if isinstance(sources, (str, os.PathLike, FitResult, Task)):
        raise ConfigError("an ensemble is of a list of trainings", remedy="give [first, second]")
    members: list[Task | BoostedTrees] = []
    files: list[Path | None] = []
    for source in sources:
        if isinstance(source, FitResult):
            members.append(source.task)
            files.append(source.best_checkpoint)
        elif isinstance(source, (Task, BoostedTrees)):
            members.append(source)
            files.append(None)
        elif isinstance(source, (str, os.PathLike)):
            trees = os.fspath(source).endswith(".json")
            members.append(load_trees(source) if trees else load_checkpoint(source))
            files.append(Path(source))
        else:
            raise ConfigError(
                f"a {type(source).__name__} cannot be a member",
                remedy="give results of fit, tasks or checkpoint files",
            )
    return Ensemble(tuple(members), average, tuple(files))


def is_ensemble(path: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether this is the folder or the list of a saved ensemble.

    Example:
        >>> is_ensemble("runs/top/best.ckpt")
        False
    """
    if not isinstance(path, (str, os.PathLike)):
        return False
    place = Path(path)
    return place.name == LIST or (place / LIST).is_file()


def load_ensemble(path: str | os.PathLike[str]) -> Ensemble:
    """Reads what :meth:`Ensemble.save` has written.

    Args:
        path: the folder, or the list in it.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    place = Path(path)
    place = place / LIST if place.is_dir() else place
    if not place.is_file():
        raise CheckpointError("there is no such ensemble", file=place)
    try:
        content = read_json(place)
    except ConfigError as error:
        raise CheckpointError(error.problem, file=place) from error
    names = content.get("members")
    if content.get("format") != _FORMAT or not isinstance(names, list) or not names:
        raise CheckpointError("the list of the ensemble is damaged or of another kind", file=place)
    for name in names:  # files beside the list, nothing elsewhere
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{name!r} is no file beside the list", file=place)
    return ensemble([place.parent / name for name in names], average=str(content.get("average")))


def _inputs(member: Task | BoostedTrees) -> dict[str, Any]:
    features: Any = member.features
    if not hasattr(features, "to_dict"):
        return {}
    return {**to_plain(features.to_dict()), "name": ""}


def _averaged(stack: NDArray[np.float64], average: str, multi_label: bool) -> NDArray[np.float64]:
    """(M, G, C) probabilities -> (G, C)."""
    if average == "probabilities":
        return np.asarray(stack.mean(axis=0))
    # a softmax forgets what is added to all logits, so logarithms serve as logits
    logs = np.log(np.maximum(stack, _TINY))
    if multi_label:
        z = (logs - np.log(np.maximum(1 - stack, _TINY))).mean(axis=0)
        return np.asarray(np.exp(-np.logaddexp(0.0, -z)))
    z = logs.mean(axis=0)
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(z / z.sum(axis=1, keepdims=True))
