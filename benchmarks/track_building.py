"""Tracks from scored edges: connected components and walkthrough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks import plain_tracks
from benchmarks.equality import Check, compare
from benchmarks.hit_events import full_event, of_about, only_pixels, smeared_scores
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure

SUBJECT = "tracks from the scored edges of an event with 200 pile-up collisions, all pixel hits"

MIN_HITS = 3
THRESHOLD = 0.5


def scored(quick: bool) -> tuple[Any, np.ndarray]:
    """Graphs of the bundled event (a fifth of it when quick) and scores of their edges."""
    from pcgnn.tracking import LayerPairCuts, build_graphs

    event = of_about(18_000) if quick else only_pixels(full_event())
    graphs = build_graphs(event, LayerPairCuts.for_pt(1.0))
    return graphs, smeared_scores(graphs[0].y.numpy())


def passing(graphs: Any, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The edges that pass, with their scores: what the peers are given."""
    kept = scores >= THRESHOLD
    edges = graphs.edges().numpy()
    return np.ascontiguousarray(edges[:, kept]), scores[kept].astype(np.float64)


def hits_in_other_tracks(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    """Number of hits that two sets of tracks, whatever their labels, do not agree on."""
    a, b = (plain_tracks.canonical(each["labels"].numpy()) for each in (ours, theirs))
    return float(np.count_nonzero(a != b))


def check(name: str, ours: np.ndarray, theirs: np.ndarray) -> Check:
    """Same tracks as a peer; the planted error moves the last hit of a track into none."""

    def loses_a_hit(labels: Mapping[str, Tensor]) -> dict[str, Tensor]:
        wrong = labels["labels"].clone()
        wrong[torch.nonzero(wrong >= 0)[-1]] = -1
        return {"labels": wrong}

    return compare(
        name,
        {"labels": torch.from_numpy(ours)},
        {"labels": torch.from_numpy(theirs)},
        tolerance=0.0,
        difference=hits_in_other_tracks,
        plant=loses_a_hit,
        measure="hits in other tracks:",
    )


def table_of(method: str, graphs: Any, scores: np.ndarray, quick: bool) -> Table:
    """One method against its plain forms."""
    from pcgnn.tracking import find_tracks

    hits = graphs.num_nodes
    ours = f"pcgnn find_tracks, {method}"

    def find() -> np.ndarray:
        return find_tracks(graphs, scores, method=method, threshold=THRESHOLD, min_hits=MIN_HITS)

    variants: dict[str, Callable[[], np.ndarray]] = {ours: find}
    if method == "components":
        variants["networkx connected_components"] = lambda: plain_tracks.by_networkx(
            passing(graphs, scores)[0], hits, MIN_HITS
        )
        variants["scipy connected_components, loop over them"] = lambda: plain_tracks.by_scipy_loop(
            passing(graphs, scores)[0], hits, MIN_HITS
        )
    else:
        variants["networkx, the same rule component by component"] = lambda: (
            plain_tracks.walk_by_networkx(*passing(graphs, scores), hits, MIN_HITS)
        )
    found = find()
    kept = int((scores >= THRESHOLD).sum())
    true = int((graphs[0].y.numpy()[scores >= THRESHOLD] > 0.5).sum())
    return timing_table(
        f"{method}, {graphs.num_edges:,} edges",
        measure(variants, repeats=3 if quick else 9, wall_repeats=1),
        ours=ours,
        items=hits,
        unit="hits",
        checks=[
            check(f"tracks of {name}", found, variants[name]()) for name in variants if name != ours
        ],
        notes=[
            f"{hits:,} hits, {found.max() + 1:,} tracks of {MIN_HITS} hits or more; every row "
            "starts from all edges with their scores",
            f"scores: the truth, smeared (seeded); {kept:,} edges pass, {true / kept:.1%} of them "
            "true",
        ],
    )


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    graphs, scores = scored(quick)
    return [
        table_of(method, graphs, scores, quick).as_json()
        for method in ("components", "walkthrough")
    ]
