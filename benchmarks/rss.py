"""Resident memory of this process: now, and its peak since a reset (Linux)."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from pathlib import Path

__all__ = ["peak_mb", "peak_of", "reset_peak", "resident_mb"]


def _status(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError(f"the system does not tell {key}")


def resident_mb() -> float:
    """Resident memory in MB."""
    return _status("VmRSS")


def reset_peak() -> float:
    """Let the peak start again at the present size, which is returned in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return resident_mb()


def peak_mb() -> float:
    """Largest resident memory since the last reset, in MB."""
    return _status("VmHWM")


def peak_of(work: Callable[[], object]) -> float:
    """Largest resident memory while ``work`` ran, above what was resident before, in MB.

    Freed memory is given back to the system first, also under a tuned allocator that keeps it;
    otherwise memory kept from earlier work would hide the need of this one.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    before = reset_peak()
    work()
    return peak_mb() - before
