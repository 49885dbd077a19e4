"""Losses for the soft-drop mass at equal budget, by the resolution of predicted over true mass.

``python -m benchmarks.regression [--files FILES] [--seeds 5] [--output DIR]`` trains one network
by four losses with the same splits, epochs, batches, rates and seeds, and gives for each
(a - b)/(2c) of the ratio R of prediction and truth on jets that were not trained on, with quantiles
a (84%), b (16%) and the median c. Every training is kept: run again, the table is read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pcgnn
from pcgnn.metrics import RegressionReport, regression_report
from pcgnn.metrics.text import table
from pcgnn.training.kept_results import kept_result

LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "central-fraction, as printed": ("central-fraction", {"form": "as-printed"}),
    "central-fraction, mean square": ("central-fraction", {"form": "mean-square"}),
    "mean-squared-ratio": ("mean-squared-ratio", {}),
    "huber": ("huber", {}),
}
REFERENCE = "mean-squared-ratio"
SEEN = ["jet_sdmass", "jet_sdmass_chs"]
OBSERVABLES = [
    *("jet_pt", "jet_eta", "jet_mass", "jet_tau1", "jet_tau2", "jet_tau3", "jet_tau4", "npart"),
]
NETWORKS: dict[str, dict[str, Any]] = {
    "dense": {"widths": [64, 64]},
    "dense-no-mass": {"widths": [64, 64]},
    "pfn": {},
}
RANGES = {"all": (0.0, 1e9), "40 to 110 GeV": (40.0, 110.0), "110 to 250 GeV": (110.0, 250.0)}
SHARES = (0.5, 0.15, 0.35)


def jets(files: Sequence[str], network: str, least_mass: float) -> pcgnn.ParticleClouds:
    """All jets, with what the network reads: observables of the jet, or its particles."""
    cut = f"softdrop_mass > {least_mass}"
    columns = ["softdrop_mass", *SEEN]
    if network == "pfn":
        found = pcgnn.read_root(list(files), "jets", particles="part_*", event=columns, cut=cut)
        found = pcgnn.data.calorimeter_energies(found)
        features: Any = "calorimeter"
    else:
        found = pcgnn.read_root(list(files), "jets", event=[*OBSERVABLES, *columns], cut=cut)
        features = [*OBSERVABLES, *(SEEN if network == "dense" else [])]
    return pcgnn.ParticleClouds.from_awkward(
        found, features=features, target="softdrop_mass", columns=SEEN
    )


def judged(truth: Any, prediction: Any) -> dict[str, dict[str, float]]:
    """Resolution, its error, bias and tail of all jets and in ranges of the true mass."""
    found = {}
    true, predicted = (np.asarray(values, dtype=float).ravel() for values in (truth, prediction))
    for name, (low, high) in RANGES.items():
        part = (true >= low) & (true < high)
        report: RegressionReport = regression_report(true[part], predicted[part], unit="GeV")
        found[name] = {
            "resolution": report.resolution.value, "error": report.resolution.error,
            "bias": report.bias.value, "tail": report.tail.value, "jets": int(part.sum()),
        }  # fmt: skip
    return found


def train(
    name: str, parts: Sequence[pcgnn.ParticleClouds], seed: int, folder: Path, options: Any
) -> dict[str, Any]:
    """What one training reaches on the test part."""
    fit, val, test = parts
    loss, arguments = LOSSES[name]
    torch.manual_seed(seed)
    assert fit.features is not None
    kind = "pfn" if options.network == "pfn" else "dense"
    model = pcgnn.create_model(
        kind, features=fit.features, classes=1, **NETWORKS[options.network]
    )  # fmt: skip
    result = pcgnn.fit(
        model, fit, val, epochs=options.epochs, batch_size=options.batch_size, lr=options.lr,
        loss=loss, loss_arguments=arguments, seed=seed, directory=folder / "run", resume=True,
        progress=False,
    )  # fmt: skip
    prediction = pcgnn.predict(result, test)
    return {
        **judged(test.y, prediction.values), "best_epoch": result.best_epoch + 1,
        "epochs": len(result.history["epoch"]),
    }  # fmt: skip


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation over the seeds."""
    found = np.asarray(values, dtype=float)
    return float(found.mean()), float(found.std(ddof=1)) if found.size > 1 else float("nan")


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, print and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", nargs="+", help="of `pcgnn simulate softdrop`; else bundled")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--network", choices=list(NETWORKS), default="dense")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--least-mass", type=float, default=0.0, help="of the truth, GeV")
    parser.add_argument("--output", type=Path, default=Path("runs/regression"))
    options = parser.parse_args(words)
    files = options.files or [str(pcgnn.datasets.bundled("softdrop"))]
    clouds = jets(files, options.network, options.least_mass)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in [*SEEN, *LOSSES]}
    for seed in range(1, options.seeds + 1):
        # the split moves with the seed: the spread holds the choice of jets too
        parts = clouds.split(SHARES, seed=seed)
        for name in SEEN:
            runs[name].append(judged(parts[2].y, parts[2].columns[name]))
        for name in LOSSES:
            folder = options.output / f"seed{seed}" / name.replace(", ", "-").replace(" ", "-")
            key = {
                "loss": LOSSES[name], "network": options.network, "seed": seed,
                "model": NETWORKS[options.network], "epochs": options.epochs,
                "batch_size": options.batch_size, "lr": options.lr,
                "data": [part.data_hash() for part in parts],
            }  # fmt: skip
            runs[name].append(
                kept_result(
                    folder / "result.json", key,
                    lambda n=name, p=parts, s=seed, f=folder: train(n, p, s, f, options),
                )
            )  # fmt: skip
            print(seed, name, f"{runs[name][-1]['all']['resolution']:.4f}", flush=True)
    rows, record = [], []
    for name, found in runs.items():
        row: list[str] = [name]
        entry: dict[str, Any] = {"loss": name, "runs": found}
        for part in RANGES:
            values = [run[part]["resolution"] for run in found]
            entry[part] = spread(values)
            error = np.mean([run[part]["error"] for run in found])
            row.append("{:.4f} ± {:.4f}".format(*entry[part]) + f" ± {error:.4f}")
        entry["difference"] = spread(
            [
                run["all"]["resolution"] - other["all"]["resolution"]
                for run, other in zip(found, runs[REFERENCE], strict=True)
            ]
        )
        row.append("{:+.4f} ± {:.4f}".format(*entry["difference"]))
        row.append("{:+.3f} ± {:.3f}".format(*spread([run["all"]["bias"] for run in found])))
        row.append(f"{np.mean([run['all']['tail'] for run in found]):.3f}")
        rows.append(row)
        record.append(entry)
    head = ["loss", *(f"M, {part}" for part in RANGES), f"M - M of {REFERENCE}", "bias", "tail"]
    text = table(head, rows)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.txt").write_text(text + "\n")
    (options.output / "table.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
