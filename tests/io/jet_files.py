"""Small files with known numbers for the tests of pcgnn.io."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

KINEMATICS = ("px", "py", "pz", "energy")


def make_columns(entries: int = 40, seed: int = 1, smallest: int = 1) -> dict[str, Any]:
    """Columns of jets with real four-vectors: jagged ``part_*`` and flat ``jet_*``."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(smallest, 9, entries)
    total = int(sizes.sum())
    p = generator.normal(scale=20, size=(total, 3))
    energy = np.sqrt((p**2).sum(axis=1) + 0.14**2)
    flat = {
        "part_px": p[:, 0].astype(np.float32),
        "part_py": p[:, 1].astype(np.float32),
        "part_pz": p[:, 2].astype(np.float32),
        "part_energy": energy.astype(np.float32),
        "part_charge": generator.integers(-1, 2, total).astype(np.int8),
        "part_d0": generator.normal(size=total),
    }
    columns: dict[str, Any] = {name: ak.unflatten(v, sizes) for name, v in flat.items()}
    columns["jet_pt"] = generator.uniform(500, 600, entries).astype(np.float32)
    columns["jet_eta"] = generator.uniform(-2.5, 2.5, entries).astype(np.float32)
    columns["is_top"] = generator.integers(0, 2, entries).astype(np.int32)
    columns["weight"] = generator.uniform(0.5, 2, entries)
    columns["tau"] = generator.uniform(0, 1, (entries, 3)).astype(np.float32)
    columns["run"] = np.arange(entries, dtype=np.uint64) + 300_000
    return columns


def _type_of(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return np.dtype((values.dtype, values.shape[1:]))
    return values.type.content


def write_tree(
    path: Path,
    columns: dict[str, Any],
    tree: str = "jets",
    *,
    basket: int = 17,
    compression: Any = None,
) -> Path:
    """A TTree with several baskets, each jagged branch with its own counter."""
    with uproot.recreate(path, compression=compression) as file:
        writable = file.mktree(tree, {name: _type_of(v) for name, v in columns.items()})
        for start in range(0, len(next(iter(columns.values()))), basket):
            stop = start + basket
            writable.extend({name: v[start:stop] for name, v in columns.items()})
    return Path(path)


def write_rntuple(
    path: Path, columns: dict[str, Any], name: str = "jets", *, cluster: int = 17
) -> Path:
    """An RNTuple with several clusters."""
    array = ak.zip({key: ak.Array(values) for key, values in columns.items()}, depth_limit=1)
    with uproot.recreate(path) as file:
        writable = file.mkrntuple(name, array[:cluster])
        for start in range(cluster, len(array), cluster):
            writable.extend(array[start : start + cluster])
    return Path(path)


def replace_value(values: Any, position: int, number: Any) -> Any:
    """The same jagged array with another number at one place of the flat content."""
    content = ak.to_numpy(ak.flatten(values)).copy()
    content[position] = number
    return ak.unflatten(content, ak.num(values))
