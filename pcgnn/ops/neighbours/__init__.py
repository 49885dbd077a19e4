"""Neighbours within ragged sets: exact, without the particle itself, in a reproducible order."""

from pcgnn.ops.neighbours.accel import available_backends
from pcgnn.ops.neighbours.knn import knn
from pcgnn.ops.neighbours.radius import radius

__all__ = ["available_backends", "knn", "radius"]
