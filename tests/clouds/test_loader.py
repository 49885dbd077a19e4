"""The loader: exactly once, reproducible, sharded, grouped, resumable."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cloud_makers import flat
from hypothesis import given, settings
from hypothesis import strategies as st

from pcgnn.data import CloudLoader, ParticleClouds
from pcgnn.errors import ConfigError


def numbered(count: int, seed: int = 0) -> ParticleClouds:
    sizes = np.random.default_rng(seed).integers(1, 40, count)
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    owner = np.repeat(np.arange(count), sizes).astype(np.float32)
    return ParticleClouds(
        x=owner[:, None], ptr=ptr, number=np.arange(count), levels={"number": "graph"}
    )


def numbers(loader: CloudLoader) -> list[list[int]]:
    return [batch.number.tolist() for batch in loader]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(1, 90),
    batch_size=st.integers(1, 20),
    world_size=st.integers(1, 4),
    shuffle=st.booleans(),
    group_sizes=st.booleans(),
    epoch=st.integers(0, 5),
)
def test_every_graph_exactly_once_over_all_ranks(
    count: int, batch_size: int, world_size: int, shuffle: bool, group_sizes: bool, epoch: int
) -> None:
    clouds = numbered(count)
    seen: list[int] = []
    for rank in range(world_size):
        loader = CloudLoader(
            clouds,
            batch_size,
            shuffle=shuffle,
            group_sizes=group_sizes and shuffle,
            rank=rank,
            world_size=world_size,
        )
        loader.set_epoch(epoch)
        batches = numbers(loader)
        assert len(batches) == len(loader)
        assert all(0 < len(batch) <= batch_size for batch in batches)
        seen += flat(batches)
    assert sorted(seen) == list(range(count))


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 90),
    batch_size=st.integers(1, 20),
    world_size=st.integers(1, 4),
    group_sizes=st.booleans(),
)
def test_drop_last_gives_equal_ranks(
    count: int, batch_size: int, world_size: int, group_sizes: bool
) -> None:
    clouds = numbered(count)
    lengths, seen = set(), []
    for rank in range(world_size):
        loader = CloudLoader(
            clouds,
            batch_size,
            shuffle=True,
            group_sizes=group_sizes,
            drop_last=True,
            rank=rank,
            world_size=world_size,
        )
        batches = numbers(loader)
        lengths.add(len(batches))
        assert len(loader) == len(batches)
        assert all(len(batch) == batch_size for batch in batches)
        seen += flat(batches)
    assert len(lengths) == 1
    assert len(set(seen)) == len(seen)


def test_batches_hold_their_graphs() -> None:
    clouds = numbered(50)
    for batch in CloudLoader(clouds, 7, shuffle=True):
        expected = batch.number[batch.batch].float()
        assert torch.equal(batch.x[:, 0], expected)
        assert np.array_equal(batch.plan.sizes, clouds.sizes[batch.number.numpy()])


def test_order_is_a_function_of_seed_and_epoch() -> None:
    clouds = numbered(64)
    loader = CloudLoader(clouds, 8, shuffle=True, seed=3)
    first, second = numbers(loader), numbers(loader)
    assert loader.epoch == 2
    assert first != second
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - global states must not matter
    loader.set_epoch(0)
    assert numbers(loader) == first
    fresh = CloudLoader(clouds, 8, shuffle=True, seed=3)
    fresh.set_epoch(1)
    assert numbers(fresh) == second
    assert numbers(CloudLoader(clouds, 8, shuffle=True, seed=4)) != first
    state = torch.random.get_rng_state()
    numbers(loader)
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_pass_broken_off_does_not_count() -> None:
    loader = CloudLoader(numbered(30), 4, shuffle=True)
    iterator = iter(loader)
    first = next(iterator).number.tolist()
    iterator.close()
    assert loader.epoch == 0
    batches = numbers(loader)
    assert batches[0] == first
    assert len(batches) == 8


def test_without_shuffle_the_order_is_kept() -> None:
    assert flat(numbers(CloudLoader(numbered(10), 3))) == list(range(10))


def test_grouped_sizes_are_similar_and_batches_random() -> None:
    clouds = numbered(4000)
    plain = CloudLoader(clouds, 32, shuffle=True)
    grouped = CloudLoader(clouds, 32, shuffle=True, group_sizes=True)

    def padding(loader: CloudLoader) -> float:
        sizes = [clouds.sizes[order] for order in loader.order()]
        return sum(s.max() * s.size for s in sizes) / clouds.num_particles

    assert padding(plain) > 1.8
    assert padding(grouped) < 1.1
    means = [clouds.sizes[order].mean() for order in grouped.order()]
    assert abs(np.corrcoef(np.arange(len(means)), means)[0, 1]) < 0.3
    first = [set(order.tolist()) for order in grouped.order()]
    grouped.set_epoch(1)
    assert not any(set(order.tolist()) in first for order in grouped.order())


@pytest.mark.parametrize("stop", [0, 1, 5, 8])
def test_resume_gives_the_remaining_batches(stop: int) -> None:
    clouds = numbered(61)
    whole = CloudLoader(clouds, 7, shuffle=True)
    whole.set_epoch(2)
    expected = numbers(whole) + numbers(whole)
    loader = CloudLoader(clouds, 7, shuffle=True)
    loader.set_epoch(2)
    state = loader.state_dict()
    for count, _ in enumerate(loader, start=1):
        if count == stop:
            state = loader.state_dict()
            break
    resumed = CloudLoader(clouds, 7, shuffle=True)
    resumed.load_state_dict(state)
    assert numbers(resumed) + numbers(resumed) == expected[stop:]
    with pytest.raises(ConfigError, match="state"):
        CloudLoader(clouds, 8, shuffle=True).load_state_dict(state)


def test_refusals() -> None:
    clouds = numbered(5)
    with pytest.raises(ConfigError, match="batch_size"):
        CloudLoader(clouds, 0)
    with pytest.raises(ConfigError, match="group_sizes"):
        CloudLoader(clouds, 2, group_sizes=True)
    with pytest.raises(ConfigError, match="rank"):
        CloudLoader(clouds, 2, rank=2, world_size=2)
    with pytest.raises(ConfigError, match="both"):
        CloudLoader(clouds, 2, rank=0)


def test_shard_and_mapped_clouds(tmp_path: object) -> None:
    clouds = numbered(41)
    path = tmp_path / "a.clouds"  # type: ignore[operator]
    clouds.save(path)
    mapped = CloudLoader(ParticleClouds.open(path), 6, shuffle=True)
    assert numbers(mapped) == numbers(CloudLoader(clouds, 6, shuffle=True))
    mapped.set_epoch(0)
    parts = [numbers(mapped.shard(rank, 3)) for rank in range(3)]
    assert sorted(flat(flat(parts))) == list(range(41))
