"""Graphs of hits: construction by cuts on pairs of layers, its cost and its memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import layer_pairs
from benchmarks.children import call
from benchmarks.equality import Check, compare
from benchmarks.hit_events import full_event, of_about
from benchmarks.layer_pairs import LayeredHits
from benchmarks.results import Table, check_record, timing_table
from benchmarks.rss import peak_of
from benchmarks.slopes import log_slope
from benchmarks.timing import measure

SUBJECT = "hit graphs of an event with 200 pile-up collisions, |d_phi/d_r| < 1.1e-3 /mm, |z0| < 160"

OURS = "pcgnn LayerPairCuts"
PANDAS = "pandas: every pair of layers merged, then cut"
FEATURES = "the same with d_r, d_phi, d_z, dR of each pair"
WINDOWS = "NumPy: one window in azimuth per hit"
WHOLE = "pcgnn build_graphs: features, truth and Data too"

SIZES, SIZES_QUICK = (22_000, 45_000, 90_000, 180_000, 270_000), (11_000, 22_000)
LINEAR = 0.2  # by how much the memory per edge may grow from the second largest to the largest


def different_edges(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    """Number of edges that only one of two sets of edges has; doubled edges count too."""
    a, b = ours["edges"].numpy(), theirs["edges"].numpy()
    doubled = sum(edges.shape[1] - np.unique(edges, axis=1).shape[1] for edges in (a, b))
    size = 1 + max(edges.max(initial=0) for edges in (a, b))
    return float(np.setxor1d(a[0] * size + a[1], b[0] * size + b[1]).size + doubled)


def check(name: str, ours: np.ndarray, theirs: np.ndarray) -> Check:
    """Same edges as a peer; the planted error leads one edge to the next hit."""
    return compare(
        name,
        {"edges": torch.from_numpy(ours)},
        {"edges": torch.from_numpy(theirs)},
        tolerance=0.0,
        difference=different_edges,
        measure="edges only one of them has:",
    )


def check_features(graph: Any, theirs: np.ndarray) -> Check:
    """Features of the edges of a graph against those of the merge, in one order and scale."""
    order = np.lexsort((theirs[1], theirs[0]))
    scale = np.array([1e-3, 1 / np.pi, 1e-3, 1.0])
    return compare(
        "features of the edges",
        {"features": graph.edge_attr},
        {"features": torch.from_numpy((theirs[2:].T * scale)[order])},
        tolerance=1e-5,
    )


def selected_table(quick: bool) -> Table:
    """The published kind of graph: particles above 1 GeV alone, by truth."""
    from pcgnn.tracking import LayerPairCuts, build_graphs

    cuts = LayerPairCuts.for_pt(1.0)
    hits = layer_pairs.layered(full_event(), cuts, pt_min=1.0)
    variants: dict[str, Callable[[], Any]] = {
        OURS: lambda: layer_pairs.by_pcgnn(hits, cuts),
        PANDAS: lambda: layer_pairs.by_all_pairs(hits, cuts),
        FEATURES: lambda: layer_pairs.by_all_pairs(hits, cuts, features=True),
        WINDOWS: lambda: layer_pairs.by_plain_windows(hits, cuts),
        WHOLE: lambda: build_graphs(full_event(), cuts, truth_selection="ideal"),
    }
    edges = variants[OURS]()
    return timing_table(
        "pixel hits of particles above 1 GeV, chosen by truth",
        measure(variants, repeats=3 if quick else 15),
        ours=OURS,
        items=len(hits),
        unit="hits",
        checks=[
            check(f"edges on selected hits, {name}", edges, variants[name]())
            for name in (PANDAS, WINDOWS)
        ]
        + [check_features(variants[WHOLE]()[0], variants[FEATURES]())],
        targets={PANDAS: 60.0},
        notes=[
            f"{len(hits):,} hits, {edges.shape[1]:,} edges; float64 on all sides; all rows but "
            "the last go from x, y, z and layers to pairs of hits"
        ],
    )


def complete_table(quick: bool) -> Table:
    """All pixel hits, nothing selected."""
    from pcgnn.tracking import LayerPairCuts, build_graphs

    cuts = LayerPairCuts.for_pt(1.0)
    event = of_about(22_000) if quick else full_event()
    hits = layer_pairs.layered(event, cuts)
    variants: dict[str, Callable[[], Any]] = {
        OURS: lambda: layer_pairs.by_pcgnn(hits, cuts),
        WINDOWS: lambda: layer_pairs.by_plain_windows(hits, cuts),
        WHOLE: lambda: build_graphs(event, cuts),
    }
    edges = variants[OURS]()
    return timing_table(
        "all pixel hits",
        measure(variants, repeats=3 if quick else 11),
        ours=OURS,
        items=len(hits),
        unit="hits",
        checks=[check("edges on all pixel hits, NumPy windows", edges, variants[WINDOWS]())],
        limits={OURS: 0.6, WHOLE: 0.6},
        notes=[
            f"{len(hits):,} hits, {edges.shape[1]:,} edges; the all-pairs merge would make "
            f"{_all_pairs(hits, cuts):,} pairs"
        ],
    )


def _all_pairs(hits: LayeredHits, cuts: Any) -> int:
    number = np.bincount(hits.layer, minlength=cuts.geometry.count)
    return int(sum(number[a] * number[b] for a, b in cuts.geometry.pairs))


def join_peak(*, hits: int, plain: bool) -> dict[str, float]:
    """Peak memory of the search for edges in an event of about so many pixel hits.

    Returns:
        MB resident and MB of NumPy arrays alone above what was there before, hits and edges.
    """
    from pcgnn.tracking import LayerPairCuts

    cuts = LayerPairCuts.for_pt(1.0)
    columns = layer_pairs.layered(of_about(hits), cuts)
    find = layer_pairs.by_plain_windows if plain else layer_pairs.by_pcgnn
    find(layer_pairs.layered(of_about(2_000), cuts), cuts)  # imports, page tables
    edges = 0

    def work() -> None:
        nonlocal edges
        edges = find(columns, cuts).shape[1]

    resident = peak_of(work)
    tracemalloc.start()
    work()
    arrays = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return {"mb": resident, "arrays_mb": arrays, "hits": len(columns), "edges": edges}


def memory_table(quick: bool, allocator: str) -> Table:
    columns = ["hits", "edges", "pcgnn MB", "of arrays", "bytes / edge", "NumPy windows MB"]
    table = Table("peak memory of the search for edges", columns)
    ours, plain = [], []
    for size in SIZES_QUICK if quick else SIZES:
        for found, is_plain in ((ours, False), (plain, True)):
            found.append(
                call("benchmarks.hit_graphs:join_peak", allocator, hits=size, plain=is_plain)
            )
        table.rows.append(
            {
                "hits": ours[-1]["hits"],
                "edges": ours[-1]["edges"],
                "pcgnn MB": ours[-1]["mb"],
                "of arrays": ours[-1]["arrays_mb"],
                "bytes / edge": ours[-1]["arrays_mb"] * 1e6 / ours[-1]["edges"],
                "NumPy windows MB": plain[-1]["mb"],
            }
        )
    table.checks.append(check_record(linearity(ours, plain)))
    slopes = [
        f"{name} {log_slope([p['edges'] for p in points], [p['arrays_mb'] for p in points]):.2f}"
        for name, points in (("pcgnn", ours), ("NumPy windows", plain))
    ]
    table.notes += [
        "log-log slope of the memory of arrays against edges: " + ", ".join(slopes),
        "each figure from a process of its own: resident memory, and the arrays of NumPy as "
        "tracemalloc counts them; the edges themselves take 16 bytes each",
        "below 90,000 hits collisions of the bundled event, above it copies of that event turned "
        "around the beam: the edges grow with the square of the hits",
    ]
    return table


def linearity(ours: list[dict[str, float]], plain: list[dict[str, float]]) -> Check:
    """Growth of the memory per edge between the two largest events.

    Planted: arrays for all candidates of the plain windows, counted per edge of ours.
    """
    (last, before), wrong = (ours[-1], ours[-2]), plain[-1]
    per_edge = before["arrays_mb"] / before["edges"]
    return Check(
        name="memory per edge of the largest event with that of the one before",
        difference=last["arrays_mb"] / last["edges"] / per_edge - 1,
        tolerance=LINEAR,
        planted=wrong["arrays_mb"] / wrong["edges"] / per_edge - 1,
        measure="relative growth",
    )


def run(*, quick: bool, scratch: str, allocator: str = "default") -> list[dict[str, Any]]:
    tables = [selected_table(quick), complete_table(quick), memory_table(quick, allocator)]
    return [table.as_json() for table in tables]
