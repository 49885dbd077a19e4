"""What the figures were measured on: hardware and versions, no names and no paths."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from benchmarks import peers
from benchmarks.timing import WALL_THREADS

__all__ = ["machine_info"]

_PACKAGES = (
    "torch",
    "torch-geometric",
    "awkward",
    "uproot",
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "networkx",
    "pyacts",
    "pythia8mc",
)


def machine_info() -> dict[str, Any]:
    """Cores, CPU, memory and versions as plain JSON."""
    return {
        "cpu": _cpu_name(),
        "cores": _cores(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "memory_gb": _memory_gb(),
        "system": platform.system(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "versions": {name: version for name in _PACKAGES if (version := _version(name))},
        "peers": peers.versions(),
        "threads": {"cpu_time": 1, "wall_time": WALL_THREADS},
    }


def _cores() -> int | None:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError, AttributeError):
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
