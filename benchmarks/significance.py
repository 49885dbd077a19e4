"""Losses that aim at discovery against cross entropy, on simulated stop pairs.

``python -m benchmarks.significance [--files FILES] [--seeds 5] [--output DIR]`` trains the network
of arXiv:1806.00322 (one hidden layer of 23 units) by cross entropy, by (s+b)/s^2 and by the
Asimov loss with and without its warm start, and gives for each the largest Z_A over the cuts on its
score, on events that were not trained on. Every training is kept: run again, the table is read.
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
from pcgnn.metrics import significance_scan
from pcgnn.metrics.text import table
from pcgnn.training.kept_results import kept_result

POINTS = {"uncompressed": (900.0, 100.0), "compressed": (600.0, 400.0)}
SYSTEMATICS = (0.1, 0.3, 0.5)
LOSSES = ("cross entropy", "(s+b)/s^2", "asimov", "asimov, no warm start")
FEATURES = [
    *(f"lep_{name}" for name in ("pt", "eta", "phi")),
    *(f"jet{number}_{name}" for number in (1, 2, 3) for name in ("pt", "eta", "phi")),
    *("njet", "nbjet", "mt", "mt2w", "met", "ht"),
]
MIN_BACKGROUND = 10


def events(files: Sequence[str], point: tuple[float, float]) -> pcgnn.ParticleClouds:
    """One stop point against top-quark pairs, each event with its expected number as weight.

    Every file stands for the whole luminosity by itself.
    """
    names = sorted({name for text in FEATURES for name in [text]} | {"is_signal", "weight"})
    m_stop, m_lsp = point
    found = pcgnn.read_root(
        list(files), "events", event=[*names, "m_stop", "m_lsp"],
        cut=f"(is_signal == 0) | ((m_stop == {m_stop}) & (m_lsp == {m_lsp}))",
    )  # fmt: skip
    return pcgnn.ParticleClouds.from_awkward(
        found, features=FEATURES, target="is_signal", weight=f"weight / {len(files)}", columns=[]
    )


def train(
    name: str, parts: Sequence[pcgnn.ParticleClouds], systematic: float, seed: int, folder: Path,
    epochs: int, batch_size: int,
) -> dict[str, float]:  # fmt: skip
    """Largest Z_A of one training on the test part."""
    fit, val, test = parts
    yields = expected(parts)
    arguments: dict[str, Any] = {
        "expected_signal": yields[1], "expected_background": yields[0], "systematic": systematic,
    }  # fmt: skip
    if name == "cross entropy":
        loss, arguments = "cross-entropy", {"class_weights": "balanced"}
    elif name == "(s+b)/s^2":
        loss = "significance"
        arguments.pop("systematic")
    else:
        loss = "asimov"
        arguments["warm_start"] = 0 if "no warm" in name else 5
    torch.manual_seed(seed)
    assert fit.features is not None
    model = pcgnn.create_model("dense", features=fit.features, widths=[23])
    result = pcgnn.fit(
        model, fit, val, epochs=epochs, batch_size=batch_size, loss=loss, loss_arguments=arguments,
        optimizer="adam", lr=3e-3, weight_decay=0.0, schedule="constant", early_stopping=40,
        early_stopping_start=10, seed=seed, directory=folder / "run", resume=True, progress=False,
    )  # fmt: skip
    scores = pcgnn.predict(result, test).signal
    scan = significance_scan(
        test.y, scores, weight=test.weight, signal=yields[1], background=yields[0],
        systematic=systematic, min_background=MIN_BACKGROUND,
    )  # fmt: skip
    best = scan.best
    return {
        "z": scan.best_significance, "error": scan.best_error, "signal": float(scan.signal[best]),
        "background": float(scan.background[best]), "events": int(scan.background_events[best]),
        "epochs": len(result.history["epoch"]), "best_epoch": result.best_epoch + 1,
    }  # fmt: skip


def expected(parts: Sequence[pcgnn.ParticleClouds]) -> tuple[float, float]:
    """Expected background and signal events before a cut, of all parts together."""
    sums = [0.0, 0.0]
    for part in parts:
        assert part.y is not None
        assert part.weight is not None
        for label in (0, 1):
            sums[label] += float(part.weight[part.y == label].sum())
    return sums[0], sums[1]


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, print and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", nargs="+", help="files of `pcgnn simulate stop`; else bundled")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=4096)
    parser.add_argument("--points", nargs="+", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--systematics", nargs="+", type=float, default=list(SYSTEMATICS))
    parser.add_argument("--output", type=Path, default=Path("runs/significance"))
    options = parser.parse_args(words)
    files = options.files or [str(pcgnn.datasets.bundled("stop"))]
    rows, record = [], []
    for point in options.points:
        clouds = events(files, POINTS[point])
        for systematic in options.systematics:
            for name in LOSSES:
                found = []
                for seed in range(1, options.seeds + 1):
                    # the split moves with the seed: the spread holds the choice of events too
                    parts = clouds.split((0.5, 0.2, 0.3), seed=seed)
                    label = name.replace("/", " over ")
                    folder = options.output / point / f"{systematic}" / label / f"seed{seed}"
                    key = {
                        "loss": name, "systematic": systematic, "seed": seed,
                        "epochs": options.epochs, "batch_size": options.batch_size,
                        "data": [part.data_hash() for part in parts],
                    }  # fmt: skip
                    found.append(
                        kept_result(
                            folder / "result.json", key,
                            lambda p=parts, n=name, s=seed, f=folder, v=systematic: train(
                                n, p, v, s, f, options.epochs, options.batch_size
                            ),
                        )
                    )  # fmt: skip
                z = np.array([each["z"] for each in found])
                spread = float(z.std(ddof=1)) if z.size > 1 else float("nan")
                record.append(
                    {"point": point, "systematic": systematic, "loss": name,
                     "mean": float(z.mean()), "spread": spread, "runs": found}
                )  # fmt: skip
                rows.append(
                    [
                        point, f"{systematic:.0%}", name, f"{z.mean():.2f} ± {spread:.2f}",
                        f"{np.mean([each['error'] for each in found]):.2f}",
                        f"{np.mean([each['signal'] for each in found]):.1f}",
                        f"{np.mean([each['background'] for each in found]):.1f}",
                        f"{np.mean([each['events'] for each in found]):.0f}",
                    ]
                )  # fmt: skip
                print(" | ".join(rows[-1]), flush=True)
    head = [
        "point",
        "systematic",
        "loss",
        "Z_A (mean, spread)",
        "stat. error",
        "s",
        "b",
        "simulated b",
    ]
    print(table(head, rows))
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "table.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
