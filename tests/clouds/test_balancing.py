"""Balanced batches: exact shares in every batch, every graph used, the same for any process."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgnn.data import BalancedLoader, ParticleClouds
from pcgnn.errors import ConfigError, DataError

MASSES = (500.0, 750.0, 1000.0, 1250.0)


def sample(masses: tuple[int, ...], processes: tuple[int, ...], seed: int = 0) -> ParticleClouds:
    """So many signal graphs of each mass and background graphs of each process, shuffled."""
    mass = np.repeat([*MASSES[: len(masses)], *([0.0] * len(processes))], [*masses, *processes])
    kind = np.repeat([*([0] * len(masses)), *range(1, 1 + len(processes))], [*masses, *processes])
    order = np.random.default_rng(seed).permutation(mass.size)
    y = (kind == 0).astype(np.int64)
    return ParticleClouds(
        x=np.arange(mass.size, dtype=np.float32)[:, None],
        ptr=np.arange(mass.size + 1),
        y=y[order],
        mass=mass[order],
        process=kind[order],
        levels={"mass": "graph", "process": "graph"},
    )


def shares(clouds: ParticleClouds, graphs: np.ndarray, column: str, y: int) -> list[int]:
    assert clouds.y is not None
    chosen = graphs[clouds.y.numpy()[graphs] == y]
    values = clouds.graph_column(column).numpy()[chosen]
    return sorted(Counter(values.tolist()).values())


@settings(max_examples=40, deadline=None)
@given(
    masses=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    processes=st.lists(st.integers(1, 80), min_size=1, max_size=3),
    multiple=st.integers(1, 4),
    epoch=st.integers(0, 3),
    world_size=st.integers(1, 3),
)
def test_full_balance_is_exact_in_every_batch(
    masses: list[int], processes: list[int], multiple: int, epoch: int, world_size: int
) -> None:
    clouds = sample(tuple(masses), tuple(processes))
    size = 2 * int(np.lcm(len(masses), len(processes))) * multiple
    lengths = set()
    for rank in range(world_size):
        loader = BalancedLoader(clouds, size, seed=4, rank=rank, world_size=world_size)
        loader.set_epoch(epoch)
        batches = loader.order()
        lengths.add(len(batches))
        for graphs in batches:
            assert graphs.size == size
            assert shares(clouds, graphs, "mass", 1) == [size // 2 // len(masses)] * len(masses)
            wanted = [size // 2 // len(processes)] * len(processes)
            assert shares(clouds, graphs, "process", 0) == wanted
    assert lengths == {len(loader)}


def test_ten_thousand_batches_are_exact_and_use_every_rare_graph() -> None:
    clouds = sample((40, 5000, 300, 7), (6000, 11))
    loader = BalancedLoader(clouds, 48, batches=2000, seed=1)
    cell = {
        tuple(key): number
        for number, key in enumerate(
            np.unique(np.stack([clouds.mass, clouds.process], 1), axis=0).tolist()
        )
    }
    where = np.array(
        [cell[m, p] for m, p in zip(clouds.mass.tolist(), clouds.process.tolist(), strict=True)]
    )
    wanted = np.array([12 if key[0] == 0 else 6 for key in cell])
    used = np.zeros(len(clouds), np.int64)
    for epoch in range(5):
        loader.set_epoch(epoch)
        batches = np.stack(loader.order())
        assert batches.shape == (2000, 48)
        counts = np.zeros((2000, len(cell)), np.int64)
        np.add.at(counts, (np.arange(2000)[:, None], where[batches]), 1)
        assert (counts == wanted).all()
        used += np.bincount(batches.ravel(), minlength=len(clouds))
    for number in range(len(cell)):
        each = used[where == number]
        assert each.max() - each.min() <= 1, "graphs of a cell are used equally often"
        assert each.min() >= 1
        assert each.sum() == 10_000 * wanted[number]


@pytest.mark.parametrize(
    ("balance", "masses", "processes"),
    [
        ("class", None, None),
        ("process", None, [20, 20]),
        ("mass", [10, 10, 10, 10], None),
        ("full", [10, 10, 10, 10], [20, 20]),
    ],
)
def test_what_is_balanced(
    balance: str, masses: list[int] | None, processes: list[int] | None
) -> None:
    clouds = sample((40, 500, 90, 12), (900, 60))
    assert clouds.y is not None
    loader = BalancedLoader(clouds, 80, balance=balance, batches=30)  # type: ignore[arg-type]
    seen_masses, seen_processes = set(), set()
    for graphs in loader.order():
        assert int(clouds.y[graphs].sum()) == 40
        seen_masses.add(tuple(shares(clouds, graphs, "mass", 1)))
        seen_processes.add(tuple(shares(clouds, graphs, "process", 0)))
    for seen, wanted in ((seen_masses, masses), (seen_processes, processes)):
        assert (seen == {tuple(wanted)}) if wanted else len(seen) > 1


def test_several_parameters_make_one_point() -> None:
    clouds = sample((8, 8), (16,))
    point = torch.stack([clouds.mass, torch.zeros(32)], 1)
    point[:3, 1] = 1.0
    both = ParticleClouds(
        x=clouds.x, ptr=clouds.ptr, y=clouds.y, mass=point, process=clouds.process,
        levels={"mass": "graph", "process": "graph"},
    )  # fmt: skip
    assert both.y is not None
    points = len(np.unique(point.numpy()[both.y.numpy() == 1], axis=0))
    assert points > 2
    loader = BalancedLoader(both, 2 * points)
    assert sorted(cell.count for cell in loader.cells) == [1] * points + [points]


def test_order_is_a_pure_function_and_resumes() -> None:
    clouds = sample((40, 50), (90,))
    loader = BalancedLoader(clouds, 8, seed=2)
    epochs = [[batch.x.flatten().tolist() for batch in loader] for _ in range(3)]
    again = BalancedLoader(clouds, 8, seed=2)
    again.set_epoch(1)
    assert [b.x.flatten().tolist() for b in again] == epochs[1]
    assert epochs[0] != epochs[1]
    half = BalancedLoader(clouds, 8, seed=2)
    half.set_epoch(2)
    passing = iter(half)
    first = [next(passing).x.flatten().tolist() for _ in range(4)]
    rest = BalancedLoader(clouds, 8, seed=2)
    rest.load_state_dict(half.state_dict())
    assert first + [b.x.flatten().tolist() for b in rest] == epochs[2]


def test_processes_draw_different_graphs() -> None:
    clouds = sample((400,), (400,))
    parts = [
        np.concatenate(BalancedLoader(clouds, 40, rank=rank, world_size=4).order())
        for rank in range(4)
    ]
    joined = np.concatenate(parts)
    assert np.unique(joined).size == joined.size == 800  # an epoch of 5 steps of 4 processes


def test_a_training_shares_it_out_among_processes() -> None:
    from pcgnn.training.loaders import training_loader

    clouds = sample((400, 30), (400,))
    loader = BalancedLoader(clouds, 40, balance="mass")
    parts = [
        training_loader(loader, batch_size=1, seed=0, epoch=lambda: 1, rank=rank, world_size=2)
        for rank in range(2)
    ]
    assert len(parts[0]) == len(parts[1]) == 11  # type: ignore[arg-type]
    seen = [[int(n) for batch in part for n in batch.x.flatten()] for part in parts]
    for part in seen:
        for start in range(0, len(part), 40):
            graphs = np.array(part[start : start + 40])
            assert shares(clouds, graphs, "mass", 1) == [10, 10]
    assert seen[0][:40] != seen[1][:40]


def test_refusals() -> None:
    clouds = sample((40, 50, 20), (90, 10))
    with pytest.raises(ConfigError, match=r"100 .*3 parts of signal, 2 parts .*96 or 108"):
        BalancedLoader(clouds, 100)
    with pytest.raises(ConfigError, match="balance = 'both'"):
        BalancedLoader(clouds, 12, balance="both")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no per-graph column 'origin'"):
        BalancedLoader(clouds, 12, process="origin")
    with pytest.raises(DataError, match="no graphs of signal"):
        BalancedLoader(clouds, 12, signal=7)
    bare = ParticleClouds(x=torch.zeros(3, 1), ptr=torch.arange(4))
    with pytest.raises(DataError, match="one class per graph"):
        BalancedLoader(bare, 12)
