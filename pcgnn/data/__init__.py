"""Jagged particle sets as flat tensors, their features, batches, loaders and standardisation."""

from pcgnn.data.calorimeter import calorimeter_energies
from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.collection import GraphCollection
from pcgnn.data.definitions import feature_definition, list_definitions
from pcgnn.data.features import Feature, FeatureDefinition
from pcgnn.data.flat import NumpyBackend, TorchBackend
from pcgnn.data.loader import CloudLoader
from pcgnn.data.standardize import Standardizer
from pcgnn.data.stream import CloudStream

__all__ = [
    "CloudLoader",
    "CloudStream",
    "Feature",
    "FeatureDefinition",
    "GraphCollection",
    "NumpyBackend",
    "ParticleClouds",
    "Standardizer",
    "TorchBackend",
    "calorimeter_energies",
    "feature_definition",
    "list_definitions",
]
