"""Object condensation against its formula, written out hit by hit."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import CondensationLoss, create_loss

TERMS = ("attractive", "repulsive", "coward", "noise")


def batch(seed: int = 0, events: int = 3, hits: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Events of several sizes with noise, and hits of weights 0, 0.5 and 1."""
    torch.manual_seed(seed)
    sizes = [hits + 7 * event for event in range(events)]
    event = torch.repeat_interleave(torch.arange(events), torch.tensor(sizes))
    particle = torch.randint(0, 6, (sum(sizes),)) * torch.randint(1, 3, (sum(sizes),))
    output = torch.randn(sum(sizes), 4, dtype=torch.float64) * torch.tensor([3.0, 0.6, 0.6, 0.6])
    weight = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)[torch.randint(0, 3, event.shape)]
    return output, torch.stack([event, particle], 1), weight


def plain(output: Tensor, target: Tensor, weight: Tensor, q_min: float) -> dict[str, float]:
    """2002.03605, equations 4 to 9, with loops; the mean over events."""
    rows = [i for i in range(len(output)) if weight[i] > 0]
    beta = {i: 1 / (1 + math.exp(-float(output[i, 0]))) for i in rows}
    charge = {i: math.atanh(beta[i]) ** 2 + q_min for i in rows}
    names = sorted({int(target[i, 0]) for i in rows})
    total = dict.fromkeys(TERMS, 0.0)
    for name in names:
        mine = [i for i in rows if int(target[i, 0]) == name]
        particles = sorted({int(target[i, 1]) for i in mine} - {0})
        norm = sum(float(weight[i]) for i in mine)
        for particle in particles:
            own = [i for i in mine if int(target[i, 1]) == particle]
            point = max(own, key=lambda i: charge[i])
            total["coward"] += (1 - beta[point]) / len(particles) / len(names)
            for i in mine:
                pair = float(weight[i]) * charge[i] * charge[point] / norm / len(names)
                distance = math.dist(output[i, 1:].tolist(), output[point, 1:].tolist())
                if i in own:
                    total["attractive"] += pair * distance**2
                else:
                    total["repulsive"] += pair * max(0.0, 1 - distance)
        noise = [i for i in mine if int(target[i, 1]) == 0]
        amount = sum(float(weight[i]) for i in noise)
        for i in noise:
            total["noise"] += float(weight[i]) * beta[i] / amount / len(names)
    return total


@pytest.mark.parametrize("pairs", [1, 100, 1 << 22])
@pytest.mark.parametrize("weighted", [True, False])
def test_it_is_its_formula(pairs: int, weighted: bool) -> None:
    output, target, weight = batch()
    factors = {"attractive": 0.7, "repulsive": 1.3, "coward": 0.4, "noise": 2.0}
    loss = create_loss("condensation", q_min=0.2, pairs=pairs, **factors)
    given = weight if weighted else None
    expected = plain(output, target, weight if weighted else torch.ones_like(weight), 0.2)
    parts = loss.parts(output, target, given)
    assert list(parts) == list(TERMS)
    for name in TERMS:
        assert expected[name] > 0.01
        assert float(parts[name]) == pytest.approx(expected[name], rel=1e-10)
    total = sum(factors[name] * expected[name] for name in TERMS)
    assert float(loss(output, target, given)) == pytest.approx(total, rel=1e-10)


def test_the_number_of_pairs_changes_no_gradient() -> None:
    output, target, weight = batch(1)
    gradients = []
    for pairs in (1, 60, 333, 1 << 22):
        leaf = output.clone().requires_grad_()
        CondensationLoss(pairs=pairs)(leaf, target, weight).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad)
    assert gradients[0].abs().max() > 1e-3
    for other in gradients[1:]:
        assert torch.allclose(gradients[0], other, rtol=1e-10, atol=1e-14)
    leaf = output[:30].clone().requires_grad_()
    part, some = target[:30], weight[:30]
    assert torch.autograd.gradcheck(lambda x: CondensationLoss(pairs=50)(x, part, some), (leaf,))


def test_no_matrix_of_all_hits_and_objects_is_held() -> None:
    """What autograd keeps grows with the hits, not with the product of hits and objects."""
    kept: list[int] = []
    output, target, _ = batch(2, events=1, hits=1000)
    target[:, 1] = torch.arange(1000) // 4
    leaf = output.requires_grad_()

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        CondensationLoss(pairs=1 << 22)(leaf, target)
    assert max(kept) >= 249 * 1000
    kept.clear()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        CondensationLoss(pairs=10_000)(leaf, target)
    assert max(kept) <= 10_000


def test_a_batch_is_the_mean_of_its_events() -> None:
    output, target, weight = batch(3)
    loss = CondensationLoss()
    alone = []
    for event in range(3):
        mine = target[:, 0] == event
        alone.append(loss(output[mine], target[mine], weight[mine]))
    assert float(loss(output, target, weight)) == pytest.approx(float(sum(alone) / 3), rel=1e-12)
    # the same ids in other events are other particles: nothing in one event pulls in another
    leaf = output.clone().requires_grad_()
    mine = target[:, 0] == 1
    loss(leaf, target, weight * mine).backward()
    assert leaf.grad is not None
    assert (leaf.grad[~mine] == 0).all()
    assert (leaf.grad[mine] != 0).any()


