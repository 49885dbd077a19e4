"""Training: tasks that wire model, loss and numbers; schedules; checkpoints; fit and predict."""

from pcgnn.training.base_task import Task
from pcgnn.training.checkpoint import load_checkpoint
from pcgnn.training.checkpoint_io import AtomicCheckpointIO
from pcgnn.training.comparison import compare
from pcgnn.training.datamodule import CloudData, LoadedDataModule
from pcgnn.training.element_tasks import EdgeClassificationTask, HitClassificationTask
from pcgnn.training.event_tasks import CondensationTask, EmbeddingTask
from pcgnn.training.fitting import FitResult, fit
from pcgnn.training.hit_data import HitData
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.optimizers import create_optimizer, list_optimizers
from pcgnn.training.particle_task import ParticleClassificationTask
from pcgnn.training.predicting import predict
from pcgnn.training.recipes import Recipe, default_recipe, list_recipes, parse_recipes
from pcgnn.training.regression_task import RegressionTask
from pcgnn.training.root_data import FileData
from pcgnn.training.run import RunOptions
from pcgnn.training.scheduling import FactorLR, create_schedule, list_schedules
from pcgnn.training.symmetry import symmetry_audit
from pcgnn.training.task import ClassificationTask
from pcgnn.training.trees import BoostedTrees, fit_trees, load_trees

__all__ = [
    "AtomicCheckpointIO",
    "BoostedTrees",
    "ClassificationTask",
    "CloudData",
    "CondensationTask",
    "EdgeClassificationTask",
    "EmbeddingTask",
    "FactorLR",
    "FileData",
    "FitResult",
    "HitClassificationTask",
    "HitData",
    "LoadedDataModule",
    "MultiLabelTask",
    "ParticleClassificationTask",
    "Recipe",
    "RegressionTask",
    "RunOptions",
    "Task",
    "compare",
    "create_optimizer",
    "create_schedule",
    "default_recipe",
    "fit",
    "fit_trees",
    "list_optimizers",
    "list_recipes",
    "list_schedules",
    "load_checkpoint",
    "load_trees",
    "parse_recipes",
    "predict",
    "symmetry_audit",
]
