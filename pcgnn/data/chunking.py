"""Which pieces of which files are read, in which order: a pure function of seed and epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ["Chunk", "FileEntries", "cut_file", "make_chunks", "order_chunks"]

# Multiples of the golden ratio spread evenly over the circle, however many one takes: files next
# to each other in the list (often of one class) get far-away places in the order.
_GOLDEN = 0.6180339887498949
_MOST_PER_BUFFER = 16


class Chunk(NamedTuple):
    """Entries ``start`` to ``stop - 1`` of file number ``file``."""

    file: int
    start: int
    stop: int

    @property
    def entries(self) -> int:
        """Number of entries."""
        return self.stop - self.start


class FileEntries(NamedTuple):
    """Entries to read of one file, and where its compressed clusters begin."""

    start: int
    stop: int
    clusters: np.ndarray


def cut_file(file: int, entries: FileEntries, wanted: int, limit: int) -> list[Chunk]:
    """Cut the entries of a file into chunks, at the borders of its clusters where possible.

    A cluster that is cut has to be decompressed more than once, so clusters are kept whole, and
    joined up to ``wanted`` entries; only those longer than ``limit`` are cut.

    Args:
        file: number of the file.
        entries: what to read.
        wanted: entries at which a chunk is large enough.
        limit: entries a chunk may have at most.
    """
    inner = entries.clusters[(entries.clusters > entries.start) & (entries.clusters < entries.stop)]
    borders = [entries.start, *(int(border) for border in inner), entries.stop]
    chunks: list[Chunk] = []
    start = entries.start
    for border, following in zip(borders[1:], [*borders[2:], entries.stop], strict=True):
        if border < entries.stop and border - start < wanted and following - start <= limit:
            continue
        parts = max(1, -(-(border - start) // limit))
        edges = [start + (border - start) * i // parts for i in range(parts + 1)]
        chunks += [Chunk(file, edges[i], edges[i + 1]) for i in range(parts)]
        start = border
    chunks = [chunk for chunk in chunks if chunk.entries > 0]
    if len(chunks) > 1 and chunks[-1].entries < wanted:
        before, rest = chunks[-2:]
        if before.entries + rest.entries <= limit:
            chunks[-2:] = [Chunk(file, before.start, rest.stop)]
    return chunks


def make_chunks(files: Sequence[FileEntries], buffer_size: int) -> list[list[Chunk]]:
    """Cut all files so that a buffer holds several chunks, of several files if there are.

    Args:
        files: what to read of each file.
        buffer_size: entries in a buffer.

    Returns:
        The chunks of each file, in its order.
    """
    wanted = max(1, buffer_size // _MOST_PER_BUFFER)
    # two of each file; not more, so that clusters stay whole: one cut in four is read four times
    parts = min(2 * len(files), _MOST_PER_BUFFER)
    limit = max(wanted, buffer_size // parts)
    total = sum(entries.stop - entries.start for entries in files)
    chunks = []
    for number, entries in enumerate(files):
        # A small file beside large ones: chunks so small that every buffer gets one.
        share = buffer_size * (entries.stop - entries.start) // max(total, 1)
        most = min(limit, max(share, wanted // 4, 1))
        chunks.append(cut_file(number, entries, min(wanted, most), most))
    return chunks


def order_chunks(
    files: Sequence[Sequence[Chunk]], buffer_size: int, seed: Sequence[int]
) -> list[Chunk]:
    """Put chunks in an order in which every stretch holds all files in proportion.

    Each file is taken apart into lanes, contiguous stretches of which a buffer holds one chunk
    each; their chunks are shuffled and taken in turn. The chunks of a file are then laid out
    evenly over the epoch, from a place that differs from file to file.

    Args:
        files: the chunks of each file.
        buffer_size: entries in a buffer.
        seed: everything the order depends on.
    """
    random = np.random.default_rng(list(seed))
    total = sum(chunk.entries for chunks in files for chunk in chunks)
    buffers = max(1.0, total / buffer_size)
    offset = random.random()
    placed: list[tuple[float, Chunk]] = []
    for number, chunks in enumerate(files):
        if not chunks:
            continue
        phase = (offset + number * _GOLDEN) % 1.0
        lanes = min(max(1, round(len(chunks) / buffers)), len(chunks))
        sequence = [chunks[k] for k in _in_turn(len(chunks), lanes, random)]
        sizes = np.array([chunk.entries for chunk in sequence])
        places = (np.cumsum(sizes) - sizes + phase * sizes) / sizes.sum()
        placed += zip(places.tolist(), sequence, strict=True)
    return [chunk for _, chunk in sorted(placed)]


def _in_turn(count: int, lanes: int, random: np.random.Generator) -> list[int]:
    """Numbers 0 to count - 1, shuffled within ``lanes`` equal stretches, one of each in turn."""
    turns: list[tuple[float, int]] = []
    for numbers in np.array_split(np.arange(count), lanes):
        shuffled = random.permutation(numbers)
        shift = random.random()
        turns += [((i + shift) / numbers.size, int(k)) for i, k in enumerate(shuffled)]
    return [number for _, number in sorted(turns)]
