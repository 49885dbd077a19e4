"""Jets made up for the tests, as plain arrays, awkward records and ROOT files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

Arrays = dict[str, np.ndarray]


def flat(lists: Iterable[Iterable[Any]]) -> list[Any]:
    """All elements of some lists."""
    return list(chain.from_iterable(lists))


def make_arrays(jets: int, seed: int = 0, largest: int = 30) -> Arrays:
    """Sizes ``n`` and four-vectors of collimated jets in both hemispheres, pT not sorted."""
    rng = np.random.default_rng(seed)
    n = rng.integers(1, largest + 1, jets)
    eta0 = np.repeat(rng.uniform(-2.5, 2.5, jets), n)
    phi0 = np.repeat(rng.uniform(-np.pi, np.pi, jets), n)
    total = int(n.sum())
    pt = rng.exponential(20.0, total) + 0.1
    eta = eta0 + rng.normal(0.0, 0.2, total) * np.where(rng.random(total) < 0.02, 10.0, 1.0)
    phi = phi0 + rng.normal(0.0, 0.2, total)
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + 0.13957**2)
    columns = {"px": px, "py": py, "pz": pz, "E": energy}
    return {"n": n, **{k: v.astype(np.float32) for k, v in columns.items()}}


def records(
    arrays: Arrays,
    event: Mapping[str, np.ndarray] | None = None,
    particle: Mapping[str, np.ndarray] | None = None,
) -> ak.Array:
    """Awkward records as the readers give them."""
    n = arrays["n"]
    fields = {k: arrays[k] for k in ("px", "py", "pz", "E")} | dict(particle or {})
    flat = ak.zip(fields, with_name="Momentum4D")
    columns = {
        "file": np.zeros(len(n), dtype=np.int32),
        "entry": np.arange(len(n), dtype=np.int64),
        **(event or {}),
    }
    jets = ak.zip({"particles": ak.unflatten(flat, n), **columns}, depth_limit=1)
    jets.attrs["pcgnn"] = {
        "format": "root",
        "files": ["jets.root"],
        "tree": "jets",
        "entries_read": len(n) + 5,
        "entries_kept": len(n),
    }
    return jets


def write_root(path: Path, arrays: Arrays, label: int | np.ndarray, step: int) -> None:
    """A TTree with clusters of ``step`` entries."""
    n = arrays["n"]
    labels = np.broadcast_to(np.asarray(label, dtype=np.int32), n.shape)
    branches = {"px": "part_px", "py": "part_py", "pz": "part_pz", "E": "part_energy"}
    jagged = {name: ak.unflatten(arrays[k], n) for k, name in branches.items()}
    with uproot.recreate(path, compression=uproot.ZSTD(1)) as file:
        tree = file.mktree(
            "jets", {**dict.fromkeys(jagged, "var * float32"), "is_top": "int32", "id": "int64"}
        )
        for a in range(0, len(n), step):
            part = slice(a, a + step)
            tree.extend(
                {
                    **{name: values[part] for name, values in jagged.items()},
                    "is_top": labels[part],
                    "id": np.arange(len(n))[part],
                }
            )


def plain_features(px: np.ndarray, py: np.ndarray, pz: np.ndarray, e: np.ndarray) -> np.ndarray:
    """The seven ParticleNet inputs of one jet, one particle after the other, in plain math."""
    import math

    jet = [math.fsum(float(v) for v in column) for column in (px, py, pz, e)]
    jet_pt = math.hypot(jet[0], jet[1])
    jet_eta = math.asinh(jet[2] / jet_pt)
    jet_phi = math.atan2(jet[1], jet[0])
    rows = []
    for x, y, z, energy in zip(px, py, pz, e, strict=True):
        pt = math.hypot(float(x), float(y))
        deta = math.asinh(float(z) / pt) - jet_eta
        dphi = math.atan2(float(y), float(x)) - jet_phi
        dphi = math.atan2(math.sin(dphi), math.cos(dphi))
        raw = [
            (math.log(pt) - 1.7) * 0.7,
            (math.log(float(energy)) - 2.0) * 0.7,
            (math.log(pt / jet_pt) + 4.7) * 0.7,
            (math.log(float(energy) / jet[3]) + 4.7) * 0.7,
            (math.hypot(deta, dphi) - 0.2) * 4.0,
        ]
        rows.append([min(max(v, -5.0), 5.0) for v in raw] + [deta if jet_eta >= 0 else -deta, dphi])
    return np.array(rows)
