"""Balanced batches against plain shuffling, and against weights drawn graph by graph."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from benchmarks.equality import Check
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure
from pcgnn.data import BalancedLoader, CloudLoader, Hypotheses, ParticleClouds

SUBJECT = "batches of 1,000 events of 27 variables, 5 masses and 2 processes, 10,000 batches"

BATCH = 1000
PLAIN, FULL, DRAWN = "plain shuffling", "balanced, full", "balanced, full, masses drawn anew"
WEIGHTS = "WeightedRandomSampler, not exact"


def events(count: int) -> ParticleClouds:
    """Rare signal of uneven masses over two processes, one of them rare."""
    random = np.random.default_rng(1)
    y = (random.uniform(size=count) < 0.1).astype(np.int64)
    mass = random.choice(
        [500.0, 750.0, 1000.0, 1250.0, 1500.0], count, p=[0.5, 0.3, 0.1, 0.07, 0.03]
    )
    x = random.normal(size=(count, 28)).astype(np.float32)
    x[:, -1] = mass * y
    return ParticleClouds(
        x=x, ptr=np.arange(count + 1), y=y, mass=mass * y,
        process=np.where(y == 1, 0, 1 + (random.uniform(size=count) < 0.02)),
        levels={"mass": "graph", "process": "graph"},
    )  # fmt: skip


def exact_counts(loader: BalancedLoader, batches: int) -> list[Check]:
    """Whether every one of many batches has its counts, and every graph is used as often."""
    clouds = loader.clouds
    cell, used = np.zeros(len(clouds), np.int64), np.zeros(len(clouds), np.int64)
    wanted = np.array([each.count for each in loader.cells])
    for number, each in enumerate(loader.cells):
        cell[each.graphs] = number

    def wrong(order: np.ndarray) -> int:
        counts = np.zeros((len(order), wanted.size), np.int64)
        np.add.at(counts, (np.arange(len(order))[:, None], cell[order]), 1)
        return int((counts != wanted).any(1).sum())

    found = planted = seen = epoch = 0
    while seen < batches:
        loader.set_epoch(epoch)
        order = np.stack(loader.order())
        found += wrong(order)
        used += np.bincount(order.ravel(), minlength=len(clouds))
        order[0, 0] = loader.cells[-1].graphs[0]
        planted += wrong(order)
        seen, epoch = seen + len(order), epoch + 1
    loader.set_epoch(0)

    def spread() -> int:
        return max(int(np.ptp(used[each.graphs])) for each in loader.cells)

    uses = spread()
    used[0] += 2
    return [
        Check(f"counts of {seen:,} batches", found, 0, planted, "batches with a wrong count"),
        Check("uses of the graphs of a cell", uses, 1, spread(), "largest difference"),
    ]


def table(*, quick: bool) -> Table:
    """One epoch of each."""
    clouds = events(100_000 if quick else 400_000)
    hypotheses = Hypotheses.of(clouds)
    loaders: dict[str, Any] = {
        PLAIN: CloudLoader(clouds, BATCH, shuffle=True),
        FULL: BalancedLoader(clouds, BATCH),
        DRAWN: BalancedLoader(clouds, BATCH, redraw=hypotheses),
    }
    steps = len(loaders[FULL])
    each = np.zeros(len(clouds))
    for cell in loaders[FULL].cells:
        each[cell.graphs] = cell.count / cell.graphs.size
    sampler = WeightedRandomSampler(torch.from_numpy(each), steps * BATCH)

    def weighted() -> None:
        graphs = np.fromiter(sampler, np.int64, steps * BATCH)
        for start in range(0, graphs.size, BATCH):
            clouds.batch(graphs[start : start + BATCH])

    variants: dict[str, Any] = {
        name: lambda loader=loader: deque(loader, maxlen=0) for name, loader in loaders.items()
    }
    variants[WEIGHTS] = weighted
    timings = measure(variants, repeats=3 if quick else 7)
    checks = exact_counts(loaders[FULL], 1000 if quick else 10_000)
    return timing_table(
        f"One epoch of {steps} batches",
        timings,
        ours=FULL,
        items=steps * BATCH,
        unit="events",
        checks=checks,
        targets={PLAIN: 0.5},
        notes=["wanted: at least half the throughput of plain shuffling"],
    )


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    """All tables."""
    return [table(quick=quick).as_json()]
