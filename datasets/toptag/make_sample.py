"""Write toptag_sample.root: 12,055 jets of the Top Quark Tagging Reference Dataset.

The jets come from the first 100,000 rows of the published ``train.h5`` (Zenodo record 2603256),
read either from that file or from a flat ``.npz`` copy of its rows (arrays ``p4`` (sum n, 4) =
E, px, py, pz, ``n``, ``label`` and ``row``). Both inputs give the same arrays::

    python make_sample.py --input train.h5 --output toptag_sample.root
    python make_sample.py --input toptag_train.npz --output toptag_sample.root

The file itself differs from run to run in the identifiers and dates that ROOT writes into its
header; the content checksum that the script prints does not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import awkward as ak
import numpy as np
import uproot

SPLITS = {"train": 6055, "val": 2000, "test": 4000}
"""Jets per part; 6,055 is the 0.5% training fraction of the literature."""

POOL_ROWS = 100_000
"""The jets are drawn from this many leading rows of train.h5."""

ABSENT_ROWS = (
    3218, 8413, 13517, 21451, 21456, 23860, 23862, 23865, 45432, 45438, 59049, 61616, 61619, 63645,
    63648, 65630, 65635, 66324, 66329, 82063, 82064, 86930, 86931, 89071, 91797, 91798, 91799,
)  # fmt: skip
"""Rows that the flat copy lacks; left out always, so that both inputs give the same draw."""

MAX_PARTICLES = 150
"""Leading constituents kept per jet, as in the flat copy; the jets drawn have at most 136."""

JETS_PER_CLUSTER = 1000
"""Jets per ROOT basket: small, so that streaming the file goes in a dozen steps."""

SEED = 2603256


@dataclass(frozen=True)
class Rows:
    """Jets as flat arrays: ``p4`` (sum n, 4) = E, px, py, pz in GeV, and one value per jet."""

    p4: np.ndarray
    n: np.ndarray
    label: np.ndarray
    row: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """Index of the first particle of each jet, (G + 1,)."""
        return np.concatenate([[0], np.cumsum(self.n, dtype=np.int64)])

    def take(self, jets: np.ndarray) -> Rows:
        """The listed jets, in the listed order."""
        n = self.n[jets].astype(np.int64)
        first = np.repeat(self.starts[jets], n)
        within = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        return Rows(self.p4[first + within], n, self.label[jets], self.row[jets])

    def leading(self, max_particles: int) -> Rows:
        """Only the first (highest-pT) constituents of each jet."""
        rank = np.arange(len(self.p4)) - np.repeat(self.starts[:-1], self.n)
        n = np.minimum(self.n, max_particles)
        return Rows(self.p4[rank < max_particles], n, self.label, self.row)

    def jets(self) -> np.ndarray:
        """Jet four-vectors E, px, py, pz (G, 4): sums of the constituents in float64."""
        return np.add.reduceat(self.p4.astype(np.float64), self.starts[:-1], axis=0)


def read_rows(path: Path) -> Rows:
    """The pool of jets, from the published HDF5 table or from the flat ``.npz`` copy."""
    if path.suffix == ".npz":
        with np.load(path) as data:
            rows = Rows(data["p4"], data["n"].astype(np.int64), data["label"], data["row"])
    else:
        from pcgnn.io import read_toptag_hdf5

        jets = read_toptag_hdf5(path, entry_stop=POOL_ROWS)
        flat = ak.flatten(jets.particles)
        p4 = np.stack([ak.to_numpy(flat[name]) for name in ("E", "px", "py", "pz")], axis=1)
        n = ak.to_numpy(ak.num(jets.particles))
        rows = Rows(p4, n, ak.to_numpy(jets.is_top), ak.to_numpy(jets.entry))
    in_pool = (rows.row < POOL_ROWS) & ~np.isin(rows.row, ABSENT_ROWS)
    return rows.take(np.flatnonzero(in_pool)).leading(MAX_PARTICLES)


def without_copies(rows: Rows) -> Rows:
    """Leave out every jet that occurs more than once.

    The published file repeats some jets, constituent for constituent, in rows far apart. A jet
    in the training part must not come back in the test part, nor in the rows left for others.
    """
    fingerprint = np.column_stack([rows.jets(), rows.n])
    _, inverse, counts = np.unique(fingerprint, axis=0, return_inverse=True, return_counts=True)
    return rows.take(np.flatnonzero(counts[inverse.reshape(-1)] == 1))


def draw(rows: Rows) -> tuple[Rows, np.ndarray]:
    """Seeded random parts with equally many top and QCD jets (to one jet).

    Returns:
        The chosen jets, part after part, shuffled inside each part, and their part (0 train,
        1 val, 2 test).
    """
    generator = np.random.default_rng(SEED)
    of_class = [generator.permutation(np.flatnonzero(rows.label == c)) for c in (0, 1)]
    used = [0, 0]
    chosen = []
    for size in SPLITS.values():
        members = []
        for c, count in enumerate((size - size // 2, size // 2)):
            members.append(of_class[c][used[c] : used[c] + count])
            used[c] += count
            if len(members[-1]) < count:
                raise SystemExit(f"the input has too few jets of class {c}")
        chosen.append(generator.permutation(np.concatenate(members)))
    split = np.repeat(np.arange(len(SPLITS)), list(SPLITS.values()))
    return rows.take(np.concatenate(chosen)), split


def columns(rows: Rows, split: np.ndarray) -> dict[str, ak.Array | np.ndarray]:
    """The branches of the tree ``jets``."""
    E, px, py, pz = rows.jets().T
    pt = np.hypot(px, py)
    mass = np.sqrt(np.maximum(E**2 - px**2 - py**2 - pz**2, 0.0))
    flat = dict(zip(("energy", "px", "py", "pz"), rows.p4.T, strict=True))
    particles = ak.zip({name: flat[name] for name in ("px", "py", "pz", "energy")})
    return {
        "part": ak.unflatten(particles, rows.n),
        "jet_pt": pt.astype(np.float32),
        "jet_eta": np.arcsinh(pz / pt).astype(np.float32),
        "jet_phi": np.arctan2(py, px).astype(np.float32),
        "jet_mass": mass.astype(np.float32),
        "is_top": rows.label.astype(np.int32),
        "split": split.astype(np.int32),
        "row": rows.row.astype(np.int32),
    }


def content_sha256(data: dict[str, ak.Array | np.ndarray]) -> str:
    """Checksum of the arrays alone: names and little-endian bytes, in a fixed order."""
    digest = hashlib.sha256()
    particles = data["part"]
    flat = {"n_part": ak.to_numpy(ak.num(particles)).astype(np.int32)}
    for name in ("px", "py", "pz", "energy"):
        flat[f"part_{name}"] = ak.to_numpy(ak.flatten(particles[name]))
    flat |= {name: np.asarray(column) for name, column in data.items() if name != "part"}
    for name, column in sorted(flat.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(column, dtype=column.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def write(path: Path, data: dict[str, ak.Array | np.ndarray]) -> None:
    """Write the tree under a temporary name first: an interrupted run leaves no half file."""
    types = {name: column.type if name == "part" else column.dtype for name, column in data.items()}
    types["part"] = "var * {px: float32, py: float32, pz: float32, energy: float32}"
    handle, temporary = tempfile.mkstemp(suffix=".root", dir=path.parent)
    os.close(handle)
    try:
        with uproot.recreate(temporary, compression=uproot.ZSTD(9)) as file:
            tree = file.mktree("jets", types, title="Top Quark Tagging Reference Dataset, sample")
            for start in range(0, len(data["row"]), JETS_PER_CLUSTER):
                cluster = slice(start, start + JETS_PER_CLUSTER)
                tree.extend({name: column[cluster] for name, column in data.items()})
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", type=Path, required=True, help="train.h5 or a flat .npz copy")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "toptag_sample.root")
    arguments = parser.parse_args(argv)
    data = columns(*draw(without_copies(read_rows(arguments.input))))
    write(arguments.output, data)
    print(f"{len(data['row'])} jets, {arguments.output.stat().st_size} bytes: {arguments.output}")
    print(f"file    sha256 {hashlib.sha256(arguments.output.read_bytes()).hexdigest()}")
    print(f"content sha256 {content_sha256(data)}")


if __name__ == "__main__":
    main()
