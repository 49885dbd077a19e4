"""The data module of configurations: from file names to batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pcgnn.errors import ConfigError, DataError
from pcgnn.training.datamodule import CloudData
from pcgnn.training.sampling import sampled_parts

__all__ = ["FileData", "file_names", "read_jets"]


def file_names(files: str | Sequence[str]) -> list[str]:
    """One file or several as a list.

    Raises:
        ConfigError: if there is none.
    """
    names = [files] if isinstance(files, str) else [str(name) for name in files]
    if not names:
        raise ConfigError("no input files are given", remedy="set data.files")
    return names


def read_jets(files: str | Sequence[str], **options: Any) -> Any:
    """Awkward records from ROOT, HDF5 or npz files, by the suffix of the first.

    Args:
        files: the files; one only if it is not a ROOT file.
        **options: options of :func:`pcgnn.read_root`. The particles of the other formats are
            fixed, so ``tree`` and ``particles`` are not used there.

    Raises:
        ConfigError: if several files of the other formats are given.
    """
    from pcgnn import io

    names = file_names(files)
    given = {key: value for key, value in options.items() if value is not None}
    suffix = Path(names[0]).suffix.lower()
    if suffix not in (".h5", ".hdf5", ".npz"):
        return io.read_root(names, **given)
    if len(names) > 1:
        raise ConfigError(
            f"{len(names)} files are given, of the format {suffix} one can be read",
            file=names[1],
            remedy="convert them to ROOT first: pcgnn convert",
        )
    given.pop("tree", None)
    given.pop("particles", None)
    reader = io.read_npz if suffix == ".npz" else io.read_toptag_hdf5
    return reader(names[0], **given)


class FileData(CloudData):
    """Reads files, makes clouds, splits them; usable from a configuration.

    Args:
        files: ROOT, HDF5 or npz files, globs or addresses. In a configuration of the command line
            ``bundled:toptag`` stands for the sample that comes with pcgnn.
        tree: tree in the ROOT files.
        particles: pattern or mapping of the particle branches.
        event: event-level branches to read.
        cut: selection expression.
        derived: name -> expression of additional columns.
        features: name of a feature definition, or a plain dictionary of one.
        target: column with the class; a list of one-hot columns; or a mapping from names of labels,
            of which any number may be 1, or of values of a regression, to columns or expressions.
        weight: column with the weight.
        classes: names of the classes.
        max_particles: keep this many leading particles.
        split: fractions or numbers of graphs for training, validation, test.
        split_column: column that holds 0, 1, 2 for training, validation, test instead.
        split_seed: seed of the split.
        val_files: files of the validation part, instead of a split.
        test_files: files of the test part, instead of a split.
        streaming: read training data chunk by chunk; needs ``val_files``.
        buffer_size: jets in the shuffle buffer of a stream.
        workers: reading processes of a stream.
        batch_size: graphs per batch and process in training.
        eval_batch_size: graphs per batch in validation and test.
        group_sizes: put graphs of similar size into one batch.
        seed: seed of the order.
        sampling: balanced batches: ``{balance: full, process: column, mass: column}``, see
            :class:`pcgnn.data.BalancedLoader`.
        hypotheses: for a parametric network, whose last inputs are the parameters of the signal:
            ``{policy: identical, sampled: true}``, see :class:`pcgnn.data.Hypotheses`.

    Example:
        >>> data = FileData("jets.root", target="is_top", split_column="split")
        >>> data.setup("fit")  # doctest: +SKIP
    """

    def __init__(
        self,
        files: str | list[str],
        tree: str | None = None,
        particles: str | dict[str, str] | None = "part_*",
        event: list[str] | None = None,
        cut: str | None = None,
        derived: dict[str, str] | None = None,
        features: str | dict[str, Any] = "particlenet",
        target: str | list[str] | dict[str, str] | None = None,
        weight: str | None = None,
        classes: list[str] | None = None,
        max_particles: int | None = None,
        split: list[float] | None = None,
        split_column: str | None = None,
        split_seed: int = 0,
        val_files: str | list[str] | None = None,
        test_files: str | list[str] | None = None,
        streaming: bool = False,
        buffer_size: int = 50_000,
        workers: int = 0,
        batch_size: int = 256,
        eval_batch_size: int | None = None,
        group_sizes: bool = False,
        seed: int = 0,
        sampling: dict[str, Any] | None = None,
        hypotheses: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            group_sizes=group_sizes,
            seed=seed,
        )
        self.files = files
        self.read_options: dict[str, Any] = {
            "tree": tree,
            "particles": particles,
            "event": event,
            "cut": cut,
            "derived": derived,
        }
        self.cloud_options: dict[str, Any] = {
            "features": _features(features),
            "target": target,
            "weight": weight,
            "classes": classes,
            "max_particles": max_particles,
        }
        self.split, self.split_column, self.split_seed = split, split_column, split_seed
        self.val_files, self.test_files = val_files, test_files
        self.streaming, self.buffer_size, self.workers = streaming, buffer_size, workers
        self.sampling, self.hypotheses = sampling, hypotheses
        self._check()
        self._ready = False

    def _check(self) -> None:
        if self.split is not None and self.split_column is not None:
            raise ConfigError("split and split_column are both given", remedy="choose one")
        splits = self.split is not None or self.split_column is not None
        if splits and (self.val_files is not None or self.test_files is not None):
            raise ConfigError(
                "a split and files of the parts are both given", remedy="choose one of the two"
            )
        if self.streaming and splits:
            raise ConfigError(
                "a stream cannot be split", remedy="give val_files and test_files instead"
            )
        if self.streaming and (self.sampling is not None or self.hypotheses is not None):
            raise ConfigError(
                "a stream has no balanced batches and draws no hypotheses",
                remedy="leave streaming out: all clouds must be at hand",
            )
        if self.split is not None and len(self.split) not in (2, 3):
            raise ConfigError(
                f"split = {self.split} has {len(self.split)} parts",
                remedy="give training, validation and, if wanted, test",
            )

    def setup(self, stage: str) -> None:
        """Reads and splits once, whatever the stages."""
        self.load()
        super().setup(stage)

    def load(self) -> None:
        """Reads and splits, once."""
        if not self._ready:
            self._load()
            self._ready = True

    def _load(self) -> None:
        if self.streaming:
            self.train = self._stream()
        else:
            clouds = self.clouds(self.files)
            parts = self._split(clouds)
            self.train, self.val, self.test = (*parts, None, None)[:3]
        if self.val_files is not None:
            self.val = self.clouds(self.val_files)
        if self.test_files is not None:
            self.test = self.clouds(self.test_files)
        if self.sampling is not None or self.hypotheses is not None:
            self.train, self.val, self.test = sampled_parts(
                self.train,
                (self.val, self.test),
                sampling=self.sampling,
                hypotheses=self.hypotheses,
                batch_size=self.batch_size,
                seed=self.seed,
                group_sizes=self.group_sizes,
            )

    def clouds(self, files: str | Sequence[str]) -> Any:
        """The clouds of some files, read with the options of this module."""
        from pcgnn.data import ParticleClouds

        return ParticleClouds.from_awkward(
            read_jets(files, **self.read_options), **self.cloud_options
        )

    def _split(self, clouds: Any) -> tuple[Any, ...]:
        if self.split_column is not None:
            parts: tuple[Any, ...] = clouds.split(column=self.split_column, seed=self.split_seed)
            if len(parts) not in (2, 3):
                raise DataError(
                    f"the column has {len(parts)} different values",
                    branch=self.split_column,
                    remedy="0, 1, 2 stand for training, validation, test",
                )
            return parts
        if self.split is None:
            return (clouds,)
        whole = all(float(part).is_integer() for part in self.split) and sum(self.split) > 1
        sizes = [int(part) for part in self.split] if whole else self.split
        return tuple(clouds.split(sizes, seed=self.split_seed))

    def _stream(self) -> Any:
        from pcgnn.data import CloudStream

        options = {key: value for key, value in self.read_options.items() if value is not None}
        return CloudStream(
            file_names(self.files),
            **options,
            **self.cloud_options,
            batch_size=self.batch_size,
            buffer_size=self.buffer_size,
            seed=self.seed,
            shuffle=True,
            workers=self.workers,
        )


def _features(features: str | Mapping[str, Any]) -> Any:
    if isinstance(features, str):
        return features
    from pcgnn.data import FeatureDefinition

    return FeatureDefinition.from_dict(dict(features))
