"""Jagged particle sets as flat tensors, their features, batches, loaders and standardisation."""

from pcgnn.data.balancing import Balance, BalancedLoader
from pcgnn.data.calorimeter import calorimeter_energies
from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.collection import GraphCollection
from pcgnn.data.definitions import feature_definition, list_definitions
from pcgnn.data.domains import join_domains, join_mixtures, mix
from pcgnn.data.features import Feature, FeatureDefinition
from pcgnn.data.flat import NumpyBackend, TorchBackend
from pcgnn.data.hypotheses import Hypotheses, HypothesisPolicy, at_hypothesis
from pcgnn.data.loader import CloudLoader
from pcgnn.data.standardize import Standardizer
from pcgnn.data.stream import CloudStream

__all__ = [
    "Balance",
    "BalancedLoader",
    "CloudLoader",
    "CloudStream",
    "Feature",
    "FeatureDefinition",
    "GraphCollection",
    "Hypotheses",
    "HypothesisPolicy",
    "NumpyBackend",
    "ParticleClouds",
    "Standardizer",
    "TorchBackend",
    "at_hypothesis",
    "calorimeter_energies",
    "feature_definition",
    "join_domains",
    "join_mixtures",
    "list_definitions",
    "mix",
]
