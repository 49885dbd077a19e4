"""Find tracks among all pixel hits, nothing selected by truth, beside a Kalman filter.

The events are made by ``pcgnn simulate tracks`` (extra ``simulation``)::

    pcgnn simulate tracks noisy.root --events 160 --seed 43 --inefficiency 0.02 --noise 0.1
    pcgnn simulate tracks kf.root --events 6 --seed 42 --reconstruction
    python -m benchmarks.track_finding --files noisy.root --compare kf.root

Graphs on all pixel hits of all particles and noise by a map of the modules that particles of
pT > 1 GeV connect, learned from all events of ``--files`` but those of validation and test; a small
interaction network that thins them out; a larger one on what is left; both trained on sectors in
azimuth, many updates per event, and applied to whole events; tracks by walkthrough. All thresholds
are chosen on the validation events: those of the edges by their efficiency, that of the tracks,
which may be another, by the efficiency of the tracks. Figures are of the events of ``--files``
after those of training and validation, and of the first ones of ``--compare``, whose hits are
complete and without noise since the Kalman filter ran on them.

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
from pcgnn.tracking import (
    HitGraphs,
    LayerMap,
    LayerPairCuts,
    build_graphs,
    find_tracks,
    split_sectors,
)

PT_MIN, ETA_MAX, MIN_HITS, MIN_PIXEL_LAYERS = 1.0, 3.0, 9, 3
PIXELS = (7, 8, 9)
THINNING_EFFICIENCY = 0.995
EFFICIENCY = 0.98
RULES: dict[str, dict[str, Any]] = {
    "double_majority": {"rule": "double_majority"},
    "acts": {"rule": "acts"},
    "acts, double matching": {"rule": "acts", "double_matching": True},
}
SECTORS, OVERLAP = 16, 0.05
TRACK_THRESHOLDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
REFERENCES = ("ckf", "ambi")
MAP_QUANTILE = 0.99
GRAPHS: dict[str, Any] = {
    "truth": "consecutive",
    "features": "helix",
    "edge_features": "helix",
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


def count_true(graphs: HitGraphs) -> int:
    """True edges in the graphs that count."""
    return sum(int(graph.y[graph.edge_mask].sum()) for graph in graphs)


def learn_map(files: str, train: int, after: int) -> LayerMap:
    """The connected modules of the training events and of all after those of the test."""
    parts = [
        pcgnn.read_hits(files, entry_stop=train),
        pcgnn.read_hits(files, entry_start=after),
    ]
    layer_map = LayerMap.learn(
        ak.concatenate(parts),
        pt_min=PT_MIN,
        level="module",
        layers=LayerPairCuts.for_pt(PT_MIN).layers,
        quantile=MAP_QUANTILE,
        min_count=1,
    )
    print(layer_map, flush=True)
    return layer_map


def trained(
    folder: Path, train: HitGraphs, val: HitGraphs, epochs: int, lr: float, **sizes: int
) -> Any:
    torch.manual_seed(1)
    model = pcgnn.create_model(
        "recurrent-interaction-network",
        features=train.features,
        edge_features=len(train.description["edge_features"]),
        layers=1,
        **sizes,
    )
    begin = time.perf_counter()
    sectors = split_sectors(train, phi=SECTORS, phi_overlap=OVERLAP)
    result = pcgnn.fit(
        model, sectors, val, epochs=epochs, lr=lr, seed=1, directory=folder, resume=True, **FIT
    )
    print(f"{sizes}: {model.num_parameters:,} parameters, {time.perf_counter() - begin:.0f} s")
    return result


def judge(table: dict[str, Any], labels: Any, text: str, record: dict[str, Any]) -> None:
    for rule, options in RULES.items():
        report = track_report(table, labels, pt_min=PT_MIN, eta_max=ETA_MAX, **options)
        record[f"{text}; {rule}"] = report.to_dict()
        rates = (report.efficiency, report.fake_rate, report.duplicate_rate)
        print(f"{text:<32}{rule:<23}" + "".join(f"{rate!s:<24}" for rate in rates), flush=True)


def track_threshold(network: Any, val: HitGraphs, hits: ak.Array) -> float:
    """The edge threshold of the largest track efficiency (double majority) on validation events."""
    val = val.compact()
    scores = pcgnn.predict(network, val)
    table = columns(hits)
    pixel = table["pixel"]
    found = {}
    for threshold in TRACK_THRESHOLDS:
        tracks = find_tracks(val, scores, hits=hits, method="walkthrough", threshold=threshold)
        report = track_report(
            restricted(table, pixel), tracks[pixel], pt_min=PT_MIN, eta_max=ETA_MAX,
            rule="double_majority",
        )  # fmt: skip
        found[threshold] = report.efficiency.value
        print(f"validation, edges of score >= {threshold}: track efficiency {report.efficiency}")
    return max(found, key=lambda threshold: found[threshold])


def chain(
    files: str,
    start: int,
    stop: int,
    layer_map: LayerMap,
    networks: tuple[Any, float, Any, float, float],
    text: str,
) -> dict[str, Any]:
    """Graphs, both networks and tracks of some events, judged."""
    first, cut, second, threshold, for_tracks = networks
    hits = pcgnn.read_hits(files, entry_start=start, entry_stop=stop)
    graphs = build_graphs(hits, layer_map, **GRAPHS)
    true = count_true(graphs)
    scores = pcgnn.predict(first, graphs)
    thinning = graphs.report(scores, threshold=cut)
    print(f"\n{text}: {len(hits)} events\n{thinning}")
    graphs = graphs.filter(scores, cut)
    left = count_true(graphs) / true
    scores = pcgnn.predict(second, graphs)
    edges = graphs.report(scores, threshold=threshold)
    both = left * edges.efficiency.value
    print(
        f"{edges}\nboth networks keep {both:.4f} of the true edges of the graphs, "
        f"purity {edges.purity}",
        flush=True,
    )
    record = {
        "events": len(hits),
        "thinning": thinning.to_dict(),
        "network": edges.to_dict(),
        "efficiency of both networks": both,
    }
    begin = time.process_time()
    tracks = find_tracks(graphs, scores, hits=hits, method="walkthrough", threshold=for_tracks)
    at_tracks = graphs.report(scores, threshold=for_tracks)
    record["network at the threshold of the tracks"] = at_tracks.to_dict()
    print(
        f"edges of score >= {for_tracks}: {left * at_tracks.efficiency.value:.4f} of the true "
        f"ones, purity {at_tracks.purity}"
    )
    print(f"walkthrough: {time.process_time() - begin:.1f} CPU s")
    table = columns(hits)
    pixel = table["pixel"]
    print(f"{'tracks':<32}{'rule':<23}{'efficiency':<24}{'fakes':<24}duplicates")
    judge(restricted(table, pixel), tracks[pixel], "networks, pixel hits", record)
    number = np.cumsum(pixel) - 1
    ledger = loss_ledger(
        restricted(table, pixel),
        rule="double_majority",
        pt_min=PT_MIN,
        eta_max=ETA_MAX,
        edge_index=number[graphs.edges().numpy()],
        edge_score=np.asarray(scores),
        threshold=for_tracks,
        tracks=tracks[pixel],
    )
    record["ledger"] = ledger.to_dict()
    for name in REFERENCES:
        if name in ak.fields(hits):
            labels = reference_labels(hits, name)
            judge(restricted(table, pixel), labels[pixel], f"{name}, its pixel hits", record)
            every = np.ones(pixel.size, dtype=bool)
            judge(restricted(table, every), labels, f"{name}, pixel and strip hits", record)
    print(ledger, flush=True)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--files", required=True, help="ROOT file of pcgnn simulate tracks")
    parser.add_argument("--compare", help="ROOT file with reference tracks")
    parser.add_argument("--train", type=int, default=48, help="training events, the first ones")
    parser.add_argument("--val", type=int, default=4, help="validation events, the next ones")
    parser.add_argument("--test", type=int, default=6, help="test events of either file")
    parser.add_argument("--thinning-epochs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("runs/track-finding"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pcgnn.tune_allocator()
    folder: Path = options.output
    folder.mkdir(parents=True, exist_ok=True)

    begin = options.train + options.val
    layer_map = learn_map(options.files, options.train, begin + options.test)
    hits = pcgnn.read_hits(options.files, entry_stop=begin)
    graphs = build_graphs(hits, layer_map, **GRAPHS)
    print(graphs, flush=True)
    train, val = graphs[: options.train], graphs[options.train :]
    first = trained(
        folder / "thinning", train, val, options.thinning_epochs, 5e-3, latent=16, steps=2
    )
    scores = [pcgnn.predict(first, part) for part in (train, val)]
    true = count_true(val)
    cut = val.report(scores[1]).threshold_at_efficiency(THINNING_EFFICIENCY)
    train, val = train.filter(scores[0], cut), val.filter(scores[1], cut)
    print(train, flush=True)
    second = trained(folder / "network", train, val, options.epochs, 4e-3, latent=48, steps=5)
    wanted = min(EFFICIENCY * true / count_true(val), 1.0)
    threshold = val.report(pcgnn.predict(second, val)).threshold_at_efficiency(wanted)
    for_tracks = track_threshold(second, val, hits[options.train :])
    description = graphs.description
    del graphs, train, val, scores, hits

    networks = (first, cut, second, threshold, for_tracks)
    record: dict[str, Any] = {
        "graphs": description,
        "training events": options.train,
        "validation events": options.val,
        "test": chain(
            options.files, begin, begin + options.test, layer_map, networks, "test events"
        ),
    }
    if options.compare:
        record["compare"] = chain(
            options.compare, 0, options.test, layer_map, networks, "compared events"
        )
    with atomic_path(folder / "figures.json", overwrite=True) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
