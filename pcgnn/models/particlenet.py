"""ParticleNet: a dynamic graph network for jet tagging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.nn.batch_norm import batch_norm
from pcgnn.nn.conditioning import Conditioning, ConditionPlace, Conditions
from pcgnn.nn.edge_conv import EdgeConv, Shortcut
from pcgnn.nn.edges import EdgeReduction
from pcgnn.nn.readout import Pooling, Readout
from pcgnn.ops.ragged import graph_index

__all__ = ["ParticleNet"]


class ParticleNet(CloudModel):
    """ParticleNet.

    From "ParticleNet: Jet Tagging via Particle Clouds" (`arXiv:1902.08570
    <https://arxiv.org/abs/1902.08570>`__): batch norm of the features, EdgeConv blocks, mean over
    the particles of a jet, dense layers. Neighbours are near in ``pos`` (eta and phi relative to
    the jet axis) in the first block and in the features of the block before in the others.

    The defaults are the full network (366k parameters with 7 features), the name
    ``particlenet-lite`` stands for the small one (26k).

    Args:
        features: features per particle.
        classes: number of classes.
        blocks: for each EdgeConv block (k, widths of its layers).
        classifier: for each hidden dense layer (width, dropout).
        reduce: ``"mean"``, ``"sum"`` or ``"max"`` over the neighbours.
        shortcut: of the blocks, see :class:`pcgnn.nn.EdgeConv`.
        ghost_edges: the published treatment of jets with n <= k particles, needed by published
            weights only, see :class:`pcgnn.nn.EdgeConv`.
        fusion: width of a dense layer over the outputs of all blocks; None, as published for top
            tagging: only the last block goes on.
        input_norm: whether the features go through a batch norm first.
        readout: "mean" as published, "sum", "max", "min", "std", "attention" or several of them.
        parameters: how many of the features, the last ones, are parameters of a signal hypothesis,
            see :class:`pcgnn.nn.Conditions`; 0 for none.
        conditioning: how they enter: "concatenate", "bias", "scale" or "affine".
        condition_at: where they enter: "readout", or "blocks" for each block and the readout.

    **Shapes:** x (N, features), pos (N, D) -> (G, classes) logits.

    Example:
        >>> import torch
        >>> model = ParticleNet(7, blocks=[(3, (16, 16))], classifier=[(32, 0.1)])
        >>> x, pos, ptr = torch.randn(9, 7), torch.randn(9, 2), torch.tensor([0, 4, 9])
        >>> model.forward_tensors(x=x, pos=pos, ptr=ptr).shape
        torch.Size([2, 2])
    """

    needs: ClassVar[frozenset[str]] = frozenset({"x", "pos"})

    def __init__(
        self,
        features: int,
        classes: int = 2,
        *,
        blocks: Sequence[tuple[int, Sequence[int]]] = (
            (16, (64, 64, 64)),
            (16, (128, 128, 128)),
            (16, (256, 256, 256)),
        ),
        classifier: Sequence[tuple[int, float]] = ((256, 0.1),),
        reduce: EdgeReduction = "mean",
        shortcut: Shortcut = "auto",
        ghost_edges: bool = False,
        fusion: int | None = None,
        input_norm: bool = True,
        readout: Pooling | Sequence[Pooling] = "mean",
        parameters: int = 0,
        conditioning: Conditioning = "affine",
        condition_at: ConditionPlace = "readout",
    ) -> None:
        super().__init__()
        if features <= parameters or classes < 1:
            raise ConfigError(
                f"features and classes must be at least 1, got {features}, {classes}"
                + (f", and there must be more than {parameters} parameters" if parameters else "")
            )
        if not blocks:
            raise ConfigError("ParticleNet needs at least one EdgeConv block")
        self.config = {
            "features": features,
            "classes": classes,
            "blocks": [[k, list(widths)] for k, widths in blocks],
            "classifier": [[width, dropout] for width, dropout in classifier],
            "reduce": reduce,
            "shortcut": shortcut,
            "ghost_edges": ghost_edges,
            "fusion": fusion,
            "input_norm": input_norm,
            "readout": readout if isinstance(readout, str) else list(readout),
            "parameters": parameters,
            "conditioning": conditioning,
            "condition_at": condition_at,
        }
        width = features - parameters
        self.input_norm = nn.BatchNorm1d(width) if input_norm else None
        self.blocks = nn.ModuleList()
        for k, widths in blocks:
            self.blocks.append(
                EdgeConv(
                    width, widths, k, reduce=reduce, shortcut=shortcut, ghost_edges=ghost_edges
                )
            )
            width = widths[-1]
        self.fusion: nn.Linear | None = None
        self.fusion_norm: nn.BatchNorm1d | None = None
        if fusion is not None:
            self.fusion = nn.Linear(sum(w[-1] for _, w in blocks), fusion, bias=False)
            self.fusion_norm = nn.BatchNorm1d(fusion)
            width = fusion
        self.readout = Readout(width, readout)
        width = self.readout.out_features
        self.conditions = Conditions(
            parameters,
            conditioning,
            condition_at,
            blocks=[widths[-1] for _, widths in blocks],
            readout=width,
        )
        layers: list[nn.Module] = []
        for hidden, dropout in classifier:
            layers += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout)]
            width = hidden
        self.classifier = nn.Sequential(*layers, nn.Linear(width, classes))

    def logits(self, cloud: Cloud) -> Tensor:
        """Compute the logits, shape (G, classes)."""
        x, hypothesis = self.conditions.split(cloud.x, cloud.ptr)
        graph = graph_index(cloud.ptr, cloud.plan.total)
        if self.input_norm is not None:
            x = batch_norm(x, self.input_norm)
        outputs = []
        for number, block in enumerate(self.blocks):
            pos = cloud.pos if number == 0 else x
            x = block(x, cloud.ptr, plan=cloud.plan, pos=pos)
            x = self.conditions.block(number, x, hypothesis, graph)
            outputs.append(x)
        if self.fusion is not None and self.fusion_norm is not None:
            x = batch_norm(self.fusion(torch.cat(outputs, 1)), self.fusion_norm).relu()
        pooled = self.conditions.readout(self.readout(x, cloud.ptr, cloud.plan), hypothesis)
        logits: Tensor = self.classifier(pooled)
        return logits
