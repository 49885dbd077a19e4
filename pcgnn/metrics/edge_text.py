"""Edge reports as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pcgnn.metrics.text import table

if TYPE_CHECKING:
    from pcgnn.metrics.edge_summary import EdgeReport

__all__ = ["report_text"]


def report_text(report: EdgeReport) -> str:
    """The printed report: each figure with its counts and what it is out of.

    Args:
        report: the report.
    """
    quantities = [
        ("construction efficiency", report.construction_efficiency, "all true edges"),
        ("graph purity", report.graph_purity, "edges in the graph"),
        ("classifier efficiency", report.efficiency, "true edges in the graph"),
        ("classifier purity", report.purity, "edges kept"),
        ("cumulative efficiency", report.cumulative_efficiency, "all true edges"),
        ("accuracy", report.accuracy, "edges in the graph"),
    ]
    rows = [[name, str(each), each.counts, over] for name, each, over in quantities if each]
    judged = report.true + report.false
    lines = [
        f"Edge report: {judged:,} edges judged, kept where score >= {report.threshold:g}",
        table(["quantity", "value", "counts", "out of"], rows, "  "),
        "",
        f"  truth   {report.truth}",
        f"  mask    {_mask(report)}",
    ]
    if report.true and report.false:
        lines.append(f"  AUC     {report.auc}  (error: {report.auc.method})")
    lines.append(f"  errors  {report.level:.2%} Clopper-Pearson intervals")
    if report.true_edges is None:
        lines.append("  without construction: the number of all true edges was not given")
    return "\n".join(lines)


def _mask(report: EdgeReport) -> str:
    if not report.masked:
        return f"none; all {report.given:,} edges judged"
    fate = "left out" if report.low_pt == "ignore" else "counted as false"
    return (
        f"{report.masked:,} of {report.given:,} edges outside "
        f"({report.masked_true:,} of them true): {fate}"
    )
