"""Cost of a ParticleNet-Lite training step against jet size and batch size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks import networks
from benchmarks.jets import TensorJets, fixed_size, typical_batch
from benchmarks.results import Table
from benchmarks.rss import peak_of
from benchmarks.timing import Quartiles, measure, paired_ratio

SUBJECT = "cost of a ParticleNet-Lite training step against jet size and batch size (1 thread)"

NAME = "particlenet-lite"
SIZES, BATCHES = (10, 20, 50, 100, 200), (32, 64, 128, 256, 512, 1024)
SIZES_QUICK, BATCHES_QUICK = (10, 50), (32, 128)
ROWS = (networks.OURS, networks.PLAIN, networks.WEAVER)


def point(jets: TensorJets, repeats: int) -> dict[str, Any]:
    """Jets/s, MB and time ratios of every variant on one batch."""
    found, absent = networks.forwards(NAME, jets, shipped=False)
    steps = {row: networks.step(*found[row], jets.y, training=True) for row in ROWS if row in found}
    timings = measure(steps, repeats=repeats, wall_repeats=0)
    cells: dict[str, Any] = {}
    for row in ROWS:
        short = row.partition(" ")[0].rstrip(",")
        if row in absent:
            cells[f"{short} jets/s"] = "not installed"
            continue
        cells[f"{short} jets/s"] = jets.num_jets / Quartiles.of(timings[row].cpu).median
        cells[f"{short} MB"] = peak_of(steps[row])
        if row != networks.OURS:
            ratio = paired_ratio(timings[row].cpu, timings[networks.OURS].cpu)
            cells[f"time {short} / pcgnn"] = vars(ratio)
    return cells


def scan(title: str, batches: dict[int, TensorJets], first: str, repeats: int) -> Table:
    rows = [{first: value, **point(jets, repeats)} for value, jets in batches.items()]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    order = [first, *sorted(columns[1:], key=lambda c: ("/ pcgnn" in c, " MB" in c))]
    return Table(title, order, rows=rows)


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    repeats = 3 if quick else 7
    sizes, batches = (SIZES_QUICK, BATCHES_QUICK) if quick else (SIZES, BATCHES)
    number = 64 if quick else 256
    tables = [
        scan(
            f"{number} jets of equal size",
            {size: fixed_size(number, size, seed=size) for size in sizes},
            "constituents",
            repeats,
        ),
        scan(
            "real jets, about 49 constituents each",
            {batch: typical_batch(batch) for batch in batches},
            "batch",
            repeats,
        ),
    ]
    tables[0].notes.append(
        "constituents drawn from the pool of all real ones; no padding on any side, which is the "
        "best case of a dense network"
    )
    return [table.as_json() for table in tables]


def draw(result: dict[str, Any], path: Path) -> None:
    """The figure of the tables: jets/s and MB against jet size and batch size."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tables = result["runs"][0]["tables"]
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2, sharex="col")
    for column, table in enumerate(tables):
        first = table["columns"][0]
        for line, quantity in enumerate(("jets/s", "MB")):
            ax = axes[line][column]
            for name in [c for c in table["columns"] if c.endswith(f" {quantity}")]:
                points = [
                    (row[first], row[name])
                    for row in table["rows"]
                    if isinstance(row.get(name), (int, float))
                ]
                ax.plot(*zip(*points, strict=True), marker="o", label=name.rsplit(" ", 1)[0])
            ax.set(xscale="log", yscale="log", ylabel=quantity if column == 0 else "")
            ax.grid(alpha=0.3)
        axes[1][column].set_xlabel(f"{first} ({table['title']})")
    axes[0][0].legend(frameon=False)
    figure.suptitle(f"ParticleNet-Lite training step, {result['runs'][0]['allocator']} allocator")
    figure.savefig(path, dpi=120)
