from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from model_inputs import collate, jets
from torch import Tensor

from pcgnn.errors import DataError
from pcgnn.models import create_model
from pcgnn.models.audit import DeviceDiscipline, neighbour_flips


class WaitsInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, *grads: Tensor) -> Tensor:
        torch.zeros(3)  # on the CPU
        return grads[0] * 2


BREACHES: dict[str, Callable[[Tensor], object]] = {
    "a tensor on the CPU": lambda x: torch.arange(3),
    "a constant from a list": lambda x: x + torch.tensor([1.0, 2.0]),
    "a transfer": lambda x: torch.zeros(2).to("meta") + x,
    "item": lambda x: x.sum().item(),
    "a condition": lambda x: bool((x > 0).any()),
    "nonzero": lambda x: (x > 0).nonzero(),
    "a mask as index": lambda x: x[x > 0],
    "repeats of unknown number": lambda x: torch.repeat_interleave(x, (x > 0).long()),
    "the backward pass": lambda x: WaitsInBackward.apply(x.requires_grad_()).sum().backward(),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_discipline_catches(breach: str) -> None:
    x = torch.empty(2, device="meta")
    with pytest.raises((DataError, RuntimeError)), DeviceDiscipline("meta"):
        BREACHES[breach](x)


def test_discipline_lets_good_code_pass() -> None:
    x = torch.empty(3, 2, device="meta", requires_grad=True)
    with DeviceDiscipline("meta"):
        y = x.index_select(0, torch.arange(3, device="meta"))
        torch.repeat_interleave(y, torch.ones(3, device="meta").long(), 0, output_size=3)
        (y.relu().sum() * 2).backward()


def test_discipline_names_the_operation_on_real_tensors() -> None:
    with pytest.raises(DataError, match="makes the host wait"), DeviceDiscipline("cpu"):
        torch.ones(2).sum().item()


def test_no_neighbour_flips_in_double_precision() -> None:
    model = create_model("particlenet-lite", features=7).double()
    flips = neighbour_flips(model, collate(jets([50, 3, 30, 1, 60, 17, 90])))
    assert flips.flipped == 0
    assert flips.total == 7
    assert flips.largest_shift < 1e-12
    assert model.training
    assert str(flips).startswith("0 of 7 graphs (0.00%)")


def test_flips_are_seen_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neighbours that depend on the number of jets in the batch must be counted."""
    import pcgnn.models.audit as audit

    real = audit.knn

    def fickle(x: Tensor, ptr: Tensor, k: int, **options: object) -> Tensor:
        table = real(x, ptr, k, **options)  # type: ignore[arg-type]
        if ptr.numel() < 5:  # one of the halves: swap the farthest neighbour of the last jet
            table[-1, -1] = table[-1, 0]
        return table

    monkeypatch.setattr(audit, "knn", fickle)
    flips = neighbour_flips(
        create_model("particlenet-lite", features=7).double(),
        collate(jets([20, 30, 40, 50, 60, 70])),
    )
    assert flips.flipped == 2


@pytest.mark.parametrize("particle", [0, 30, 60])  # one in each jet
def test_a_logit_that_is_not_a_number_is_not_hidden(particle: int) -> None:
    batch = collate(jets([20, 30, 40]))
    batch.x[particle] = torch.nan
    flips = neighbour_flips(create_model("particlenet-lite", features=7).double(), batch, parts=3)
    assert flips.largest_shift != flips.largest_shift
