"""Whatever a user hands over -> clean numpy arrays, or an error that says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import ConfigError, DataError

__all__ = ["Sample", "clean_sample", "numeric", "weights"]


@dataclass(frozen=True)
class Sample:
    """Checked inputs of a report: integer labels, float64 scores, weights or None."""

    y: NDArray[np.int64]
    score: NDArray[np.float64]  # (G,) signal score of two classes, or (G, C) with C > 2
    weight: NDArray[np.float64] | None
    classes: tuple[str, ...]


def numeric(values: Any, what: str) -> NDArray[Any]:
    """A numeric numpy array from lists, numpy, awkward or torch (no torch import needed).

    Args:
        values: anything `np.asarray` takes; a tensor may need gradients or lie on a device.
        what: how to call it in an error.

    Raises:
        DataError: not a rectangular array of numbers.
    """
    if callable(getattr(values, "detach", None)):
        values = values.detach().cpu()
        if "bfloat16" in str(values.dtype):  # numpy has no such type
            values = values.float()
    if np.ma.is_masked(values):
        raise DataError(f"{what}: has masked entries", remedy="remove or fill them")
    try:
        array = np.asarray(values)
    except Exception as error:  # each array library raises its own type here
        raise DataError(
            f"{what}: cannot be made an array ({error})", remedy="give a rectangular array"
        ) from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what}: type {array.dtype} is not numeric", remedy="give plain numbers")
    return array


def _finite(array: NDArray[np.float64], what: str, remedy: str) -> None:
    bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"{what}: {int(bad.sum())} of {bad.size} are NaN or infinite, the first at index "
            f"{first}",
            remedy=remedy,
        )


def weights(values: Any, size: int) -> NDArray[np.float64] | None:
    """Checked weights, one per jet; negative ones are allowed, None stays None.

    Args:
        values: the weights or None.
        size: how many there must be.

    Raises:
        DataError: wrong shape, not finite.
    """
    if values is None:
        return None
    array = numeric(values, "weight").astype(np.float64)
    if array.shape != (size,):
        raise DataError(
            f"weight: shape {array.shape} for {size} jets", remedy="give one weight per jet"
        )
    _finite(array, "weight", "remove these jets or give them a finite weight")
    return array


def _labels(values: Any) -> NDArray[np.int64]:
    array = numeric(values, "y")
    if array.ndim != 1:
        raise DataError(
            f"y: shape {array.shape}, one label per jet is needed",
            remedy="give class numbers; for one-hot targets use y.argmax(1)",
        )
    if array.size == 0:
        raise DataError("y: there are no jets", remedy="check the cut and the split")
    if array.dtype.kind == "f":
        wrong = ~np.isfinite(array) | (array != np.floor(array))
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"y: label {array[first]} at index {first} is not an integer",
                remedy="give class numbers 0, 1, ...",
            )
    return array.astype(np.int64)


def _scores(values: Any) -> NDArray[np.float64]:
    array = numeric(values, "score").astype(np.float64)
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] < 2):
        raise DataError(
            f"score: shape {array.shape}",
            remedy="give (G,) signal scores or (G, C) class probabilities with C >= 2",
        )
    _finite(array, "score", "jets without a score (cut away?) must be left out, with their labels")
    return array


def _check_probabilities(score: NDArray[np.float64]) -> None:
    # Half precision keeps some three digits: the sum of a few classes is off by less than this.
    wrong = (np.abs(score.sum(axis=1) - 1) > 2e-2) | (score < -1e-6).any(axis=1)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"score: row {first} = {np.array2string(score[first], precision=3)} is no set of "
            "probabilities (they must be positive and sum to 1)",
            remedy="apply a softmax to logits, or give one signal score per jet",
        )


def _class_names(
    given: Sequence[str] | None, from_prediction: Any, columns: int | None
) -> tuple[str, ...]:
    names = given if given is not None else from_prediction
    if names is None or len(names) == 0:
        count = columns or 2
        return ("background", "signal") if count == 2 else tuple(f"class {c}" for c in range(count))
    names = tuple(str(name) for name in names)
    if len(set(names)) != len(names):
        raise DataError(f"classes: {list(names)} are not all different")
    if columns is None and len(names) != 2:
        raise DataError(
            f"score: one score per jet cannot tell {len(names)} classes apart",
            remedy="give probabilities of shape (G, C)",
        )
    if columns is not None and len(names) != columns:
        raise DataError(
            f"score: {columns} columns for {len(names)} classes {list(names)}",
            remedy="name one class per column",
        )
    return names


def clean_sample(y: Any, score: Any, weight: Any, classes: Sequence[str] | None) -> Sample:
    """Check labels, scores, weights and class names against each other.

    Args:
        y: class number of each jet.
        score: signal score, probabilities, or an object with `probabilities` and `classes`.
        weight: weights or None.
        classes: class names in the order of the labels.

    Shapes:
        - **y**, **weight**: $(G,)$
        - **score**: $(G,)$ or $(G, C)$

    Raises:
        DataError: anything that does not fit together.
    """
    if getattr(score, "multi_label", False):
        raise ConfigError(
            "the prediction is of labels that do not exclude each other",
            remedy="use label_reports, one report per label",
        )
    labels = _labels(y)
    named = None
    if hasattr(score, "probabilities"):
        named = getattr(score, "classes", None)
        score = score.probabilities
    array = _scores(score)
    if len(array) != len(labels):
        raise DataError(
            f"{len(labels)} labels but {len(array)} scores",
            remedy="both must come from the same jets in the same order",
        )
    columns = array.shape[1] if array.ndim == 2 else None
    names = _class_names(classes, named, columns)
    if labels.min() < 0 or labels.max() >= len(names):
        wrong = (labels < 0) | (labels >= len(names))
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"y: label {labels[first]} at index {first} is outside 0 to {len(names) - 1} "
            f"of the classes {list(names)}",
            remedy="number the classes from 0 in the order of the score columns",
        )
    present = np.unique(labels)
    if len(present) < 2:
        raise DataError(
            f"y: only the class {names[int(present[0])]!r} is present",
            remedy="a tagging report needs signal and background; check the split and the cut",
        )
    if array.ndim == 2:
        _check_probabilities(array)
        if array.shape[1] == 2:
            array = np.ascontiguousarray(array[:, 1])
    w = weights(weight, len(labels))
    if w is not None:
        for label in present:
            total = float(w[labels == label].sum())
            if total <= 0:
                raise DataError(
                    f"weight: the weights of class {names[int(label)]!r} sum to {total:.6g}",
                    remedy="negative weights are allowed, but each class must keep a positive "
                    "sum: use more jets, or their absolute values",
                )
    return Sample(labels, array, w, names)
