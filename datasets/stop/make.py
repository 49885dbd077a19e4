"""Make stop.root: stop pairs and top-quark pairs with one lepton.

Needs the extra: ``pip install 'pcgnn[simulation]'``. Then::

    python make.py --output . --processes 2

The arrays are the same each time and for any number of processes; the script prints their
checksum, which stands in README.md too. The file around them carries a fresh identifier and date.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pcgnn.simulation import simulate_stop
from pcgnn.simulation.bundle import write_bundle

NAME = "stop.root"
COLLISIONS, SEED = 248_000, 61

DIGITS = 9
"""Binary digits kept after the first: an error below 1/1024, far below the resolutions."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the file and SHA256SUMS."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder, it must exist")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / NAME
        print(simulate_stop(raw, COLLISIONS, seed=SEED, processes=options.processes))
        sums = write_bundle(raw, options.output / NAME, "events", DIGITS)
    for kind, digest in sums.items():
        print(f"{kind} sha256 {digest}")


if __name__ == "__main__":
    main()
