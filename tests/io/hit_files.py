"""Two small tracking events as plain lists, and files of every format made of them."""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

Row = dict[str, Any]


def make_event(seed: int, particles: int = 4, noise: int = 3) -> dict[str, list[Row]]:
    """Hits and particles of one event as lists of rows; every number fits into a float32.

    ``link`` of a hit is the row of its particle or -1. The hits are in no order.
    """
    draw = random.Random(seed)
    rows: list[Row] = []
    for number in range(particles):
        px, py, pz = (draw.randint(-40, 40) / 8 + 1 / 16 for _ in range(3))
        rows.append(
            {"px": px, "py": py, "pz": pz, "vx": 0.125, "vy": -0.25, "vz": draw.randint(-99, 99)}
            | {"q": draw.choice((-1, 1)), "barcode": (number + 1, 0, number + 3, 1, 2)}
        )
    hits: list[Row] = []
    for number in range(particles):
        hits += [{"link": number, "order": place} for place in range(3 + number % 2)]
    hits += [{"link": -1, "order": -1} for _ in range(noise)]
    draw.shuffle(hits)
    for hit in hits:
        for axis in "xyz":
            hit[axis] = draw.randint(-8000, 8000) / 8
            hit[f"t{axis}"] = hit[axis] + draw.choice((-0.125, 0.0, 0.125))
            hit[f"tp{axis}"] = rows[hit["link"]][f"p{axis}"] if hit["link"] >= 0 else 0.0
        hit |= {"volume": draw.choice((7, 8, 9)), "layer": 2 * draw.randint(1, 7)}
        hit |= {"module": draw.randint(1, 900)}
    return {"hits": hits, "particles": rows}


def expected_kinematics(particle: Row) -> dict[str, float]:
    pt = math.sqrt(particle["px"] ** 2 + particle["py"] ** 2)
    theta = math.atan2(pt, particle["pz"])
    return {
        "pt": pt,
        "eta": -math.log(math.tan(theta / 2)),
        "phi": math.atan2(particle["py"], particle["px"]),
    }


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Path:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def trackml_id(number: int) -> int:
    """An id of 64 bits that no float can hold, as in the published files."""
    return (number + 1 << 52) + 1


def write_trackml(
    folder: Path,
    event: dict[str, list[Row]],
    number: int = 1000,
    *,
    end: str = ".csv",
    parts: Sequence[str] = ("hits", "cells", "particles", "truth"),
) -> str:
    """Write an event, give its prefix; the truth is in another order than the hits."""
    prefix = folder / f"event{number:09d}"
    hits, particles = event["hits"], event["particles"]
    tables: dict[str, tuple[Sequence[str], list[list[Any]]]] = {
        "hits": (
            ("hit_id", "x", "y", "z", "volume_id", "layer_id", "module_id"),
            [
                [i + 1, *(h[k] for k in ("x", "y", "z", "volume", "layer", "module"))]
                for i, h in enumerate(hits)
            ],
        ),
        "cells": (
            ("hit_id", "ch0", "ch1", "value"),
            [[i + 1, 10 + j, 20 + 2 * j, 0.25] for i, _ in enumerate(hits) for j in range(i % 3)],
        ),
        "particles": (
            ("particle_id", "vx", "vy", "vz", "px", "py", "pz", "q", "nhits"),
            [
                [trackml_id(i), *(p[k] for k in ("vx", "vy", "vz", "px", "py", "pz", "q")), 3]
                for i, p in enumerate(particles)
            ],
        ),
        "truth": (
            ("hit_id", "particle_id", "tx", "ty", "tz", "tpx", "tpy", "tpz", "weight"),
            [
                [
                    i + 1,
                    trackml_id(h["link"]) if h["link"] >= 0 else 0,
                    *(h[k] for k in ("tx", "ty", "tz", "tpx", "tpy", "tpz")),
                    1 / len(hits),
                ]
                for i, h in enumerate(hits)
            ][::-1],
        ),
    }
    for part in parts:
        write_rows(Path(f"{prefix}-{part}{end}"), *tables[part])
    return str(prefix)


