"""Tasks judged event by event: numbers that do not depend on batches, and their meaning."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pcgnn.models import create_model
from pcgnn.training import CondensationTask, EmbeddingTask
from pcgnn.training.base_task import Task
from pcgnn.training.pair_numbers import pair_numbers


def event(seed: int, hits: int) -> Data:
    """A graph with noise, a soft particle (3) and particles of interest."""
    generator = torch.Generator().manual_seed(seed)
    particle = torch.randint(0, 8, (hits,), generator=generator)
    return Data(
        x=torch.randn(hits, 3, generator=generator),
        edge_index=torch.randint(0, hits, (2, 3 * hits), generator=generator),
        edge_attr=torch.randn(3 * hits, 4, generator=generator),
        particle_id=particle,
        hit_y=((particle > 0) & (particle != 3)).float(),
    )


def task_of(kind: type[Task]) -> Task:
    torch.manual_seed(3)
    if kind is CondensationTask:
        network = create_model("condensation-network", features=3, latent=8, steps=1)
    else:
        network = create_model("hit-embedding", features=3, latent=8, layers=1)
    return kind(network, features=("r", "phi", "z")).eval()


def validated(task: Task, batches: list[list[Data]]) -> dict[str, float]:
    task.on_validation_epoch_start()
    for graphs in batches:
        batch = task.on_before_batch_transfer(Batch.from_data_list(graphs), 0)
        task.validation_step(batch, 0)
    return {name: float(value) for name, value in task.evaluated_numbers().items()}


@pytest.mark.parametrize("kind", [CondensationTask, EmbeddingTask])
def test_numbers_do_not_depend_on_the_batches(kind: type[Task]) -> None:
    task = task_of(kind)
    graphs = [event(seed, hits) for seed, hits in enumerate((20, 50, 9, 31, 40))]
    alone = validated(task, [[graph] for graph in graphs])
    for batches in ([graphs], [graphs[:3], graphs[3:]], [graphs[:1], graphs[1:]]):
        for name, value in validated(task, batches).items():
            assert value == pytest.approx(alone[name], rel=1e-5), name
    for stage in alone:
        assert alone[stage] > 0


@pytest.mark.parametrize("kind", [CondensationTask, EmbeddingTask])
def test_a_plan_made_beforehand_changes_nothing(kind: type[Task]) -> None:
    task = task_of(kind)
    batch = Batch.from_data_list([event(1, 30), event(2, 20)])
    asked, events = task.batch_loss(batch)
    told, _ = task.batch_loss(task.on_before_batch_transfer(batch, 0))
    assert events == 2
    assert hasattr(batch, "loss_plan")
    assert torch.equal(asked, told)


@pytest.mark.parametrize("kind", [CondensationTask, EmbeddingTask])
def test_soft_particles_take_no_part_unless_asked(kind: type[Task]) -> None:
    task = task_of(kind)
    graph = event(4, 60)
    soft = graph.particle_id == 3
    assert soft.any()
    output = torch.randn(60, 7, requires_grad=True)
    task.loss(output, *task.targets(graph)).backward()
    assert (output.grad[soft] == 0).all()
    assert (output.grad[~soft] != 0).any(1).sum() > 40
    as_noise = kind(task.network, features=task.features, low_pt="background")
    target, weight = as_noise.targets(graph)
    assert weight is None
    assert (target[soft, 1] == 0).all()


def counted(x: Tensor, target: Tensor, weight: Tensor, radius: float) -> dict[str, float]:
    """Pairs one by one, in each event."""
    found = {"efficiency": 0.0, "purity": 0.0}
    event, particle = target.t().tolist()
    names = sorted(set(event))
    for name in names:
        rows = [i for i in range(len(x)) if event[i] == name and weight[i] > 0]
        right = true = within = 0
        for i in rows:
            for j in rows:
                same = i < j and particle[i] == particle[j] > 0
                near = i < j and float((x[i] - x[j]).norm()) <= radius
                true, within, right = true + same, within + near, right + (same and near)
        found["efficiency"] += right / true / len(names)
        found["purity"] += right / within / len(names)
    return found


def test_efficiency_and_purity_of_pairs_are_counted() -> None:
    task = task_of(EmbeddingTask)
    target, weight = task.targets(Batch.from_data_list([event(5, 40), event(6, 25)]))
    x = torch.randn(65, 2)
    for radius in (0.5, 1.5):
        expected = counted(x, target, weight, radius)
        found = pair_numbers(x, target, weight, radius)
        assert {name: float(value) for name, value in found.items()} == pytest.approx(expected)
    # the pairs of every fourth hit are a sample of all
    some = pair_numbers(x, target, weight, 1.5, queries=10)
    assert float(some["efficiency"]) == pytest.approx(expected["efficiency"])
    assert float(some["purity"]) == pytest.approx(expected["purity"], abs=0.1)
    perfect = torch.stack([target[:, 0], target[:, 1] * 10 + torch.rand(65)], 1).float()
    perfect[target[:, 1] == 0, 0] = 100 + 10 * torch.arange((target[:, 1] == 0).sum()).float()
    for value in pair_numbers(perfect, target, weight, 1.5).values():
        assert float(value) == pytest.approx(1.0)
