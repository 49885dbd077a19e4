"""What every network of the registry must do; a new one is tested by being registered."""

from __future__ import annotations

import io
import json

import pytest
import torch
from model_inputs import FEATURES, collate, jets_for, relative, shuffled
from torch_geometric.data import Batch

from pcgnn.errors import DataError
from pcgnn.models import CloudModel, model_from_config
from pcgnn.models.audit import DeviceDiscipline
from pcgnn.ops import SizePlan

SIZES = [45, 1, 3, 17, 60, 16, 33, 2, 120, 8]
KINDS = ["random", "grid", "duplicates"]


def score(model: CloudModel, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        out: torch.Tensor = model(batch)
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_particles_does_not_matter(model: CloudModel, kind: str) -> None:
    data = jets_for(model, SIZES, kind)
    reference = score(model, collate(data))
    for seed in range(3):
        again = score(model, collate([shuffled(d, seed) for d in data]))
        if model.ordered:
            assert relative(again, reference) < 1e-9
        else:
            assert torch.equal(again, reference)


@pytest.mark.parametrize("kind", KINDS)
def test_companions_order_of_jets_and_chunks_do_not_matter(model: CloudModel, kind: str) -> None:
    data = jets_for(model, SIZES, kind)
    reference = score(model, collate(data))
    alone = torch.cat([score(model, collate([d])) for d in data])
    assert relative(alone, reference) < 1e-9
    backwards = score(model, collate(data[::-1])).flip(0)
    assert relative(backwards, reference) < 1e-9
    crowd = jets_for(model, [200, 150, 1, 180], seed=9)
    among_others = score(model, collate(crowd[:2] + data + crowd[2:]))[2:-2]
    assert relative(among_others, reference) < 1e-9
    for size in (2, 3, 7):
        chunks = [score(model, collate(data[i : i + size])) for i in range(0, len(data), size)]
        assert relative(torch.cat(chunks), reference) < 1e-9


def test_different_jets_get_different_scores(model: CloudModel) -> None:
    scores = score(model, collate(jets_for(model, [30, 31, 32])))
    assert scores.shape == (3, 3)
    assert (scores[0] - scores[1]).abs().max() > 1e-6


def test_a_batch_without_plan_scores_the_same(model: CloudModel) -> None:
    data = jets_for(model, SIZES)
    reference = score(model, collate(data))
    assert torch.equal(score(model, collate(data, plan=False)), reference)
    single = data[0]
    assert relative(score(model, single)[0], reference[0]) < 1e-9
    without_offsets = collate(data, plan=False)
    del without_offsets.ptr
    assert torch.equal(score(model, without_offsets), reference)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("sizes", [[1], [1, 1, 1], [200], [1, 200, 2], [2]], ids=str)
def test_jets_of_one_and_of_200_particles(
    model: CloudModel, sizes: list[int], training: bool
) -> None:
    model.train(training)
    out = model(collate(jets_for(model, sizes)))
    assert out.shape == (len(sizes), 3)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert all(b.isfinite().all() for b in model.buffers())


def test_every_parameter_gets_a_finite_gradient(model: CloudModel) -> None:
    torch.manual_seed(0)
    model.train()
    out = model(collate(jets_for(model, SIZES), torch.float64))
    torch.nn.functional.cross_entropy(out, torch.arange(len(SIZES)) % 3).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e10, 1e18])
