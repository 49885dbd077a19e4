"""From hits to graphs and from scored edges to tracks."""

from pcgnn.tracking.building import build_graphs
from pcgnn.tracking.cuts import LayerPairCuts
from pcgnn.tracking.edge_maker import EdgeMaker
from pcgnn.tracking.edge_makers import edge_maker
from pcgnn.tracking.finding import Method, find_tracks
from pcgnn.tracking.geometry import GEOMETRIES, Crossing, LayerGeometry, geometry
from pcgnn.tracking.graphs import HitGraph, HitGraphs
from pcgnn.tracking.helix_fit import fit_tracks
from pcgnn.tracking.helix_fit_resolution import GENERIC_RESOLUTION, Resolution
from pcgnn.tracking.layer_map import LayerMap, PairWindow
from pcgnn.tracking.neighbour_graphs import NearestGraph, RadiusGraph
from pcgnn.tracking.scores import GraphScores
from pcgnn.tracking.sectors import merge_sectors, split_sectors

__all__ = [
    "GENERIC_RESOLUTION",
    "GEOMETRIES",
    "Crossing",
    "EdgeMaker",
    "GraphScores",
    "HitGraph",
    "HitGraphs",
    "LayerGeometry",
    "LayerMap",
    "LayerPairCuts",
    "Method",
    "NearestGraph",
    "PairWindow",
    "RadiusGraph",
    "Resolution",
    "build_graphs",
    "edge_maker",
    "find_tracks",
    "fit_tracks",
    "geometry",
    "merge_sectors",
    "split_sectors",
]
