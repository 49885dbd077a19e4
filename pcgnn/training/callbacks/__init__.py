"""Callbacks of a training: seeds, history, early stopping, checkpoints, progress."""

from pcgnn.training.callbacks.early_stopping import PatientStopping
from pcgnn.training.callbacks.history import History
from pcgnn.training.callbacks.progress import EpochProgress
from pcgnn.training.callbacks.run_checkpoint import RunCheckpoint
from pcgnn.training.callbacks.seeding import EpochSeed

__all__ = ["EpochProgress", "EpochSeed", "History", "PatientStopping", "RunCheckpoint"]
