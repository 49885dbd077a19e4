"""Layers: modules on flat particle tensors with offsets."""

from pcgnn.nn.activations import activation_gain, initialise, make_activation
from pcgnn.nn.attention_block import AttentionBlock, ClassAttentionBlock
from pcgnn.nn.boost_features import VectorFeatures, list_vector_features
from pcgnn.nn.conditioning import Condition, Conditions
from pcgnn.nn.dense import Dense, dense_layers
from pcgnn.nn.edge_attention import EdgeAttention
from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.nn.edges import Edges, neighbour_edges
from pcgnn.nn.gradient_reversal import reverse_gradient
from pcgnn.nn.image_blocks import ImageConv, ResidualBlock
from pcgnn.nn.input_norm import InputNorm
from pcgnn.nn.interaction import InteractionSteps
from pcgnn.nn.leading import leading_table
from pcgnn.nn.lorentz_block import LorentzBlock
from pcgnn.nn.lorentz_boost import LorentzBoosts
from pcgnn.nn.lorentz_layer import LorentzLayer
from pcgnn.nn.pair_embedding import PairEmbedding
from pcgnn.nn.pair_sum import PairSum
from pcgnn.nn.pair_weights import PairWeights, RankPairWeights, TablePairWeights
from pcgnn.nn.rank_weights import RankCombinations, RankLinear
from pcgnn.nn.readout import Readout
from pcgnn.nn.relation import EdgeMLP
from pcgnn.nn.sequence import SequenceLSTM, momentum_order

__all__ = [
    "AttentionBlock",
    "ClassAttentionBlock",
    "Condition",
    "Conditions",
    "Dense",
    "EdgeAttention",
    "EdgeConv",
    "EdgeMLP",
    "Edges",
    "ImageConv",
    "InputNorm",
    "InteractionSteps",
    "LorentzBlock",
    "LorentzBoosts",
    "LorentzLayer",
    "PairEmbedding",
    "PairSum",
    "PairWeights",
    "RankCombinations",
    "RankLinear",
    "RankPairWeights",
    "Readout",
    "ResidualBlock",
    "SequenceLSTM",
    "TablePairWeights",
    "VectorFeatures",
    "activation_gain",
    "dense_layers",
    "initialise",
    "leading_table",
    "list_vector_features",
    "make_activation",
    "momentum_order",
    "neighbour_edges",
    "reverse_gradient",
]
