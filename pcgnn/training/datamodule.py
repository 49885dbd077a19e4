"""Lightning data modules over clouds, loaders and streams that exist already."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import LightningDataModule

from pcgnn.errors import ConfigError
from pcgnn.training.loaders import evaluation_loader, training_loader
from pcgnn.training.plain import to_plain

__all__ = ["CloudData", "LoadedDataModule", "describe_inputs", "first_attribute"]


class CloudData(LightningDataModule):
    """Base: hands the parts to Lightning as loaders and fits the standardisation.

    Args:
        batch_size: graphs per batch and process in training.
        eval_batch_size: graphs per batch in validation and test; None takes the larger of
            ``batch_size`` and 512.
        group_sizes: put graphs of similar size into one batch.
        seed: seed of the order.
    """

    def __init__(
        self,
        *,
        batch_size: int = 256,
        eval_batch_size: int | None = None,
        group_sizes: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        for name, value in (("batch_size", batch_size), ("eval_batch_size", eval_batch_size)):
            if value is not None and value < 1:
                raise ConfigError(f"{name} = {value} must be at least 1")
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size or max(batch_size, 512)
        self.group_sizes = group_sizes
        self.seed = seed
        self.train: Any = None
        self.val: Any = None
        self.test: Any = None

    def setup(self, stage: str) -> None:
        """Tells the task its inputs and fits the standardisation on the training part."""
        task: Any = None if self.trainer is None else self.trainer.lightning_module
        if task is None:
            return
        describe_inputs(task, self.train)
        if stage == "fit":
            fit_standardizer(task, self.train)
            if hasattr(task, "fit_targets"):
                task.fit_targets(self.train)

    def train_dataloader(self) -> Any:
        """Shuffled batches of the training part."""
        rank, world_size = self._place()
        return training_loader(
            self.train,
            batch_size=self.batch_size,
            seed=self.seed,
            epoch=self._epoch,
            group_sizes=self.group_sizes,
            rank=rank,
            world_size=world_size,
        )

    def val_dataloader(self) -> Any:
        """Batches of the validation part in input order."""
        return self._evaluation(self.val, "validation")

    def test_dataloader(self) -> Any:
        """Batches of the test part in input order."""
        return self._evaluation(self.test, "test")

    def predict_dataloader(self) -> Any:
        """Batches of the test part in input order."""
        return self._evaluation(self.test, "test")

    def _evaluation(self, data: Any, name: str) -> Any:
        if data is None:
            if name == "validation":
                return []
            raise ConfigError(f"there is no {name} part", remedy="give it in the split")
        rank, world_size = self._place()
        return evaluation_loader(
            data, batch_size=self.eval_batch_size, rank=rank, world_size=world_size
        )

    def _epoch(self) -> int:
        # Lightning makes iterators before it counts the epoch as begun.
        if self.trainer is None:
            return 0
        progress: Any = self.trainer.fit_loop.epoch_progress.current
        return int(progress.processed)

    def _place(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size


class LoadedDataModule(CloudData):
    """Parts given as clouds, loaders or streams.

    Args:
        train: the training part.
        val: the validation part, or None.
        test: the test part, or None.
        **options: see :class:`CloudData`.
    """

    def __init__(self, train: Any, val: Any = None, test: Any = None, **options: Any) -> None:
        super().__init__(**options)
        self.train, self.val, self.test = train, val, test


def first_attribute(name: str, data: Any) -> Any:
    """An attribute of clouds, or of the clouds behind a loader."""
    value = getattr(data, name, None)
    return getattr(getattr(data, "clouds", None), name, None) if value is None else value


def describe_inputs(task: Any, train: Any) -> None:
    """Gives a task the features, classes, target and provenance of its training data."""
    if hasattr(task, "build"):
        task.build(first_attribute("features", train), first_attribute("classes", train))
    provenance = to_plain(dict(first_attribute("provenance", train) or {}), where="provenance")
    if provenance:
        task.provenance = provenance
    if getattr(task, "target", None) is None and isinstance(provenance.get("target"), str):
        task.target = provenance["target"]


def fit_standardizer(task: Any, train: Any) -> None:
    """Fits the standardisation of a task on the training part, unless it has one.

    Raises:
        ConfigError: if the data cannot be standardised.
    """
    method = getattr(task, "standardize", "none")
    if method == "none" or task.standardizer is not None:
        return
    clouds = getattr(train, "clouds", None)
    data = train if clouds is None else clouds
    if getattr(data, "x", True) is None:
        return  # nothing but four-vectors, which stay as they are
    from pcgnn.data import Standardizer

    task.standardizer = Standardizer.fit(data, method=method)
