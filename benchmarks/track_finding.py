"""Find tracks among all pixel hits, nothing selected by truth, beside a Kalman filter.

The events are made by ``pcgnn simulate tracks`` (extra ``simulation``)::

    pcgnn simulate tracks kf.root --events 20 --seed 42 --reconstruction
    python -m benchmarks.track_finding --files kf.root --reference ambi
    pcgnn simulate tracks noisy.root --events 16 --seed 43 --inefficiency 0.02 --noise 0.1
    python -m benchmarks.track_finding --files noisy.root

Graphs by layer pairs for pT > 1 GeV on all pixel hits of all particles (and noise), an edge filter
that looks at single edges, an interaction network on what it leaves, tracks by walkthrough. Both
thresholds are chosen on the validation events; figures are of the test events, the last ones.

One set of particles is the denominator of both algorithms: pT >= 1 GeV, |eta| < 3, hits on at
least 3 pixel layers and, as the Kalman filter asks for many, at least 9 hits in the whole tracker.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import torch

import pcgnn
from pcgnn.io.atomic import atomic_path
from pcgnn.metrics import loss_ledger, track_report
from pcgnn.tracking import HitGraphs, LayerPairCuts, build_graphs, find_tracks

PT_MIN, ETA_MAX, MIN_HITS, MIN_PIXEL_LAYERS = 1.0, 3.0, 9, 3
PIXELS = (7, 8, 9)
FILTER_EFFICIENCY = 0.995
EFFICIENCY = 0.98
RULES: dict[str, dict[str, Any]] = {
    "double_majority": {"rule": "double_majority"},
    "acts": {"rule": "acts"},
    "acts, double matching": {"rule": "acts", "double_matching": True},
}
FIT: dict[str, Any] = {"weight_decay": 1e-4, "gradient_clip": 1.0, "progress": False}


def flat(values: ak.Array) -> Any:
    return ak.to_numpy(ak.flatten(values))


def columns(hits: ak.Array) -> dict[str, Any]:
    """Flat columns of all hits: truth, and which particles are in the denominator."""
    counts = ak.to_numpy(ak.num(hits.hit))
    event = np.repeat(np.arange(len(hits)), counts)
    particle = flat(hits.hit.particle_id).astype(np.int64)
    pixel = np.isin(flat(hits.hit.volume), PIXELS)
    key = event * (1 + int(particle.max())) + np.maximum(particle, 0)
    layer = flat(hits.hit.volume).astype(np.int64) * 100 + flat(hits.hit.layer)
    size = int(key.max()) + 1
    on_layers = np.unique(np.stack([key[pixel], layer[pixel]]), axis=1)[0]
    enough = np.bincount(key, minlength=size) >= MIN_HITS
    enough &= np.bincount(on_layers, minlength=size) >= MIN_PIXEL_LAYERS
    found: dict[str, Any] = {"event_id": event, "particle_id": particle}
    for name in ("pt", "eta"):
        table = np.zeros(size)
        ids = flat(hits.particle.particle_id)
        of = np.repeat(np.arange(len(hits)), ak.to_numpy(ak.num(hits.particle)))
        keys = of * (1 + int(particle.max())) + ids
        inside = keys < size
        table[keys[inside]] = flat(hits.particle[name])[inside]
        found[name] = np.where(particle > 0, table[key], 0.0)
    found["reconstructable"] = enough[key] & (particle > 0)
    return {**found, "pixel": pixel}


def restricted(table: dict[str, Any], chosen: Any) -> dict[str, Any]:
    return {name: values[chosen] for name, values in table.items() if name != "pixel"}


def reference_labels(hits: ak.Array, name: str) -> Any:
    """Label of each hit by a reference algorithm; of hits shared by two tracks the first's."""
    counts = ak.to_numpy(ak.num(hits.hit))
    first = np.concatenate([[0], np.cumsum(counts)])[:-1]
    tracks = hits[name]
    place = flat(ak.flatten(tracks.hit_index + first, axis=2))
    per_track = flat(ak.num(tracks.hit_index, axis=2))
    labels = np.full(int(counts.sum()), -1, dtype=np.int64)
    labels[place[::-1]] = np.repeat(np.arange(per_track.size), per_track)[::-1]
    return labels


def trained(
    name: str, folder: Path, train: HitGraphs, val: HitGraphs, epochs: int, lr: float, **sizes: Any
) -> Any:
    torch.manual_seed(1)
    model = pcgnn.create_model(
        name,
        features=train.features,
        edge_features=len(train.description["edge_features"]),
        **sizes,
    )
    begin = time.perf_counter()
    result = pcgnn.fit(
        model, train, val, epochs=epochs, lr=lr, seed=1, directory=folder, resume=True, **FIT
    )
    print(f"{name}: {model.num_parameters:,} parameters, {time.perf_counter() - begin:.0f} s")
    return result


