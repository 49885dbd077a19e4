"""Losses that aim at discovery against cross entropy, on simulated stop pairs.

``python -m benchmarks.significance [--files FILES] [--seeds 5] [--output DIR]`` trains the network
of arXiv:1806.00322 (one hidden layer of 23 units) by cross entropy, by (s+b)/s^2 and by the
Asimov loss with and without its warm start, and gives for each the largest Z_A over the cuts on its
score. Events are selected by --cut before; five folds give every event a score of a network that
did not see it. Every result is kept: run again, the table is read.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pcgnn
from pcgnn.losses import EpochLoss, create_loss
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
FOLDS, STEPS, WARM, EVERY, PATIENCE = 5, 1500, 150, 10, 30


def events(files: Sequence[str], point: tuple[float, float], cut: str) -> pcgnn.ParticleClouds:
    """One stop point against top-quark pairs, each event with its expected number as weight.

    Every file stands for the whole luminosity by itself.
    """
    m_stop, m_lsp = point
    found = pcgnn.read_root(
        list(files), "events", event=[*FEATURES, "is_signal", "weight", "m_stop", "m_lsp"],
        cut=f"({cut}) & ((is_signal == 0) | ((m_stop == {m_stop}) & (m_lsp == {m_lsp})))",
    )  # fmt: skip
    return pcgnn.ParticleClouds.from_awkward(
        found, features=FEATURES, target="is_signal", weight=f"weight / {len(files)}", columns=[]
    )


def made_loss(name: str, yields: tuple[float, float], systematic: float) -> torch.nn.Module:
    """The loss behind a name of the table; one step here is one epoch of the losses."""
    if name == "cross entropy":
        return create_loss("cross-entropy", class_weights="balanced")
    counted: dict[str, Any] = {"expected_signal": yields[1], "expected_background": yields[0]}
    if name == "(s+b)/s^2":
        return create_loss("significance", **counted)
    warm = 0 if "no warm" in name else WARM
    return create_loss("asimov", **counted, systematic=systematic, warm_start=warm)


def scores(
    loss: torch.nn.Module, parts: dict[str, tuple[Tensor, Tensor, Tensor]], seed: int
) -> np.ndarray:
    """Train on whole batches, keep the step of the lowest validation loss, score the test part."""
    torch.manual_seed(seed)
    model: Any = pcgnn.create_model("dense", features=len(FEATURES), widths=[23])
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def logits(x: Tensor) -> Tensor:
        return model.layers(x)

    (x, y, w), (vx, vy, vw) = parts["train"], parts["validation"]
    warm = getattr(loss, "warm_start", 0)
    best, kept, waited = np.inf, None, 0
    for step in range(STEPS):
        loss.train()
        if isinstance(loss, EpochLoss):
            loss.begin_epoch(step)
        optimizer.zero_grad()
        loss(logits(x), y, w).backward()
        optimizer.step()
        if step % EVERY == EVERY - 1 and step >= warm:
            loss.eval()
            with torch.no_grad():
                value = float(loss(logits(vx), vy, vw))
            if value < best:
                kept = {name: each.clone() for name, each in model.state_dict().items()}
                best, waited = value, 0
            elif (waited := waited + 1) > PATIENCE:
                break
    assert kept is not None
    model.load_state_dict(kept)
    with torch.no_grad():
        return np.asarray(logits(parts["test"][0]).double().softmax(1)[:, 1])


def result(
    clouds: pcgnn.ParticleClouds, name: str, systematic: float, seed: int
) -> dict[str, float]:
    """Largest Z_A with scores from outside of the training."""
    assert clouds.x is not None
    assert clouds.y is not None
    assert clouds.weight is not None
    y, weight = clouds.y, clouds.weight.float()
    yields = (float(weight[y == 0].double().sum()), float(weight[y == 1].double().sum()))
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(clouds))
    found = np.zeros(len(clouds))
    for number in range(FOLDS):
        test, validation = fold == number, fold == (number + 1) % FOLDS
        chosen = {"test": test, "validation": validation, "train": ~test & ~validation}
        standard = pcgnn.Standardizer.fit(clouds[chosen["train"]])
        parts = {
            part: (standard.transform(clouds.x[rows]), y[rows], weight[rows])
            for part, rows in ((p, torch.from_numpy(c)) for p, c in chosen.items())
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of a missing warm start, as wanted
            found[test] = scores(made_loss(name, yields, systematic), parts, seed)
    scan = significance_scan(
        y, found, weight=clouds.weight, systematic=systematic, min_background=MIN_BACKGROUND
    )
    best = scan.best
    return {
        "z": scan.best_significance, "error": scan.best_error, "signal": float(scan.signal[best]),
        "background": float(scan.background[best]), "events": int(scan.background_events[best]),
    }  # fmt: skip


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, print and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", nargs="+", help="files of `pcgnn simulate stop`; else bundled")
    parser.add_argument("--cut", default="(mt > 140) & (met > 200)", help="[%(default)s]")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--points", nargs="+", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--systematics", nargs="+", type=float, default=list(SYSTEMATICS))
    parser.add_argument("--output", type=Path, default=Path("runs/significance"))
    options = parser.parse_args(words)
    files = options.files or [str(pcgnn.datasets.bundled("stop"))]
    rows, record = [], []
    for point in options.points:
        clouds = events(files, POINTS[point], options.cut)
        print(f"{point}: {len(clouds):,} simulated events")
        for systematic in options.systematics:
            for name in LOSSES:
                found = []
                for seed in range(1, options.seeds + 1):
                    label = name.replace("/", " over ")
                    path = options.output / point / f"{systematic}" / label / f"seed{seed}.json"
                    key = {
                        "loss": name, "systematic": systematic, "seed": seed, "steps": STEPS,
                        "folds": FOLDS, "data": clouds.data_hash(),
                    }  # fmt: skip
                    found.append(
                        kept_result(
                            path, key,
                            lambda c=clouds, n=name, f=systematic, s=seed: result(c, n, f, s),
                        )
                    )  # fmt: skip
                z = np.array([each["z"] for each in found])
                spread = float(z.std(ddof=1)) if z.size > 1 else float("nan")
                record.append(
                    {"point": point, "systematic": systematic, "loss": name,
                     "mean": float(z.mean()), "spread": spread, "runs": found}
                )  # fmt: skip
                mean = {key: float(np.mean([each[key] for each in found])) for key in found[0]}
                rows.append(
                    [
                        point, f"{systematic:.0%}", name, f"{z.mean():.2f} ± {spread:.2f}",
                        f"{mean['error']:.2f}", f"{mean['signal']:.1f}",
                        f"{mean['background']:.1f}", f"{mean['events']:.0f}",
                    ]
                )  # fmt: skip
                print(" | ".join(rows[-1]), flush=True)
    head = [
        "point",
        "known to",
        "loss",
        "Z_A (mean, spread)",
        "stat. error",
        "s",
        "b",
        "simulated b",
    ]
    print(table(head, rows))
    (options.output / "table.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
