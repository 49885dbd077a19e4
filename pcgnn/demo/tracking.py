"""The whole way on simulated hits: graphs, an edge classifier, tracks, and where tracks are lost.

This is what ``pcgnn demo tracking`` runs, with nothing but the public names of pcgnn.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import awkward as ak
import torch

import pcgnn
from pcgnn.demo.steps import Steps, make_folder, use_idle_cores
from pcgnn.tracking import HitGraphs, LayerPairCuts, Method, build_graphs, find_tracks

if TYPE_CHECKING:
    from pcgnn.metrics import EdgeReport, LossLedger, TrackReport

__all__ = ["main"]

PT_MIN = 1.0
ETA_MAX = 4.0
EFFICIENCY = 0.98
SELECTION = "ideal: pixel hits of particles with pT >= 1 GeV, no noise"
RULE = "double_majority"
DRAWN_PT_MIN = 3.0
METHODS: tuple[Method, ...] = ("components", "walkthrough")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration.

    Args:
        argv: arguments after ``pcgnn demo tracking``.

    Returns:
        0, the exit status.
    """
    parser = argparse.ArgumentParser(prog="pcgnn demo tracking", description=_first_line())
    parser.add_argument("--output", type=Path, default=Path("demo-tracking"), help="folder")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the training events")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and of the order")
    arguments = parser.parse_args(argv)
    output: Path = arguments.output
    make_folder(output)
    begin = time.perf_counter()
    pcgnn.tune_allocator()
    use_idle_cores()
    steps = Steps(total=6)

    steps.begin("read", f"Read {pcgnn.datasets.bundled('tracks')}")
    hits = pcgnn.read_hits(str(pcgnn.datasets.verify("tracks")))
    steps.say(
        f"{len(hits)} events, {int(ak.sum(ak.num(hits.hit))):,} hits: "
        f"{pcgnn.datasets.describe('tracks').description}"
    )

    steps.begin("graphs", f"Join hits on neighbouring layers, for pT >= {PT_MIN:g} GeV")
    graphs = build_graphs(
        hits,
        LayerPairCuts.for_pt(PT_MIN),
        truth_selection="ideal",
        features="helix",
        edge_features="helix",
    )
    steps.say(repr(graphs))
    train, val, test = graphs.split((20, 4, 6), seed=1)

    steps.begin("train", f"Train an interaction network, {arguments.epochs} epochs")
    result = train_network(train, val, output / "training", arguments)
    steps.say(f"{result}")

    steps.begin("tracks", "Choose the threshold on the validation events, score the test events")
    threshold = val.report(pcgnn.predict(result, val)).threshold_at_efficiency(EFFICIENCY)
    hits, test = hits[test.events], test.compact()
    scores = pcgnn.predict(result, test)
    edges = test.report(scores, threshold=threshold)
    outcome = judge(hits, test, scores, threshold)

    steps.begin("write", "Write the tracks of the test events, hit by hit, and the report")
    labels = find_tracks(test, scores, hits=hits, method="walkthrough", threshold=threshold)
    pcgnn.write_tracks(output / "tracks.root", labels, hits, overwrite=True)

    steps.begin("figures", "Draw the figures")
    draw_figures(output, hits, labels, result, edges, outcome)
    steps.end()
    steps.seconds["all"] = time.perf_counter() - begin
    whole = f"{edges}\n\n{outcome.text}\n"
    (output / "report.txt").write_text(whole, encoding="utf-8")
    content = {"edges": edges.to_dict(), "tracks": outcome.numbers, "seconds": steps.seconds}
    (output / "report.json").write_text(json.dumps(content, indent=2))
    print(f"\n{whole}")
    _list_files(output)
    print(f"Done in {steps.seconds['all']:.0f} s, training {steps.seconds['train']:.0f} s.")
    return 0


def _first_line() -> str:
    return (__doc__ or "").splitlines()[0]


