"""Particle Transformer: logits of the authors' code, a plain form of it, its symmetry."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_inputs import FEATURES, collate, jets, logits_and_gradients, relative
from torch import Tensor
from torch.nn import functional

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models import ParticleTransformer, create_model, load_published
from pcgnn.nn.attention_block import AttentionBlock, ClassAttentionBlock
from pcgnn.nn.pair_embedding import PairEmbedding
from pcgnn.ops import SizePlan, lorentz

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "particle_transformer.npz"
SIZES = [9, 1, 30, 4, 9, 17, 2]
SMALL: dict[str, Any] = {
    "embedding": [12, 16],
    "pair_embedding": [6, 5],
    "heads": 4,
    "blocks": 2,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "activation_dropout": 0.0,
}


def norm(z: Tensor, layer: torch.nn.BatchNorm1d) -> Tensor:
    if layer.training:
        mean, var = z.mean(0), z.var(0, unbiased=False)
    else:
        mean, var = layer.running_mean, layer.running_var
    return (z - mean) / (var + layer.eps).sqrt() * layer.weight + layer.bias


def pair_numbers(a: Tensor, b: Tensor) -> Tensor:
    """The published features of two four-vectors, one pair at a time, as the paper has them."""

    def pt_y_phi(p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rapidity = 0.5 * torch.log((p[0] + p[3]) / (p[0] - p[3]))
        return (p[1] ** 2 + p[2] ** 2).sqrt(), rapidity, torch.atan2(p[2], p[1])

    (pt_a, y_a, phi_a), (pt_b, y_b, phi_b) = pt_y_phi(a), pt_y_phi(b)
    turn = (phi_a - phi_b + math.pi) % (2 * math.pi) - math.pi
    delta = ((y_a - y_b) ** 2 + turn**2).sqrt()
    softer = torch.minimum(pt_a, pt_b)
    total = a + b
    m2 = total[0] ** 2 - (total[1:] ** 2).sum()
    return torch.stack([softer * delta, softer / (pt_a + pt_b), delta, m2]).clamp(min=1e-8).log()


def attention(block: Any, q_from: Tensor, kv_from: Tensor, bias: Tensor | float) -> Tensor:
    """Multi-head attention head by head."""
    width = q_from.size(1)
    w, b = block.project.weight, block.project.bias
    q = q_from @ w[:width].T + b[:width]
    k = kv_from @ w[width : 2 * width].T + b[width : 2 * width]
    v = kv_from @ w[2 * width :].T + b[2 * width :]
    size = width // block.heads
    heads = []
    for h in range(block.heads):
        s = slice(h * size, (h + 1) * size)
        logits = q[:, s] @ k[:, s].T / math.sqrt(size)
        logits = logits + (bias[h] if isinstance(bias, Tensor) else bias)
        heads.append(logits.softmax(1) @ v[:, s])
    out = block.out(torch.cat(heads, 1))
    return torch.cat([out[:, h * size : (h + 1) * size] * block.head_scale[h] for h in range(4)], 1)


def rest(block: Any, attended: Tensor, x: Tensor) -> Tensor:
    x = x + block.attended_norm(attended)
    hidden = block.hidden_norm(functional.gelu(block.dense_in(block.dense_norm(x))))
    return block.dense_out(hidden) + block.residual_scale * x


def plain(model: ParticleTransformer, data: list[Any]) -> Tensor:
    """Jet by jet without padding; the batch norms see all particles, or all unordered pairs."""
    sizes = [d.num_nodes for d in data]
    embedded = model.embedding(norm(torch.cat([d.x for d in data]), model.input_norm))
    biases: list[Tensor | float] = [0.0] * len(data)
    if model.pair_embedding is not None:
        places = [(g, i, j) for g, n in enumerate(sizes) for i in range(n) for j in range(i + 1)]
        z = torch.stack([pair_numbers(data[g].p4[i], data[g].p4[j]) for g, i, j in places])
        layers = model.pair_embedding
        z = norm(z, layers.input_norm)
        for number, (linear, batch) in enumerate(zip(layers.linears, layers.norms, strict=True)):
            z = norm(linear(z), batch)
            if number + 1 < len(layers.linears) or not layers.pre_activation:
                z = functional.gelu(z)
        rows = {}
        for (g, i, j), row in zip(places, z, strict=True):
            rows[g, i, j] = rows[g, j, i] = row
        for g, n in enumerate(sizes):
            table = [torch.stack([rows[g, i, j] for j in range(n)]) for i in range(n)]
            biases[g] = torch.stack(table).permute(2, 0, 1)
    tokens = []
    for x, bias in zip(embedded.split(sizes), biases, strict=True):
        for block in model.blocks:
            normed = block.attention_norm(x)
            x = rest(block, attention(block, normed, normed, bias), x)
        token = model.class_token[None]
        for block in model.class_blocks:
            seen = block.attention_norm(torch.cat([token, x]))
            token = rest(block, attention(block, token, seen, 0.0), token)
        tokens.append(token)
    logits: Tensor = model.classifier(model.norm(torch.cat(tokens)))
    return logits


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        content = {key: torch.from_numpy(file[key]) for key in file.files if key != "config"}
        config = json.loads(str(file["config"]))
    jets_of = range(len(content["sizes"]))
    state = {k.removeprefix("state."): v for k, v in content.items() if k.startswith("state.")}
    plan = SizePlan.from_sizes(content["sizes"].numpy())
    inputs = {
        "x": torch.cat([content[f"jet{i}_features"] for i in jets_of]),
        "p4": torch.cat([content[f"jet{i}_p4"] for i in jets_of]),
        "ptr": torch.tensor(plan.ptr.copy()),
        "plan": plan,
    }
    return {"inputs": inputs, "state": state, "config": config, "logits": content["logits"]}


def load(golden: dict[str, Any], state: dict[str, Tensor] | None = None, **options: Any) -> Any:
    options = {"num_heads": golden["config"]["num_heads"], **options}
    state = golden["state"] if state is None else state
    return load_published("particle-transformer", state, **options)


def test_logits_of_the_authors_code(golden: dict[str, Any]) -> None:
    model = load(golden)
    assert not model.training
    with torch.no_grad():
        logits = model.forward_tensors(**golden["inputs"])
    torch.testing.assert_close(logits, golden["logits"], rtol=1e-9, atol=0)
    tracked = model.forward_tensors(**golden["inputs"]).detach()
    torch.testing.assert_close(tracked, golden["logits"], rtol=1e-9, atol=0)


@pytest.mark.parametrize("prefix", ["", "mod.", "module.mod."])
@pytest.mark.parametrize("name", ["in_proj_", "in_proj."])
def test_names_of_older_and_newer_files(golden: dict[str, Any], prefix: str, name: str) -> None:
    """Torch's own attention has in_proj_weight, the one of later versions in_proj.weight."""
    state = {prefix + k.replace("in_proj.", name): v for k, v in golden["state"].items()}
    with torch.no_grad():
        logits = load(golden, state).forward_tensors(**golden["inputs"])
    torch.testing.assert_close(logits, golden["logits"], rtol=1e-9, atol=0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"pre_activation_pair": True, "classifier": [(10, 0.0), (7, 0.0)], "expansion": 2},
        {"pair_embedding": None},
        {"pair_embedding": [], "blocks": 1, "class_blocks": 1},
    ],
    ids=["default", "pre-activation", "no pairs", "one layer"],
)
def test_logits_and_gradients_of_the_plain_form(training: bool, options: dict[str, Any]) -> None:
    torch.manual_seed(3)
    model = create_model("particle-transformer", features=FEATURES, **{**SMALL, **options}).double()
    for parameter in model.parameters():  # factors of one would hide where they stand
        torch.nn.init.normal_(parameter, std=0.5)
    model.train()
    data = jets(SIZES)
    with torch.no_grad():
        model(collate(jets(SIZES, seed=1)))
    model.train(training)
    computed = logits_and_gradients(model, lambda: model(collate(data)))
    expected = logits_and_gradients(model, lambda: plain(model, data))
    for ours, reference in zip(computed, expected, strict=True):
        assert relative(ours, reference) < 1e-9


