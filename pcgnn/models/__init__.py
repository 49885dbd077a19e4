"""Networks on particle clouds, by name."""

from pcgnn.models.attention_network import EdgeAttentionNetwork
from pcgnn.models.base import Cloud, CloudModel
from pcgnn.models.condensation_network import CondensationNetwork
from pcgnn.models.deep_sets import EnergyFlowNetwork, ParticleFlowNetwork
from pcgnn.models.deepjet import DeepJet
from pcgnn.models.dense_network import DenseNetwork
from pcgnn.models.edge_filter import EdgeFilter
from pcgnn.models.hidden import Hidden, capture, hidden_and_logits, hidden_layer
from pcgnn.models.hit_embedding import HitEmbedding
from pcgnn.models.hit_graph_model import EdgeModel, HitGraphModel, HitModel, HitOutputModel
from pcgnn.models.hit_network import HitNetwork
from pcgnn.models.image_network import ImageNetwork, JetImageCNN, JetImageResNet
from pcgnn.models.interaction_network import InteractionNetwork, RecurrentInteractionNetwork
from pcgnn.models.jet_interaction_network import JetInteractionNetwork
from pcgnn.models.lbn import LBN
from pcgnn.models.lgatr_network import LGATrTagger
from pcgnn.models.lola import LoLa
from pcgnn.models.lorentznet import LorentzNet
from pcgnn.models.lstm_tagger import LSTMTagger
from pcgnn.models.parametric_network import ParametricNetwork
from pcgnn.models.particle_autoencoder import ParticleAutoencoder
from pcgnn.models.particle_transformer import ParticleTransformer
from pcgnn.models.particlenet import ParticleNet
from pcgnn.models.published import list_published, load_published
from pcgnn.models.registry import (
    Model,
    create_model,
    list_models,
    model_class,
    model_from_config,
)

__all__ = [
    "LBN",
    "Cloud",
    "CloudModel",
    "CondensationNetwork",
    "DeepJet",
    "DenseNetwork",
    "EdgeAttentionNetwork",
    "EdgeFilter",
    "EdgeModel",
    "EnergyFlowNetwork",
    "Hidden",
    "HitEmbedding",
    "HitGraphModel",
    "HitModel",
    "HitNetwork",
    "HitOutputModel",
    "ImageNetwork",
    "InteractionNetwork",
    "JetImageCNN",
    "JetImageResNet",
    "JetInteractionNetwork",
    "LGATrTagger",
    "LSTMTagger",
    "LoLa",
    "LorentzNet",
    "Model",
    "ParametricNetwork",
    "ParticleAutoencoder",
    "ParticleFlowNetwork",
    "ParticleNet",
    "ParticleTransformer",
    "RecurrentInteractionNetwork",
    "capture",
    "create_model",
    "hidden_and_logits",
    "hidden_layer",
    "list_models",
    "list_published",
    "load_published",
    "model_class",
    "model_from_config",
]
