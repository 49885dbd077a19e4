"""The steps of a demonstration, announced and timed."""

from __future__ import annotations

import time
from pathlib import Path

from pcgnn.errors import WriteError

__all__ = ["Steps", "make_folder"]


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
