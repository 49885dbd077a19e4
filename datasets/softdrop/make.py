"""Make softdrop.root: jets among pile-up with the soft-drop mass that they have without it.

Needs the extra: ``pip install 'pcgnn[simulation]'``. Then::

    python make.py --output .

The arrays are the same each time and for any number of processes; the script prints their
checksum, which stands in README.md too. The file around them carries a fresh identifier and date.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from pcgnn.io.atomic import atomic_path
from pcgnn.io.writing import write_tree
from pcgnn.simulation import simulate_softdrop
from pcgnn.simulation.jet_settings import JetSettings

NAME = "softdrop.root"
SETTINGS = JetSettings(
    classes=("qcd", "top", "w"),
    pile_up=50.0,
    pile_up_pool=4000,
    max_particles=250,
    seed=71,
    softdrop_target=True,
)
SPLITS = {"train": 1_500, "validation": 500, "test": 500}
"""Jets of each part, in this order; simulated in ranges of 500 that hold all classes alike."""

PARTICLES = 200
"""Most particles kept per jet, the leading ones."""

BITS = {
    "px": 11, "py": 11, "pz": 11, "d0": 7, "dz": 7, "d0err": 5, "dzerr": 5, "ecal": 7, "hcal": 7,
    "from_pileup": 3,
}  # fmt: skip
"""Binary digits kept after the first: 1/4096 of a momentum, 1/256 of an energy in a calorimeter."""

MASSES = {211: 0.13957, 13: 0.10566, 11: 0.000511}


def rounded(values: NDArray[np.float32], bits: int) -> NDArray[np.float32]:
    """To the nearest float32 with so many binary digits after the first."""
    dropped = 23 - bits
    whole = values.view(np.uint32) + np.uint32(1 << (dropped - 1))
    return (whole & np.uint32((0xFFFFFFFF << dropped) & 0xFFFFFFFF)).view(np.float32)


def smaller(jets: ak.Array) -> dict[str, Any]:
    """Round, keep the leading particles, and make the energies fit the momenta again."""
    kept = ak.local_index(jets.part_px) < PARTICLES
    lists = {n[5:]: jets[n][kept] for n in jets.fields if n.startswith("part_")}
    sizes = ak.num(lists["px"])
    flat = {name: ak.to_numpy(ak.flatten(values)) for name, values in lists.items()}
    flat |= {name: rounded(flat[name], bits) for name, bits in BITS.items()}
    kind = np.abs(flat["pid"])
    mass = np.select([kind == code for code in MASSES], list(MASSES.values()))
    squares = sum(flat[axis].astype(np.float64) ** 2 for axis in ("px", "py", "pz"))
    flat["energy"] = np.sqrt(squares + mass**2).astype(np.float32)
    event = {n: ak.to_numpy(jets[n]) for n in jets.fields if not n.startswith(("part_", "npart"))}
    event["split"] = np.repeat(np.arange(len(SPLITS)), list(SPLITS.values())).astype(np.int32)
    return {"part": ak.zip({n: ak.unflatten(v, sizes) for n, v in flat.items()}), **event}


def content_sha256(tree: Mapping[str, Any]) -> str:
    """Checksum of the numbers alone: names, lengths of lists and values, in order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tree):
        values = ak.Array(tree[name])
        digest.update(name.encode())
        if values.ndim > 1:
            digest.update(ak.to_numpy(ak.num(values)).astype("<i8").tobytes())
            values = ak.flatten(values)
        numbers = ak.to_numpy(values)
        digest.update(numbers.astype(numbers.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def write(path: Path, data: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write the file and say what is in it."""
    types = {k: v.type.content if isinstance(v, ak.Array) else v.dtype for k, v in data.items()}
    with atomic_path(path, overwrite=True) as temporary:
        write_tree(
            temporary, "jets", types, [dict(data)], "lzma", False,
            lambda outer, inner: f"{outer}_{inner}" if outer else inner,
        )  # fmt: skip
        with uproot.update(temporary) as file:
            file["simulation"] = json.dumps(about, sort_keys=True)
    with uproot.open(path) as file:
        arrays = file["jets"].arrays()
    print(f"{path.name}: {len(arrays)} jets, {ak.sum(arrays.npart)} particles")
    print(f"  content sha256 {content_sha256({name: arrays[name] for name in arrays.fields})}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"  file sha256    {digest}")
    path.with_name("SHA256SUMS").write_text(f"{digest}  {path.name}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the file and SHA256SUMS."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(), help="folder, it must exist")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / NAME
        settings = SETTINGS.to_dict()
        del settings["softdrop_target"]
        jets = sum(SPLITS.values())
        print(simulate_softdrop(raw, jets, processes=options.processes, **settings))
        with uproot.open(raw) as file:
            made, about = file["jets"].arrays(), json.loads(str(file["simulation"]))
    write(options.output / NAME, smaller(made), {**about, "particles_kept": PARTICLES})


if __name__ == "__main__":
    main()
