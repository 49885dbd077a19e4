"""Train on the 6,055 bundled jets, test on 20,000 fixed jets outside the bundled sample.

The 20,000 test jets are rows of the public ``train.h5`` (its first 100,000, none of them in the
bundled sample), so they need that file or a flat ``.npz`` with its rows::

    pcgnn download toptag
    python -m benchmarks.accuracy particlenet --test-rows train.h5 --seeds 1 2 3

Every finished seed is one JSON file in ``--output``; a seed that is there already is not trained
again, and a seed that was interrupted goes on from its last epoch. The best-validation-loss
checkpoint is the one tested; nothing is chosen on test jets.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import numpy.typing as npt
import torch

import pcgnn
from pcgnn.io.atomic import atomic_path

FIRST_ROWS = 100_000
TEST_JETS = 20_000
ORDER_SEED = 20190226

_ONE_CYCLE = {"batch_size": 128, "lr": 3e-3, "weight_decay": 1e-2, "schedule": "one-cycle"}
RECIPES: dict[str, dict[str, object]] = {
    # more features than the published ones, and dropout: 6,055 jets are few for a dense network
    "lbn": {
        "epochs": 8,
        **_ONE_CYCLE,
        "weight_decay": 1e-1,
        "model": {
            "combinations": 30,
            "remainder": True,
            "quantities": ["E", "pt", "eta", "phi", "m", "pair_cos", "pair_m"],
            "dropout": 0.5,
        },
    },
    "lola": {"epochs": 8, **_ONE_CYCLE},
    "lorentznet": {
        "epochs": 35,
        "batch_size": 32,
        "lr": 1e-3,
        "weight_decay": 1e-2,
        "schedule": "cosine-restarts",
        "monitor": "val_accuracy",
    },
    "particlenet": {"epochs": 14, **_ONE_CYCLE},
    "particlenet-lite": {"epochs": 20, **_ONE_CYCLE},
}
# the jets of the public file come without columns of the jet: one axis for all parts
FEATURES = replace(pcgnn.FeatureDefinition.parse("particlenet"), jet_axis="particles")
METRICS = ("accuracy", "auc", "rejection_50", "rejection_30")


def fixed_rows(available: npt.NDArray[np.int64], bundled: npt.NDArray[np.int64]) -> ak.Array:
    """Positions in ``available`` of the test rows: the first 20,000 of one fixed permutation.

    Args:
        available: (M,) row numbers of the public file that are at hand.
        bundled: row numbers in the bundled sample, which are excluded.
    """
    position = np.full(FIRST_ROWS, -1, np.int64)
    inside = available < FIRST_ROWS
    position[available[inside]] = np.flatnonzero(inside)
    position[bundled[bundled < FIRST_ROWS]] = -1
    order = np.random.default_rng(ORDER_SEED).permutation(FIRST_ROWS)
    chosen = order[position[order] >= 0][:TEST_JETS]
    if len(chosen) < TEST_JETS:
        raise SystemExit(f"only {len(chosen)} rows outside the bundled sample; need {TEST_JETS}")
    return position[chosen]


def read_rows(path: Path) -> ak.Array:
    """The first 100,000 rows of the public file, with their row number."""
    if path.suffix == ".npz":
        return pcgnn.read_npz(path)
    jets = pcgnn.read_toptag_hdf5(path, entry_stop=FIRST_ROWS)
    return ak.with_field(jets, jets["entry"], "row")


def test_clouds(path: Path, bundled: ak.Array, max_particles: int | None) -> pcgnn.ParticleClouds:
    jets = read_rows(path)
    rows = fixed_rows(np.asarray(jets["row"], np.int64), np.asarray(bundled["row"], np.int64))
    return pcgnn.ParticleClouds.from_awkward(
        jets[rows], features=FEATURES, target="is_top", max_particles=max_particles
    )


def figures(clouds: pcgnn.ParticleClouds, scores: pcgnn.Prediction) -> dict[str, object]:
    report = pcgnn.metrics.tagging_report(clouds.y, scores)
    estimates = {
        "accuracy": report.accuracy,
        "auc": report.auc,
        "rejection_50": report.rejection(0.5),
        "rejection_30": report.rejection(0.3),
    }
    return {
        "jets": len(clouds),
        **{name: e.value for name, e in estimates.items()},
        **{f"{name}_interval": list(e.interval) for name, e in estimates.items()},
    }


def run_seed(
    name: str, seed: int, parts: dict[str, pcgnn.ParticleClouds], output: Path, epochs: int | None
) -> None:
    done = output / f"{name}-seed{seed}.json"
    if done.exists():
        print(f"{done} is there: not trained again")
        return
    recipe = dict(RECIPES[name])
    if epochs is not None:
        recipe["epochs"] = epochs
    torch.manual_seed(seed)  # the initial weights; fit seeds the rest
    arguments: dict[str, object] = recipe.get("model", {})  # type: ignore[assignment]
    options = {key: value for key, value in recipe.items() if key != "model"}
    model = pcgnn.create_model(name, features=parts["train"].features, classes=2, **arguments)
    start = time.perf_counter()
    result = pcgnn.fit(
        model,
        parts["train"],
        parts["validation"],
        optimizer="adamw",
        directory=output / f"{name}-seed{seed}",
        resume=True,
        seed=seed,
        **options,  # type: ignore[arg-type]
    )
    seconds = time.perf_counter() - start
    record = {
        "model": name,
        "seed": seed,
        "recipe": recipe,
        "training_jets": len(parts["train"]),
        "seconds": seconds,
        **{
            part: figures(clouds, pcgnn.predict(result, clouds))
            for part, clouds in parts.items()
            if part != "train"
        },
    }
    with atomic_path(done) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


def summary(name: str, output: Path) -> str:
    records = [json.loads(p.read_text()) for p in sorted(output.glob(f"{name}-seed*.json"))]
    lines = [f"{name}: {len(records)} seeds (mean +- spread over seeds)"]
    for part in ("validation", "bundled test", "fixed test"):
        rows = [r[part] for r in records if part in r]
        if rows:
            values = {m: np.array([r[m] for r in rows]) for m in METRICS}
            text = ", ".join(
                f"{m} {v.mean():.4f} +- {v.std(ddof=1) if len(v) > 1 else float('nan'):.4f}"
                for m, v in values.items()
            )
            lines.append(f"  {part} ({rows[0]['jets']} jets): {text}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("model", choices=sorted(RECIPES))
    parser.add_argument("--test-rows", type=Path, help="train.h5 or a flat .npz of its rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's number")
    parser.add_argument("--max-particles", type=int, help="leading particles kept (default: all)")
    parser.add_argument("--output", type=Path, default=Path("runs/accuracy"))
    options = parser.parse_args()

    pcgnn.tune_allocator()
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"),
        particles="part_*",
        event=["jet_pt", "jet_eta", "jet_phi", "jet_mass", "is_top", "split", "row"],
    )
    clouds = pcgnn.ParticleClouds.from_awkward(
        jets, features=FEATURES, target="is_top", max_particles=options.max_particles
    )
    train, validation, test = clouds.split(column="split")
    parts = {"train": train, "validation": validation, "bundled test": test}
    if options.test_rows:
        parts["fixed test"] = test_clouds(options.test_rows, jets, options.max_particles)
    options.output.mkdir(parents=True, exist_ok=True)
    for seed in options.seeds:
        run_seed(options.model, seed, parts, options.output, options.epochs)
    print(summary(options.model, options.output))


if __name__ == "__main__":
    main()
