"""One expression, four evaluations: awkward, flat NumPy, flat torch, compiled program."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
import torch
from cloud_makers import make_arrays, records

from pcgnn.data import NumpyBackend, ParticleClouds, TorchBackend
from pcgnn.data.flat import Flat
from pcgnn.data.quantities import Quantities
from pcgnn.errors import ExpressionError
from pcgnn.io.expressions import (
    FUNCTIONS,
    OPERATORS,
    REDUCTIONS,
    AwkwardBackend,
    compile_expression,
)

EXPRESSIONS = [
    "part_px + 2 * part_py - part_pz / part_energy",
    "part_pt ** 2 % 7",
    "-part_px",
    "where((part_px > 0) & ~(part_py <= 1) | (part_pz == 0), part_px, mu)",
    "sqrt(abs(part_px)) + log(part_energy) + log10(part_energy) + log1p(part_energy)",
    "exp(part_px / 1000) + expm1(part_px / 1000)",
    "sin(part_px) + cos(part_px) + tan(part_px) + asin(u) + acos(u) + atan(u)",
    "sinh(u) + cosh(u) + tanh(u) + asinh(part_px) + acosh(1 + part_energy) + atanh(u)",
    "atan2(part_py, part_px) + hypot(part_px, part_py)",
    "sign(part_px) + floor(part_px) + ceil(part_px)",
    "minimum(part_px, part_py) - maximum(part_px, mu)",
    "clip(part_px, -5, mu)",
    "clip(1 * part_px, 2 * part_py - 50, 3 * part_pz * part_pz)",
    "clip(part_px + 0, part_py + 0, part_py + 50) + 1 * part_px + 2 * part_py",
    "delta_phi(part_px, part_py)",
    "sum(part_px) + mean(part_px) - min(part_px) * max(part_px)",
    "count(part_px > 0) + where(any(part_px > 40), 10, 20) + where(all(part_px < 30), 1, 2)",
    "part_px / sum(part_px > 0)",
    "(mu < 3) + (part_px >= mu) + (mu != 2)",
    "isfinite(log(part_px))",
    "part_charge * n_particles",
    "mu",
    "3.5",
    "pi * mu",
]


def setting() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]:
    arrays = make_arrays(25, seed=20)
    n = arrays.pop("n")
    rng = np.random.default_rng(0)
    total = int(n.sum())
    particles = {**arrays, "charge": rng.integers(-1, 2, total).astype(np.int8)}
    event = {"mu": np.arange(25), "u": rng.uniform(-0.9, 0.9, 25)}
    return particles, event, n


def flat_value(backend: NumpyBackend | TorchBackend, text: str) -> np.ndarray:
    particles, event, n = setting()
    as_array = torch.from_numpy if isinstance(backend, TorchBackend) else np.asarray
    quantities = Quantities(
        backend,
        {k: as_array(v) for k, v in particles.items()},
        {k: as_array(v) for k, v in event.items()},
        as_array(n),
        "particles",
    )
    with np.errstate(all="ignore"):
        value = compile_expression(text).evaluate(quantities, backend)
    return np.asarray(backend.at_particles(value), dtype=np.float64)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_all_backends_agree(text: str) -> None:
    particles, event, n = setting()
    offsets = np.concatenate([[0], np.cumsum(n)])
    px, py, e = (particles[k].astype(np.float64) for k in ("px", "py", "E"))
    env = {
        **{f"part_{k}": ak.unflatten(v, n) for k, v in particles.items()},
        "part_energy": ak.unflatten(e, n),
        "part_pt": ak.unflatten(np.hypot(px, py), n),
        **event,
        "n_particles": n,
    }
    value = compile_expression(text).evaluate(env, AwkwardBackend())
    expected = (
        ak.to_numpy(ak.flatten(value))
        if isinstance(value, ak.Array) and value.ndim == 2
        else np.repeat(np.broadcast_to(np.asarray(value), n.shape), n)
    ).astype(np.float64)
    got = flat_value(NumpyBackend(offsets), text)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
    tensor = flat_value(TorchBackend(torch.from_numpy(offsets)), text)
    np.testing.assert_allclose(tensor, expected, rtol=1e-9, atol=1e-9)
    jets = records(
        {**{k: particles[k] for k in ("px", "py", "pz", "E")}, "n": n},
        event,
        {"charge": particles["charge"]},
    )
    if np.isfinite(expected).all():
        clouds = ParticleClouds.from_awkward(jets, features=[text], dtype=torch.float64)
        np.testing.assert_allclose(clouds.x[:, 0].numpy(), expected, rtol=1e-12, atol=1e-12)


def test_every_word_of_the_language_is_covered() -> None:
    from pcgnn.io.expressions.nodes import Call, Reduce, walk

    used = set()
    for text in EXPRESSIONS:
        for node in walk(compile_expression(text).tree):
            if isinstance(node, Call | Reduce):
                used.add(node.function)
    assert used == {*FUNCTIONS, *OPERATORS, *REDUCTIONS}


def test_torch_expressions_are_differentiable() -> None:
    px = torch.tensor([3.0, 4.0, 12.0], dtype=torch.float64, requires_grad=True)
    py = torch.tensor([4.0, 3.0, 5.0], dtype=torch.float64)
    backend = TorchBackend(torch.tensor([0, 2, 3]))
    quantities = Quantities(backend, {"px": px, "py": py}, {}, torch.tensor([2, 1]), "particles")
    value = compile_expression("sum(part_pt)").evaluate(quantities, backend)
    assert value.data.tolist() == [10.0, 13.0]
    value.data.sum().backward()
    assert torch.allclose(px.grad, torch.tensor([0.6, 0.8, 12 / 13], dtype=torch.float64))


def test_empty_jets_reduce_like_awkward() -> None:
    sizes = np.array([0, 2, 0, 1, 0])
    values = np.array([1.0, -2.0, 3.0])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    jagged = ak.unflatten(values, sizes)
    for name in ("sum", "mean", "min", "max", "any", "all", "count"):
        argument = jagged > 0 if name in ("any", "all", "count") else jagged
        flat = values > 0 if name in ("any", "all", "count") else values
        expected = AwkwardBackend().reduce(name, argument).astype(np.float64)
        with np.errstate(all="ignore"):
            got = NumpyBackend(offsets).reduce(name, Flat(flat, "particle")).data
        np.testing.assert_allclose(got.astype(np.float64), expected, equal_nan=True)
        backend = TorchBackend(torch.from_numpy(offsets))
        tensor = backend.reduce(name, Flat(torch.from_numpy(flat), "particle")).data
        np.testing.assert_allclose(tensor.double().numpy(), expected, equal_nan=True)


@pytest.mark.parametrize("text", ["sum(mu)", "max(n_particles)"])
def test_reducing_a_jet_quantity_is_refused_with_the_place(text: str) -> None:
    jets = records(make_arrays(3), {"mu": np.ones(3)})
    with pytest.raises(ExpressionError, match=r"(?s)one value per jet.*\^"):
        ParticleClouds.from_awkward(jets, features=[text])


def test_columns_with_more_dimensions_are_refused() -> None:
    jets = records(make_arrays(3), {"mu": np.ones((3, 2))})
    with pytest.raises(ExpressionError, match="2 dimensions"):
        ParticleClouds.from_awkward(jets, features=["mu * part_pt"])


def test_many_features_at_once_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of dead steps are overwritten; whatever is still needed must not be."""
    import pcgnn.data.evaluate as evaluate

    monkeypatch.setattr(evaluate, "_PIECE", 60)
    particles, event, n = setting()
    offsets = np.concatenate([[0], np.cumsum(n)])
    alone = {text: flat_value(NumpyBackend(offsets), text) for text in EXPRESSIONS}
    finite = [text for text, value in alone.items() if np.isfinite(value).all()]
    assert len(finite) > 18
    jets = records(
        {**{k: particles[k] for k in ("px", "py", "pz", "E")}, "n": n},
        event,
        {"charge": particles["charge"]},
    )
    for order in (finite, finite[::-1]):
        clouds = ParticleClouds.from_awkward(jets, features=order, dtype=torch.float64)
        for i, text in enumerate(order):
            np.testing.assert_allclose(clouds.x[:, i].numpy(), alone[text], rtol=1e-12, atol=1e-12)
