"""From hits to graphs and from scored edges to tracks."""

from pcgnn.tracking.building import build_graphs
from pcgnn.tracking.cuts import LayerPairCuts
from pcgnn.tracking.finding import Method, find_tracks
from pcgnn.tracking.geometry import GEOMETRIES, Crossing, LayerGeometry, geometry
from pcgnn.tracking.graphs import HitGraph, HitGraphs
from pcgnn.tracking.helix_fit import fit_tracks
from pcgnn.tracking.helix_fit_resolution import GENERIC_RESOLUTION, Resolution
from pcgnn.tracking.scores import GraphScores
from pcgnn.tracking.sectors import merge_sectors, split_sectors

__all__ = [
    "GENERIC_RESOLUTION",
    "GEOMETRIES",
    "Crossing",
    "GraphScores",
    "HitGraph",
    "HitGraphs",
    "LayerGeometry",
    "LayerPairCuts",
    "Method",
    "Resolution",
    "build_graphs",
    "find_tracks",
    "fit_tracks",
    "geometry",
    "merge_sectors",
    "split_sectors",
]
