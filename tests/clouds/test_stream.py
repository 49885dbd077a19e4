"""Streaming: exactly once, mixed, reproducible, resumable, bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cloud_makers import flat, make_arrays, write_root

import pcgnn.io
from pcgnn.data import CloudStream, ParticleClouds, Standardizer
from pcgnn.data.chunking import Chunk, FileEntries, cut_file, make_chunks, order_chunks
from pcgnn.errors import ConfigError, ExpressionError, PcgnnError, ReadError
from pcgnn.training.fingerprint import data_fingerprint

OPTIONS = {"tree": "jets", "particles": "part_*", "event": ["is_top", "id"], "target": "is_top"}
SIGNAL, BACKGROUND = 900, 1500


def stream(files: list[str], **options: object) -> CloudStream:
    return CloudStream(files, **{**OPTIONS, "batch_size": 64, "buffer_size": 500, **options})


def keys(source: CloudStream) -> list[list[tuple[int, int]]]:
    return [list(zip(batch.file.tolist(), batch.entry.tolist(), strict=True)) for batch in source]


def everything() -> list[tuple[int, int]]:
    return [(0, i) for i in range(SIGNAL)] + [(1, i) for i in range(BACKGROUND)]


def test_the_same_jets_as_reading_at_once(two_files: list[str]) -> None:
    jets = pcgnn.io.read_root(two_files, particles="part_*", event=["is_top", "id"])
    clouds = ParticleClouds.from_awkward(jets, target="is_top")
    place = {
        key: i
        for i, key in enumerate(zip(clouds.file.tolist(), clouds.entry.tolist(), strict=True))
    }
    source = stream(two_files)
    seen = 0
    for batch in source:
        index = [place[key] for key in zip(batch.file.tolist(), batch.entry.tolist(), strict=True)]
        expected = clouds.batch(index)
        for name in ("x", "pos", "p4", "y", "id", "ptr", "batch"):
            assert torch.equal(batch[name], expected[name]), name
        assert len(batch.to_data_list()) == batch.num_graphs
        seen += batch.num_graphs
    assert seen == len(clouds)
    assert source.features == clouds.features
    assert source.classes == clouds.classes
    assert source.provenance["files"] == two_files


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("world_size", [1, 3])
def test_every_entry_exactly_once_over_ranks(
    two_files: list[str], shuffle: bool, world_size: int
) -> None:
    for epoch in (0, 1):
        seen = []
        for rank in range(world_size):
            source = stream(two_files, shuffle=shuffle, rank=rank, world_size=world_size)
            source.set_epoch(epoch)
            batches = keys(source)
            assert all(len(batch) == 64 for batch in batches[:-1])
            seen += flat(batches)
        assert sorted(seen) == everything()


def test_workers_change_nothing(two_files: list[str]) -> None:
    alone = stream(two_files, seed=5)
    helped = stream(two_files, seed=5, workers=2)
    for _ in range(2):
        expected = keys(alone)
        assert keys(helped) == expected
        assert sorted(flat(expected)) == everything()


def test_without_shuffle_the_order_of_the_files(two_files: list[str]) -> None:
    assert flat(keys(stream(two_files, shuffle=False))) == everything()


def test_epochs_and_seeds_differ_and_repeat(two_files: list[str]) -> None:
    source = stream(two_files)
    first, second = keys(source), keys(source)
    assert source.epoch == 2
    assert first != second
    source.set_epoch(0)
    assert keys(source) == first
    assert keys(stream(two_files, seed=1)) != first
    state = torch.random.get_rng_state()
    keys(stream(two_files, workers=1))
    assert torch.equal(state, torch.random.get_rng_state())


def test_two_files_one_after_the_other_give_mixed_batches(two_files: list[str]) -> None:
    share = SIGNAL / (SIGNAL + BACKGROUND)
    for seed in range(3):
        source = stream(two_files, seed=seed, batch_size=50)
        for parts, _ in source._blocks(source._start):
            labels = torch.cat([part.y for part in parts]).float()
            if len(labels) > 400:  # the last buffer may be nearly empty
                assert 0.15 < labels.mean() < 0.65
        balance = [batch.y.float().mean().item() for batch in source]
        assert abs(np.mean(balance) - share) < 0.01
        assert min(balance) > 0.05
        assert max(balance) < 0.85


def test_many_files_are_mixed_in_every_buffer() -> None:
    files = [FileEntries(0, 1000, np.array([0, 1000])) for _ in range(60)]
    chunks = make_chunks(files, 8000)
    for seed in range(20):
        order = order_chunks(chunks, 8000, [seed])
        assert sorted(order) == sorted(flat(chunks))
        classes = np.array([chunk.file < 30 for chunk in order])
        for start in range(0, 56, 8):
            assert 3 <= classes[start : start + 8].sum() <= 5


def test_one_sorted_file_is_mixed_too(tmp_path: Path) -> None:
    arrays = make_arrays(2000, seed=3, largest=4)
    label = (np.arange(2000) < 1000).astype(int)
    write_root(tmp_path / "sorted.root", arrays, label=label, step=50)
    source = stream([str(tmp_path / "sorted.root")], batch_size=100)
    balance = [batch.y.float().mean().item() for batch in source]
    assert min(balance) > 0.25
    assert max(balance) < 0.75


def test_chunks_keep_clusters_whole() -> None:
    clusters = np.arange(0, 1000, 100)
    entries = FileEntries(0, 1000, clusters)
    assert {c.entries for c in cut_file(0, entries, wanted=50, limit=500)} == {100}
    assert [c.start for c in cut_file(0, entries, wanted=250, limit=500)] == [0, 300, 600]
    # clusters larger than the limit are cut, evenly
    assert {c.entries for c in cut_file(0, entries, wanted=5, limit=40)} <= {33, 34}
    # a short rest is joined to what is before it
    rest = FileEntries(0, 1003, np.append(clusters, 1000))
    assert cut_file(0, rest, wanted=50, limit=500)[-1] == Chunk(0, 900, 1003)
    for start, stop in ((0, 1000), (150, 151), (333, 777), (5, 5)):
        for limit in (30, 100, 450):
            parts = cut_file(0, FileEntries(start, stop, clusters), wanted=60, limit=limit)
            assert flat(range(p.start, p.stop) for p in parts) == list(range(start, stop))
            assert all(0 < p.entries <= limit for p in parts)


@pytest.mark.parametrize("stop", [0, 1, 6, 7, 8, 20, 36, 38])
@pytest.mark.parametrize("workers", [0, 1])
def test_resume_gives_exactly_the_remaining_batches(
    two_files: list[str], stop: int, workers: int
) -> None:
    whole = stream(two_files)
    whole.set_epoch(3)
    expected = keys(whole)
    assert len(expected) == 38
    source = stream(two_files)
    source.set_epoch(3)
    state = json.dumps(source.state_dict())
    for count, _ in enumerate(source, start=1):
        if count == stop:
            state = json.dumps(source.state_dict())
            break
    resumed = stream(two_files, workers=workers)
    resumed.load_state_dict(json.loads(state))
    resumed.set_epoch(3)  # as a training loop does
    assert keys(resumed) == expected[stop:]
    assert keys(resumed) == keys(whole)


def test_a_state_of_another_stream_is_refused(two_files: list[str]) -> None:
    state = stream(two_files).state_dict()
    with pytest.raises(ConfigError, match="state is of a stream"):
        stream(two_files, buffer_size=600).load_state_dict(state)


@pytest.mark.parametrize(
    "other",
    [
        {"cut": "n_particles > 10"},
        {"max_particles": 7},
        {"features": ["part_pt"]},
        {"entry_start": 3},
        {"p4": False},
    ],
    ids=lambda other: next(iter(other)),
)
def test_other_inputs_or_entries_make_another_stream(
    two_files: list[str], other: dict[str, Any]
) -> None:
    ours, theirs = stream(two_files), stream(two_files, **other)
    with pytest.raises(ConfigError, match="state is of a stream"):
        theirs.load_state_dict(json.loads(json.dumps(ours.state_dict())))
    # what a run records of its data, too
    assert data_fingerprint(ours) == data_fingerprint(stream(two_files))
    assert data_fingerprint(ours) != data_fingerprint(theirs)


@pytest.mark.parametrize(("start", "stop"), [(-5, None), (1.5, None), (50, 10)])
def test_impossible_ranges_are_refused(two_files: list[str], start: Any, stop: Any) -> None:
    with pytest.raises(ConfigError, match=r"entry_st"):
        stream(two_files, entry_start=start, entry_stop=stop)


def test_cut_and_leading_particles(two_files: list[str]) -> None:
    source = stream(two_files, cut="(n_particles > 10) & (id % 2 == 0)", max_particles=12)
    jets = pcgnn.io.read_root(
        two_files, particles="part_*", event=["is_top"], cut="(n_particles > 10) & (id % 2 == 0)"
    )
    wanted = list(zip(jets.file.to_list(), jets.entry.to_list(), strict=True))
    batches = list(source)
    got = flat(zip(b.file.tolist(), b.entry.tolist(), strict=True) for b in batches)
    assert sorted(got) == wanted
    assert max(b.plan.max_size for b in batches) == 12
    assert [b.num_graphs for b in batches[:-1]] == [64] * (len(batches) - 1)


def test_a_cut_that_leaves_few(two_files: list[str]) -> None:
    # buffers smaller than a batch, chunks with nothing in them
    source = stream(two_files, cut="id % 97 == 0", buffer_size=160)
    batches = keys(source)
    count = len(range(0, SIGNAL, 97)) + len(range(0, BACKGROUND, 97))
    assert [len(batch) for batch in batches] == [count]
    resumed = stream(two_files, cut="id % 97 == 0", buffer_size=160, batch_size=5)
    expected = keys(resumed)
    resumed.set_epoch(0)
    iterator = iter(resumed)
    for _ in range(3):
        next(iterator)
    state = resumed.state_dict()
    again = stream(two_files, cut="id % 97 == 0", buffer_size=160, batch_size=5)
    again.load_state_dict(state)
    assert keys(again) == expected[3:]
    with pytest.raises(ReadError, match="no batch"):
        keys(stream(two_files, cut="id < 0"))
    with pytest.raises(ReadError, match="no batch"):
        keys(stream(two_files, cut="id < 10", drop_last=True))


def test_drop_last_and_entry_range(two_files: list[str]) -> None:
    batches = keys(stream(two_files, drop_last=True))
    assert {len(batch) for batch in batches} == {64}
    assert len(batches) == (SIGNAL + BACKGROUND) // 64
    part = stream(two_files, entry_start=850, entry_stop=1000)
    assert sorted(flat(keys(part))) == everything()[850:1000]
    assert part.num_entries == 150


def test_shard_and_sample(two_files: list[str]) -> None:
    source = stream(two_files)
    parts = [keys(source.shard(rank, 2)) for rank in range(2)]
    assert sorted(flat(flat(parts))) == everything()
    sample = source.sample(700)
    assert len(sample) == 700
    assert 0.2 < sample.y.float().mean() < 0.6
    fitted = Standardizer.fit(source)
    jets = pcgnn.io.read_root(two_files, particles="part_*")
    x = ParticleClouds.from_awkward(jets).x.double().numpy()
    np.testing.assert_allclose(fitted.mean.numpy(), x.mean(0), atol=1e-5)
    np.testing.assert_allclose(fitted.width.numpy(), x.std(0), rtol=1e-5)
    assert source.epoch == 0


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_keep_their_type_and_place(
    two_files: list[str], tmp_path: Path, workers: int
) -> None:
    arrays = make_arrays(300, seed=5)
    arrays["px"][np.cumsum(arrays["n"])[200]] = np.nan
    write_root(tmp_path / "bad.root", arrays, label=1, step=100)
    with pytest.raises(PcgnnError, match=r"bad\.root") as caught:
        keys(stream([*two_files, str(tmp_path / "bad.root")], workers=workers))
    assert caught.value.entry == 201
    with pytest.raises(ExpressionError, match="part_ptt"):
        keys(stream(two_files, features=["part_ptt"], workers=workers))


def test_refusals(two_files: list[str], tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        keys(stream([str(tmp_path / "none.root")]))
    with pytest.raises(ConfigError, match="holds no batch"):
        stream(two_files, buffer_size=10)
    with pytest.raises(ConfigError, match="whole number"):
        stream(two_files, batch_size=0)
    with pytest.raises(ConfigError, match="needs particles"):
        stream(two_files, particles=None)
    with pytest.raises(ConfigError, match="empty"):
        stream(two_files, empty="keep")
    flavours = np.arange(1000) % 3
    write_root(tmp_path / "three.root", make_arrays(1000, seed=8), label=flavours, step=250)
    write_root(tmp_path / "two.root", make_arrays(1000, seed=9), label=flavours // 2, step=250)
    three = [str(tmp_path / "three.root"), str(tmp_path / "two.root")]
    with pytest.raises(ConfigError, match="classes="):
        keys(stream(three))
    named = stream(three, classes=["u", "d", "s"])
    assert len(flat(keys(named))) == 2000
    assert named.classes == ("u", "d", "s")


def test_memory_is_bounded_by_the_buffer(tmp_path: Path) -> None:
    """Peak memory of streaming a file 20 and 40 times the buffer: the same."""
    script = """
import resource, sys
import torch
torch.set_num_threads(1)
from pcgnn.data import CloudStream
stream = CloudStream(sys.argv[1:], particles="part_*", event=["is_top"], target="is_top",
                     batch_size=100, buffer_size=500)
seen = sum(batch.num_graphs for batch in stream)
print(seen, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    arrays = make_arrays(10_000, seed=6, largest=100)
    write_root(tmp_path / "a.root", arrays, label=1, step=250)
    raw = 4 * 4 * int(arrays["n"].sum()) / 1e6
    peaks = {}
    for copies in (1, 2):
        files = []
        for i in range(copies):
            name = tmp_path / f"copy{copies}_{i}.root"
            name.write_bytes((tmp_path / "a.root").read_bytes())
            files.append(str(name))
        done = subprocess.run(
            [sys.executable, "-c", script, *files], capture_output=True, text=True, check=True
        )
        seen, peak = map(int, done.stdout.split())
        assert seen == 10_000 * copies
        peaks[copies] = peak / 1000
    # the clouds of the other file alone would take 3.3 times its raw size
    assert raw > 7
    assert peaks[2] - peaks[1] < raw / 2