def train_network(
    train: HitGraphs, val: HitGraphs, folder: Path, arguments: argparse.Namespace
) -> Any:
    """A small recurrent interaction network."""
    torch.manual_seed(arguments.seed)  # for the first weights
    model = pcgnn.create_model(
        "recurrent-interaction-network",
        features=train.features,
        edge_features=len(train.description["edge_features"]),
        latent=32,
        steps=4,
        layers=1,
    )
    return pcgnn.fit(
        model,
        train,
        val,
        epochs=arguments.epochs,
        lr=5e-3,
        weight_decay=1e-4,
        seed=arguments.seed,
        directory=folder,
        overwrite=True,
    )


class Outcome(NamedTuple):
    """What became of the tracks: as text, as numbers, and for the figures."""

    text: str
    numbers: dict[str, Any]
    reports: dict[str, TrackReport]
    ledger: LossLedger


def judge(hits: ak.Array, test: HitGraphs, scores: Any, threshold: float) -> Outcome:
    """Track efficiency and fakes by two ways and three rules, and the ledger of the losses."""
    rows: list[str] = []
    numbers: dict[str, Any] = {}
    reports: dict[str, TrackReport] = {}
    for method in METHODS:
        labels = find_tracks(test, scores, hits=hits, method=method, threshold=threshold)
        for rule in (RULE, "acts", "perfect"):
            report = pcgnn.metrics.track_report(
                hits, labels, rule=rule, pt_min=PT_MIN, eta_max=ETA_MAX, truth_selection=SELECTION
            )
            numbers[f"{method}, {rule}"] = report.to_dict()
            if rule == RULE:
                reports[method] = report
            rows.append(f"{method:<13}{rule:<17}{report.efficiency!s:>24}{report.fake_rate!s:>24}")
    ledger = pcgnn.metrics.loss_ledger(
        hits,
        pt_min=PT_MIN,
        eta_max=ETA_MAX,
        selected=test.selected(),
        edge_index=test.edges().numpy(),
        edge_score=scores.values,
        threshold=threshold,
        tracks=labels,
        truth_selection=SELECTION,
    )
    numbers["ledger"] = ledger.to_dict()
    head = f"{'tracks by':<13}{'rule':<17}{'efficiency':>24}{'fake rate':>24}"
    lines = [head, "-" * len(head), *rows, "", str(reports[METHODS[-1]]), "", str(ledger)]
    return Outcome("\n".join(lines), numbers, reports, ledger)


def draw_figures(
    folder: Path,
    hits: ak.Array,
    labels: Any,
    result: Any,
    edges: EdgeReport,
    outcome: Outcome,
) -> None:
    """Course of the training, edges, tracks of the first test event, efficiency, losses."""
    figures = {
        "history.png": pcgnn.plots.history(result),
        "edges.png": pcgnn.plots.edge_curves(edges),
        "event.png": pcgnn.plots.event_display(hits, labels, rule=RULE, pt_min=DRAWN_PT_MIN),
        "efficiency_pt.png": pcgnn.plots.track_efficiency(outcome.reports, "pt"),
        "efficiency_eta.png": pcgnn.plots.track_efficiency(outcome.reports, "eta"),
        "ledger.png": pcgnn.plots.ledger(outcome.ledger),
    }
    for name, figure in figures.items():
        pcgnn.plots.save(figure, folder / name, overwrite=True, dpi=120)


def _list_files(output: Path) -> None:
    entries = {
        "report.txt, report.json": "the report above, and the same with timings",
        "history.png, edges.png": "course of the training; ROC curve and purity of the edges",
        "event.png": f"the first test event: tracks and particles above {DRAWN_PT_MIN:g} GeV",
        "efficiency_pt.png, efficiency_eta.png": "track efficiency and fake rate by both methods",
        "ledger.png": "where particles were lost",
        "tracks.root": "the tracks of the test events, hit by hit",
    }
    print(f"In {output.resolve()}:")
    for name, meaning in entries.items():
        print(f"  {name:<40}{meaning}")
