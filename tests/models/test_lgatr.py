"""L-GATr: its symmetries, and what happens without its library."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import torch
from model_inputs import collate, jets, relative
from torch import Tensor

from pcgnn.errors import BackendError, ConfigError
from pcgnn.models import CloudModel, create_model, list_models
from pcgnn.ops.lorentz import boost, rotate

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("lgatr") is None, reason="the package lgatr is not installed"
)


def lorentz_matrix(beta: list[float], angle: float) -> Tensor:
    """A boost after a rotation, as the matrix L with p' = L p."""
    basis = torch.eye(4, dtype=torch.float64)
    axis = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    moved = boost(rotate(basis, axis, angle), torch.tensor(beta, dtype=torch.float64))
    return moved.t()


def network(**options: object) -> CloudModel:
    torch.manual_seed(3)
    model = create_model("lgatr", features=7, blocks=3, **options).double().eval()
    assert isinstance(model, CloudModel)
    return model


@needs_library
@pytest.mark.parametrize("beta", [[0.0, 0.0, 0.8], [0.5, -0.3, 0.4]])
def test_logits_are_invariant_without_spurions_and_with_those_that_move_along(
    beta: list[float],
) -> None:
    data = jets([30, 5, 1, 17])
    matrix = lorentz_matrix(beta, 0.9)
    moved = [d.clone() for d in data]
    for d in moved:
        d.p4 = d.p4 @ matrix.t()
    free, fixed = network(spurions=[]), network()
    assert not free.has_beams
    assert fixed.has_beams
    with torch.no_grad():
        before, after = free(collate(data)), free(collate(moved))
        assert relative(after, before) < 1e-8
        assert (before[0] - before[1]).abs().max() > 1e-6
        before = fixed(collate(data))
        assert relative(fixed(collate(moved)), before) > 1e-4
        fixed.frame = matrix
        assert relative(fixed(collate(moved)), before) < 1e-8


@needs_library
def test_turns_about_the_beam_are_a_symmetry_and_others_are_not() -> None:
    data = jets([30, 5, 1, 17])
    model = network()
    with torch.no_grad():
        before = model(collate(data))
        for axis, invariant in (([0.0, 0.0, 1.0], True), ([1.0, 0.0, 0.0], False)):
            moved = [d.clone() for d in data]
            for d in moved:
                d.p4 = rotate(d.p4, torch.tensor(axis, dtype=torch.float64), 0.8)
            change = relative(model(collate(moved)), before)
            assert change < 1e-8 if invariant else change > 1e-4


@needs_library
def test_jets_attend_to_themselves_alone() -> None:
    """The network of the library on one jet, without tables, mask or padding."""
    model = network(spurions=["time"])
    data = jets([9, 40, 3])
    with torch.no_grad():
        together = model(collate(data))
        for jet, found in zip(data, together, strict=True):
            tokens = torch.zeros(1, jet.num_nodes, 2, 16, dtype=torch.float64)
            tokens[..., 0], tokens[:, :, 0, 1:5], tokens[:, :, 1, 1] = 1.0, jet.p4 / 20, 1.0
            out, _ = model.net(tokens)  # type: ignore[operator]
            torch.testing.assert_close(out[0, :, :, 0].mean(0), found)


def test_without_the_library_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "lgatr", None)
    assert "lgatr" in list_models("classification")
    with pytest.raises(BackendError, match=r"lgatr.*not installed.*pip install 'pcgnn\[lgatr\]'"):
        create_model("lgatr", features=7)


def test_wrong_options_are_named() -> None:
    with pytest.raises(ConfigError, match=r"plane.*beams, time"):
        create_model("lgatr", features=7, spurions=["plane"])
    with pytest.raises(ConfigError, match="at least 1"):
        create_model("lgatr", features=7, blocks=0)
    with pytest.raises(ConfigError, match="dropout = 1"):
        create_model("lgatr", features=7, dropout=1)
