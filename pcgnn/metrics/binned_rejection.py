"""Background rejection in bins of a jet quantity, such as the transverse momentum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError
from pcgnn.metrics._inputs import clean_sample
from pcgnn.metrics.binned import assign_bins
from pcgnn.metrics.counting import efficiency_estimate, rejection_estimate
from pcgnn.metrics.estimate import Estimate
from pcgnn.metrics.intervals import LEVEL
from pcgnn.metrics.report import TaggingReport
from pcgnn.metrics.roc import RocCurve
from pcgnn.metrics.text import table

__all__ = ["BinnedRejection", "rejection_vs"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BinnedRejection:
    """Background rejection per bin at one signal efficiency.

    Args:
        edges: bin edges.
        rejection: one estimate per bin; its value is NaN where the bin holds no background, or
            no signal to choose the threshold with.
        signal_efficiency: what each bin really keeps of the signal.
        thresholds: the cut applied in each bin (one and the same for a global cut).
        requested: the signal efficiency asked for.
        working_point: `"global"` or `"per-bin"`.
        name: the quantity on the axis.
        unit: its unit, empty if it has none.
        outside: jets below the first or above the last edge, counted in no bin.

    Shapes:
        - **edges**: $(B + 1,)$
        - **thresholds**: $(B,)$
    """

    edges: FloatArray
    rejection: tuple[Estimate, ...]
    signal_efficiency: tuple[Estimate, ...]
    thresholds: FloatArray
    requested: float
    working_point: str
    name: str
    unit: str
    outside: int

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; the threshold of a bin without signal is null."""
        return {
            "edges": self.edges.tolist(),
            "rejection": [each.to_dict() for each in self.rejection],
            "signal_efficiency": [each.to_dict() for each in self.signal_efficiency],
            "thresholds": [float(t) if np.isfinite(t) else None for t in self.thresholds],
            "requested": self.requested,
            "working_point": self.working_point,
            "name": self.name,
            "unit": self.unit,
            "outside": self.outside,
        }

    def __str__(self) -> str:
        unit = f" [{self.unit}]" if self.unit else ""
        how = "one cut for all bins" if self.working_point == "global" else "its own cut per bin"
        head = [f"{self.name}{unit}", "score >=", "eS kept", "background kept", "rejection 1/eB"]
        rows = [
            [
                f"{low:g} to {high:g}",
                f"{threshold:.5g}",
                str(signal),
                rejection.counts,
                str(rejection),
            ]
            for low, high, threshold, signal, rejection in zip(
                self.edges[:-1],
                self.edges[1:],
                self.thresholds,
                self.signal_efficiency,
                self.rejection,
                strict=True,
            )
        ]
        title = f"Background rejection at a signal efficiency of {self.requested:g}, {how}"
        text = f"{title}\n{table(head, rows, '  ')}"
        return text + (f"\n  outside the bins: {self.outside:,} jets" if self.outside else "")


def _undefined(estimate: Estimate) -> Estimate:
    return Estimate(float("nan"), 1.0, float("inf"), None, estimate.total, level=estimate.level)


def rejection_vs(
    source: TaggingReport | tuple[Any, Any],
    variable: Any,
    bins: ArrayLike,
    *,
    signal_efficiency: float = 0.5,
    working_point: str = "global",
    signal: str | None = None,
    weight: Any = None,
    name: str = "jet_pt",
    unit: str = "GeV",
    level: float = LEVEL,
) -> BinnedRejection:
    r"""Background rejection in bins of a jet quantity, at a fixed signal efficiency.

    `working_point="global"` makes one cut, the one with that signal efficiency over all jets
    given (those outside the bins too); the signal efficiency then varies from bin to bin and is
    reported beside the rejection. `"per-bin"` makes a cut in each bin that keeps that share of
    the bin's own signal. Either cut is chosen as in [`RocCurve`][pcgnn.metrics.roc.RocCurve].

    Args:
        source: a tagging report, or a pair (labels, scores).
        variable: the quantity of each jet, in the order of the labels.
        bins: rising edges (the last bin includes its upper edge), or a number of bins of equal
            population.
        signal_efficiency: in (0, 1].
        working_point: `"global"` or `"per-bin"`.
        signal: the signal class, needed with more than two.
        weight: one weight per jet; not with a report, which has its own.
        name: name of the quantity.
        unit: its unit.
        level: confidence level.

    Shapes:
        - **variable**, **weight**: $(G,)$

    Raises:
        DataError: shapes differ, NaN, a class absent.
        ConfigError: bad bins or options.

    Example:
        >>> y, score, pt = [0, 0, 1, 1], [0.1, 0.6, 0.5, 0.9], [560, 610, 570, 620]
        >>> binned = rejection_vs((y, score), pt, [550, 600, 650], signal_efficiency=1.0)
        >>> [each.counts for each in binned.rejection]
        ['0 / 1', '1 / 1']
    """
    if working_point not in ("global", "per-bin"):
        raise ConfigError(
            f"working_point is {working_point!r}", remedy="choose 'global' or 'per-bin'"
        )
    if isinstance(source, TaggingReport):
        if weight is not None:
            raise ConfigError("the report has its own weights", remedy="leave weight out")
        y, score, w, classes = source.y, source.score, source.weight, source.classes
        source.of(signal)  # the error for an unknown or missing class
    else:
        sample = clean_sample(*source, weight, None)
        y, score, w, classes = sample.y, sample.score, sample.weight, sample.classes
    if signal is None and len(classes) > 2:
        raise ConfigError("which class is the signal?", remedy=f"name one of {list(classes)}")
    if signal is not None and signal not in classes:
        raise ConfigError(f"class {signal!r} is unknown", remedy=f"choose one of {list(classes)}")
    label = 1 if signal is None else classes.index(signal)
    is_signal = y == label
    if score.ndim == 2:
        score = score[:, label]
    elif label == 0:
        raise ConfigError("with two classes the signal is class 1", remedy="leave signal out")
    edges, index = assign_bins(variable, bins, len(y), name)
    cut = RocCurve.from_arrays(is_signal, score, w).at(signal_efficiency).threshold

    rejections, efficiencies, thresholds = [], [], []
    for b in range(len(edges) - 1):
        here = index == b
        usable = is_signal[here].any() and not is_signal[here].all()
        threshold = cut
        if working_point == "per-bin":
            roc_w = None if w is None else w[here]
            threshold = float("nan")
            if usable:
                roc = RocCurve.from_arrays(is_signal[here], score[here], roc_w)
                threshold = roc.at(signal_efficiency).threshold
        kept = score >= threshold
        of_signal, of_background = (
            efficiency_estimate(kept[m], None if w is None else w[m], level=level)
            for m in (here & is_signal, here & ~is_signal)
        )
        undefined = of_background.total == 0 or not np.isfinite(threshold)
        rejection = rejection_estimate(of_background)
        rejections.append(_undefined(rejection) if undefined else rejection)
        efficiencies.append(of_signal)
        thresholds.append(threshold)
    return BinnedRejection(
        edges,
        tuple(rejections),
        tuple(efficiencies),
        np.asarray(thresholds),
        float(signal_efficiency),
        working_point,
        name,
        unit,
        int((index < 0).sum()),
    )
