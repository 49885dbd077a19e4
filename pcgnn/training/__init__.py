"""Training: tasks that wire model, loss and numbers; schedules; checkpoints; fit and predict."""

from pcgnn.training.base_task import Task
from pcgnn.training.checkpoint import load_checkpoint
from pcgnn.training.checkpoint_io import AtomicCheckpointIO
from pcgnn.training.comparison import compare
from pcgnn.training.cross_validation import cross_validate
from pcgnn.training.cross_validation_result import CrossValidation, FoldResult
from pcgnn.training.datamodule import CloudData, LoadedDataModule
from pcgnn.training.element_tasks import EdgeClassificationTask, HitClassificationTask
from pcgnn.training.ensembles import Ensemble, EnsemblePrediction, ensemble, load_ensemble
from pcgnn.training.event_tasks import CondensationTask, EmbeddingTask
from pcgnn.training.fitting import FitResult, fit
from pcgnn.training.hit_data import HitData
from pcgnn.training.lr_range import LRRange, lr_range_test
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.optimizers import create_optimizer, list_optimizers
from pcgnn.training.predicting import predict
from pcgnn.training.recipes import Recipe, default_recipe, list_recipes, parse_recipes
from pcgnn.training.root_data import FileData
from pcgnn.training.run import RunOptions
from pcgnn.training.scan_result import Scan, ScanTrial
from pcgnn.training.scan_space import parse_space
from pcgnn.training.scanning import load_scan, scan
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
    "CrossValidation",
    "EdgeClassificationTask",
    "EmbeddingTask",
    "Ensemble",
    "EnsemblePrediction",
    "FactorLR",
    "FileData",
    "FitResult",
    "FoldResult",
    "HitClassificationTask",
    "HitData",
    "LRRange",
    "LoadedDataModule",
    "MultiLabelTask",
    "Recipe",
    "RunOptions",
    "Scan",
    "ScanTrial",
    "Task",
    "compare",
    "create_optimizer",
    "create_schedule",
    "cross_validate",
    "default_recipe",
    "ensemble",
    "fit",
    "fit_trees",
    "list_optimizers",
    "list_recipes",
    "list_schedules",
    "load_checkpoint",
    "load_ensemble",
    "load_scan",
    "load_trees",
    "lr_range_test",
    "parse_recipes",
    "parse_space",
    "predict",
    "scan",
    "symmetry_audit",
]
