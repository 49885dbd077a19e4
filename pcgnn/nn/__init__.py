"""Layers: modules on flat particle tensors with offsets."""

from pcgnn.nn.attention_block import AttentionBlock, ClassAttentionBlock
from pcgnn.nn.edge_attention import EdgeAttention
from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.nn.edges import Edges, neighbour_edges
from pcgnn.nn.input_norm import InputNorm
from pcgnn.nn.interaction import InteractionSteps
from pcgnn.nn.lorentz_block import LorentzBlock
from pcgnn.nn.pair_embedding import PairEmbedding
from pcgnn.nn.readout import Readout
from pcgnn.nn.relation import EdgeMLP

__all__ = [
    "AttentionBlock",
    "ClassAttentionBlock",
    "EdgeAttention",
    "EdgeConv",
    "EdgeMLP",
    "Edges",
    "InputNorm",
    "InteractionSteps",
    "LorentzBlock",
    "PairEmbedding",
    "Readout",
    "neighbour_edges",
]
