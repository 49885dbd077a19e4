"""Every schedule against its formula, written out again or taken from torch."""

from __future__ import annotations

import math

import pytest
import torch

from pcgnn.errors import ConfigError
from pcgnn.training.schedules import Clock
from pcgnn.training.scheduling import FactorLR, create_schedule, list_schedules

PER_EPOCH, EPOCHS = 5, 10


def rates(name: str, *, per_epoch: int = PER_EPOCH, epochs: int = EPOCHS, **arguments: object):
    """Learning rate of every update, as an optimiser sees it (nominal rate 1)."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    scheduler = FactorLR(optimizer, create_schedule(name, **arguments), per_epoch, epochs)
    seen = []
    for _ in range(per_epoch * epochs):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


def test_constant_never_changes():
    assert rates("constant") == [1.0] * 50


@pytest.mark.parametrize("interval", ["epoch", "step"])
def test_time_based(interval):
    expected = [
        1.0 / (1.0 + 0.7 * (n // PER_EPOCH if interval == "epoch" else n / PER_EPOCH))
        for n in range(50)
    ]
    assert rates("time-based", k=0.7, interval=interval) == pytest.approx(expected, rel=1e-14)


def test_step_decay_falls_at_multiples_of_tau():
    seen = rates("step", decay=0.1, tau=3)
    expected = [0.1 ** ((n // PER_EPOCH) // 3) for n in range(50)]
    assert seen == pytest.approx(expected, rel=1e-12)
    assert len({round(rate, 12) for rate in seen}) == 4


@pytest.mark.parametrize("interval", ["epoch", "step"])
def test_exponential(interval):
    seen = rates("exponential", tau=4.0, interval=interval)
    times = [n // PER_EPOCH if interval == "epoch" else n / PER_EPOCH for n in range(50)]
    assert seen == pytest.approx([math.exp(-t / 4.0) for t in times], rel=1e-14)


@pytest.mark.parametrize(("shape", "torch_name"), [("cosine", "cos"), ("linear", "linear")])
def test_one_cycle_equals_torch_with_momentum(shape, torch_name):
    def run(make):
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=3e-3)
        scheduler = make(optimizer)
        seen = []
        for _ in range(50):
            group = optimizer.param_groups[0]
            seen.append((group["lr"], group["betas"][0]))
            optimizer.step()
            if len(seen) < 50:
                scheduler.step()
        return seen

    ours = run(lambda o: FactorLR(o, create_schedule("one-cycle", shape=shape), PER_EPOCH, EPOCHS))
    theirs = run(
        lambda o: torch.optim.lr_scheduler.OneCycleLR(
            o, 3e-3, total_steps=50, anneal_strategy=torch_name
        )
    )
    assert torch.allclose(torch.tensor(ours), torch.tensor(theirs), rtol=1e-6, atol=0)
    assert max(rate for rate, _ in ours) == pytest.approx(3e-3, rel=1e-6)


def test_one_cycle_in_the_shape_of_the_particlenet_paper():
    # 3e-4 -> 3e-3 in 8 epochs, -> 3e-4 in 8 more, -> 5e-7 in the last 4.
    seen = [3e-3 * r for r in rates("one-cycle", shape="particlenet", per_epoch=100, epochs=20)]
    assert seen[0] == pytest.approx(3e-4)
    assert seen[400] == pytest.approx((3e-4 + 3e-3) / 2)
    assert seen[800] == pytest.approx(3e-3)
    assert seen[1600] == pytest.approx(3e-4)
    assert seen[1800] == pytest.approx((3e-4 + 5e-7) / 2)
    schedule = create_schedule("one-cycle", shape="particlenet")
    assert 3e-3 * schedule.factor(Clock(2000, 100, 20)) == pytest.approx(5e-7)


def test_cosine_with_warm_up():
    seen = rates("cosine", warmup_epochs=2, warmup_start=0.1, end=0.05)
    for n, rate in enumerate(seen):
        t = n / PER_EPOCH
        if t < 2:
            expected = 0.1 + 0.9 * t / 2
        else:
            expected = 0.05 + 0.95 * (1 + math.cos(math.pi * (t - 2) / 8)) / 2
        assert rate == pytest.approx(expected, rel=1e-12)


def test_cosine_restarts_equal_torch_after_the_warm_up():
    seen = rates("cosine-restarts", epochs=35)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=4, T_mult=2)
    for n in range(5 * PER_EPOCH, 31 * PER_EPOCH):
        reference.step((n - 5 * PER_EPOCH) / PER_EPOCH)
        assert seen[n] == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
    assert seen[: 5 * PER_EPOCH] == pytest.approx([n / PER_EPOCH / 5 for n in range(25)])


def test_cosine_restarts_tail_halves_per_epoch_from_31():
    seen = rates("cosine-restarts", epochs=35)
    at_30 = (1 + math.cos(math.pi * (30 - 17) / 16)) / 2
    for epoch in range(31, 35):
        part = seen[epoch * PER_EPOCH : (epoch + 1) * PER_EPOCH]
        assert part == pytest.approx([at_30 * 0.5 ** (epoch - 30)] * PER_EPOCH, rel=1e-12)


@pytest.mark.parametrize("epochs", [3, 10, 20])
def test_flat_then_decay_equals_milestones(epochs):
    seen = rates("flat-then-decay", epochs=epochs)[::PER_EPOCH]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    length = max(1, int(0.3 * epochs))
    reference = torch.optim.lr_scheduler.MultiStepLR(
        optimizer, list(range(epochs - length, epochs)), gamma=0.01 ** (1 / length)
    )
    for rate in seen:
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        reference.step()
    assert seen[-1] == pytest.approx(0.01)


@pytest.mark.parametrize("name", list_schedules())
def test_resumed_schedule_goes_on_exactly(name):
    def make():
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
        return optimizer, FactorLR(optimizer, create_schedule(name), PER_EPOCH, EPOCHS)

    optimizer, scheduler = make()
    for _ in range(23):
        optimizer.step()
        scheduler.step()
    other, resumed = make()
    state = scheduler.state_dict()
    assert all(isinstance(v, (int, float, list)) for v in state.values())
    resumed.load_state_dict(state)
    other.load_state_dict(optimizer.state_dict())
    for _ in range(27):
        optimizer.step(), scheduler.step()
        other.step(), resumed.step()
        assert other.param_groups[0]["lr"] == optimizer.param_groups[0]["lr"]
        assert other.param_groups[0]["betas"] == optimizer.param_groups[0]["betas"]


@pytest.mark.parametrize("name", list_schedules())
def test_go_to_gives_the_rate_of_that_epoch(name):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=2.0)
    schedule = create_schedule(name)
    scheduler = FactorLR(optimizer, schedule, 1, EPOCHS)
    for epoch in (0, 4, 9):
        scheduler.go_to(epoch)
        expected = 2.0 * schedule.factor(Clock(epoch, 1, EPOCHS))
        assert optimizer.param_groups[0]["lr"] == expected


def test_judging_waits_for_the_annealing():
    assert create_schedule("one-cycle").annealed_from(20) == 16
    assert create_schedule("flat-then-decay").annealed_from(20) == 14
    assert create_schedule("cosine-restarts").annealed_from(35) == 31
    assert create_schedule("constant").annealed_from(20) == 0


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("one-cycel", {}, "one-cycle"),
        ("step", {"gamma": 0.5}, "gamma"),
        ("step", {"tau": 0}, "tau"),
        ("one-cycle", {"shape": "square"}, "square"),
        ("one-cycle", {"rise": 1.0}, "rise"),
        ("time-based", {"interval": "week"}, "week"),
    ],
)
def test_wrong_schedules_are_refused(name, arguments, word):
    with pytest.raises(ConfigError, match=word):
        create_schedule(name, **arguments)
