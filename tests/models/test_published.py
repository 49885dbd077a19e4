"""Weights under the authors' names: logits of the authors' code, and files that are wrong."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models import list_published, load_published

GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "particlenet.npz"
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    with np.load(GOLDEN, allow_pickle=False) as file:
        content = {key: file[key] for key in file.files}
    graphs = [
        Data(
            x=torch.from_numpy(content[f"jet{i}_features"]),
            pos=torch.from_numpy(content[f"jet{i}_points"]),
        )
        for i in range(len(content["sizes"]))
    ]
    state = {
        key.removeprefix("state."): torch.from_numpy(value)
        for key, value in content.items()
        if key.startswith("state.")
    }
    return {
        "batch": Batch.from_data_list(graphs),
        "graphs": graphs,
        "state": state,
        "logits": torch.from_numpy(content["logits"]),
        "config": json.loads(str(content["config"])),
        "sizes": content["sizes"],
    }


def run(model: torch.nn.Module, batch: Batch) -> Tensor:
    with torch.no_grad():
        out: Tensor = model(batch)
    return out


def test_logits_of_the_authors_code(golden: dict[str, Any]) -> None:
    k = [block[0] for block in golden["config"]["conv_params"]]
    model = load_published("particlenet", golden["state"], k=k)
    assert not model.training
    torch.testing.assert_close(run(model, golden["batch"]), golden["logits"], rtol=1e-9, atol=0)
    # batch norm not folded, and every jet alone
    torch.testing.assert_close(model(golden["batch"]).detach(), golden["logits"], rtol=1e-9, atol=0)
    alone = torch.cat([run(model, Batch.from_data_list([g])) for g in golden["graphs"]])
    torch.testing.assert_close(alone, golden["logits"], rtol=1e-9, atol=0)


def test_without_ghosts_exactly_the_small_jets_differ(golden: dict[str, Any]) -> None:
    model = load_published("particlenet", golden["state"], k=7, ghost_edges=False)
    difference = (run(model, golden["batch"]) - golden["logits"]).abs().amax(1)
    small = torch.from_numpy(golden["sizes"]) <= 7
    assert small.any()
    assert (difference[small] > 1e-4).all()
    assert (difference[~small] < 1e-12).all()


@pytest.mark.parametrize("prefix", ["mod.", "module.mod.", "module."])
@pytest.mark.parametrize("under", ["", "state_dict", "model"])
def test_files_with_and_without_prefixes(
    golden: dict[str, Any], tmp_path: Path, prefix: str, under: str
) -> None:
    state: Any = {prefix + key: value for key, value in golden["state"].items()}
    path = tmp_path / "net.pt"
    torch.save({under: state} if under else state, path)
    model = load_published("particlenet", path, k=7)
    torch.testing.assert_close(run(model, golden["batch"]), golden["logits"], rtol=1e-9, atol=0)


def test_counters_of_batches_are_not_needed(golden: dict[str, Any]) -> None:
    state = {k: v for k, v in golden["state"].items() if not k.endswith("num_batches_tracked")}
    model = load_published("particlenet", state, k=7)
    torch.testing.assert_close(run(model, golden["batch"]), golden["logits"], rtol=1e-9, atol=0)


def test_the_published_k_is_the_default(golden: dict[str, Any]) -> None:
    model = load_published("particlenet", golden["state"])
    assert [block[0] for block in model.config["blocks"]] == [16, 16]
    assert model.config["ghost_edges"] is True


def weaver_state(widths: list[tuple[int, ...]], fusion: bool, seed: int = 0) -> State:
    """Random weights with the names and shapes weaver-core gives them."""
    g = torch.Generator().manual_seed(seed)

    def norm(name: str, c: int) -> State:
        return {
            f"{name}.weight": torch.rand(c, generator=g) + 0.5,
            f"{name}.bias": torch.randn(c, generator=g),
            f"{name}.running_mean": torch.randn(c, generator=g),
            f"{name}.running_var": torch.rand(c, generator=g) + 0.5,
            f"{name}.num_batches_tracked": torch.tensor(3),
        }

    state, width = norm("bn_fts", 4), 4
    for b, block in enumerate(widths):
        last = 2 * width
        for i, c in enumerate(block):
            state[f"edge_convs.{b}.convs.{i}.weight"] = torch.randn(c, last, 1, 1, generator=g)
            state |= norm(f"edge_convs.{b}.bns.{i}", c)
            last = c
        if width != last:
            state[f"edge_convs.{b}.sc.weight"] = torch.randn(last, width, 1, generator=g)
            state |= norm(f"edge_convs.{b}.sc_bn", last)
        width = last
    if fusion:
        together = sum(block[-1] for block in widths)
        width = 16
        state["fusion_block.0.weight"] = torch.randn(width, together, 1, generator=g)
        state |= norm("fusion_block.1", width)
    state["fc.0.0.weight"] = torch.randn(12, width, generator=g)
    state["fc.0.0.bias"] = torch.randn(12, generator=g)
    state["fc.1.weight"] = torch.randn(3, 12, generator=g)
    state["fc.1.bias"] = torch.randn(3, generator=g)
    return state


def test_an_identity_shortcut_where_widths_agree_and_a_fusion_block() -> None:
    state = weaver_state([(8, 8), (8, 8)], fusion=True)
    model = load_published("particlenet", state, k=(3, 5))
    assert model.blocks[0].shortcut is not None  # type: ignore[index, union-attr]
    assert model.blocks[1].shortcut is None  # type: ignore[index, union-attr]
    assert [block.k for block in model.blocks] == [3, 5]  # type: ignore[union-attr]
    assert model.config["fusion"] == 16
    ours = model.state_dict()
    assert torch.equal(ours["fusion.weight"], state["fusion_block.0.weight"][:, :, 0])
    assert torch.equal(ours["classifier.3.weight"], state["fc.1.weight"])
    graph = Data(x=torch.randn(9, 4), pos=torch.randn(9, 2))
    assert run(model, Batch.from_data_list([graph])).shape == (1, 3)


def drop(key: str) -> Callable[[State], State]:
    return lambda state: {k: v for k, v in state.items() if k != key}


def put(key: str, value: Any) -> Callable[[State], State]:
    return lambda state: {**state, key: value}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop("edge_convs.0.bns.1.weight"), r"missing: blocks\.0\.norms\.1\.weight"),
        (drop("edge_convs.0.convs.0.weight"), "missing: edge_convs.0.convs.0.weight"),
        (drop("edge_convs.0.sc.weight"), r"missing: blocks\.0\.shortcut\.weight"),
        (drop("fc.1.bias"), r"missing: classifier\.3\.bias"),
        (put("transformer.0.weight", torch.ones(2)), "not weights of ParticleNet: transformer"),
        (put("edge_convs.1.convs.2.weight", torch.ones(5, 5, 1, 1)), "of the wrong shape"),
        (put("bn_fts.weight", torch.ones(6)), r"input_norm\.weight \(6,\) instead of \(5,\)"),
        (put("edge_convs.0.convs.0.weight", torch.ones(16, 9, 1, 1)), r"\(16, 9\)"),
        (put("fc.1.bias", "text"), "'fc.1.bias' is a str"),
        (lambda state: {}, "holds no state dict"),
        (lambda state: {"fc.1.weight": torch.ones(2, 3)}, "missing: edge_convs"),
    ],
)
def test_wrong_weights_are_named(
    golden: dict[str, Any], change: Callable[[State], State], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_published("particlenet", change(golden["state"]), k=7)


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (exec, ("import pathlib; pathlib.Path('exploded').touch()",))


def test_files_that_are_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no such file.*absent\.pt"):
        load_published("particlenet", "absent.pt")
    (tmp_path / "text.pt").write_text("not a checkpoint")
    (tmp_path / "empty.pt").write_bytes(b"")
    torch.save({"a": torch.ones(10)}, tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:300])
    torch.save({"a": Bomb()}, tmp_path / "bomb.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Bomb()))
    for name in ("text.pt", "empty.pt", "cut.pt", "bomb.pt", "raw.pt"):
        with pytest.raises(CheckpointError, match=name):
            load_published("particlenet", name)
    assert not (tmp_path / "exploded").exists()


def test_wrong_names_and_options(golden: dict[str, Any]) -> None:
    assert "particlenet" in list_published()
    with pytest.raises(ConfigError, match="no published weights known by the name 'resnet'"):
        load_published("resnet", golden["state"])
    with pytest.raises(ConfigError, match="k has 3 numbers, the weights are of 2 blocks"):
        load_published("particlenet", golden["state"], k=[7, 7, 7])
    with pytest.raises(ConfigError, match="radius"):
        load_published("particlenet", golden["state"], radius=0.4)
