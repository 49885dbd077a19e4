"""Layers: modules on flat particle tensors with offsets."""

from pcgnn.nn.edge_conv import EdgeConv
from pcgnn.nn.edges import Edges, neighbour_edges

__all__ = ["EdgeConv", "Edges", "neighbour_edges"]
