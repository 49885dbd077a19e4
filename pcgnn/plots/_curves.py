"""What the user hands to a plot of curves -> named ROC curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pcgnn.errors import DataError
from pcgnn.metrics import ClassReport, EdgeReport, RocCurve, TaggingReport, WorkingPoint

__all__ = ["Curve", "curves", "drawable", "named"]

_KINDS = (TaggingReport, ClassReport, EdgeReport, RocCurve)


class Curve(NamedTuple):
    """A ROC curve with a name for the legend and the working points to mark."""

    name: str
    roc: RocCurve
    signal_efficiencies: tuple[float, ...]
    thresholds: tuple[float, ...] = ()

    def marks(self, signal_efficiencies: Sequence[float] | None) -> list[WorkingPoint]:
        """The working points to mark.

        Args:
            signal_efficiencies: where; None takes those of the report.
        """
        chosen = self.signal_efficiencies if signal_efficiencies is None else signal_efficiencies
        points = [self.roc.at(efficiency) for efficiency in chosen]
        if signal_efficiencies is None:
            points += [self.roc.at_threshold(threshold) for threshold in self.thresholds]
        return points


def named(source: object, kind: type | tuple[type, ...]) -> dict[str, object]:
    """One object or a mapping of them -> a mapping; the name of a single one is empty.

    Args:
        source: what the user gave.
        kind: what one of them must be.

    Raises:
        DataError: something else, or an empty mapping.
    """
    items = dict(source) if isinstance(source, Mapping) else {"": source}
    wrong = [item for item in items.values() if not isinstance(item, kind)]
    if wrong or not items:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        found = type(wrong[0]).__name__ if wrong else "an empty mapping"
        expected = " or ".join(each.__name__ for each in kinds)
        raise DataError(
            f"cannot draw {found}", remedy=f"give a {expected}, or {{name: {expected}}}"
        )
    return {str(name): item for name, item in items.items()}


def drawable(fits: bool, source: object, expected: str) -> None:
    """Refuse what a plot of one result cannot draw.

    Args:
        fits: whether it is what the plot draws.
        source: what the user gave.
        expected: what to give, and where it comes from.

    Raises:
        DataError: it does not fit.
    """
    if not fits:
        raise DataError(f"cannot draw {type(source).__name__}", remedy=f"give {expected}")


def curves(source: object, signal: str | None) -> list[Curve]:
    """ROC curves of reports; one with more than two classes gives one for each, if not chosen.

    Args:
        source: a report, class report, edge report or ROC curve, or a mapping of them.
        signal: the signal class of reports.
    """
    found = []
    for name, item in named(source, _KINDS).items():
        if isinstance(item, TaggingReport):
            several = signal is None and not item.is_binary
            for part in item.one_vs_rest.values() if several else [item.of(signal)]:
                label = f"{name} {part.name}".strip() if several else name
                found.append(Curve(label, part.roc, item.signal_efficiencies))
        elif isinstance(item, ClassReport):
            points = tuple(p.requested for p in item.working_points if p.requested is not None)
            found.append(Curve(name or item.name, item.roc, points))
        elif isinstance(item, EdgeReport):
            found.append(Curve(name, item.roc, (), (item.threshold,)))
        elif isinstance(item, RocCurve):
            found.append(Curve(name, item, ()))
    return found
