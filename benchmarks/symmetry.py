"""Symmetry audit of LorentzNet and ParticleNet with random weights on bundled real jets."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import pcgnn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=100)
    parser.add_argument("--figure", type=Path, help="where to write the figure")
    options = parser.parse_args()
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", entry_stop=options.jets
    )
    audits = []
    for name in ("lorentznet", "particlenet"):
        torch.manual_seed(0)
        model = pcgnn.create_model(name, features=7)
        for precision in ("float64", "float32"):
            audits.append(pcgnn.symmetry_audit(model, jets, precision=precision))
            print(audits[-1], flush=True)
    if options.figure:
        pcgnn.plots.save(pcgnn.plots.symmetry(audits), options.figure, overwrite=True)


if __name__ == "__main__":
    main()
