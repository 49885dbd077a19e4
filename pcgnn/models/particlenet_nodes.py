"""ParticleNet that scores each particle instead of the jet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.dense import dense_layers
from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.nn.readout import Readout
from pcgnn.ops.ragged import graph_index

__all__ = ["ParticleNetNodes"]


class ParticleNetNodes(CloudModel):
    r"""EdgeConv blocks as in ParticleNet, then one logit per particle.

    For labels of particles, such as whether one comes from pile-up. The blocks are those of
    ParticleNet (`arXiv:1902.08570 <https://arxiv.org/abs/1902.08570>`__); as in the segmentation
    network of the dynamic graph CNN (`arXiv:1801.07829 <https://arxiv.org/abs/1801.07829>`__) the
    dense layers see of each particle the outputs of all blocks and the mean of the last one over
    its jet,

    .. math::
        z_i = \mathrm{MLP}\big(x_i^{(1)}, \dots, x_i^{(L)}, \langle x^{(L)} \rangle\big)

    Args:
        features: features per particle.
        blocks: for each EdgeConv block (k, widths of its layers).
        hidden: widths of the dense layers.
        dropout: in the dense layers.

    **Shapes:** x (N, features), pos (N, D) -> (N,) logits.

    Raises:
        ConfigError: sizes below 1, or no block.

    Example:
        >>> import torch
        >>> model = ParticleNetNodes(7, blocks=[(3, (16, 16))], hidden=[16])
        >>> x, pos, ptr = torch.randn(9, 7), torch.randn(9, 2), torch.tensor([0, 4, 9])
        >>> model.forward_tensors(x=x, pos=pos, ptr=ptr).shape
        torch.Size([9])
    """

    task: ClassVar[str] = "particles"
    per_particle: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"x", "pos"})

    def __init__(
        self,
        features: int,
        *,
        blocks: Sequence[tuple[int, Sequence[int]]] = ((16, (32, 32)), (16, (64, 64))),
        hidden: Sequence[int] = (64,),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if features < 1 or not blocks or not hidden:
            raise ConfigError(
                f"features = {features}, {len(blocks)} blocks, hidden = {list(hidden)}",
                remedy="at least one of each",
            )
        self.config = {
            "features": features,
            "blocks": [[k, list(widths)] for k, widths in blocks],
            "hidden": list(hidden),
            "dropout": dropout,
        }
        self.input_norm = nn.BatchNorm1d(features)
        self.blocks = nn.ModuleList()
        width = features
        for k, widths in blocks:
            self.blocks.append(EdgeConv(width, widths, k))
            width = widths[-1]
        self.readout = Readout(width, "mean")
        total = sum(widths[-1] for _, widths in blocks) + width
        self.classifier = dense_layers([total, *hidden], norm=True, dropout=dropout, out=1)

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (N,)."""
        x = batch_norm(cloud.x, self.input_norm)
        outputs = []
        for number, block in enumerate(self.blocks):
            x = block(x, cloud.ptr, plan=cloud.plan, pos=cloud.pos if number == 0 else x)
            outputs.append(x)
        jets = self.readout(x, cloud.ptr, cloud.plan)
        outputs.append(jets.index_select(0, graph_index(cloud.ptr, cloud.plan.total)))
        logits: Tensor = self.classifier(torch.cat(outputs, 1)).squeeze(1)
        return logits
