"""ParticleNet weights under the names of weaver-core, the authors' framework.

A file holds ``bn_fts``, ``edge_convs.{l}.convs.{i}``, ``.bns.{i}``, ``.sc`` and ``.sc_bn``, maybe
``fusion_block.{0,1}``, and ``fc``, with or without ``mod.`` in front. Convolutions of size 1 are
linear layers: their trailing axes of length 1 are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models.particlenet import ParticleNet

__all__ = ["from_published"]

_PREFIXES = ("module.", "mod.")
_NAMES: tuple[tuple[str, str], ...] = (
    (r"bn_fts\.(.+)", r"input_norm.\1"),
    (r"edge_convs\.(\d+)\.convs\.(\d+)\.weight", r"blocks.\1.linears.\2.weight"),
    (r"edge_convs\.(\d+)\.bns\.(\d+)\.(.+)", r"blocks.\1.norms.\2.\3"),
    (r"edge_convs\.(\d+)\.sc\.weight", r"blocks.\1.shortcut.weight"),
    (r"edge_convs\.(\d+)\.sc_bn\.(.+)", r"blocks.\1.shortcut_norm.\2"),
    (r"fusion_block\.0\.weight", r"fusion.weight"),
    (r"fusion_block\.1\.(.+)", r"fusion_norm.\1"),
)


def from_published(
    state: Mapping[str, Tensor],
    *,
    k: int | Sequence[int] = 16,
    ghost_edges: bool = True,
    dropout: float = 0.1,
) -> ParticleNet:
    """Make a ParticleNet from weaver-core's state dict.

    Args:
        state: the tensors by their published names.
        k: number of neighbours, or one for each block.
        ghost_edges: treat jets with n <= k particles as the published dense implementation does.
        dropout: of the hidden dense layers, used in further training only.

    Raises:
        CheckpointError: if keys are missing, not expected or of the wrong shape.
        ConfigError: if ``k`` has not one number for each block.
    """
    renamed = _rename(state)
    widths = _block_widths(renamed)
    neighbours = [k] * len(widths) if isinstance(k, int) else list(k)
    if len(neighbours) != len(widths):
        raise ConfigError(
            f"k has {len(neighbours)} numbers, the weights are of {len(widths)} blocks"
        )
    hidden = _classifier_widths(renamed)
    shortcuts = {f"blocks.{b}.shortcut.weight" in renamed for b in range(len(widths))}
    first = renamed["blocks.0.linears.0.weight"]
    if first.dim() != 2 or first.size(1) % 2:
        raise CheckpointError(f"edge_convs.0.convs.0.weight has the shape {tuple(first.shape)}")
    fusion = renamed.get("fusion.weight")
    model = ParticleNet(
        first.size(1) // 2,
        hidden[-1],
        blocks=list(zip(neighbours, widths, strict=True)),
        classifier=[(width, dropout) for width in hidden[:-1]],
        shortcut="linear" if shortcuts == {True} else "auto",
        ghost_edges=ghost_edges,
        fusion=None if fusion is None else fusion.size(0),
        input_norm="input_norm.weight" in renamed,
    )
    model.name = "particlenet"
    _load(model, renamed)
    return model.to(first.dtype).eval()


def _rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    unknown = []
    dense = re.compile(r"fc\.(\d+)(\.0)?\.(weight|bias)")
    for key, value in state.items():
        short = key
        while short.startswith(_PREFIXES):
            short = short.split(".", 1)[1]
        found = dense.fullmatch(short)
        if found:
            # hidden layer i stands at 3 i of the classifier: linear, ReLU, dropout
            new = f"classifier.{3 * int(found[1])}.{found[3]}"
        else:
            matches = (re.fullmatch(old, short) for old, _ in _NAMES)
            pairs = zip(matches, _NAMES, strict=True)
            new = next((m.expand(name) for m, (_, name) in pairs if m), "")
        if not new:
            unknown.append(key)
            continue
        if value.dim() in (3, 4) and set(value.shape[2:]) == {1}:
            value = value.flatten(1)
        renamed[new] = value
    if unknown:
        raise CheckpointError(
            f"not weights of ParticleNet: {_some(unknown)}",
            remedy="give the state dict of weaver-core's ParticleNet alone",
        )
    return renamed


def _block_widths(state: Mapping[str, Tensor]) -> list[list[int]]:
    widths: list[list[int]] = []
    while f"blocks.{len(widths)}.linears.0.weight" in state:
        block: list[int] = []
        while (key := f"blocks.{len(widths)}.linears.{len(block)}.weight") in state:
            block.append(state[key].size(0))
        widths.append(block)
    if not widths:
        raise CheckpointError("missing: edge_convs.0.convs.0.weight")
    return widths


def _classifier_widths(state: Mapping[str, Tensor]) -> list[int]:
    widths: list[int] = []
    while (key := f"classifier.{3 * len(widths)}.weight") in state:
        widths.append(state[key].size(0))
    if not widths:
        raise CheckpointError("missing: fc.0.weight or fc.0.0.weight")
    return widths


def _load(model: ParticleNet, state: dict[str, Tensor]) -> None:
    wanted = model.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    missing = sorted(wanted.keys() - state.keys() - counters)
    unexpected = sorted(state.keys() - wanted.keys())
    wrong = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    problems = [
        f"{what}: {_some(keys)}"
        for what, keys in (
            ("missing", missing),
            ("not expected", unexpected),
            ("of the wrong shape", wrong),
        )
        if keys
    ]
    if problems:
        raise CheckpointError(
            "the weights do not make a ParticleNet (in this package's names): "
            + "; ".join(problems)
        )
    counts = {key: torch.zeros_like(wanted[key]) for key in counters - state.keys()}
    model.to(state["blocks.0.linears.0.weight"].dtype).load_state_dict({**state, **counts})


def _some(keys: Sequence[str], most: int = 5) -> str:
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
