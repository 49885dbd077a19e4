"""Real jets as images of 40 x 40 pixels, against a loop over jets with numpy's histograms."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.equality import compare
from benchmarks.jets import FloatArray, Jets, resampled
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure

SUBJECT = (
    "jets as images of 40 x 40 pixels: centred, rotated, flipped, pixelised, normalised, float32"
)

PIXELS, HALF_WIDTH = 40, 0.8
OURS, PEER, BARE = "pcgnn jet_images", "numpy, jet by jet", "numpy, histograms alone"
WANTED = 50_000  # jets/s on one core


def four_vectors(jets: Jets, dtype: torch.dtype = torch.float32) -> Tensor:
    """(N, 4) E, px, py, pz."""
    return torch.from_numpy(np.stack([jets.energy, jets.px, jets.py, jets.pz], 1)).to(dtype)


def _edges() -> FloatArray:
    """Lines of the grid, a thousandth of a pixel off, as pcgnn lays them."""
    return (np.arange(PIXELS + 1) - PIXELS / 2 - 1e-3) * (2 * HALF_WIDTH / PIXELS)


def _coordinates(p4: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Share of pT, eta and phi relative to the axis, both turned upright and flipped."""
    pt = np.hypot(p4[:, 1], p4[:, 2])
    total = p4.sum(0)
    eta = np.arcsinh(p4[:, 3] / pt) - np.arcsinh(total[3] / np.hypot(total[1], total[2]))
    phi = np.arctan2(p4[:, 2], p4[:, 1]) - np.arctan2(total[2], total[1])
    z, phi = pt / pt.sum(), np.mod(phi + np.pi, 2 * np.pi) - np.pi
    x, y = eta - z @ eta, phi - z @ phi
    angle = 0.5 * np.arctan2(2 * (z @ (x * y)), z @ (x * x) - z @ (y * y))
    cos, sin = np.cos(angle), np.sin(angle)
    x, y = sin * x - cos * y, cos * x + sin * y
    x = -x if z[x < 0].sum() > z[x > 0].sum() else x
    y = -y if z[y < 0].sum() > z[y > 0].sum() else y
    return z, x, y


def plain_images(p4: FloatArray, ptr: FloatArray) -> FloatArray:
    """The same images as one writes them first: one jet after the other."""
    edges = _edges()
    images = np.zeros((len(ptr) - 1, PIXELS, PIXELS), p4.dtype)
    for number, (start, stop) in enumerate(pairwise(ptr)):
        z, x, y = _coordinates(p4[start:stop])
        images[number] = np.histogram2d(y, x, bins=[edges, edges], weights=z)[0]
    return images


def prepared(p4: FloatArray, ptr: FloatArray) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Coordinates of all jets, so that the histograms can be timed alone."""
    return [_coordinates(p4[a:b]) for a, b in pairwise(ptr)]


def table(number: int, *, quick: bool) -> Table:
    from pcgnn.ops import jet_images

    jets = resampled(number, seed=7)
    ptr, p4, exact = jets.ptr, four_vectors(jets), four_vectors(jets, torch.float64)
    offsets, floats = torch.from_numpy(ptr), p4.numpy()
    ready, edges = prepared(exact.numpy(), ptr), _edges()
    found = {
        OURS: lambda: jet_images(p4, offsets),
        PEER: lambda: plain_images(floats, ptr),
        BARE: lambda: [np.histogram2d(y, x, [edges, edges], weights=z) for z, x, y in ready],
    }
    ours = {"images": jet_images(exact, offsets)[:, 0]}
    return timing_table(
        f"{number:,} jets, {len(p4):,} particles",
        measure(found, repeats=3 if quick else 15),
        ours=OURS,
        items=number,
        checks=[
            compare(
                "images against numpy's histograms, float64",
                ours,
                {"images": torch.from_numpy(plain_images(exact.numpy(), ptr))},
                tolerance=1e-9,
            )
        ],
        limits={OURS: number / WANTED},
        notes=[f"the limit is {WANTED:,} jets/s; {BARE}: of coordinates made beforehand"],
    )


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    return [table(number, quick=quick).as_json() for number in (256, 1024)]
