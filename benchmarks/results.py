"""Tables of measurements: plain JSON on disk, Markdown on the screen and in the README."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.equality import Check
from benchmarks.timing import Quartiles, Timing, paired_ratio

__all__ = ["SCHEMA", "Table", "check_record", "failures", "read", "render", "timing_table", "write"]

SCHEMA = 1


@dataclass
class Table:
    """One table: rows of named cells, the checks behind them and remarks.

    Attributes:
        title: what was measured.
        columns: names of the columns, in order.
        rows: one mapping per row, column name -> number, text, or {median, q25, q75}.
        checks: equality checks of the variants.
        notes: conditions and fairness decisions.
        targets: ratios (or CPU seconds) promised, with what was found.
        samples: every raw measurement in seconds, by row and kind.
    """

    title: str
    columns: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    targets: list[dict[str, Any]] = field(default_factory=list)
    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The table as plain JSON."""
        return asdict(self)


def timing_table(
    title: str,
    timings: Mapping[str, Timing],
    *,
    ours: str,
    items: float,
    unit: str = "jets",
    checks: Sequence[Check] = (),
    notes: Sequence[str] = (),
    targets: Mapping[str, float] | None = None,
    limits: Mapping[str, float] | None = None,
    absent: Mapping[str, str] | None = None,
) -> Table:
    """A table of timings, each row with how many times faster ``ours`` is.

    Args:
        title: what was measured.
        timings: row name -> :class:`Timing`.
        ours: the row the ratios refer to.
        items: how many jets (or hits, ...) one call treats.
        unit: what the items are.
        checks: equality checks of the rows.
        notes: conditions.
        targets: row name -> least ratio wanted, on CPU time.
        limits: row name -> most CPU seconds wanted.
        absent: rows that could not be measured, with the reason.
    """
    rate, cpu, wall, ratio = (
        f"{unit}/s",
        "CPU ms (1 thread)",
        "wall ms (2 threads)",
        f"time / {ours}",
    )
    table = Table(title, ["variant", cpu, rate, wall, ratio])
    for name, timing in timings.items():
        row: dict[str, Any] = {"variant": name}
        if timing.cpu:
            seconds = Quartiles.of(timing.cpu)
            row[cpu] = _scaled(seconds, 1e3)
            row[rate] = items / seconds.median
            row[ratio] = asdict(paired_ratio(timing.cpu, timings[ours].cpu))
        if timing.wall:
            row[wall] = _scaled(Quartiles.of(timing.wall), 1e3)
        table.rows.append(row)
        table.samples[name] = {"cpu_s": timing.cpu, "wall_s": timing.wall}
    for name, reason in (absent or {}).items():
        table.rows.append({"variant": name, cpu: reason})
    table.checks = [check_record(check) for check in checks]
    table.notes = list(notes)
    for name, least in (targets or {}).items():
        found = next(
            (r[ratio]["median"] for r in table.rows if r["variant"] == name and ratio in r), None
        )
        table.targets.append(
            {
                "against": name,
                "at_least": least,
                "found": found,
                "met": None if found is None else found >= least,
            }
        )
    for name, most in (limits or {}).items():
        spent = Quartiles.of(timings[name].cpu).median if timings[name].cpu else None
        table.targets.append(
            {
                "row": name,
                "at_most_s": most,
                "found": spent,
                "met": None if spent is None else spent <= most,
            }
        )
    return table


def _scaled(quartiles: Quartiles, factor: float) -> dict[str, float]:
    return {name: value * factor for name, value in asdict(quartiles).items()}


def check_record(check: Check) -> dict[str, Any]:
    """The check as plain JSON."""
    return {
        "name": check.name,
        "difference": _finite(check.difference),
        "tolerance": check.tolerance,
        "measure": check.measure,
        "passed": check.passed,
        "planted_error_difference": _finite(check.planted),
        "planted_error_caught": check.can_fail,
    }


def _finite(value: float) -> float | str:
    return value if abs(value) != float("inf") else "infinite"


def failures(result: Mapping[str, Any]) -> list[str]:
    """Checks of a result that did not pass, or that cannot fail."""
    return [
        f"{run['allocator']} allocator, {table['title']}: {check['name']} "
        + ("differs" if not check["passed"] else "does not catch a planted error")
        for run in result["runs"]
        for table in run["tables"]
        for check in table["checks"]
        if not (check["passed"] and check["planted_error_caught"])
    ]


def write(result: Mapping[str, Any], folder: Path) -> Path:
    """Write one result as ``<folder>/<name>.json``, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['benchmark']}.json"
    temporary = path.with_suffix(".json.tmp")
    temporary.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    os.replace(temporary, path)
    return path


def read(path: Path) -> dict[str, Any]:
    """Read one result; refuses a file of another schema."""
    result: dict[str, Any] = json.loads(path.read_text())
    if result.get("schema") != SCHEMA:
        raise ValueError(f"{path.name}: schema {result.get('schema')!r}, expected {SCHEMA}")
    return result


def render(result: Mapping[str, Any]) -> str:
    """The result as Markdown: one section per table, default and tuned allocator one by one."""
    lines = [f"## {result['benchmark']}: {result['subject']}", ""]
    if result["quick"]:
        lines += ["*Quick run: small samples, few repeats.*", ""]
    titles = [table["title"] for table in result["runs"][0]["tables"]]
    for title in titles:
        lines += [f"### {title}", ""]
        closing: list[str] = []
        for run in result["runs"]:
            table = next((t for t in run["tables"] if t["title"] == title), None)
            if table is None:
                continue
            if len(result["runs"]) > 1:
                lines += [f"{run['allocator'].capitalize()} allocator:", ""]
            lines += [*_markdown(table), ""]
            closing += [_target_line(t, run["allocator"]) for t in table["targets"]]
            closing += [line for c in table["checks"] if (line := _check_line(c)) not in closing]
            closing += [f"- {note}" for note in table["notes"] if f"- {note}" not in closing]
        lines += [*closing, ""] if closing else []
    return "\n".join(lines).rstrip() + "\n"


def _markdown(table: Mapping[str, Any]) -> list[str]:
    columns = table["columns"]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += [
        "| " + " | ".join(_cell(row.get(column)) for column in columns) + " |"
        for row in table["rows"]
    ]
    return lines


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        middle, low, high = (_number(value[k]) for k in ("median", "q25", "q75"))
        return f"{middle} ({low} - {high})"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    return str(value)


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _target_line(target: Mapping[str, Any], allocator: str) -> str:
    if "at_most_s" in target:
        wanted = f"{target['row']} in at most {target['at_most_s']:g} CPU seconds"
    else:
        wanted = f"at least {target['at_least']:g} times faster than {target['against']}"
    if target["met"] is None:
        return f"- wanted ({allocator} allocator): {wanted}: not measured"
    verdict = "met" if target["met"] else "**missed**"
    found = f"{target['found']:.3g}" if "at_most_s" in target else f"{target['found']:.2f}"
    return f"- wanted ({allocator} allocator): {wanted}: {verdict}, {found}"


def _check_line(check: Mapping[str, Any]) -> str:
    verdict = "agrees" if check["passed"] else "**DIFFERS**"
    caught = "caught" if check["planted_error_caught"] else "**NOT CAUGHT**"
    return (
        f"- check: {check['name']} {verdict} ({check['measure']} "
        f"{_plain(check['difference'])}, allowed {_plain(check['tolerance'])}; "
        f"planted error {caught})"
    )


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.1g}"
