"""The loss of metric learning: its formula by plain loops, what takes part, and what it does."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import create_loss

# particles of two events: noise, a particle of one hit, one that is in both by number alone
PARTICLES = ((1, 2, 1, 0, 1, 2, 0, 5), (2, 0, 2, 2, 1, 1))


def sample(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.tensor([[e, p] for e, particles in enumerate(PARTICLES) for p in particles])
    output = torch.randn(len(target), 3, generator=generator, dtype=torch.float64) * 0.5
    return output, target, torch.ones(len(target), dtype=torch.float64)


def plain(output: Tensor, target: Tensor, weight: Tensor, margin: float) -> dict[str, float]:
    """Means over all pairs of each event, one pair after the other; then over events."""
    sums: dict[str, list[float]] = {"attractive": [], "hard": []}
    rows = list(zip(output.tolist(), target.tolist(), weight.tolist(), strict=True))
    for event in sorted({e for _, (e, _), w in rows if w > 0}):
        mine = [(x, p, w) for x, (e, p), w in rows if e == event and w > 0]
        near, hinges = [(0.0, 0.0)], [(0.0, 0.0)]
        for i, (x, p, w) in enumerate(mine):
            for y, q, v in mine[i + 1 :]:
                squared = math.dist(x, y) ** 2
                if p == q and p > 0:
                    near.append((w * v, squared))
                else:
                    hinges.append((w * v, max(0.0, margin**2 - squared)))
        for name, pairs in (("attractive", near), ("hard", hinges)):
            total = sum(w for w, _ in pairs)
            sums[name].append(sum(w * value for w, value in pairs) / total if total else 0.0)
    return {name: sum(values) / max(len(values), 1) for name, values in sums.items()}


@pytest.mark.parametrize("margin", [0.3, 1.0, 10.0])
def test_the_formula_by_loops_over_pairs(margin: float) -> None:
    output, target, weight = sample()
    loss = create_loss("pair-hinge", margin=margin, neighbours=20, random=0)
    for weights in (None, weight, weight * torch.linspace(0.5, 2, weight.numel()).double()):
        expected = plain(output, target, weight if weights is None else weights, margin)
        parts = loss.parts(output, target, weights)
        for name, value in expected.items():
            assert float(parts[name].detach()) == pytest.approx(value, rel=1e-12)
        assert expected["attractive"] > 0
        total = float(loss(output, target, weights).detach())
        assert total == pytest.approx(sum(expected.values()), rel=1e-12)
    scaled = create_loss(
        "pair-hinge", margin=margin, neighbours=20, random=0, attractive=2.0, hard=0.25
    )
    total = 2.0 * expected["attractive"] + 0.25 * expected["hard"]
    assert float(scaled(output, target, weights).detach()) == pytest.approx(total, rel=1e-12)


def test_gradients_are_those_of_the_formula() -> None:
    output, target, weight = sample(3)
    output.requires_grad_()
    loss = create_loss("pair-hinge", neighbours=20, random=0)
    (gradient,) = torch.autograd.grad(loss(output, target, weight), output)
    step = 1e-6
    for row, column in ((0, 0), (3, 1), (9, 2)):
        ends = []
        for sign in (1, -1):
            moved = output.detach().clone()
            moved[row, column] += sign * step
            ends.append(sum(plain(moved, target, weight, 1.0).values()))
        assert float(gradient[row, column]) == pytest.approx(
            (ends[0] - ends[1]) / (2 * step), rel=1e-5, abs=1e-8
        )


def test_hits_without_weight_take_no_part() -> None:
    output, target, weight = sample(1)
    kept = torch.arange(weight.numel()) % 3 != 0
    for neighbours in (2, 20):  # among few neighbours they occupy no place either
        loss = create_loss("pair-hinge", neighbours=neighbours, random=0)
        parts = loss.parts(output, target, weight * kept)
        without = loss.parts(output[kept], target[kept])
        for name in parts:
            assert float(parts[name].detach()) == pytest.approx(float(without[name]), rel=1e-12)
    output.requires_grad_()
    (gradient,) = torch.autograd.grad(create_loss("pair-hinge")(output, target, kept * 1.0), output)
    assert (gradient[~kept] == 0).all()
    assert (gradient[kept] != 0).any()


def test_events_do_not_see_each_other() -> None:
    output, target, _ = sample(2)
    loss = create_loss("pair-hinge", neighbours=20, random=0)
    first = target[:, 0] == 0
    both = loss(output, target)
    alone = (loss(output[first], target[first]) + loss(output[~first], target[~first])) / 2
    assert float(both) == pytest.approx(float(alone), rel=1e-12)
    moved = output + 100.0 * target[:, :1]  # whole events may lie wherever they like
    assert float(loss(moved, target)) == pytest.approx(float(both), rel=1e-9)


def test_noise_repels_and_is_not_attracted() -> None:
    # two hits of noise at one place, and far away two of one particle at another
    output = torch.tensor([[0.0], [0.0], [9.0], [9.0]], dtype=torch.float64)
    loss = create_loss("pair-hinge", neighbours=3, random=0)
    parts = loss.parts(output, torch.tensor([[0, 0], [0, 0], [0, 1], [0, 1]]))
    assert float(parts["attractive"]) == 0.0
    assert float(parts["hard"]) == pytest.approx(1 / 5)  # the close pair of five false ones
    nothing = loss.parts(output, torch.tensor([[0, 4], [0, 4], [0, 1], [0, 1]]))
    assert float(nothing["hard"]) == 0.0


@pytest.mark.parametrize("hits", [0, 1, 3])
def test_without_pairs_there_is_a_loss_of_zero_with_a_gradient(hits: int) -> None:
    loss = create_loss("pair-hinge")
    for weight in (None, torch.zeros(hits)):
        output = (100.0 * torch.arange(hits * 2).reshape(hits, 2)).requires_grad_()
        target = torch.stack([torch.zeros(hits), torch.arange(hits)], 1).long()
        value = loss(output, target, weight)
        assert float(value.detach()) == 0.0
        value.backward()
        assert output.grad is not None
        assert (output.grad == 0).all()


def test_gradients_are_finite_where_hits_coincide() -> None:
    for dtype in (torch.float32, torch.float64):
        output = torch.zeros(14, 3, dtype=dtype, requires_grad=True)
        _, target, _ = sample()
        loss = create_loss("pair-hinge")(output, target)
        loss.backward()
        assert torch.isfinite(loss)
        assert output.grad is not None
        assert torch.isfinite(output.grad).all()


def test_random_pairs_follow_the_seed_and_are_the_mean_of_all_false_pairs() -> None:
    output, target, _ = sample(4)
    one = target[:, 0] == 0
    output, target = output.detach()[one], target[one]
    loss = create_loss("pair-hinge", neighbours=0, random=4, margin=2.0)
    values = []
    for seed in (7, 7, 8):
        torch.manual_seed(seed)
        values.append(float(loss.parts(output, target)["random"]))
    assert values[0] == values[1] != values[2]
    many = create_loss("pair-hinge", neighbours=0, random=20_000, margin=2.0)
    false = [
        max(0.0, 4.0 - math.dist(output[i].tolist(), output[j].tolist()) ** 2)
        for i in range(len(target))
        for j in range(len(target))
        if i != j and (target[i, 1] != target[j, 1] or target[i, 1] == 0)
    ]
    found = float(many.parts(output, target)["random"])
    assert found == pytest.approx(sum(false) / len(false), rel=0.01)


def test_points_that_move_freely_gather_by_particle() -> None:
    torch.manual_seed(2)
    particle = torch.arange(1, 13).repeat_interleave(6)
    particle = torch.cat([particle, torch.zeros(10, dtype=torch.long)])
    target = torch.stack([torch.zeros_like(particle), particle], 1)
    x = torch.randn(particle.numel(), 3, requires_grad=True)
    loss = create_loss("pair-hinge", margin=1.0, neighbours=16)
    optimizer = torch.optim.Adam([x], lr=0.05)

    def inside() -> tuple[float, float]:
        """Of the pairs of a particle and of all others, those within half the margin."""
        distance = torch.cdist(x.detach(), x.detach())
        same = (particle[:, None] == particle) & (particle > 0)
        others = ~same
        same.fill_diagonal_(False)
        others.fill_diagonal_(False)
        near = distance < 0.5
        return float(near[same].float().mean()), float(near[others].float().mean())

    before = inside()
    for _ in range(300):
        optimizer.zero_grad()
        loss(x, target).backward()
        optimizer.step()
    efficiency, wrong = inside()
    assert before[0] < 0.1
    assert efficiency > 0.95
    assert wrong < 0.01


def test_wrong_input_is_named() -> None:
    for bad in ({"margin": 0.0}, {"margin": math.nan}, {"neighbours": -1}, {"hard": -1.0}):
        with pytest.raises(ConfigError, match=next(iter(bad))):
            create_loss("pair-hinge", **bad)
    output, target, _ = sample()
    loss = create_loss("pair-hinge")
    with pytest.raises(DataError, match="shape"):
        loss(output[:, 0], target)
    with pytest.raises(DataError, match="shape"):
        loss(output, target[:-1])
    with pytest.raises(DataError, match="target"):
        loss(output, target[:, 1])
