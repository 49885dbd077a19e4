"""The autoencoder on particles: its symmetries, its image, its finite gradients."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from model_inputs import collate, jets, shuffled

from pcgnn.errors import ConfigError, DataError
from pcgnn.models import CloudModel, create_model, list_models, model_from_config
from pcgnn.models.audit import DeviceDiscipline
from pcgnn.models.base import Cloud

SIZES = [45, 1, 3, 17, 60, 16, 33, 2]


def model(**options) -> CloudModel:
    torch.manual_seed(1)
    options = {"latent": 4, "slots": 6, "phi": [16], "decoder": [16], **options}
    return create_model("particle-autoencoder", features=7, **options).double().eval()


VARIANTS = [{}, {"distance": "chamfer"}, {"blocks": [[3, [8, 8]]]}, {"power": 2.0}]


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_order_companions_and_rotations_do_not_matter(options: dict) -> None:
    data, ours = jets(SIZES), model(**options)
    with torch.no_grad():
        reference = ours(collate(data))
        assert reference.shape == (len(SIZES),)
        assert (reference >= 0).all()
        assert torch.equal(ours(collate([shuffled(d, 3) for d in data])), reference)
        torch.testing.assert_close(ours(collate(data[::-1])).flip(0), reference)
        alone = torch.cat([ours(collate([d])) for d in data])
        torch.testing.assert_close(alone, reference, rtol=1e-9, atol=1e-9)
        # the scale of all momenta and a rotation about the beam drop out
        moved = collate(data)
        angle = torch.tensor(1.3, dtype=torch.float64)
        px, py = moved.p4[:, 1].clone(), moved.p4[:, 2].clone()
        moved.p4[:, 1] = angle.cos() * px - angle.sin() * py
        moved.p4[:, 2] = angle.sin() * px + angle.cos() * py
        moved.p4 = moved.p4 * 7.0
        torch.testing.assert_close(ours(moved), reference, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("options", VARIANTS, ids=str)
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1.0, 1e18])
def test_gradients_are_finite_and_reach_every_parameter(options: dict, scale: float) -> None:
    ours = model(**options).float().train()
    batch = collate(jets(SIZES, "duplicates"), torch.float32)
    batch.p4 = batch.p4 * scale
    batch.p4[-2:, 1:3] = 0  # along the beam
    out = ours(batch)
    assert out.isfinite().all()
    out.mean().backward()
    for name, parameter in ours.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        if scale == 1.0:
            assert parameter.grad.abs().max() > 0, name


def test_forward_and_backward_stay_on_the_device() -> None:
    batch = collate(jets(SIZES), torch.float32).to("meta")
    ours = model().float().to("meta").train()
    with DeviceDiscipline("meta"):
        ours(batch).sum().backward()
    assert all(p.grad is not None for p in ours.parameters())


def test_the_image_is_what_the_distance_is_to() -> None:
    # a decoder whose last layer is a constant: two slots, of which one gets all the weight
    ours = model(slots=2, iterations=60)
    with torch.no_grad():
        last = ours.decoder[-1].linear
        last.weight.zero_()
        last.bias.copy_(torch.tensor([0.25, 0.0, 40.0, 3.0, 3.0, 0.0]))
    data = jets([5, 1])
    p = data[0].p4.numpy()
    pt = np.hypot(p[:, 1], p[:, 2])
    eta, phi = np.arcsinh(p[:, 3] / pt), np.arctan2(p[:, 2], p[:, 1])
    total = p.sum(0)
    axis_eta = np.arcsinh(total[3] / np.hypot(total[1], total[2]))
    dphi = (phi - np.arctan2(total[2], total[1]) + np.pi) % (2 * np.pi) - np.pi
    x = np.stack([eta - axis_eta, dphi], 1).clip(-4, 4) / 0.8
    # all of the momentum goes to the one point
    expected = float((pt / pt.sum() * np.linalg.norm(x - [0.25, 0.0], axis=1)).sum())
    with torch.no_grad():
        found = ours(collate(data))
    assert float(found[0]) == pytest.approx(expected, rel=1e-6)
    assert float(found[1]) == pytest.approx(0.25, rel=1e-6)  # a lone particle is its own axis
    batch = collate(data)
    cloud = Cloud(batch.ptr, batch.plan, {"p4": batch.p4})
    with torch.no_grad():
        image, weight, latent = ours.reconstruct(cloud)
    torch.testing.assert_close(image[0, 0], torch.tensor([0.2, 0.0], dtype=torch.float64))
    torch.testing.assert_close(weight.sum(1), torch.ones(2, dtype=torch.float64))
    assert latent.shape == (2, 4)


def test_checkpoint_round_trip_and_name() -> None:
    ours = model(blocks=[[3, [8]]])
    file = io.BytesIO()
    torch.save(
        {"config": {"name": ours.name, "arguments": ours.config}, "s": ours.state_dict()}, file
    )
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    again = model_from_config(loaded["config"]).double().eval()
    again.load_state_dict(loaded["s"])
    with torch.no_grad():
        assert torch.equal(again(collate(jets(SIZES))), ours(collate(jets(SIZES))))
    assert list_models("reconstruction") == ["particle-autoencoder"]
    with pytest.raises(ConfigError, match="has no classes"):
        create_model("particle-autoencoder", features=7, classes=2)
    with pytest.raises(ConfigError, match="transport"):
        model(distance="euclid")
    with pytest.raises(ConfigError, match="at least 1"):
        model(latent=0)


@pytest.mark.parametrize("training", [True, False])
def test_bfloat16_autocast(training: bool) -> None:
    ours = model().float().train(training)
    batch = collate(jets(SIZES), torch.float32)
    reference = ours(batch).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = ours(batch)
        out.float().mean().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in ours.parameters())
    torch.testing.assert_close(out.detach().float(), reference, rtol=0.05, atol=0.02)


def test_wrong_input_is_named() -> None:
    batch = collate(jets([3, 4]))
    del batch.p4
    with pytest.raises(DataError, match="p4"):
        model()(batch)