def test_the_running_statistics_are_those_of_torch_over_real_pairs() -> None:
    torch.manual_seed(0)
    model = create_model("particle-transformer", features=FEATURES, **SMALL).double().train()
    data = jets(SIZES)
    model(collate(data))
    pairs = [
        pair_numbers(d.p4[i], d.p4[j])
        for d in data
        for i in range(d.num_nodes)
        for j in range(i + 1)
    ]
    assert len(pairs) == sum(n * (n + 1) // 2 for n in SIZES)
    reference = torch.nn.BatchNorm1d(4).double().train()
    reference(torch.stack(pairs))
    ours = model.pair_embedding.input_norm
    assert int(ours.num_batches_tracked) == 1
    assert relative(ours.running_mean, reference.running_mean) < 1e-12
    assert relative(ours.running_var, reference.running_var) < 1e-12
    features = torch.nn.BatchNorm1d(FEATURES).double().train()
    features(torch.cat([d.x for d in data]))
    assert relative(model.input_norm.running_var, features.running_var) < 1e-12


def test_boosts_along_the_beam_and_rotations_about_it_change_nothing() -> None:
    torch.manual_seed(1)
    model = create_model("particle-transformer", features=FEATURES, **SMALL).double().eval()
    data = jets([20, 40, 1])
    unit = torch.eye(4, dtype=torch.float64)
    beam, across = unit[3, 1:], unit[1, 1:]
    along = lorentz.rotate(lorentz.boost(unit, 0.7 * beam), beam, 2.0)
    scores = []
    with torch.no_grad():
        for matrix in (unit, along, lorentz.boost(unit, 0.7 * across)):
            moved = jets([20, 40, 1])
            for d, original in zip(moved, data, strict=True):
                d.p4 = original.p4 @ matrix
            scores.append(model(collate(moved)))
    assert relative(scores[1], scores[0]) < 1e-8
    assert (scores[2] - scores[0]).abs().max() > 1e-6


@pytest.mark.parametrize("training", [True, False])
def test_the_buckets_do_not_matter(training: bool) -> None:
    """One table for all jets is mostly padding, one for each size has none."""
    torch.manual_seed(1)
    model = create_model("particle-transformer", features=FEATURES, **SMALL).double()
    found = []
    for buckets in (1, 3, 100):
        batch = collate(jets(SIZES))
        batch.plan = SizePlan.from_sizes(SIZES, buckets)
        model.train(training).zero_grad()
        logits = model(batch)
        logits.square().sum().backward()
        found.append([logits.detach(), *(p.grad.clone() for p in model.parameters())])
    for other in found[1:]:
        for values, reference in zip(other, found[0], strict=True):
            assert relative(values, reference) < 1e-9


@pytest.mark.parametrize("scale", [1.0, 0.0, 1e18])
def test_inputs_have_finite_gradients_and_those_of_other_jets_none(scale: float) -> None:
    torch.manual_seed(1)
    model = create_model("particle-transformer", features=FEATURES, **SMALL).double().eval()
    batch = collate(jets([5, 3, 8], "duplicates"))
    batch.x.requires_grad_()
    batch.p4 = (batch.p4 * scale).requires_grad_()
    model(batch)[1].sum().backward()
    for tensor in (batch.x, batch.p4):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
        assert not tensor.grad[:5].any()
        assert not tensor.grad[8:].any()
    assert batch.x.grad[5:8].abs().max() > 0
    assert scale != 1.0 or batch.p4.grad[5:8].abs().max() > 0


def test_dropout_acts_among_particles_in_training_only() -> None:
    for rates in ((0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.0, 0.0, 0.5)):
        names = ("dropout", "attention_dropout", "activation_dropout")
        options = {**SMALL, **dict(zip(names, rates, strict=True))}
        torch.manual_seed(1)
        model = create_model("particle-transformer", features=FEATURES, **options).double()
        batch = collate(jets(SIZES))
        first, second = model(batch), model(batch)
        assert (first - second).abs().max() > 1e-9
        model.eval()
        assert torch.equal(model(batch), model(batch))


def test_without_pairs_no_four_vectors_are_needed() -> None:
    model = create_model("particle-transformer", features=3, pair_embedding=None, blocks=1).eval()
    assert model.needs == {"x"}
    assert model.forward_tensors(ptr=torch.tensor([0, 2]), x=torch.randn(2, 3)).shape == (1, 2)


def test_parameters_of_the_published_network() -> None:
    """2.14M with the 17 features and 10 classes of JetClass."""
    assert create_model("particle-transformer", features=17, classes=10).num_parameters == 2_143_486
    assert create_model("particle-transformer", features=7).num_parameters == 2_141_134


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "width 128 with 3 heads"),
        ({"embedding": []}, "needs an embedding"),
        ({"embedding": [16, 0]}, "at least 1"),
        ({"class_blocks": 0}, "class_blocks"),
        ({"classifier": [(0, 0.1)]}, "at least 1"),
        ({"blocks": -1}, "blocks = -1"),
        ({"pair_embedding": [16, 0]}, "PairEmbedding of 4 features"),
        ({"pair_eps": 0.0}, "pair_eps"),
    ],
)
def test_bad_options_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ParticleTransformer(7, **options)


