"""ParticleNet weights under the names of weaver-core, the authors' framework.

A file holds ``bn_fts``, ``edge_convs.{l}.convs.{i}``, ``.bns.{i}``, ``.sc`` and ``.sc_bn``, maybe
``fusion_block.{0,1}``, and ``fc``, with or without ``mod.`` in front. Convolutions of size 1 are
linear layers: their trailing axes of length 1 are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from torch import Tensor

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models.particlenet import ParticleNet
from pcgnn.models.published_state import load_renamed, rename

__all__ = ["from_published"]

_NAMES: tuple[tuple[str, str], ...] = (
    (r"bn_fts\.(.+)", r"input_norm.\1"),
    (r"edge_convs\.(\d+)\.convs\.(\d+)\.weight", r"blocks.\1.linears.\2.weight"),
    (r"edge_convs\.(\d+)\.bns\.(\d+)\.(.+)", r"blocks.\1.norms.\2.\3"),
    (r"edge_convs\.(\d+)\.sc\.weight", r"blocks.\1.shortcut.weight"),
    (r"edge_convs\.(\d+)\.sc_bn\.(.+)", r"blocks.\1.shortcut_norm.\2"),
    (r"fusion_block\.0\.weight", r"fusion.weight"),
    (r"fusion_block\.1\.(.+)", r"fusion_norm.\1"),
    (r"fc\.(\d+)(?:\.0)?\.(weight|bias)", r"classifier.\1.\2"),
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
    load_renamed(model, renamed, name="ParticleNet")
    return model.to(first.dtype).eval()


def _rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = rename(
        state,
        _NAMES,
        model="ParticleNet",
        remedy="give the state dict of weaver-core's ParticleNet alone",
    )
    found: dict[str, Tensor] = {}
    for key, value in renamed.items():
        # hidden layer i stands at 3 i of the classifier: linear, ReLU, dropout
        dense = re.fullmatch(r"classifier\.(\d+)\.(weight|bias)", key)
        new = f"classifier.{3 * int(dense[1])}.{dense[2]}" if dense else key
        if value.dim() in (3, 4) and set(value.shape[2:]) == {1}:
            value = value.flatten(1)
        found[new] = value
    return found


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
