"""Ranges of events in several processes, with a progress bar, results in order."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pcgnn.errors import BackendError, ConfigError

__all__ = ["run_ranges", "split_events"]

T = TypeVar("T")


def split_events(events: int, per_range: int, first: int = 0) -> list[tuple[int, int]]:
    """Cut events into ranges (start, stop).

    Raises:
        ConfigError: ``events`` is no number from 1, or ``first`` none from 0.

    Example:
        >>> split_events(5, 2)
        [(0, 2), (2, 4), (4, 5)]
    """
    if isinstance(events, bool) or not isinstance(events, int) or events < 1:
        raise ConfigError(f"events={events!r} must be a whole number from 1")
    if isinstance(first, bool) or not isinstance(first, int) or first < 0:
        raise ConfigError(f"first_event={first!r} must be a whole number from 0")
    stop = first + events
    return [(start, min(start + per_range, stop)) for start in range(first, stop, per_range)]


def run_ranges(
    function: Callable[[int, int], T],
    ranges: Sequence[tuple[int, int]],
    *,
    processes: int = 1,
    progress: bool = True,
    label: str = "events",
) -> Iterator[T]:
    """Call ``function(start, stop)`` for every range and yield what it returns, in order.

    Args:
        function: with several processes it must be picklable: of a module, or a partial of one.
        ranges: from :func:`split_events`.
        processes: 1 runs in this process. More are started afresh ("spawn"): a script that
            calls this needs the usual ``if __name__ == "__main__"``.
        progress: show a bar that counts events.
        label: beside the bar.

    Raises:
        ConfigError: ``processes`` is no number from 1.
        BackendError: a process died.
    """
    if isinstance(processes, bool) or not isinstance(processes, int) or processes < 1:
        raise ConfigError(f"processes={processes!r} must be a whole number from 1")
    parallel = processes > 1 and len(ranges) > 1
    results = (
        _in_parallel(function, ranges, min(processes, len(ranges)))
        if parallel
        else (function(start, stop) for start, stop in ranges)
    )
    return _watched(results, ranges, progress, label)


def _in_parallel(
    function: Callable[[int, int], T], ranges: Sequence[tuple[int, int]], processes: int
) -> Iterator[T]:
    """Keep all processes busy, but hold no more than a few results that wait for their turn."""
    waiting: deque[Future[T]] = deque()
    todo = iter(ranges)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            for start, stop in todo:
                waiting.append(pool.submit(function, start, stop))
                if len(waiting) >= 2 * processes:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise BackendError(
                "a process of the simulation died",
                remedy="if it ran out of memory, use fewer processes; a script needs its calls "
                "under if __name__ == '__main__'",
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def _watched(
    results: Iterator[T], ranges: Sequence[tuple[int, int]], progress: bool, label: str
) -> Iterator[T]:
    if not progress:
        yield from results
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns) as bar:
        task = bar.add_task(label, total=sum(stop - start for start, stop in ranges))
        for (start, stop), result in zip(ranges, results, strict=True):
            bar.advance(task, stop - start)
            yield result
