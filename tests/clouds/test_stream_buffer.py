"""The memory a stream fills again and again: right values in it, and nobody else's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from cloud_makers import make_arrays, plain_features, records, write_root

import pcgnn.io
from pcgnn.data import CloudStream, ParticleClouds
from pcgnn.data.arena import Arena
from pcgnn.data.evaluate import _PIECE
from pcgnn.errors import DataError

OPTIONS = {"tree": "jets", "particles": "part_*", "event": ["is_top", "id"], "target": "is_top"}


def growing(path: Path) -> tuple[str, list[int]]:
    """A file whose later jets are far larger than its first ones; their sizes."""
    parts = [
        make_arrays(400, seed=k, largest=largest) for k, largest in enumerate((3, 90, 30, 150))
    ]
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    write_root(path, arrays, label=np.arange(1600) % 2, step=100)
    return str(path), arrays["n"].tolist()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"shuffle": False},
        {"shuffle": False, "buffer_size": 1600},
        {"shuffle": False, "max_particles": 40},
        {"shuffle": False, "cut": "(id % 300 < 3) | (id > 900)"},
        {"shuffle": False, "dtype": torch.float64, "p4": False},
        {"workers": 1},
    ],
    ids=str,
)
def test_jets_that_outgrow_the_room_made_for_them(
    tmp_path: Path, options: dict[str, object]
) -> None:
    name, sizes = growing(tmp_path / "growing.root")
    source = CloudStream([name], **{**OPTIONS, "batch_size": 64, "buffer_size": 450, **options})
    cut = options.get("cut")
    same = {k: v for k, v in options.items() if k in ("max_particles", "dtype", "p4")}
    jets = pcgnn.io.read_root(name, particles="part_*", event=["is_top", "id"], cut=cut)
    clouds = ParticleClouds.from_awkward(jets, target="is_top", **same)
    place = {entry: row for row, entry in enumerate(clouds.entry.tolist())}
    for _ in range(2):
        batches = list(source)  # all are held: a later buffer must not reach into them
        entries = [entry for batch in batches for entry in batch.entry.tolist()]
        assert sorted(entries) == clouds.entry.tolist()
        for batch in batches:
            expected = clouds.batch([place[entry] for entry in batch.entry.tolist()])
            for key in ("x", "pos", "p4", "y", "id", "ptr"):
                if key in expected:
                    assert torch.equal(batch[key], expected[key]), key
            most = options.get("max_particles", 1000)
            wanted = [min(sizes[entry], most) for entry in batch.entry.tolist()]
            assert batch.ptr.diff().tolist() == wanted


def test_two_passes_at_the_same_time(two_files: list[str]) -> None:
    source = CloudStream(two_files, **OPTIONS, batch_size=64, buffer_size=300)
    expected = list(source)
    source.set_epoch(0)
    one, other = iter(source), iter(source)
    for wanted in expected:
        for batch in (next(one), next(other)):
            assert torch.equal(batch.entry, wanted.entry)
            assert torch.equal(batch.x, wanted.x)


def test_a_buffer_is_held_once(tmp_path: Path) -> None:
    """Peak memory of a large buffer: less than twice its clouds."""
    script = """
import resource, sys
import torch
torch.set_num_threads(1)
from pcgnn.data import CloudStream
options = dict(particles="part_*", event=["is_top"], target="is_top", batch_size=100)
for _ in CloudStream(sys.argv[1:], entry_stop=300, buffer_size=300, **options): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in CloudStream(sys.argv[1:], buffer_size=12_000, **options): pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    arrays = make_arrays(12_000, seed=6, largest=120)
    write_root(tmp_path / "a.root", arrays, label=1, step=500)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.root")],
        capture_output=True,
        text=True,
        check=True,
    )
    clouds = 4 * (7 + 2 + 4) * int(arrays["n"].sum()) / 1e6
    assert clouds > 35
    assert int(done.stdout) / 1000 < 1.8 * clouds


def test_what_was_taken_is_joined_where_it_is() -> None:
    arena = Arena(graphs=10)
    arena.expect(4)
    first = arena.take("x", (8, 2), np.float32)
    first[:] = 1
    second = arena.take("x", (6, 2), np.float32)
    second[:] = 2
    own = torch.full((3, 2), 3.0)
    joined = arena.join("x", [torch.from_numpy(first), torch.from_numpy(second), own])
    assert joined[:, 1].tolist() == [1.0] * 8 + [2.0] * 6 + [3.0] * 3
    assert joined.data_ptr() == first.ctypes.data
    # Too many rows: these get memory of their own, and all are brought together elsewhere.
    third = arena.take("x", (20, 2), np.float32)
    third[:] = 4
    assert not np.shares_memory(third, first)
    larger = arena.join("x", [torch.from_numpy(a) for a in (first, second, third)])
    assert larger[:, 0].tolist() == [1.0] * 8 + [2.0] * 6 + [4.0] * 20
    arena.clear()
    assert arena.take("x", (34, 2), np.float32).ctypes.data == larger.data_ptr()


