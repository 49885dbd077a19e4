"""Small events for the tests: straight and bent tracks through barrel and disks, and noise."""

from __future__ import annotations

import awkward as ak
import numpy as np

BARREL = {2: 32.0, 4: 72.0, 6: 116.0, 8: 172.0}
DISKS = {2: 600.0, 4: 700.0, 6: 820.0, 8: 960.0, 10: 1100.0, 12: 1300.0, 14: 1500.0}


def event(rng: np.random.Generator, particles: int, noise: int) -> dict[str, ak.Array]:
    """One event: particles from the beam line with pT of 0.3 to 5 GeV, and uniform noise."""
    pt = rng.uniform(0.3, 5.0, particles)
    eta = rng.uniform(-3.0, 3.0, particles)
    phi = rng.uniform(-np.pi, np.pi, particles)
    z0 = rng.normal(0, 60, particles)
    bend = rng.choice([-1, 1], particles) * 3e-4 / pt
    columns: dict[str, list[np.ndarray]] = {
        name: [] for name in ("x", "y", "z", "volume", "layer", "particle_id", "order")
    }

    def add(chosen: np.ndarray, r: np.ndarray, volume: int, layer: int, order: int) -> None:
        angle = phi[chosen] + bend[chosen] * r + rng.normal(0, 1e-4, r.size)
        z = z0[chosen] + r * np.sinh(eta[chosen])
        values = (r * np.cos(angle), r * np.sin(angle), z)
        for name, value in zip(("x", "y", "z"), values, strict=True):
            columns[name].append(value)
        for name, number in (("volume", volume), ("layer", layer), ("order", order)):
            columns[name].append(np.full(r.size, number))
        columns["particle_id"].append(np.flatnonzero(chosen) + 1)

    for order, (layer, radius) in enumerate(BARREL.items()):
        inside = np.abs(z0 + radius * np.sinh(eta)) < 490
        add(inside, radius + rng.uniform(-1, 1, inside.sum()), 8, layer, order)
        if layer == 4:  # modules that overlap
            twice = inside & (rng.random(particles) < 0.3)
            add(twice, radius + 2 + rng.uniform(-0.5, 0.5, twice.sum()), 8, layer, order)
    for order, (layer, distance) in enumerate(DISKS.items(), start=4):
        for side, volume in ((1, 9), (-1, 7)):
            with np.errstate(divide="ignore"):
                r = (side * distance - z0) / np.sinh(eta)
            hit = (r > 30) & (r < 176)
            number = layer if side > 0 else 16 - layer
            add(hit, r[hit], volume, number, order)
    made = {name: np.concatenate(parts) for name, parts in columns.items()}
    r = rng.uniform(30, 176, noise)
    angle, disk = rng.uniform(-np.pi, np.pi, noise), rng.random(noise) < 0.5
    r = np.where(disk, r, rng.choice(list(BARREL.values()), noise))
    side = rng.choice([-1, 1], noise)
    number = rng.choice(list(DISKS), noise)
    barrel_layer = np.array([min(BARREL, key=lambda n: abs(BARREL[n] - a)) for a in r])
    distance = np.array([DISKS[n] for n in number])
    made["x"] = np.append(made["x"], r * np.cos(angle))
    made["y"] = np.append(made["y"], r * np.sin(angle))
    flat = rng.uniform(-490, 490, noise)
    made["z"] = np.append(made["z"], np.where(disk, side * distance, flat))
    made["volume"] = np.append(made["volume"], np.where(disk, np.where(side > 0, 9, 7), 8))
    disk_layer = np.where(side > 0, number, 16 - number)
    made["layer"] = np.append(made["layer"], np.where(disk, disk_layer, barrel_layer))
    made["particle_id"] = np.append(made["particle_id"], np.zeros(noise))
    made["order"] = np.append(made["order"], np.full(noise, -1))
    shuffled = rng.permutation(made["x"].size)
    integer = {"volume", "layer", "particle_id", "order"}
    hit = {
        name: value[shuffled].astype(np.int64 if name in integer else np.float32)
        for name, value in made.items()
    }
    counts = np.bincount(hit["particle_id"], minlength=particles + 1)[1:]
    seen = {"particle_id": np.arange(1, particles + 1), "pt": pt, "eta": eta, "nhits": counts}
    return {"hit": ak.zip(hit), "particle": ak.zip(seen)}


def events(number: int, particles: int = 60, noise: int = 40, seed: int = 0) -> ak.Array:
    """Some events in the form of read_hits."""
    rng = np.random.default_rng(seed)
    made = [event(rng, particles, noise) for _ in range(number)]
    return ak.Array(
        {
            "hit": ak.Array([ak.to_list(e["hit"]) for e in made]),
            "particle": ak.Array([ak.to_list(e["particle"]) for e in made]),
            "event_id": np.arange(100, 100 + number),
        }
    )
