"""What the user hands to a plot of edge classifiers -> named edge reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcgnn.errors import ConfigError
from pcgnn.metrics import EdgeReport
from pcgnn.plots._curves import named

__all__ = ["edge_reports"]


def edge_reports(source: Any, scores: Any, threshold: float | None) -> dict[str, EdgeReport]:
    """Reports by name, at the threshold that is asked for.

    Args:
        source: an edge report, several by name, or hit graphs.
        scores: scores of the graphs' edges; nothing with reports.
        threshold: the working point; None takes that of each report, and 0.5 for graphs.

    Raises:
        DataError: nothing that can be drawn, or edges of one kind only.
        ConfigError: scores beside a report.
    """
    if scores is not None:
        if isinstance(source, (EdgeReport, Mapping)) or not hasattr(source, "report"):
            raise ConfigError(
                f"scores beside {type(source).__name__}",
                remedy="give hit graphs with their scores, or the report of both alone",
            )
        source = source.report(scores, threshold=0.5 if threshold is None else threshold)
    reports = {}
    for name, item in named(source, EdgeReport).items():
        assert isinstance(item, EdgeReport)  # checked by named()
        _ = item.roc  # raises where there are edges of one kind only
        reports[name] = item if threshold is None else item.at_threshold(threshold)
    return reports
