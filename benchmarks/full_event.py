"""One complete event with 200 pile-up collisions, from hits to tracks, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import torch

from benchmarks import acts_stages
from benchmarks.children import call
from benchmarks.equality import Check, compare
from benchmarks.hit_events import PIXEL_VOLUMES, full_event, of_about, smeared_scores
from benchmarks.results import Table, check_record
from benchmarks.rss import peak_of
from benchmarks.timing import Quartiles, paired_ratio

SUBJECT = "one complete event with 200 pile-up collisions, from hits to tracks, beside ACTS"

SMALL, LARGE = "interaction network, 6,448 parameters", "recurrent, latent 64, 8 steps"
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    SMALL: ("interaction-network", {}),
    LARGE: ("recurrent-interaction-network", {"latent": 64, "steps": 8}),
}
CHUNK = 16_384
BUNDLED_SEED = 32  # of the simulation of the bundled event, number 0
ACTS_STAGES = tuple(dict.fromkeys(acts_stages.RECONSTRUCTION.values()))
SUM = {
    SMALL: "pcgnn, sum with the interaction network and walkthrough",
    LARGE: "pcgnn, sum with the recurrent network and walkthrough",
}
ACTS_SUM = "ACTS, sum"


class Chain:
    """The stages, each of which finds what the one before it made.

    Args:
        quick: a fifth of the event instead of all of it.
    """

    def __init__(self, quick: bool) -> None:
        import pcgnn

        self.quick = quick
        self.models = {
            name: pcgnn.create_model(kind, features=("r", "phi", "z"), **options, chunk=CHUNK)
            for name, (kind, options) in NETWORKS.items()
        }
        for model in self.models.values():
            model.eval()

    def read(self) -> None:
        """Hits of the bundled event, then its pixel hits."""
        import pcgnn

        if self.quick:
            self.hits = of_about(18_000)
            return
        hits = pcgnn.read_hits(pcgnn.datasets.bundled("tracks", "event_pu200.root"))
        pixels = np.isin(ak.to_numpy(ak.flatten(hits["hit", "volume"])), PIXEL_VOLUMES)
        hits["hit"] = hits["hit"][ak.unflatten(pixels, ak.num(hits["hit"]))]
        self.hits = hits

    def graph(self) -> None:
        """The graph of all of them."""
        from pcgnn.tracking import LayerPairCuts, build_graphs

        self.graphs = build_graphs(self.hits, LayerPairCuts.for_pt(1.0))

    @torch.inference_mode()
    def infer(self, name: str) -> None:
        """Logits of one network."""
        self.logits = self.models[name](self.graphs[0])

    def smear(self) -> None:
        """Scores as a good network gives them; not part of any stage."""
        self.scores = smeared_scores(self.graphs[0].y.numpy())

    def build(self, method: str) -> None:
        """Tracks from the smeared scores."""
        from pcgnn.tracking import find_tracks

        self.tracks = find_tracks(self.graphs, self.scores, hits=self.hits, method=method)

    def report(self) -> None:
        """Efficiency, fakes and duplicates."""
        from pcgnn.metrics import track_report

        track_report(self.hits, self.tracks, rule="double_majority", pt_min=1.0, eta_max=3.0)

    def stages(self) -> dict[str, Callable[[], None]]:
        """Name -> work, in their order."""
        return {
            "read": self.read,
            "graph of all pixel hits": self.graph,
            **{f"inference, {name}": self._inference(name) for name in NETWORKS},
            "tracks, components": lambda: self.build("components"),
            "tracks, walkthrough": lambda: self.build("walkthrough"),
            "report": self.report,
        }

    def _inference(self, name: str) -> Callable[[], None]:
        return lambda: self.infer(name)


def one_round(chain: Chain) -> dict[str, float]:
    """CPU seconds of each stage, one after the other."""
    spent = {}
    for name, work in chain.stages().items():
        if name.startswith("tracks"):
            chain.smear()
        start = time.process_time()
        work()
        spent[name] = time.process_time() - start
    return spent


def chain_peaks(*, quick: bool) -> dict[str, float]:
    """Peak MB of each stage, above what was there when it began."""
    one_round(Chain(quick=True))  # imports
    chain, peaks = Chain(quick), {}
    for name, work in chain.stages().items():
        if name.startswith("tracks"):
            chain.smear()
        peaks[name] = peak_of(work)
    return peaks


def acts_peaks(*, quick: bool) -> dict[str, float]:
    """Peak MB of each stage of ACTS."""
    pile_up = 30.0 if quick else 200.0
    costs = acts_stages.reconstruct(seed=BUNDLED_SEED, pile_up=pile_up).costs
    return {stage: cost.mb for stage, cost in costs.items()}


def same_event(run: acts_stages.ActsRun) -> Check:
    """The hits ACTS worked on are those of the bundled file, up to their rounding."""
    hits = full_event()["hit"][0]
    columns = {name: torch.from_numpy(ak.to_numpy(hits[name])) for name in ("x", "y", "z")}
    theirs = {name: torch.from_numpy(np.asarray(run.hit[name])) for name in columns}
    return compare(
        "hits ACTS worked on, with those of the bundled event",
        columns,
        theirs,
        tolerance=1e-3,
        difference=lambda a, b: max(
            float((a[name] - b[name]).abs().max()) if a[name].shape == b[name].shape else np.inf
            for name in a
        ),
        measure="mm",
    )


def measured(quick: bool) -> tuple[dict[str, list[float]], acts_stages.ActsRun | None]:
    """Rounds of our chain and of ACTS in turn; seconds of each stage in each round."""
    chain = Chain(quick)
    without_acts = acts_stages.absent()
    seconds: dict[str, list[float]] = {}
    run = None
    torch.set_num_threads(1)
    one_round(Chain(quick=True))  # imports
    chain.read()  # page cache
    for _ in range(2 if quick else 3):
        spent = one_round(chain)
        for name in NETWORKS:
            spent[SUM[name]] = sum(
                spent[stage]
                for stage in (
                    "read",
                    "graph of all pixel hits",
                    f"inference, {name}",
                    "tracks, walkthrough",
                )
            )
        if without_acts is None:
            pile_up = 30.0 if quick else 200.0
            run = acts_stages.reconstruct(seed=BUNDLED_SEED, pile_up=pile_up)
            spent |= {stage: cost.cpu_s for stage, cost in run.costs.items()}
            spent[ACTS_SUM] = sum(cost.cpu_s for cost in run.costs.values())
        for name, value in spent.items():
            seconds.setdefault(name, []).append(value)
    return seconds, run


def run(*, quick: bool, scratch: str, allocator: str = "default") -> list[dict[str, Any]]:
    seconds, acts = measured(quick)
    peaks = call("benchmarks.full_event:chain_peaks", allocator, quick=quick)
    if acts is not None:
        peaks |= call("benchmarks.full_event:acts_peaks", allocator, quick=quick)
    ratio = f"time / {SUM[SMALL]}"
    chain = Chain(quick)
    chain.read()
    chain.graph()
    table = Table(
        f"{chain.graphs.num_nodes:,} pixel hits, {chain.graphs.num_edges:,} edges",
        ["stage", "CPU ms (1 thread)", "peak MB", ratio],
    )
    for name, values in seconds.items():
        quartiles = Quartiles.of([1e3 * value for value in values])
        row: dict[str, Any] = {"stage": name, "CPU ms (1 thread)": vars(quartiles)}
        row["peak MB"] = peaks.get(name)
        row[ratio] = vars(paired_ratio(values, seconds[SUM[SMALL]]))
        table.rows.append(row)
        table.samples[name] = {"cpu_s": values, "wall_s": []}
    if acts is None:
        table.rows.append({"stage": ACTS_SUM, "CPU ms (1 thread)": acts_stages.absent()})
    elif not quick:
        table.checks.append(check_record(same_event(acts)))
        table.notes.append(
            f"ACTS found {acts.tracks['ckf']:,} tracks, {acts.tracks['ambi']:,} after ambiguity "
            "resolution; its settings are those of pcgnn.simulation"
        )
    table.notes += [
        "not the same task: ACTS finds tracks above 1 GeV and |eta| < 3 in pixels and strips, at "
        "least 7 hits each, and fits their parameters; here all pixel hits are grouped",
        "networks have random weights, which cost the same as trained ones; tracks are built "
        "from the truth, smeared as a good network would score it; chunk=16,384",
        "read: the ROOT file with all 152,794 hits, truth and reference tracks, then the pixel "
        "hits; ACTS starts from measurements in memory",
        "clocks of the process around each algorithm of ACTS, its writers of files and its "
        "comparisons with the truth left out; peaks above what was there when the stage began, in "
        "a process of its own",
    ]
    return [table.as_json()]