def test_few_graphs_reserve_no_room_for_many() -> None:
    arena = Arena(graphs=1_000_000)
    arena.expect(1)
    alone = arena.take("x", (100_000, 9), np.float64)
    assert alone.base is None
    assert arena.join("x", [torch.from_numpy(alone)]).shape == (100_000, 9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("nan", "sqrt(0.5 - (id == 900))"),
        ("inf", "1 / (id != 900)"),
        ("-inf", "log(id != 900)"),
    ],
)
def test_errors_of_unclipped_features_name_feature_and_entry(
    tmp_path: Path, value: str, text: str
) -> None:
    write_root(tmp_path / "good.root", make_arrays(1200, seed=5), label=1, step=100)
    features = [{"name": "fine", "expression": "part_pt"}, {"name": "broken", "expression": text}]
    source = CloudStream(
        [str(tmp_path / "good.root")],
        **OPTIONS,
        features=features,
        batch_size=50,
        buffer_size=200,
        shuffle=False,
    )
    seen = 0
    with pytest.raises(DataError, match=rf"broken is {value}") as caught:  # noqa: PT012
        for batch in source:
            seen += batch.num_graphs
    assert caught.value.entry == 900
    assert caught.value.branch == "broken"
    assert str(tmp_path / "good.root") in str(caught.value)
    assert 600 < seen <= 900


def evaluated(feature: dict[str, object], px: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """One feature of one-particle jets with these momenta along x."""
    n = np.ones(px.size, dtype=np.int64)
    zero = np.zeros(px.size)
    arrays = {"n": n, "px": px, "py": zero, "pz": zero, "E": np.abs(px)}
    clouds = ParticleClouds.from_awkward(
        records(arrays), features={"features": [feature], "pos": []}, dtype=dtype, p4=False
    )
    assert clouds.x is not None
    return clouds.x[:, 0].numpy()


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 0.5, 1e-3])
def test_clipping_in_pieces_with_and_without_values_outside(
    dtype: torch.dtype, scale: float
) -> None:
    # the first piece lies inside, later ones reach above, below and exactly the limits
    px = np.random.default_rng(0).uniform(-1.9, 1.9, 4 * _PIECE)
    px[_PIECE + 5], px[2 * _PIECE + 7], px[3 * _PIECE + 9] = 60.0, -70.0, 2.0 / scale
    for clip in ((-2.0, 2.0), (-1.95, 2.0)):
        feature = {"name": "f", "expression": "part_px", "scale": scale, "clip": list(clip)}
        result = evaluated(feature, px, dtype)
        expected = np.minimum(np.maximum(px * scale, clip[0]), clip[1]).astype(result.dtype)
        np.testing.assert_array_equal(result, expected)


def test_values_too_large_for_the_type_are_refused() -> None:
    px = np.linspace(1.0, 2.0, 50)
    for dtype, large in ((torch.float16, 1e6), (torch.float32, 1e39)):
        px[33] = large
        for clip in (None, [-1e300, 1e300]):
            feature = {"name": "f", "expression": "part_px", "clip": clip}
            with pytest.raises(DataError, match=r"f is inf .*33"):
                evaluated(feature, px, dtype)
        held = evaluated({"name": "f", "expression": "part_px", "clip": 5.0}, px, dtype)
        assert held.max() == 5.0
    assert evaluated({"name": "f", "expression": "part_px"}, px, torch.float64).max() == 1e39


def test_outputs_that_are_steps_of_others_and_constants() -> None:
    arrays = make_arrays(300, seed=7)
    expressions = ["log(part_pt)", "part_pt", "3", "part_pt", "part_pt * 2 + log(part_pt)"]
    names = [{"name": f"f{k}", "expression": text} for k, text in enumerate(expressions)]
    clouds = ParticleClouds.from_awkward(records(arrays), features=names, dtype=torch.float64)
    pt = np.hypot(arrays["px"].astype(np.float64), arrays["py"].astype(np.float64))
    expected = np.stack([np.log(pt), pt, np.full_like(pt, 3), pt, 2 * pt + np.log(pt)], axis=1)
    np.testing.assert_allclose(clouds.x.numpy(), expected, rtol=1e-13, atol=1e-14)


def test_features_of_a_stream_by_plain_math(two_files: list[str]) -> None:
    jets = pcgnn.io.read_root(two_files, particles="part_*", event=["is_top"])
    source = CloudStream(two_files, **OPTIONS, dtype=torch.float64, batch_size=50, buffer_size=300)
    for number, batch in enumerate(source):
        file, entry = int(batch.file[7]), int(batch.entry[7])
        jet = jets[(jets.file == file) & (jets.entry == entry)].particles[0]
        columns = [np.asarray(jet[name]) for name in ("px", "py", "pz", "E")]
        rows = slice(int(batch.ptr[7]), int(batch.ptr[8]))
        np.testing.assert_allclose(batch.x[rows].numpy(), plain_features(*columns), atol=1e-9)
        if number > 20:
            break