def judge(table: dict[str, Any], labels: Any, text: str, record: dict[str, Any]) -> None:
    for rule, options in RULES.items():
        report = track_report(table, labels, pt_min=PT_MIN, eta_max=ETA_MAX, **options)
        record[f"{text}; {rule}"] = report.to_dict()
        rates = (report.efficiency, report.fake_rate, report.duplicate_rate)
        print(f"{text:<32}{rule:<23}" + "".join(f"{rate!s:<24}" for rate in rates), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--files", required=True, help="ROOT file of pcgnn simulate tracks")
    parser.add_argument("--reference", help="tracks in the file to compare with, e.g. ambi")
    parser.add_argument("--val", type=int, default=2, help="validation events")
    parser.add_argument("--test", type=int, default=4, help="test events")
    parser.add_argument("--filter-epochs", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--output", type=Path, default=Path("runs/track-finding"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pcgnn.tune_allocator()
    folder = options.output / Path(options.files).stem
    folder.mkdir(parents=True, exist_ok=True)

    hits = pcgnn.read_hits(options.files)
    graphs = build_graphs(
        hits, LayerPairCuts.for_pt(PT_MIN), features="helix", edge_features="helix"
    )
    print(graphs, flush=True)
    stop = len(hits) - options.test
    begin = stop - options.val
    parts = {"train": graphs[:begin], "val": graphs[begin:stop], "test": graphs[stop:]}

    result = trained(
        "edge-filter", folder / "filter", parts["train"], parts["val"], options.filter_epochs, 5e-3,
        latent=32, layers=2,
    )  # fmt: skip
    scores = {name: pcgnn.predict(result, part) for name, part in parts.items()}
    cut = parts["val"].report(scores["val"]).threshold_at_efficiency(FILTER_EFFICIENCY)
    record: dict[str, Any] = {
        "files": Path(options.files).name,
        "graphs": graphs.description,
        "events": {name: len(part) for name, part in parts.items()},
        "filter": parts["test"].report(scores["test"], threshold=cut).to_dict(),
    }
    print(parts["test"].report(scores["test"], threshold=cut), flush=True)
    whole = {name: int(sum(g.y[g.edge_mask].sum() for g in part)) for name, part in parts.items()}
    parts = {name: part.filter(scores[name], cut) for name, part in parts.items()}
    del graphs, scores
    print(parts["test"], flush=True)

    result = trained(
        "recurrent-interaction-network", folder / "network", parts["train"], parts["val"],
        options.epochs, 4e-3, latent=48, steps=5, layers=1,
    )  # fmt: skip
    scores = {name: pcgnn.predict(result, parts[name]) for name in ("val", "test")}
    kept = int(sum(g.y[g.edge_mask].sum() for g in parts["val"])) / whole["val"]
    threshold = (
        parts["val"].report(scores["val"]).threshold_at_efficiency(min(EFFICIENCY / kept, 1.0))
    )
    edges = parts["test"].report(scores["test"], threshold=threshold)
    left = int(sum(g.y[g.edge_mask].sum() for g in parts["test"])) / whole["test"]
    record["network"] = edges.to_dict()
    record["efficiency of filter and network"] = left * edges.efficiency.value
    print(edges)
    print(
        f"filter and network: {left * edges.efficiency.value:.4f} of the true edges of the graphs, "
        f"purity {edges.purity}",
        flush=True,
    )

    hits = hits[parts["test"].events]
    test = parts["test"].compact()
    tracks = find_tracks(test, scores["test"], hits=hits, method="walkthrough", threshold=threshold)
    table = columns(hits)
    pixel = table["pixel"]
    offset = table["event_id"] * (int(tracks.max()) + 1)
    tracks = np.where(tracks >= 0, tracks + offset, -1)
    print(f"{'tracks':<32}{'rule':<23}{'efficiency':<24}{'fakes':<24}duplicates")
    judge(restricted(table, pixel), tracks[pixel], "network, pixel hits", record)
    if options.reference:
        reference = reference_labels(hits, options.reference)
        text = f"{options.reference}, its pixel hits"
        judge(restricted(table, pixel), reference[pixel], text, record)
        every = np.ones(pixel.size, dtype=bool)
        text = f"{options.reference}, pixel and strip hits"
        judge(restricted(table, every), reference, text, record)
    number = np.cumsum(pixel) - 1
    ledger = loss_ledger(
        restricted(table, pixel),
        rule="double_majority",
        pt_min=PT_MIN,
        eta_max=ETA_MAX,
        selected=test.selected()[pixel],
        edge_index=number[test.edges().numpy()],
        edge_score=np.asarray(scores["test"]),
        threshold=threshold,
        tracks=tracks[pixel],
    )
    record["ledger"] = ledger.to_dict()
    print(ledger)
    with atomic_path(folder / "figures.json", overwrite=True) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
