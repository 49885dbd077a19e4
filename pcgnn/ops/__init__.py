"""Pure tensor functions on ragged sets: sizes, neighbours, reductions, four-vectors."""

from pcgnn.ops.allocator import tune_allocator
from pcgnn.ops.correlators import energy_correlators
from pcgnn.ops.jet_images import jet_images
from pcgnn.ops.neighbours import available_backends, knn, radius
from pcgnn.ops.order import canonical_order
from pcgnn.ops.ragged import Bucket, SizePlan, gather_ranges, graph_index
from pcgnn.ops.segments import segment_reduce, segment_softmax

__all__ = [
    "Bucket",
    "SizePlan",
    "available_backends",
    "canonical_order",
    "energy_correlators",
    "gather_ranges",
    "graph_index",
    "jet_images",
    "knn",
    "radius",
    "segment_reduce",
    "segment_softmax",
    "tune_allocator",
]
