"""LorentzNet as one writes it: padded to the largest jet, or on an explicit list of pairs.

Both are the formulas of 2201.08187 in the operations of torch, with the modules of pcgnn's network
under the same names, so that one state dict serves all three.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pcgnn.models import LorentzNet

__all__ = ["PaddedLorentzNet", "RaggedLorentzNet", "pairs_of"]

CLAMP = 100.0


def psi(v: Tensor) -> Tensor:
    """Compress: sign(v) ln(1 + |v|)."""
    return v.sign() * (v.abs() + 1).log()


def pairs_of(ptr: Tensor) -> tuple[Tensor, Tensor]:
    """All ordered pairs of different particles of each graph."""
    first, second = [], []
    for begin, end in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True):
        i, j = torch.meshgrid(torch.arange(begin, end), torch.arange(begin, end), indexing="ij")
        different = i != j
        first.append(i[different])
        second.append(j[different])
    return torch.cat(first), torch.cat(second)


class _Plain(nn.Module):
    def __init__(self, model: LorentzNet) -> None:
        super().__init__()
        self.embedding, self.blocks = model.embedding, model.blocks
        self.classifier, self.c = model.classifier, model.config["c_weight"]

    def messages(self, block: nn.Module, z: Tensor) -> Tensor:
        """From the first layer's output (E, H), before its batch norm, to the gated message."""
        m = block.edge_second(block.edge_norm(z).relu()).relu()
        return m * torch.sigmoid(block.gate(m))

    def node(self, block: nn.Module, h: Tensor, total: Tensor, s: Tensor) -> Tensor:
        """Update of the scalars."""
        inner = block.node_norm(block.node_first(torch.cat([h, total, s], 1)))
        return h + block.node_second(inner.relu())


class RaggedLorentzNet(_Plain):
    """On a list of pairs: gather both ends, concatenate, add up by index."""

    def forward(
        self, x: Tensor, s: Tensor, pairs: tuple[Tensor, Tensor], graph: Tensor, counts: Tensor
    ) -> Tensor:
        """Logits (G, classes).

        Args:
            x: four-vectors (N, 4), beams among them.
            s: scalars (N, S).
            pairs: both ends of each pair.
            graph: graph of each particle.
            counts: particles of each graph, beams counted.
        """
        metric = x.new_tensor([1.0, -1.0, -1.0, -1.0])
        i, j = pairs
        partners = (counts - 1)[graph][:, None]
        h = self.embedding(s)
        for block in self.blocks:
            d = x[i] - x[j]
            norm = psi((d * d * metric).sum(1, keepdim=True))
            dot = psi((x[i] * x[j] * metric).sum(1, keepdim=True))
            m = self.messages(block, block.edge_first(torch.cat([h[i], h[j], norm, dot], 1)))
            if block.step_hidden is not None:
                c = block.step_out(block.step_hidden(m).relu())
                step = (d * c).clamp(-CLAMP, CLAMP)
                x = x + self.c * torch.zeros_like(x).index_add(0, i, step) / partners
            total = torch.zeros_like(h).index_add(0, i, m)
            h = self.node(block, h, total, s)
        pooled = h.new_zeros(counts.numel(), h.size(1)).index_add(0, graph, h) / counts[:, None]
        return self.classifier(pooled)


class PaddedLorentzNet(_Plain):
    """On tables of the width of the largest jet; masks take out what is no pair.

    Batch norm sees the empty places too, so that in training its statistics are others; in
    evaluation the logits are the same.
    """

    def forward(self, x: Tensor, s: Tensor, mask: Tensor) -> Tensor:
        """Logits (G, classes).

        Args:
            x: four-vectors (G, n, 4).
            s: scalars (G, n, S).
            mask: which places hold a particle (G, n).
        """
        metric = x.new_tensor([1.0, -1.0, -1.0, -1.0])
        graphs, n = mask.shape
        same = torch.eye(n, dtype=torch.bool, device=x.device)
        pair = (mask[:, :, None] & mask[:, None] & ~same)[..., None]
        counts = mask.sum(1)
        h = self.embedding(s)
        for block in self.blocks:
            d = x[:, :, None] - x[:, None]
            norm = psi((d * d * metric).sum(-1, keepdim=True))
            dot = psi((x[:, :, None] * x[:, None] * metric).sum(-1, keepdim=True))
            own = h[:, :, None].expand(-1, -1, n, -1)
            other = h[:, None].expand(-1, n, -1, -1)
            z = block.edge_first(torch.cat([own, other, norm, dot], -1))
            m = self.messages(block, z.flatten(0, 2)).view(z.shape) * pair
            if block.step_hidden is not None:
                c = block.step_out(block.step_hidden(m.flatten(0, 2)).relu()).view(*pair.shape)
                step = ((d * c).clamp(-CLAMP, CLAMP) * pair).sum(2)
                x = x + self.c * step / (counts[:, None, None] - 1).clamp(min=1)
            flat = self.node(block, h.flatten(0, 1), m.sum(2).flatten(0, 1), s.flatten(0, 1))
            h = flat.view(graphs, n, -1)
        pooled = (h * mask[..., None]).sum(1) / counts[:, None]
        return self.classifier(pooled)
