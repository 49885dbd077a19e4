"""The steps of a demonstration, announced and timed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import torch

from pcgnn.errors import WriteError

__all__ = ["Steps", "make_folder", "use_idle_cores"]


def make_folder(path: Path) -> None:
    """Make the folder for the results.

    Raises:
        WriteError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot make the folder: {error.strerror}", file=path, remedy="give --output"
        ) from error


def use_idle_cores() -> int:
    """Take as many threads as there are cores without work, at least one.

    A second thread gains a small network some 15% where a core is free for it; where none is, the
    threads wait for each other ten times as long as they work.

    Returns:
        The number of threads.
    """
    cores = os.cpu_count() or 1
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    threads = max(1, min(torch.get_num_threads(), round(cores - busy)))
    torch.set_num_threads(threads)
    return threads


class Steps:
    """Says which step runs and how long the last one took."""

    def __init__(self, total: int) -> None:
        self.total, self.seconds, self._name = total, dict[str, float](), ""
        self._start = time.perf_counter()

    def begin(self, name: str, text: str) -> None:
        """End the last step and announce the next."""
        self.end()
        self._name, self._start = name, time.perf_counter()
        print(f"[{len(self.seconds) + 1}/{self.total}] {text}", flush=True)

    def end(self) -> None:
        """End the last step."""
        if self._name:
            self.seconds[self._name] = time.perf_counter() - self._start
            self._name = ""

    def say(self, text: str) -> None:
        """Print some lines below the step."""
        print("\n".join(f"      {line}" for line in text.splitlines()), flush=True)
