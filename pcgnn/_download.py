"""HTTP downloads that go on where they stopped, for use as a pooch downloader."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pcgnn.errors import DownloadError

__all__ = ["ResumingDownloader"]


class ResumingDownloader:
    """A pooch downloader that keeps ``part`` between attempts and asks only for the rest.

    Args:
        part: where the bytes gather until all are there.
        size: bytes of the complete file.
        progress: show a progress bar.
        patience: fruitless attempts in a row before giving up.
        wait: seconds before the next attempt.
        timeout: seconds without a byte after which a connection counts as dead.
    """

    def __init__(
        self,
        part: Path,
        size: int,
        progress: bool,
        *,
        patience: int = 3,
        wait: float = 1.0,
        timeout: float = 30.0,
    ) -> None:
        self.part, self.size, self.progress = part, size, progress
        self.patience, self.wait, self.timeout = patience, wait, timeout

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        with self.part.open("r+b" if self.part.exists() else "w+b") as out:
            _lock(out, self.part)
            if out.seek(0, os.SEEK_END) > self.size:
                out.truncate(0)
            try:
                with _progress_bar(self.part.stem, self.size, self.progress) as show:
                    self._until_complete(url, out, show)
            except BaseException:
                if out.seek(0, os.SEEK_END) == 0:  # nothing worth keeping
                    self.part.unlink(missing_ok=True)
                raise
        os.replace(self.part, output_file)

    def _until_complete(self, url: str, out: BinaryIO, show: Callable[[int], None]) -> None:
        fruitless = 0
        while (have := out.seek(0, os.SEEK_END)) < self.size:
            show(have)
            problem: Exception = ConnectionError("the server closes the connection too early")
            try:
                self._append(url, out, have, show)
            except urllib.error.HTTPError as error:
                if error.code != 429 and error.code < 500:
                    raise
                problem = error
            except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
                problem = error
            fruitless = 0 if out.seek(0, os.SEEK_END) > have else fruitless + 1
            if fruitless >= self.patience:
                raise problem
            if out.tell() < self.size:
                time.sleep(self.wait * (1 + fruitless))

    def _append(self, url: str, out: BinaryIO, have: int, show: Callable[[int], None]) -> None:
        headers = {"User-Agent": "pcgnn"} | ({"Range": f"bytes={have}-"} if have else {})
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:
            if have and answer.status != http.client.PARTIAL_CONTENT:  # no ranges: from the start
                have = out.seek(0)
                out.truncate(0)
            while block := answer.read(1 << 18):
                have += out.write(block)
                if have > self.size:
                    raise DownloadError(
                        f"{url} sends more than the published {self.size} bytes",
                        file=self.part,
                        remedy="delete the partial file and use another mirror",
                    )
                show(have)


def _lock(out: BinaryIO, part: Path) -> None:
    """Refuse to write one partial file from two processes (where the system can tell)."""
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DownloadError(
            "another process is downloading this file", file=part, remedy="wait for it"
        ) from error


@contextmanager
def _progress_bar(name: str, size: int, enabled: bool) -> Iterator[Callable[[int], None]]:
    """A function that shows how many bytes are there."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not enabled) as bar:
        task = bar.add_task(name, total=size)
        yield lambda have: bar.update(task, completed=have)
