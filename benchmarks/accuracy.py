"""Train on the 6,055 bundled jets, test on 20,000 fixed jets outside the bundled sample.

The 20,000 test jets are rows of the public ``train.h5`` (its first 100,000, none of them in the
bundled sample), so they need that file or a flat ``.npz`` with its rows::

    pcgnn download toptag
    python -m benchmarks.accuracy particlenet --test-rows train.h5 --seeds 1 2 3

It is :func:`pcgnn.compare` on these jets: finished trainings in ``--output`` are not trained again,
interrupted ones go on. The epoch tested is chosen on the validation part, never on test jets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import awkward as ak
import numpy as np
import numpy.typing as npt

import pcgnn
from pcgnn.cli.compare import write_comparison
from pcgnn.training import list_recipes

FIRST_ROWS = 100_000
TEST_JETS = 20_000
ORDER_SEED = 20190226


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


def test_jets(path: Path, bundled: ak.Array) -> ak.Array:
    """The 20,000 fixed rows."""
    jets = read_rows(path)
    available, taken = (np.asarray(a["row"], np.int64) for a in (jets, bundled))
    return jets[fixed_rows(available, taken)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("taggers", nargs="*", help=f"default: all of {', '.join(list_recipes())}")
    parser.add_argument("--test-rows", type=Path, help="train.h5 or a flat .npz of its rows")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--fractions", type=float, nargs="+", default=[1.0])
    parser.add_argument("--epochs", type=int, help="instead of the recipes' numbers")
    parser.add_argument("--output", type=Path, default=Path("runs/accuracy"))
    options = parser.parse_args()

    pcgnn.tune_allocator()
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top", "split", "row"]
    )
    split = np.asarray(jets["split"])
    test = jets[split == 2]
    if options.test_rows:
        test = test_jets(options.test_rows, jets)
    comparison = pcgnn.compare(
        options.taggers or list_recipes(),
        jets[split == 0],
        jets[split == 1],
        test,
        target="is_top",
        # the jets of the public file come without columns of the jet: one axis for all parts
        jet_axis="particles",
        fractions=options.fractions,
        seeds=options.seeds,
        epochs=options.epochs,
        directory=options.output,
    )
    write_comparison(comparison, options.output)
    print(comparison)


if __name__ == "__main__":
    main()
