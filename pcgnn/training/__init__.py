"""Training: tasks that wire model, loss and numbers; schedules; checkpoints; fit and predict."""

from pcgnn.training.anomaly_task import ReconstructionTask
from pcgnn.training.base_task import Task
from pcgnn.training.calibrated import Calibrated
from pcgnn.training.calibration import calibrate
from pcgnn.training.checkpoint import load_checkpoint
from pcgnn.training.checkpoint_io import AtomicCheckpointIO
from pcgnn.training.comparison import compare
from pcgnn.training.cross_validation import cross_validate
from pcgnn.training.cross_validation_result import CrossValidation, FoldResult
from pcgnn.training.datamodule import CloudData, LoadedDataModule
from pcgnn.training.domain_task import DomainAdversarialTask
from pcgnn.training.element_tasks import EdgeClassificationTask, HitClassificationTask
from pcgnn.training.embedding import embed
from pcgnn.training.ensembles import Ensemble, EnsemblePrediction, ensemble, load_ensemble
from pcgnn.training.event_tasks import CondensationTask, EmbeddingTask
from pcgnn.training.explaining import explain
from pcgnn.training.fitting import FitResult, fit
from pcgnn.training.hit_data import HitData
from pcgnn.training.lr_range import LRRange, lr_range_test
from pcgnn.training.mass_studies import MassApproach, mass_study
from pcgnn.training.multi_label_task import MultiLabelTask
from pcgnn.training.optimizers import create_optimizer, list_optimizers
from pcgnn.training.particle_task import ParticleClassificationTask
from pcgnn.training.predicting import predict
from pcgnn.training.recipes import Recipe, default_recipe, list_recipes, parse_recipes
from pcgnn.training.regression_task import RegressionTask
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
    "Calibrated",
    "ClassificationTask",
    "CloudData",
    "CondensationTask",
    "CrossValidation",
    "DomainAdversarialTask",
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
    "MassApproach",
    "MultiLabelTask",
    "ParticleClassificationTask",
    "Recipe",
    "ReconstructionTask",
    "RegressionTask",
    "RunOptions",
    "Scan",
    "ScanTrial",
    "Task",
    "calibrate",
    "compare",
    "create_optimizer",
    "create_schedule",
    "cross_validate",
    "default_recipe",
    "embed",
    "ensemble",
    "explain",
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
    "mass_study",
    "parse_recipes",
    "parse_space",
    "predict",
    "scan",
    "symmetry_audit",
]
