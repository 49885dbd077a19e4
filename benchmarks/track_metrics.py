"""Track metrics: counts of matched tracks and the TrackML score of one large event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import torch

from benchmarks import pandas_metrics, peers
from benchmarks.equality import Check, compare
from benchmarks.hit_events import full_event, near_truth_labels, of_about
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure

SUBJECT = "track metrics of an event with 200 pile-up collisions, all hits"

PT_MIN, ETA_MAX = 0.9, 4.0
OURS, OURS_ALL = "pcgnn track_report, double majority", "pcgnn track_reports, the three rules"
GNN = "gnn_tracking tracking_metrics, its three rules"
PANDAS = "pandas groupby, double majority"
SCORE, SCORE_WEIGHTS = "pcgnn trackml_score", "pcgnn trackml_score, weights computed too"
OFFICIAL = "trackml-library score_event"
SCORE_PANDAS = "pandas groupby"
RULES = ["double_majority", "perfect", "lhc"]


def flat_hits(quick: bool) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Flat columns of the hits of the bundled event, and labels with some faults."""
    from pcgnn.metrics import trackml_weights

    event = of_about(18_000) if quick else full_event()
    owner = ak.to_numpy(event["hit"][0]["particle_id"]).astype(np.int64)
    names = ak.to_numpy(event["particle"][0]["particle_id"])
    row = np.searchsorted(names, owner)
    columns = {
        name: ak.to_numpy(event["particle"][0][name])[row].astype(np.float64)
        for name in ("pt", "eta")
    }
    columns["particle_id"] = owner
    columns["reconstructable"] = np.bincount(row)[row] >= 3
    columns["order"] = ak.to_numpy(event["hit"][0]["order"]).astype(np.int64)
    columns["weight"] = trackml_weights({**columns})
    return columns, without_ties(near_truth_labels(owner, seed=3), owner)


def without_ties(labels: np.ndarray, particle: np.ndarray) -> np.ndarray:
    """The labels without tracks that hold equally many hits of two particles.

    Which of them is the majority then hangs on the order in which a package sorts.
    """
    taken = labels >= 0
    pairs, number = np.unique(
        np.stack([labels[taken], particle[taken]]), axis=1, return_counts=True
    )
    order = np.lexsort((-number, pairs[0]))
    track, number = pairs[0][order], number[order]
    first = np.flatnonzero(np.diff(track, prepend=-1))
    second = np.minimum(first + 1, track.size - 1)
    tied = (track[second] == track[first]) & (number[second] == number[first]) & (second > first)
    return np.where(np.isin(labels, track[first[tied]]), -1, labels)


def report_counts(
    hits: dict[str, np.ndarray], tracks: np.ndarray, rules: list[str]
) -> dict[str, dict[str, int]]:
    """Denominators and matches by each rule."""
    from pcgnn.metrics import track_reports

    reports = track_reports(hits, tracks, rules=rules, pt_min=PT_MIN, eta_max=ETA_MAX)
    return {
        rule: {
            "particles": report.n_particles,
            "tracks": report.fake_rate.total,
            "matched": report.fake_rate.total - report.fake_rate.passed,
        }
        for rule, report in reports.items()
    }


def gnn_counts(module: Any, hits: dict[str, np.ndarray], tracks: np.ndarray) -> dict[str, Any]:
    """What gnn_tracking returns for one pT floor."""
    found = module.tracking_metrics(
        truth=hits["particle_id"],
        predicted=tracks,
        pts=hits["pt"],
        reconstructable=hits["reconstructable"],
        eta=hits["eta"],
        pt_thlds=[PT_MIN],
        max_eta=ETA_MAX,
    )
    result: dict[str, Any] = found[PT_MIN]
    return result


