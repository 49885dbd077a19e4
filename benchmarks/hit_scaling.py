"""Cost of the stages of track finding against the number of hits in one event."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.children import call
from benchmarks.hit_events import of_about, smeared_scores
from benchmarks.results import Table
from benchmarks.rss import peak_of
from benchmarks.slopes import log_slope
from benchmarks.timing import Quartiles

SUBJECT = "cost of the stages of track finding against the number of hits in one event (1 thread)"

SIZES = (10_000, 20_000, 50_000, 100_000, 200_000, 500_000)
SIZES_QUICK = (5_000, 10_000, 20_000)
CHUNK = 16_384
GRAPH, INFERENCE = "graph", "inference"
STAGES = (GRAPH, INFERENCE, "components", "walkthrough", "report")
SEVERAL = 150_000  # hits up to which a stage is timed five times, above it once


class Work:
    """The stages on one event of pixel hits.

    Args:
        hits: about how many.
    """

    def __init__(self, hits: int) -> None:
        import pcgnn

        self.hits = of_about(hits)
        torch.manual_seed(0)
        self.model = pcgnn.create_model(
            "interaction-network", features=("r", "phi", "z"), chunk=CHUNK
        ).eval()

    def graph(self) -> None:
        """The graph of all hits."""
        from pcgnn.tracking import LayerPairCuts, build_graphs

        self.graphs = build_graphs(self.hits, LayerPairCuts.for_pt(1.0))

    @torch.inference_mode()
    def inference(self) -> None:
        """Logits of the edges."""
        self.model(self.graphs[0])

    def _build(self, method: str) -> None:
        from pcgnn.tracking import find_tracks

        self.tracks = find_tracks(self.graphs, self.scores, hits=self.hits, method=method)

    def report(self) -> None:
        """Efficiency, fakes and duplicates."""
        from pcgnn.metrics import track_report

        track_report(self.hits, self.tracks, rule="double_majority", pt_min=1.0)

    def stage(self, name: str) -> Callable[[], None]:
        """The work of one stage; those before it must have run."""
        if name in ("components", "walkthrough"):
            self.scores = smeared_scores(self.graphs[0].y.numpy())
            return lambda: self._build(name)
        work: Callable[[], None] = getattr(self, name)
        return work


def point(*, hits: int, repeats: int) -> dict[str, Any]:
    """CPU seconds and peak MB of each stage on an event of about so many pixel hits.

    Where a stage runs several times, the first time is for the memory alone.
    """
    torch.set_num_threads(1)
    small = Work(2_000)
    for name in STAGES:  # imports
        small.stage(name)()
    work = Work(hits)
    found: dict[str, Any] = {"seconds": {}, "mb": {}}
    for name in STAGES:
        todo, seconds = work.stage(name), []
        found["mb"][name] = peak_of(lambda todo=todo, seconds=seconds: seconds.append(_timed(todo)))
        seconds += [_timed(todo) for _ in range(repeats - 1)]
        found["seconds"][name] = seconds[1:] or seconds
    return {**found, "hits": work.graphs.num_nodes, "edges": work.graphs.num_edges}


def _timed(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def run(*, quick: bool, scratch: str, allocator: str = "default") -> list[dict[str, Any]]:
    points = [
        call(
            "benchmarks.hit_scaling:point",
            allocator,
            hits=size,
            repeats=1 if size > SEVERAL else 3 if quick else 6,
        )
        for size in (SIZES_QUICK if quick else SIZES)
    ]
    tables = [time_table(points), memory_table(points)]
    return [table.as_json() for table in tables]


def time_table(points: list[dict[str, Any]]) -> Table:
    """CPU milliseconds, with the powers they grow with in the last lines."""
    table = Table("CPU ms", ["hits", "edges", *STAGES])
    for found in points:
        row: dict[str, Any] = {"hits": f"{found['hits']:,}", "edges": found["edges"]}
        for name in STAGES:
            seconds = found["seconds"][name]
            row[name] = vars(Quartiles.of([1e3 * value for value in seconds]))
            table.samples[f"{name}, {found['hits']} hits"] = {"cpu_s": seconds, "wall_s": []}
        table.rows.append(row)
    costs = {
        name: [Quartiles.of(found["seconds"][name]).median for found in points] for name in STAGES
    }
    table.rows += slope_rows(points, costs)
    table.notes += [
        "hits: pixel hits, all in the graph; below 90,000 collisions of the bundled event, drawn "
        "at random, above it copies of the whole event turned around the beam, ids distinct: "
        "500,000 hits are what some 1,100 collisions at once would leave",
        "the detector stays as large while hits are added, so that the edges grow with the square "
        "of the hits; what works on edges can be no better than that",
        f"inference: the interaction network of 6,448 parameters, random weights, chunk={CHUNK:,}; "
        "components, walkthrough: from the truth, smeared",
    ]
    return table


def memory_table(points: list[dict[str, Any]]) -> Table:
    """Peak megabytes of the same."""
    table = Table("peak MB", ["hits", "edges", *STAGES])
    for found in points:
        table.rows.append({"hits": f"{found['hits']:,}", "edges": found["edges"], **found["mb"]})
    costs = {name: [max(found["mb"][name], 1e-3) for found in points] for name in STAGES}
    table.rows += slope_rows(points, costs)
    table.notes.append(
        "resident memory above that before the stage, the first time it runs on the event"
    )
    return table


def slope_rows(points: list[dict[str, Any]], costs: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Powers of hits and of edges that the costs grow with, over all sizes and the last two."""
    rows = []
    for part, words in ((slice(None), "all sizes"), (slice(-2, None), "the largest two")):
        chosen = points[part]
        of_all = {"edges": [found["edges"] for found in chosen]}
        of_all |= {name: cost[part] for name, cost in costs.items()}
        for against in ("hits", "edges"):
            sizes = [found[against] for found in chosen]
            slopes = {name: f"{log_slope(sizes, cost):.2f}" for name, cost in of_all.items()}
            rows.append({"hits": f"log-log slope in {against}, {words}", **slopes})
    return rows


def draw(result: dict[str, Any], path: Path) -> None:
    """The figure of the tables: CPU time and memory against hits."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    for ax, table in zip(figure.subplots(1, 2), result["runs"][0]["tables"], strict=True):
        rows = [row for row in table["rows"] if not row["hits"].startswith("log-log")]
        hits = [int(row["hits"].replace(",", "")) for row in rows]
        for name in STAGES:
            values = [row[name] for row in rows]
            ax.plot(
                hits,
                [v["median"] if isinstance(v, dict) else v for v in values],
                marker="o",
                label=name,
            )
        ax.set(xscale="log", yscale="log", xlabel="hits", ylabel=table["title"])
        ax.grid(alpha=0.3)
    figure.axes[0].legend(frameon=False)
    figure.savefig(path, dpi=120)
