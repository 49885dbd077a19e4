"""The printed form of clouds: everything one wants to know before training on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pcgnn.data.checks import GRAPH

if TYPE_CHECKING:
    from pcgnn.data.clouds import ParticleClouds

__all__ = ["describe"]

_WIDTH = 96


def describe(clouds: ParticleClouds, mapped: str | None) -> str:
    """Several lines about sizes, columns, class balance, weights, provenance and memory."""
    sizes = clouds.sizes
    lines = [f"ParticleClouds: {len(clouds):,} jets, {clouds.num_particles:,} particles"]
    if sizes.size:
        lines[0] += f" (mean {sizes.mean():.1f}, min {sizes.min()}, max {sizes.max()} per jet)"
    definition = clouds.features
    if clouds.x is not None:
        names = "" if definition is None else f"{definition.name}: {', '.join(definition.names)}"
        lines.append(_line("x", clouds.x, names))
    if clouds.pos is not None:
        lines.append(
            _line("pos", clouds.pos, "" if definition is None else ", ".join(definition.pos))
        )
    if clouds.p4 is not None:
        lines.append(_line("p4", clouds.p4, "E, px, py, pz in GeV"))
    if clouds.y is not None:
        lines.append(_line("y", clouds.y, _targets(clouds, clouds.y)))
    if clouds.weight is not None:
        lines.append(_line("weight", clouds.weight, _weights(clouds.weight)))
    columns = clouds.columns
    for level in ("graph", "particle"):
        names = ", ".join(name for name in columns if clouds.levels[name] == level)
        if names:
            per = "jet" if level == GRAPH else "particle"
            lines.append(_shorten(f"  {'columns':<8}per {per}: {names}"))
    source = _provenance(clouds)
    if source:
        lines.append(_shorten(f"  {'from':<8}{source}"))
    memory = f"  {'memory':<8}{_bytes(clouds.nbytes)}"
    lines.append(memory + (f", mapped from {mapped}" if mapped else ""))
    return "\n".join(lines)


def _line(name: str, tensor: Tensor, note: str) -> str:
    shape = " x ".join(f"{size:,}" for size in tensor.shape)
    kind = str(tensor.dtype).removeprefix("torch.")
    return _shorten(f"  {name:<8}{shape} {kind}" + (f"  {note}" if note else ""))


def _targets(clouds: ParticleClouds, y: Tensor) -> str:
    values = y.numpy()
    if clouds.multi_label:
        shares = 100 * values.mean(axis=0)
        named = zip(clouds.classes, shares, strict=True)
        return "labels: " + ", ".join(f"{name} {share:.1f}%" for name, share in named)
    if values.ndim != 1 or values.dtype.kind == "f" or not values.size:
        return "regression" if values.dtype.kind == "f" else ""
    numbers, counts = np.unique(values.astype(np.int64), return_counts=True)
    parts = []
    for number, count in zip(numbers, counts, strict=True):
        known = 0 <= number < len(clouds.classes)
        name = clouds.classes[int(number)] if known else str(number)
        parts.append(f"{name} {count:,} ({100 * count / values.size:.1f}%)")
    per = "" if clouds.levels["y"] == GRAPH else "per particle: "
    return per + ", ".join(parts)


def _weights(weight: Tensor) -> str:
    values = weight.double()
    squares = float((values * values).sum())
    effective = float(values.sum()) ** 2 / squares if squares else 0.0
    negative = float((values < 0).double().mean()) if values.numel() else 0.0
    text = f"sum {float(values.sum()):,.6g}, N_eff {effective:,.1f}"
    return text + (f", {100 * negative:.1f}% negative" if negative else "")


def _provenance(clouds: ParticleClouds) -> str:
    origin = clouds.provenance
    files = [str(file) for file in origin.get("files", ())]
    parts = []
    if files:
        parts.append(files[0] + (f" and {len(files) - 1} more" if len(files) > 1 else ""))
    if origin.get("tree"):
        parts.append(f"tree {origin['tree']}")
    if origin.get("entries_read") is not None:
        kept = origin.get("entries_kept", origin["entries_read"])
        parts.append(f"{origin['entries_read']:,} entries read, {kept:,} kept")
    read = origin.get("read")
    if isinstance(read, dict) and read.get("cut"):
        parts.append(f"cut {read['cut']}")
    if origin.get("jet_axis"):
        parts.append(f"jet axis from {origin['jet_axis']}")
    if origin.get("max_particles"):
        parts.append(f"leading {origin['max_particles']} particles")
    return ", ".join(parts)


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _shorten(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