def test_order_and_names_of_particles_do_not_matter() -> None:
    output, target, weight = batch(4)
    renamed = target.clone()
    renamed[:, 1] = torch.where(target[:, 1] > 0, 1000 - 13 * target[:, 1], 0)
    order = torch.cat([torch.randperm(40), 40 + torch.randperm(47), 87 + torch.randperm(54)])
    loss = CondensationLoss()
    expected = float(loss(output, target, weight))
    found = float(loss(output[order], renamed[order], weight[order]))
    assert found == pytest.approx(expected, rel=1e-12)


def test_hits_without_weight_take_no_part() -> None:
    output, target, weight = batch(5)
    loss, kept = CondensationLoss(), weight > 0
    expected = float(loss(output[kept], target[kept], weight[kept]))
    leaf = output.clone()
    leaf[~kept] = 1e3  # the strongest, and far away
    leaf.requires_grad_()
    found = loss(leaf, target, weight)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-12)
    found.backward()
    assert leaf.grad is not None
    assert (leaf.grad[~kept] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_at_the_edges(dtype: torch.dtype) -> None:
    """Strengths of 0 and 1 in the accuracy of the type, and hits at one place."""
    z = torch.tensor([-1e3, -200.0, 1e3, 200.0, 0.0, 0.0], dtype=dtype)
    output = torch.cat([z[:, None], torch.zeros(6, 3, dtype=dtype)], 1).requires_grad_()
    target = torch.tensor([[0, 1], [0, 1], [0, 2], [0, 2], [0, 3], [0, 0]])
    loss = CondensationLoss()(output, target)
    loss.backward()
    assert torch.isfinite(loss)
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()


def test_autocast_changes_nothing() -> None:
    output, target, weight = batch(7)
    expected = float(CondensationLoss()(output.float(), target, weight))
    with torch.autocast("cpu", torch.bfloat16):
        found = float(CondensationLoss()(output.float(), target, weight))
    assert found == pytest.approx(expected, rel=1e-6)


def test_only_noise_only_one_object_and_nothing() -> None:
    output, target, weight = batch(6, events=2)
    loss = CondensationLoss()
    noise = torch.stack([target[:, 0], torch.zeros_like(target[:, 1])], 1)
    parts = loss.parts(output, noise)
    beta = output[:, 0].sigmoid()
    expected = (beta[:40].mean() + beta[40:].mean()) / 2
    assert float(parts["noise"]) == pytest.approx(float(expected), rel=1e-12)
    assert all(float(parts[name]) == 0.0 for name in ("attractive", "repulsive", "coward"))
    one = torch.stack([target[:, 0], torch.ones_like(target[:, 1])], 1)
    parts = loss.parts(output, one)
    assert float(parts["repulsive"]) == float(parts["noise"]) == 0.0
    assert float(parts["attractive"]) > 0
    for nothing in ((output, target, 0 * weight), (output[:0], target[:0], weight[:0])):
        leaf = nothing[0].clone().requires_grad_()
        found = loss(leaf, *nothing[1:])
        found.backward()
        assert float(found.detach()) == 0.0
        assert leaf.grad is not None
        assert (leaf.grad == 0).all()


def test_descent_condenses_hits() -> None:
    """Free coordinates and strengths, moved down the gradient, part the particles."""
    torch.manual_seed(0)
    output = torch.cat([torch.zeros(30, 1), 0.3 * torch.randn(30, 2)], 1).requires_grad_()
    particle = torch.tensor([0, 1, 2]).repeat(10)
    target = torch.stack([torch.zeros_like(particle), particle], 1)
    loss, optimizer = CondensationLoss(), torch.optim.Adam([output], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss(output, target).backward()
        optimizer.step()
    with torch.no_grad():
        distance = torch.cdist(output[:, 1:], output[:, 1:])
        signal = particle > 0
        same = (particle[:, None] == particle) & signal
        assert distance[same].max() < 0.3
        assert distance[~same & signal[:, None] & signal].min() > 0.7
        beta = output[:, 0].sigmoid()
        assert all(beta[particle == p].max() > 0.8 for p in (1, 2))
        assert beta[particle == 0].max() < 0.1


def test_what_does_not_fit_is_refused() -> None:
    output, target, _ = batch()
    loss = CondensationLoss()
    for bad in (output[:, 0], output[:, :1], output[1:]):
        with pytest.raises(DataError, match="strength and coordinates"):
            loss(bad, target)
    with pytest.raises(DataError, match="event and particle"):
        loss(output, target[:, 1])
    for arguments in ({"q_min": 0.0}, {"pairs": 0}, {"noise": -1.0}, {"coward": math.nan}):
        with pytest.raises(ConfigError):
            CondensationLoss(**arguments)
    assert "q_min=0.1" in repr(loss)
