"""Reports as tables of plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pcgnn.errors import ConfigError

if TYPE_CHECKING:
    from pcgnn.metrics.report import ClassReport, TaggingReport

__all__ = ["compare", "report_text", "table"]


def table(head: Sequence[str], rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Align columns: the first to the left, the others to the right.

    Args:
        head: column titles.
        rows: cells as text.
        indent: put in front of every line.
    """
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = []
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        text.append((indent + "  ".join(cells)).rstrip())
    text.insert(1, indent + "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(text)


def _counts(report: TaggingReport) -> str:
    rows = [
        [count.name, f"{count.jets:,}", f"{count.sum_of_weights:,.6g}", f"{count.n_eff:,.1f}"]
        if report.weighted
        else [count.name, f"{count.jets:,}"]
        for count in report.counts
    ]
    head = ["class", "jets", "sum of weights", "N_eff"] if report.weighted else ["class", "jets"]
    return table(head, rows, "  ")


def _working_points(part: ClassReport) -> str:
    rows = [
        [
            f"{point.requested:g}",
            f"{point.signal_efficiency.value:.4f}",
            f"{point.threshold:.5g}",
            point.background_efficiency.counts,
            str(point.rejection),
        ]
        for point in part.working_points
    ]
    head = ["eS asked", "eS kept", "score >=", "background kept", "rejection 1/eB"]
    return table(head, rows, "  ")


def _binary(report: TaggingReport) -> list[str]:
    part = report.of()
    quantities = [
        ["accuracy", str(report.accuracy), report.accuracy.counts],
        ["tagging efficiency", str(part.tagging_efficiency), part.tagging_efficiency.counts],
        ["mistag rate", str(part.mistag_rate), part.mistag_rate.counts],
    ]
    return [
        f"AUC {report.auc}  (error: {report.auc.method})",
        "",
        f"At the threshold: score >= {report.threshold:g} is tagged {part.name!r}",
        table(["quantity", "value", "jets"], quantities, "  "),
        "",
        f"Background rejection of {part.name!r}",
        _working_points(part),
    ]


def _many(report: TaggingReport) -> list[str]:
    lines = [
        f"accuracy         {report.accuracy}  ({report.accuracy.counts}, largest probability)",
        f"macro efficiency {report.macro_efficiency}  (mean over the classes)",
        f"macro AUC        {report.auc}  (mean over the classes)",
        "",
        f"Each class against the rest; tagged where its probability >= {report.threshold:g}",
    ]
    head = ["signal", "AUC", "tagging efficiency", "mistag rate"]
    head += [f"1/eB at eS={value:g}" for value in report.signal_efficiencies]
    rows = []
    for part in report.one_vs_rest.values():
        row = [part.name, str(part.auc), str(part.tagging_efficiency), str(part.mistag_rate)]
        rows.append(row + [str(point.rejection) for point in part.working_points])
    return [*lines, table(head, rows, "  ")]


def report_text(report: TaggingReport) -> str:
    """The printed report: counts, weights, threshold, numbers with errors, confusion matrix.

    Args:
        report: the report.
    """
    weights = "weighted" if report.weighted else "no weights"
    lines = [f"Tagging report: {len(report):,} jets, {weights}", _counts(report), ""]
    lines += _binary(report) if report.is_binary else _many(report)
    title = "Confusion matrix (jets; share of the true class"
    lines += ["", title + (", weighted)" if report.weighted else ")")]
    lines += ["  " + line for line in str(report.confusion).splitlines()]
    level = report.accuracy.level
    lines += ["", f"Errors: {level:.2%} intervals; efficiencies and rejections Clopper-Pearson."]
    absent = [count.name for count in report.counts if count.jets == 0]
    if absent:
        lines.append(f"Without jets here: {', '.join(absent)}.")
    return "\n".join(lines)


def compare(reports: Mapping[str, TaggingReport], signal: str | None = None) -> str:
    """Several reports side by side, one line each.

    Args:
        reports: by name, for instance of the model.
        signal: the signal class; may be left out with two classes.

    Returns:
        A table of text: accuracy, AUC and the rejections at all signal efficiencies that the
        first report was made for, each with its error, and the number of jets.

    Raises:
        ConfigError: no reports, or the signal class must be named.

    Example:
        >>> from pcgnn.metrics import tagging_report
        >>> good = tagging_report([0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], signal_efficiencies=[0.5])
        >>> print(compare({"perfect": good}).splitlines()[0])
        model    jets       accuracy            AUC   1/eB at eS=0.5
    """
    if not reports:
        raise ConfigError("there are no reports to compare", remedy="give {name: report}")
    efficiencies = next(iter(reports.values())).signal_efficiencies
    rows = []
    for name, report in reports.items():
        part = report.of(signal)
        row = [name, f"{len(report):,}", str(report.accuracy), str(part.auc)]
        rows.append(row + [str(part.rejection(value)) for value in efficiencies])
    head = ["model", "jets", "accuracy", "AUC"]
    return table([*head, *(f"1/eB at eS={value:g}" for value in efficiencies)], rows)