def report_table(hits: dict[str, np.ndarray], tracks: np.ndarray, quick: bool) -> Table:
    """Counts by the rules of gnn_tracking."""
    import pandas as pd

    columns = {k: hits[k] for k in ("particle_id", "pt", "eta", "reconstructable")}
    variants: dict[str, Callable[[], Any]] = {
        OURS: lambda: report_counts(columns, tracks, ["double_majority"])["double_majority"],
        OURS_ALL: lambda: report_counts(columns, tracks, RULES),
        PANDAS: lambda: pandas_metrics.double_majority(
            pd.DataFrame({**columns, "weight": hits["weight"], "track": tracks}),
            pt_min=PT_MIN,
            eta_max=ETA_MAX,
        ),
    }
    checks = [_check("counts of double majority, pandas", variants[OURS](), variants[PANDAS]())]
    absent: dict[str, str] = {}
    module = peers.gnn_tracking("metrics.cluster_metrics")
    if isinstance(module, peers.Missing):
        absent[GNN] = str(module)
    else:
        variants[GNN] = lambda: gnn_counts(module, columns, tracks)
        checks += [
            _against_gnn(variants[OURS_ALL]()[rule], variants[GNN](), rule) for rule in RULES
        ]
    return timing_table(
        f"counts of matched tracks, {tracks.size:,} hits",
        measure(variants, repeats=5 if quick else 25, wall_repeats=1),
        ours=OURS_ALL,
        items=tracks.size,
        unit="hits",
        checks=checks,
        targets={PANDAS if GNN in absent else GNN: 3.0},
        absent=absent,
        notes=[
            f"{np.unique(tracks[tracks >= 0]).size:,} tracks: the particles, with a tenth of the "
            "hits in no track, 5% in a wrong one, a tenth of the particles in two; no track has "
            "two majorities, between which gnn_tracking chooses by the order of its sort",
            f"flat NumPy columns on all sides; pT >= {PT_MIN} GeV, |eta| < {ETA_MAX:g}; pcgnn's "
            "reports carry their intervals, particles and tracks as well",
        ],
    )


def _check(name: str, ours: dict[str, int], theirs: dict[str, int]) -> Check:
    first, second = ({"counts": torch.tensor(list(each.values()))} for each in (ours, theirs))
    return compare(name, first, second, tolerance=0.0)


def _against_gnn(ours: dict[str, int], theirs: dict[str, Any], rule: str) -> Check:
    """Their rate times its own denominator, rounded, is the number of matches."""
    tracks = int(theirs["n_cleaned_clusters"])
    rate = 1 - theirs[f"fake_{rule}"]
    found = {
        "particles": int(theirs["n_particles"]),
        "tracks": tracks,
        "matched": round(rate * tracks),
    }
    return _check(f"counts of {rule}, gnn_tracking", ours, found)


def score_table(hits: dict[str, np.ndarray], tracks: np.ndarray, quick: bool) -> Table:
    """The TrackML score from given weights."""
    import pandas as pd

    from pcgnn.metrics import trackml_score

    columns = {name: hits[name] for name in ("particle_id", "weight")}
    with_order = {name: hits[name] for name in ("particle_id", "pt", "order")}
    variants: dict[str, Callable[[], float]] = {
        SCORE: lambda: trackml_score(columns, tracks),
        SCORE_WEIGHTS: lambda: trackml_score(with_order, tracks),
        SCORE_PANDAS: lambda: pandas_metrics.trackml_score(
            pd.DataFrame({**columns, "track": tracks})
        ),
    }
    absent: dict[str, str] = {}
    module = peers.trackml("score")
    if isinstance(module, peers.Missing):
        absent[OFFICIAL] = str(module)
    else:
        variants[OFFICIAL] = lambda: module.score_event(
            pd.DataFrame({**columns, "hit_id": np.arange(tracks.size)}),
            # it wants every hit in a track: those in none share one, which can never be good
            pd.DataFrame({"hit_id": np.arange(tracks.size), "track_id": tracks + 1}),
        )
    return timing_table(
        f"TrackML score, {tracks.size:,} hits",
        measure(variants, repeats=5 if quick else 25, wall_repeats=1),
        ours=SCORE,
        items=tracks.size,
        unit="hits",
        checks=[
            compare(
                f"TrackML score, {name}",
                {"score": torch.tensor([variants[SCORE]()], dtype=torch.float64)},
                {"score": torch.tensor([other()], dtype=torch.float64)},
                tolerance=1e-9,
            )
            for name, other in variants.items()
            if name != SCORE
        ],
        targets={SCORE_PANDAS if OFFICIAL in absent else OFFICIAL: 5.0},
        absent=absent,
        notes=[
            f"score {variants[SCORE]():.4f}; the same labels as above; weights given, except where "
            "said; making the data frames from the arrays is in the times, as one has to"
        ],
    )


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    hits, tracks = flat_hits(quick)
    tables = [report_table(hits, tracks, quick), score_table(hits, tracks, quick)]
    return [table.as_json() for table in tables]