def test_bad_layers_are_named() -> None:
    for block in (AttentionBlock, ClassAttentionBlock):
        with pytest.raises(ConfigError, match=f"{block.__name__} of width 10 with 4 heads"):
            block(10, 4)
    with pytest.raises(ConfigError, match="at least one layer"):
        PairEmbedding(4, [])


def test_bad_weights_are_named(golden: dict[str, Any]) -> None:
    state = golden["state"]
    with pytest.raises(CheckpointError, match=r"of 4 heads, num_heads = 8.*num_heads=4"):
        load(golden, num_heads=8)
    with pytest.raises(ConfigError, match="layers"):
        load(golden, layers=3)
    with pytest.raises(CheckpointError, match=r"not weights of the Particle Transformer.*fc1_g"):
        load(golden, {**state, "blocks.0.fc1_g.weight": torch.zeros(64, 16)})

    def without(*keys: str) -> dict[str, Tensor]:
        return {k: v for k, v in state.items() if k not in keys}

    for key, message in (
        ("blocks.1.w_resid", r"missing: blocks\.1\.residual_scale"),
        ("cls_blocks.1.attn.in_proj.bias", r"missing: class_blocks\.1\.project\.bias"),
        ("pair_embed.embed.0.running_mean", r"missing: pair_embedding\.input_norm\.running_mean"),
        ("pair_embed.embed.4.weight", r"linears\.1\.weight|not expected"),
        ("cls_token", "missing: class_token"),
        ("fc.0.weight", r"missing: embed\.embed\.1\.weight or fc\.0\.weight"),
        ("embed.embed.1.weight", r"missing: embed\.embed\.1\.weight"),
        ("cls_blocks.0.c_attn", r"missing: cls_blocks\.0\.c_attn"),
    ):
        with pytest.raises(CheckpointError, match=message):
            load(golden, without(key))
    with pytest.raises(
        CheckpointError, match=r"dense_out\.weight \(16, 63\) instead of \(16, 64\)"
    ):
        load(golden, {**state, "blocks.0.fc2.weight": torch.zeros(16, 63)})
    with pytest.raises(CheckpointError, match=r"pair_embedding\.linears\.0\.weight has the shape"):
        load(golden, {**state, "pair_embed.embed.1.weight": torch.zeros(8, 4, 3)})
    with pytest.raises(CheckpointError, match=r"not expected: pair_embedding\.unknown\.0\.bias"):
        load(golden, {**state, "pair_embed.embed.3.bias": torch.zeros(8)})


def test_published_weights_with_hidden_layers_and_without_pairs(golden: dict[str, Any]) -> None:
    state = {k: v for k, v in golden["state"].items() if not k.startswith(("pair_embed", "fc."))}
    torch.manual_seed(0)
    for name, shape in {"0.0": (9, 16), "1.0": (8, 9), "2": (3, 8)}.items():
        state[f"fc.{name}.weight"] = torch.randn(shape, dtype=torch.float64)
        state[f"fc.{name}.bias"] = torch.randn(shape[0], dtype=torch.float64)
    model = load(golden, state, classifier_dropout=0.2)
    assert model.config["pair_embedding"] is None
    assert model.config["classifier"] == [[9, 0.2], [8, 0.2]]
    assert torch.equal(model.classifier[3].weight, state["fc.1.0.weight"])
    assert model.forward_tensors(**golden["inputs"]).shape == (4, 3)
    with_pairs = load(golden, use_pre_activation_pair=True)
    assert with_pairs.pair_embedding.pre_activation