def write_acts(
    folder: Path,
    event: dict[str, list[Row]],
    number: int = 0,
    *,
    old: bool = False,
    space_points: bool = False,
    tracks: Sequence[Sequence[int]] = (),
) -> str:
    """Write an event as ACTS does; hits of particles have simulated hits, one has two."""
    prefix = folder / f"event{number:09d}"
    hits, particles = event["hits"], event["particles"]
    names = ["particle_id"] if old else [f"particle_id_{p}" for p in BARCODE]

    def key(particle: Row) -> list[int]:
        a, b, c, d, e = particle["barcode"]
        return [(a << 52) | (b << 40) | (c << 24) | (d << 16) | e] if old else [a, b, c, d, e]

    def geometry(hit: Row) -> int:
        return hit["volume"] << 56 | hit["layer"] << 36 | hit["module"] << 8

    positions = ("global_x", "global_y", "global_z")
    measured = [[i, geometry(h), 0.5] for i, h in enumerate(hits)]
    if space_points:
        write_rows(
            Path(f"{prefix}-spacepoint.csv"),
            ("measurement_id", "geometry_id", "x", "y", "z", "var_r", "var_z"),
            [[i, geometry(h), h["x"], h["y"], h["z"], 0, 0] for i, h in enumerate(hits)],
        )
        write_rows(
            Path(f"{prefix}-measurements.csv"),
            ("measurement_id", "geometry_id", "local0"),
            measured,
        )
    else:
        write_rows(
            Path(f"{prefix}-measurements.csv"),
            ("measurement_id", "geometry_id", "local0", *positions),
            [[*m, h["x"], h["y"], h["z"]] for m, h in zip(measured, hits, strict=True)],
        )
    real = [(i, h) for i, h in enumerate(hits) if h["link"] >= 0]
    simulated = [
        [*key(particles[h["link"]]), geometry(h)]
        + [h[k] for k in ("tx", "ty", "tz")]
        + [0.0, *(h[k] for k in ("tpx", "tpy", "tpz")), h["order"]]
        for _, h in real
    ]
    links = [[i, row] for row, (i, _) in enumerate(real)]
    links.append([real[0][0], 1])  # a second particle in the first measurement
    write_rows(
        Path(f"{prefix}-hits.csv"),
        [*names, "geometry_id", "tx", "ty", "tz", "tt", "tpx", "tpy", "tpz", "index"],
        simulated,
    )
    write_rows(Path(f"{prefix}-measurement-simhit-map.csv"), ("measurement_id", "hit_id"), links)
    columns = ("vx", "vy", "vz", "vt", "px", "py", "pz")
    write_rows(
        Path(f"{prefix}-particles_simulated.csv"),
        [*names, "particle_type", "process", *columns, "m", "q"],
        [[*key(p), 211, 0, *(p.get(k, 0) for k in columns), 0.125, p["q"]] for p in particles],
    )
    if tracks:
        text = ("vp={}|vs={}|p={}|g={}|sp={}", "{}")[old]
        write_rows(
            Path(f"{prefix}-tracks_ckf.csv"),
            ("track_id", "particleId", "pT", "eta", "phi", "Measurements_ID"),
            [
                [n, text.format(*key(particles[n % len(particles)])), 1.5, 0.5, -0.5, str(track)]
                for n, track in enumerate(tracks)
            ],
        )
    return str(prefix)


BARCODE = ("pv", "sv", "part", "gen", "subpart")


def make_branches(events: Sequence[dict[str, list[Row]]], link: str = "index") -> dict[str, Any]:
    """Branches of a ROOT file or columns of a table, each a list per event."""
    branches: dict[str, Any] = {}
    for axis in ("x", "y", "z"):
        branches[f"hit_{axis}"] = _jagged(events, "hits", axis, np.float32)
    branches["hit_layer"] = _jagged(events, "hits", "layer", np.uint8)
    branches["hit_volume"] = _jagged(events, "hits", "volume", np.uint8)
    index = _jagged(events, "hits", "link", np.int32)
    if link == "index":
        branches["hit_particle"] = index
    else:
        branches["hit_particle_id"] = ak.values_astype(index, np.int64) * 10 + 10
        rows = ak.local_index(_jagged(events, "particles", "q", np.int8))
        branches["particle_particle_id"] = rows * 10 + 10
    for name in ("px", "py", "pz", "vx", "vy", "vz"):
        branches[f"particle_{name}"] = _jagged(events, "particles", name, np.float32)
    branches["particle_charge"] = _jagged(events, "particles", "q", np.int8)
    return branches


def add_tracks(
    branches: dict[str, Any], tracks: Sequence[Sequence[Sequence[int]]], name: str = "ckf"
) -> dict[str, Any]:
    """Add the branches of tracks: lists of hit numbers per track per event."""
    lists = ak.Array(tracks)
    sizes = ak.values_astype(ak.num(lists, axis=2), np.int16)
    return branches | {
        f"{name}_nhits": sizes,
        f"{name}hit_index": ak.values_astype(ak.flatten(lists, axis=2), np.int32),
        f"{name}_pt": ak.values_astype(sizes, np.float32) / 2,
    }


def write_hit_tree(path: Path, branches: dict[str, Any], tree: str = "events") -> Path:
    """Write a TTree with a counter per branch, so that lengths may differ."""
    types = {
        k: v.dtype if isinstance(v, np.ndarray) else v.type.content for k, v in branches.items()
    }
    with uproot.recreate(path) as file:
        file.mktree(tree, types, counter_name=lambda name: f"n_{name}")
        file[tree].extend(branches)
    return path


def _jagged(events: Sequence[dict[str, list[Row]]], part: str, name: str, dtype: Any) -> ak.Array:
    return ak.values_astype(
        ak.Array([[row[name] for row in event[part]] for event in events]), dtype
    )
