"""Particle Transformer weights under the names of weaver-core, the authors' code.

A file holds ``embed.input_bn``, ``embed.embed.{3 i, 3 i + 1}`` (layer norm and linear),
``pair_embed.embed.0`` (batch norm), ``pair_embed.embed.{3 i + 1, 3 i + 2}`` (convolution and batch
norm), ``blocks.{i}`` and ``cls_blocks.{i}``, ``cls_token``, ``norm`` and ``fc``, with or without
``mod.`` in front. Files written before weaver-core had an attention of its own name its projection
``attn.in_proj_weight`` instead of ``attn.in_proj.weight``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from pcgnn.errors import CheckpointError
from pcgnn.models.particle_transformer import ParticleTransformer
from pcgnn.models.published_state import load_renamed, rename

__all__ = ["from_published"]

_BLOCK = r"(cls_)?blocks\.(\d+)\."
# "cls_" or nothing in front of "blocks" is put right afterwards
_NAMES: tuple[tuple[str, str], ...] = (
    (r"cls_token", r"class_token"),
    (r"embed\.input_bn\.(.+)", r"input_norm.\1"),
    (r"embed\.embed\.(\d+)\.(.+)", r"embedding.\1.\2"),
    (r"pair_embed\.embed\.(\d+)\.(.+)", r"pair_embedding.\1.\2"),
    (_BLOCK + r"attn\.in_proj[._](weight|bias)", r"\1blocks.\2.project.\3"),
    (_BLOCK + r"attn\.out_proj\.(.+)", r"\1blocks.\2.out.\3"),
    (_BLOCK + r"pre_attn_norm\.(.+)", r"\1blocks.\2.attention_norm.\3"),
    (_BLOCK + r"post_attn_norm\.(.+)", r"\1blocks.\2.attended_norm.\3"),
    (_BLOCK + r"pre_fc_norm\.(.+)", r"\1blocks.\2.dense_norm.\3"),
    (_BLOCK + r"post_fc_norm\.(.+)", r"\1blocks.\2.hidden_norm.\3"),
    (_BLOCK + r"fc1\.(.+)", r"\1blocks.\2.dense_in.\3"),
    (_BLOCK + r"fc2\.(.+)", r"\1blocks.\2.dense_out.\3"),
    (_BLOCK + r"c_attn", r"\1blocks.\2.head_scale"),
    (_BLOCK + r"w_resid", r"\1blocks.\2.residual_scale"),
    (r"norm\.(.+)", r"norm.\1"),
    (r"fc\.(\d+)(?:\.0)?\.(weight|bias)", r"classifier.\1.\2"),
)


def from_published(
    state: Mapping[str, Tensor],
    *,
    num_heads: int = 8,
    use_pre_activation_pair: bool = False,
    dropout: float = 0.1,
    classifier_dropout: float = 0.1,
) -> ParticleTransformer:
    """Make a Particle Transformer from weaver-core's state dict.

    Args:
        state: the tensors by their published names.
        num_heads: number of heads; the weights themselves tell it and it is checked against them.
        use_pre_activation_pair: whether the embedding of pairs ends without a GELU. The published
            trainings say False, the default of weaver-core's class is True.
        dropout: in the blocks among particles, used in further training only.
        classifier_dropout: of hidden dense layers after the class token, if there are any, used
            in further training only.

    Raises:
        CheckpointError: if keys are missing, not expected or of the wrong shape, or the weights
            are of another number of heads.
    """
    renamed = _rename(state)
    embedding = _widths(renamed, "embedding.{}.weight", 1)
    pairs = _widths(renamed, "pair_embedding.linears.{}.weight", 0, step=1)
    hidden = _widths(renamed, "classifier.{}.weight", 0)
    if not embedding or not hidden:
        raise CheckpointError("missing: embed.embed.1.weight or fc.0.weight")
    scale, dense = (
        renamed.get("class_blocks.0.head_scale"),
        renamed.get("class_blocks.0.dense_in.weight"),
    )
    if scale is None or dense is None:
        raise CheckpointError("missing: cls_blocks.0.c_attn or cls_blocks.0.fc1.weight")
    if scale.numel() != num_heads:
        raise CheckpointError(
            f"the weights are of {scale.numel()} heads, num_heads = {num_heads}",
            remedy=f"give num_heads={scale.numel()}",
        )
    if embedding[-1] % num_heads:
        raise CheckpointError(f"{num_heads} heads do not divide the width {embedding[-1]}")
    model = ParticleTransformer(
        renamed["embedding.1.weight"].size(1),
        hidden[-1],
        embedding=embedding,
        pair_embedding=pairs[:-1] if pairs else None,
        heads=num_heads,
        blocks=_count(renamed, "blocks.{}.head_scale"),
        class_blocks=_count(renamed, "class_blocks.{}.head_scale"),
        expansion=max(dense.size(0) // embedding[-1], 1),
        dropout=dropout,
        attention_dropout=dropout,
        activation_dropout=dropout,
        classifier=[(width, classifier_dropout) for width in hidden[:-1]],
        pre_activation_pair=use_pre_activation_pair,
    )
    model.name = "particle-transformer"
    load_renamed(model, renamed, name="ParticleTransformer")
    return model.eval()


def _rename(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    renamed = rename(
        state,
        _NAMES,
        model="the Particle Transformer",
        remedy="give the state dict of weaver-core's ParticleTransformer (version 1) alone",
    )
    found: dict[str, Tensor] = {}
    for key, value in renamed.items():
        new = key.replace("cls_blocks.", "class_blocks.")
        if new == "class_token":
            value = value.flatten()
        if pair := re.fullmatch(r"pair_embedding\.(\d+)\.(.+)", key):
            # batch norm of the input at 0, then convolution, batch norm, GELU
            layer, kind = divmod(int(pair[1]) - 1, 3)
            part = "input_norm" if layer < 0 else f"{('linears', 'norms', 'unknown')[kind]}.{layer}"
            new = f"pair_embedding.{part}.{pair[2]}"
            if value.dim() == 3 and value.size(2) == 1:
                value = value.flatten(1)
        elif last := re.fullmatch(r"classifier\.(\d+)\.(weight|bias)", key):
            # hidden layer i stands at 3 i of the classifier: linear, ReLU, dropout
            new = f"classifier.{3 * int(last[1])}.{last[2]}"
        found[new] = value
    return found


def _widths(state: Mapping[str, Tensor], name: str, first: int, step: int = 3) -> list[int]:
    """Outputs of the linear layers of a chain."""
    widths: list[int] = []
    while (weight := state.get(name.format(first + step * len(widths)))) is not None:
        if weight.dim() != 2:
            raise CheckpointError(
                f"{name.format(first + step * len(widths))} has the shape {tuple(weight.shape)}"
            )
        widths.append(weight.size(0))
    return widths


def _count(state: Mapping[str, Tensor], name: str) -> int:
    count = 0
    while name.format(count) in state:
        count += 1
    return count
