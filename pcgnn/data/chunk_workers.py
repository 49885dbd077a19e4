"""Chunks read in this process or by workers, in the order asked for either way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from pcgnn.data.chunk_reader import ChunkReader
from pcgnn.data.chunking import Chunk
from pcgnn.data.clouds import ParticleClouds

__all__ = ["read_chunks"]


def read_chunks(
    reader: ChunkReader, chunks: Sequence[Chunk], workers: int
) -> Iterator[ParticleClouds | None]:
    """Clouds of the chunks in their order, whoever reads them.

    Args:
        reader: reads one chunk.
        chunks: what to read.
        workers: processes that read; 0 reads here, when the next clouds are asked for.

    Yields:
        Clouds, or None for a chunk of which the selection takes nothing.

    Raises:
        PcgnnError: as the reader raises it, also if it happened in a worker.
    """
    reader.close()  # workers open the files themselves
    if workers == 0:
        try:
            for chunk in chunks:
                yield reader.read(chunk)
        finally:
            reader.close()
        return
    loader: DataLoader[Any] = DataLoader(
        _Chunks(reader),
        sampler=list(chunks),
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=workers,
        # An own generator: torch's is not drawn from, so training is as without workers.
        generator=torch.Generator(),
    )
    for clouds, error in loader:
        if error is not None:
            raise error
        yield clouds


class _Chunks(Dataset[Any]):
    """What a worker process runs: errors travel back as values and keep their type."""

    def __init__(self, reader: ChunkReader) -> None:
        self._reader = reader

    def __getitem__(self, chunk: Any) -> tuple[ParticleClouds | None, Exception | None]:
        torch.set_num_threads(1)
        try:
            return self._reader.read(Chunk(*chunk)), None
        except Exception as error:  # raised again in the main process
            return None, error


def _as_it_is(value: Any) -> Any:
    return value
