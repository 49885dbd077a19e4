"""Networks on particle clouds, by name."""

from pcgnn.models.base import Cloud, CloudModel
from pcgnn.models.particlenet import ParticleNet
from pcgnn.models.published import list_published, load_published
from pcgnn.models.registry import create_model, list_models, model_from_config

__all__ = [
    "Cloud",
    "CloudModel",
    "ParticleNet",
    "create_model",
    "list_models",
    "list_published",
    "load_published",
    "model_from_config",
]