def test_huge_and_zero_momenta_stay_finite(
    model: CloudModel, dtype: torch.dtype, scale: float
) -> None:
    if scale > 1 and getattr(model, "conditioned", False):
        pytest.skip("parameters of a hypothesis multiply the features layer by layer: no momenta")
    model.to(dtype).train()
    batch = collate(jets_for(model, SIZES), dtype)
    for name in ("x", "pos", "p4"):
        batch[name] = batch[name] * scale
    out = model(batch)
    assert out.isfinite().all()
    out.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_checkpoint_round_trip(model: CloudModel) -> None:
    config = json.loads(json.dumps({"name": model.name, "arguments": model.config}))
    file = io.BytesIO()
    torch.save({"config": config, "state": model.state_dict()}, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    again = model_from_config(loaded["config"]).double().eval()
    again.load_state_dict(loaded["state"])
    batch = collate(jets_for(model, SIZES))
    assert torch.equal(score(again, batch), score(model, batch))
    assert again.name == model.name
    assert again.config == model.config


@pytest.mark.parametrize("training", [True, False])
def test_forward_and_backward_stay_on_the_device(model: CloudModel, training: bool) -> None:
    batch = collate(jets_for(model, SIZES), torch.float32).to("meta")
    assert isinstance(batch.plan, SizePlan)
    model.float().to("meta").train(training)
    with DeviceDiscipline("meta"):
        out = model(batch)
        out.sum().backward()
    assert out.shape == (len(SIZES), 3)
    assert all(p.grad is not None and p.grad.device.type == "meta" for p in model.parameters())
    with DeviceDiscipline("meta"), torch.no_grad():
        assert model(batch).device.type == "meta"


@pytest.mark.parametrize("training", [True, False])
def test_bfloat16_autocast(model: CloudModel, training: bool) -> None:
    model.float().train(training)
    batch = collate(jets_for(model, SIZES), torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = model(batch)
        loss = out.float().square().mean()
    loss.backward()
    assert out.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert all(p.dtype == torch.float32 for p in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_come_in_the_precision_of_the_model(model: CloudModel, dtype: torch.dtype) -> None:
    batch = collate(jets_for(model, SIZES))
    reference = score(model, batch)
    scores = score(model.to(dtype), collate(jets_for(model, SIZES), dtype))
    assert scores.dtype == dtype
    assert relative(scores.double(), reference) < (1e-12 if dtype == torch.float64 else 1e-2)


def test_it_says_what_it_is(model: CloudModel) -> None:
    text = str(model)
    assert model.name in text
    assert f"{model.num_parameters:,} parameters" in text
    assert str(FEATURES) in text


def test_wrong_input_is_named(model: CloudModel) -> None:
    batch = collate(jets_for(model, [4, 5, 6]))
    needed = min(model.needs)
    rows = len(batch.x)
    with pytest.raises(DataError, match=f"needs {needed}"):
        model.forward_tensors(ptr=batch.ptr)
    with pytest.raises(DataError, match="graph 1 has no particles"):
        model.forward_tensors(
            ptr=torch.tensor([0, 1, 1, rows]), x=batch.x, pos=batch.pos, p4=batch.p4
        )
    with pytest.raises(DataError, match=f"the graphs have {rows - 1} particles"):
        model.forward_tensors(
            ptr=torch.tensor([0, 1, rows - 1]), x=batch.x, pos=batch.pos, p4=batch.p4
        )
    with pytest.raises(DataError, match="floating point"):
        model.forward_tensors(
            ptr=batch.ptr, x=batch.x.long(), pos=batch.pos.long(), p4=batch.p4.long()
        )
    if "x" in model.needs:
        with pytest.raises(DataError, match=f"made for {FEATURES} features"):
            model.forward_tensors(ptr=batch.ptr, x=batch.x[:, 1:], pos=batch.pos, p4=batch.p4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
# the library lgatr caches its constants by it
@pytest.mark.filterwarnings("ignore:Dynamo detected a call to a `functools.lru_cache:UserWarning")
@pytest.mark.parametrize("training", [True, False])
def test_it_compiles_to_one_graph(model: CloudModel, training: bool) -> None:
    torch.compiler.reset()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    model.train(training)
    batch = collate(jets_for(model, [30, 40, 8, 1]))
    tensors = {name: batch[name] for name in model.needs}
    compiled = torch.compile(model.forward_tensors, backend="eager", fullgraph=True)
    out = compiled(ptr=batch.ptr, plan=batch.plan, **tensors)
    out.sum().backward()
    reference = model(batch)
    assert relative(out.detach(), reference.detach()) < 1e-9
