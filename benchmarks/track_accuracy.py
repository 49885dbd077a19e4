"""Train edge classifiers on simulated events and judge them on others: the figures of the docs.

The events are made by ``pcgnn simulate tracks`` (extra ``simulation``)::

    pcgnn simulate tracks barrel_pu20.root --events 1100 --pile-up 20 --seed 41 --processes 2
    pcgnn simulate tracks pixels_pu200.root --events 220 --pile-up 200 --seed 31 --first-event 30
    python -m benchmarks.track_accuracy barrel --files barrel_pu20.root --train 60 --epochs 40
    python -m benchmarks.track_accuracy pixels --files pixels_pu200.root --train 100 --epochs 8

Of each file the last events are the test part and those before them the validation part, whatever
is trained on. The threshold is chosen on the validation part. Every finished training is one JSON
file in ``--output``; one that is there already is not trained again, and one that was interrupted
goes on from its last epoch.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pcgnn
from pcgnn.io.atomic import atomic_path
from pcgnn.tracking import HitGraphs, LayerPairCuts, build_graphs

READ_AT_ONCE = 50


@dataclass(frozen=True)
class Recipe:
    """What is built, trained and asked.

    Args:
        cuts: cuts of the graphs.
        graphs: further arguments of build_graphs.
        efficiency: of the classifier, at which purity is quoted.
        val: events of the validation part.
        test: events of the test part.
        network: arguments of the recurrent interaction network.
        fit: arguments of pcgnn.fit.
    """

    cuts: LayerPairCuts
    graphs: dict[str, Any]
    efficiency: float
    val: int
    test: int
    network: dict[str, Any]
    fit: dict[str, Any] = field(default_factory=dict)


HELIX = {"features": "helix", "edge_features": "helix"}
TRAINING = {"lr": 4e-3, "weight_decay": 1e-4, "gradient_clip": 1.0}

RECIPES = {
    # ten barrel layers, all pT, one hit per particle and layer: the setting of 1810.06111 and
    # of the figure of 95.7% purity at 95.9% efficiency
    "barrel": Recipe(
        LayerPairCuts.barrel(),
        {"truth_selection": "ideal", "pt_min": 0.0, "one_hit_per_layer": True, **HELIX},
        0.959,
        20,
        80,
        {"latent": 64, "steps": 6, "layers": 1},
        {"batch_size": 2, **TRAINING},
    ),
    "pixels": Recipe(
        LayerPairCuts.for_pt(1.0),
        {"truth_selection": "ideal", **HELIX},
        0.98,
        5,
        15,
        {"latent": 48, "steps": 6, "layers": 1},
        TRAINING,
    ),
}


def read_graphs(files: str, start: int, stop: int, recipe: Recipe) -> HitGraphs:
    """Graphs of some events of a file, read in parts: hits are larger than their graphs."""
    parts = []
    for begin in range(start, stop, READ_AT_ONCE):
        hits = pcgnn.read_hits(files, entry_start=begin, entry_stop=min(begin + READ_AT_ONCE, stop))
        parts.append(build_graphs(hits, recipe.cuts, **recipe.graphs))
    graphs, sizes = [], []
    for part in parts:
        for graph in part:
            graph.event = graph.event + sum(map(len, sizes))
            graphs.append(graph)
        sizes.append(np.diff(part.offsets))
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    return HitGraphs(graphs, parts[0].description, parts[0].provenance, offsets)


def events_of(files: str) -> int:
    """Number of events of a ROOT file."""
    import uproot

    with uproot.open(files) as file:
        return int(file["events"].num_entries)


def train(
    name: str, events: int, epochs: int, seed: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train on the first events, choose the threshold, judge the last ones."""
    recipe = RECIPES[name]
    output: Path = arguments.output
    done = output / f"{name}-{events}events-seed{seed}.json"
    if done.exists():
        print(f"{done} is there: not trained again")
        record: dict[str, Any] = json.loads(done.read_text())
        return record
    total = events_of(arguments.files)
    test_start, val_start = total - recipe.test, total - recipe.test - recipe.val
    if events > val_start:
        raise SystemExit(f"the file has {val_start} events for training, not {events}")
    parts = {
        "train": read_graphs(arguments.files, 0, events, recipe),
        "val": read_graphs(arguments.files, val_start, test_start, recipe),
    }
    torch.manual_seed(seed)
    model = pcgnn.create_model(
        "recurrent-interaction-network",
        features=parts["train"].features,
        edge_features=len(parts["train"].description["edge_features"]),
        **recipe.network,
    )
    start = time.perf_counter()
    result = pcgnn.fit(
        model,
        parts["train"],
        parts["val"],
        epochs=epochs,
        seed=seed,
        directory=output / f"{name}-{events}events-seed{seed}",
        resume=True,
        progress=arguments.progress,
        **recipe.fit,
    )
    seconds = time.perf_counter() - start
    threshold = (
        parts["val"]
        .report(pcgnn.predict(result, parts["val"]))
        .threshold_at_efficiency(recipe.efficiency)
    )
    record = {
        "recipe": name,
        "graphs": parts["train"].description,
        "network": {**recipe.network, "parameters": model.num_parameters},
        "training_events": events,
        "epochs": epochs,
        "seed": seed,
        "seconds": seconds,
        "threshold": threshold,
    }
    del parts
    judged = {"test": (arguments.files, test_start, total)}
    for file in arguments.also or []:
        judged[Path(file).stem] = (file, 0, events_of(file))
    for part, (file, begin, end) in judged.items():
        graphs = read_graphs(file, begin, end, recipe)
        scores = pcgnn.predict(result, graphs)
        report = graphs.report(scores, threshold=threshold)
        own = report.threshold_at_efficiency(recipe.efficiency)
        record[part] = {
            "events": len(graphs),
            "at the threshold": report.to_dict(),
            f"at efficiency {recipe.efficiency}": graphs.report(scores, threshold=own).to_dict(),
        }
        print(f"{name}, {events} training events, {part}:\n{report}")
    with atomic_path(done) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("recipe", choices=sorted(RECIPES))
    parser.add_argument("--files", required=True, help="ROOT file of pcgnn simulate tracks")
    parser.add_argument("--also", nargs="+", help="further files to judge, e.g. of more pile-up")
    parser.add_argument("--train", type=int, nargs="+", required=True, help="training events")
    parser.add_argument("--epochs", type=int, nargs="+", required=True, help="one per --train")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--output", type=Path, default=Path("runs/track-accuracy"))
    parser.add_argument("--progress", action="store_true", help="show progress bars")
    options = parser.parse_args()
    if len(options.epochs) != len(options.train):
        parser.error("give as many --epochs as --train")
    torch.set_num_threads(1)
    pcgnn.tune_allocator()
    options.output.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        for events, epochs in zip(options.train, options.epochs, strict=True):
            train(options.recipe, events, epochs, seed, options)


if __name__ == "__main__":
    main()
