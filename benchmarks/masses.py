"""One network for all masses against one per mass, on simulated resonances to top-quark pairs.

``python -m benchmarks.masses [--files FILES] [--seeds 5] [--output DIR]`` runs
:func:`pcgnn.mass_study` with the networks of arXiv:2202.00424 on the 27 variables of HEPMASS,
leaves out 750 and 1250 GeV in a second training, and writes the tables and a figure. Every
training is kept: run again, the table is read.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pcgnn
from pcgnn.io import HEPMASS_FEATURES


def main(words: Sequence[str] | None = None) -> None:
    """Train what is missing, print and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", nargs="+", help="of `pcgnn simulate resonance`; else bundled")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--drop", type=float, nargs="*", default=[750.0, 1250.0])
    parser.add_argument("--balance", default="mass", help="see pcgnn.BalancedLoader")
    parser.add_argument("--policy", default="identical", choices=["identical", "uniform"])
    parser.add_argument("--fixed", action="store_true", help="masses of the background drawn once")
    parser.add_argument("--approaches", nargs="+", help="of single, per-mass, pnn, affine-pnn")
    parser.add_argument("--output", type=Path, default=Path("runs/masses"))
    options = parser.parse_args(words)
    files = options.files or [str(pcgnn.datasets.bundled("resonance"))]
    events = pcgnn.read_root(
        files, "events", event=[*HEPMASS_FEATURES, "mass", "process", "is_signal", "split"]
    )
    clouds = pcgnn.ParticleClouds.from_awkward(
        events, features=[*HEPMASS_FEATURES, "mass"], target="is_signal"
    )
    train, validation, test = clouds.split(column="split")
    study = pcgnn.mass_study(
        train, validation, test, drop=options.drop, policy=options.policy,
        sampled=not options.fixed, balance=options.balance, epochs=options.epochs,
        batch_size=options.batch_size, seeds=range(1, options.seeds + 1),
        directory=options.output / "trainings", progress=False,
        **({} if options.approaches is None else {"approaches": options.approaches}),
    )  # fmt: skip
    text = "\n\n".join(f"{metric}\n{study.table(metric)}" for metric in ("ratio", "auc"))
    print(text)
    (options.output / "table.txt").write_text(text + "\n")
    (options.output / "table.json").write_text(json.dumps(study.to_dict(), indent=2) + "\n")
    pcgnn.plots.save(pcgnn.plots.mass_study(study), options.output / "masses.png", overwrite=True)


if __name__ == "__main__":
    main()
