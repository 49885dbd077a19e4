"""Standardisation fitted on the training part, as a module that travels with the checkpoint."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.moments import Moments, weighted_quantiles
from pcgnn.data.rows import collect_rows, rows_of
from pcgnn.errors import ConfigError, DataError
from pcgnn.io.atomic import atomic_path

__all__ = ["Standardizer"]

METHODS = ("mean-std", "quantile", "pca", "none")

# Quantiles have no exact streaming form: beyond this many particles of a stream a fixed random
# sample of them is used. Clouds in memory are always used in full.
_QUANTILE_ROWS = 1_000_000
_ONE_SIGMA = (0.15865525393145707, 0.5, 0.8413447460685429)
# A width below this share of the magnitude of the values is rounding, not width.
_CONSTANT = 1e-7
_VERSION = 1


class Standardizer(nn.Module):
    r"""Shifts and scales the inputs ``x`` of a batch; whitens them with ``method="pca"``.

    .. math::  x' = (x - \mu) / w  \qquad\text{or}\qquad  x' = (x - \mu)\, C^T / w

    with, per feature, mean and standard deviation ("mean-std"), or median and half the distance
    between the 15.87% and 84.13% quantiles ("quantile", one standard deviation of a Gaussian, but
    deaf to outliers). Features in a ``shared`` group have one width,
    :math:`w = \sqrt{\sum_i w_i^2}`, the width of the vector they form, so that its direction
    survives. "pca": C holds the eigenvectors of the covariance, largest variance first, and w the
    roots of their eigenvalues, so that the covariance of x' is the unit matrix. A feature (or
    component) without width keeps w = 1, with a warning.

    Made by :meth:`fit`; only buffers, nothing is trained. ``config`` and ``state_dict()``
    together restore it.

    Args:
        num_features: number of inputs F.
        method: "mean-std", "quantile", "pca" or "none".
        num_components: outputs K of "pca"; all by default.
        names: names of the inputs, for messages and figures.
        shared: groups of names (or numbers) of inputs that share one width.

    Attributes:
        mean: μ, (F,). width: w, (F,), or (K,) for "pca".
        components_: C, (K, F) ("pca" only).
        explained_variance_: variances along the components, (K,) ("pca" only).
        explained_variance_ratio_: their share of the total variance, (K,) ("pca" only).

    **Shapes:** x (N, F) -> (N, F), or (N, K) for "pca".

    Example:
        >>> clouds = ParticleClouds(x=torch.tensor([[1.0], [3.0]]), ptr=torch.tensor([0, 1, 2]))
        >>> Standardizer.fit(clouds).transform(clouds.x).flatten().tolist()
        [-1.0, 1.0]
    """

    mean: Tensor
    width: Tensor
    components_: Tensor
    explained_variance_: Tensor
    explained_variance_ratio_: Tensor

    def __init__(
        self,
        num_features: int,
        method: str = "mean-std",
        *,
        num_components: int | None = None,
        names: Sequence[str] | None = None,
        shared: Sequence[Sequence[str | int]] | None = None,
    ) -> None:
        super().__init__()
        if method not in METHODS:
            raise ConfigError(f"standardisation is one of {METHODS}, got {method!r}")
        if num_features < 1:
            raise ConfigError("there are no features to standardise")
        if num_components is not None and (
            method != "pca" or not 1 <= num_components <= num_features
        ):
            raise ConfigError(
                f"num_components={num_components} needs method='pca' and 1 to {num_features}"
            )
        if shared and method == "pca":
            raise ConfigError("shared widths have no meaning for method='pca'")
        self.num_features = num_features
        self.method = method
        self.num_outputs = num_components or num_features
        self.names = tuple(names) if names is not None else ()
        if self.names and len(self.names) != num_features:
            raise ConfigError(f"{len(self.names)} names for {num_features} features")
        self.shared = tuple(tuple(group) for group in shared or ())
        self._groups = [self._numbers(group) for group in self.shared]
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("width", torch.ones(self.num_outputs))
        if method == "pca":
            self.register_buffer("components_", torch.eye(self.num_outputs, num_features))
            self.register_buffer("explained_variance_", torch.ones(self.num_outputs))
            self.register_buffer("explained_variance_ratio_", torch.zeros(self.num_outputs))

    @property
    def config(self) -> dict[str, Any]:
        """Arguments that restore the module together with its state, JSON-able."""
        return {
            "num_features": self.num_features,
            "method": self.method,
            "num_components": self.num_outputs if self.method == "pca" else None,
            "names": list(self.names) or None,
            "shared": [list(group) for group in self.shared] or None,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Standardizer:
        """Make the module of a :attr:`config`; load the state next.

        Raises:
            ConfigError: the configuration has unknown or missing keys.
        """
        try:
            return cls(**config)
        except TypeError as error:
            raise ConfigError(f"not the configuration of a Standardizer: {error}") from error

    @classmethod
    def fit(
        cls,
        data: Any,
        method: str = "mean-std",
        *,
        shared: Sequence[Sequence[str | int]] | None = None,
        num_components: int | None = None,
        weighted: bool = False,
    ) -> Standardizer:
        """Fit on the training part.

        Args:
            data: clouds, or an iterable of clouds or batches (a stream, a loader), of which one
                pass is made.
            method: "mean-std", "quantile", "pca" or "none".
            shared: groups of features with one width, for example ``[["px", "py", "pz"]]``.
            num_components: keep the leading components only ("pca").
            weighted: count each particle with the weight of its graph.

        Raises:
            ConfigError: options that do not exist or do not go together.
            DataError: there is no x, no graph, or no positive sum of weights.
        """
        epoch = getattr(data, "epoch", None)
        chunks = rows_of(data, weighted)
        first = next(chunks, None)
        if first is None:
            raise DataError("there is nothing to fit a standardisation on")
        definition = getattr(data, "features", None)
        names = tuple(getattr(definition, "names", ()))
        width = first[0].shape[1]
        module = cls(
            width,
            method,
            num_components=num_components,
            names=names if len(names) == width else None,
            shared=shared,
        )
        if method == "none":
            return module

        def rows() -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
            yield first
            yield from chunks

        if method == "quantile":
            whole = isinstance(data, ParticleClouds)
            module._fit_quantiles(*collect_rows(rows(), None if whole else _QUANTILE_ROWS))
        else:
            moments = Moments(width)
            for values, weight in rows():
                moments.update(values, weight)
            if method == "pca":
                module._fit_components(moments)
            else:
                widths = np.sqrt(np.maximum(moments.variance, 0.0))
                module._set(moments.mean, widths, np.sqrt(moments.mean**2 + moments.variance))
        if epoch is not None:
            data.set_epoch(epoch)  # looking at the data is no epoch of the training
        return module

    @classmethod
    def fit_cached(
        cls, clouds: ParticleClouds, folder: str | os.PathLike[str], **options: Any
    ) -> Standardizer:
        """Like :meth:`fit`, but look first whether the same fit to the same data was stored.

        The key is the hash of the options **and** of the data; changed data are fitted anew. A
        stored file that is damaged is replaced.

        Args:
            clouds: the training part.
            folder: where fits are kept; made if it does not exist.
            options: see :meth:`fit`.
        """
        key = {"version": _VERSION, "options": options, "data": clouds.data_hash()}
        definition = clouds.features
        key["features"] = None if definition is None else definition.to_dict()
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        directory = Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"standardizer-{digest[:32]}.npz"
        if path.is_file():
            stored = _load(path)
            if stored is not None:
                return stored
        module = cls.fit(clouds, **options)
        state = {name: value.numpy() for name, value in module.state_dict().items()}
        with atomic_path(path, overwrite=True) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, config=np.array(json.dumps(module.config)), **state)
        return module

    def forward(self, batch: Any) -> Any:
        """A shallow copy of a batch with standardised ``x``."""
        result = copy.copy(batch)
        result.x = self.transform(batch.x)
        return result

    def transform(self, x: Tensor) -> Tensor:
        """Standardise.

        **Shapes:** x (N, F) -> (N, F) or (N, K)
        """
        if self.method == "none":
            return x
        mean, width = self.mean.to(x.dtype), self.width.to(x.dtype)
        if self.method == "pca":
            return ((x - mean) @ self.components_.to(x.dtype).t()) / width
        return (x - mean) / width

    def inverse(self, x: Tensor) -> Tensor:
        """Undo :meth:`transform` (exactly, unless components were left out).

        **Shapes:** x (N, F) or (N, K) -> (N, F)
        """
        if self.method == "none":
            return x
        mean, width = self.mean.to(x.dtype), self.width.to(x.dtype)
        if self.method == "pca":
            return (x * width) @ self.components_.to(x.dtype) + mean
        return x * width + mean

    def _numbers(self, group: Sequence[str | int]) -> list[int]:
        numbers = []
        for item in group:
            if isinstance(item, str):
                if item not in self.names:
                    raise ConfigError(
                        f"no feature {item!r} to share a width, there are {list(self.names)}"
                    )
                numbers.append(self.names.index(item))
            elif 0 <= item < self.num_features:
                numbers.append(int(item))
            else:
                raise ConfigError(f"no feature number {item} of {self.num_features}")
        return numbers

    def _name(self, number: int) -> str:
        return self.names[number] if self.names else f"feature {number}"

    def _set(self, mean: np.ndarray, widths: np.ndarray, magnitude: np.ndarray) -> None:
        widths = widths.copy()
        for group in self._groups:
            widths[group] = np.sqrt(np.square(widths[group]).sum())
        constant = ~(widths > _CONSTANT * magnitude)
        if constant.any():
            which = ", ".join(self._name(int(i)) for i in np.flatnonzero(constant))
            warnings.warn(f"constant features keep width 1: {which}", UserWarning, stacklevel=4)
        widths[constant] = 1.0
        self.mean.copy_(torch.from_numpy(mean))
        self.width.copy_(torch.from_numpy(widths))

    def _fit_quantiles(self, values: np.ndarray, weight: np.ndarray | None) -> None:
        levels = np.stack([weighted_quantiles(column, _ONE_SIGMA, weight) for column in values.T])
        widths = 0.5 * (levels[:, 2] - levels[:, 0])
        self._set(levels[:, 1], widths, np.abs(levels).max(axis=1))

    def _fit_components(self, moments: Moments) -> None:
        variances, vectors = np.linalg.eigh(moments.covariance)
        variances, vectors = variances[::-1].clip(min=0.0), vectors[:, ::-1].T
        # An eigenvector's sign is free: the largest entry is made positive.
        largest = np.abs(vectors).argmax(axis=1)
        vectors = vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
        kept = slice(0, self.num_outputs)
        total = variances.sum()
        widths = np.sqrt(variances[kept])
        scale = float(np.sqrt((moments.mean**2).sum() + total))
        empty = ~(widths > _CONSTANT * scale)
        if empty.any():
            warnings.warn(
                f"{int(empty.sum())} of {widths.size} components have no variance and keep "
                f"width 1; num_components={int((~empty).sum())} would leave them out",
                UserWarning,
                stacklevel=3,
            )
        widths[empty] = 1.0
        self.mean.copy_(torch.from_numpy(moments.mean))
        self.width.copy_(torch.from_numpy(widths))
        self.components_.copy_(torch.from_numpy(vectors[kept].copy()))
        self.explained_variance_.copy_(torch.from_numpy(variances[kept].copy()))
        ratio = variances[kept] / total if total > 0.0 else np.zeros(self.num_outputs)
        self.explained_variance_ratio_.copy_(torch.from_numpy(ratio))

    def extra_repr(self) -> str:
        """What it does, for ``print(module)``."""
        text = f"{self.num_features} features, method={self.method!r}"
        if self.method == "pca":
            share = float(self.explained_variance_ratio_.sum())
            text += f", {self.num_outputs} components ({100 * share:.1f}% of the variance)"
        return text + (f", shared={self.shared}" if self.shared else "")


def _load(path: Path) -> Standardizer | None:
    """A stored fit, or None if the file is damaged."""
    try:
        # an own stream: np.load leaves one of its own open when the archive is damaged
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
            module = Standardizer.from_config(json.loads(str(stored["config"])))
            state = {k: torch.from_numpy(stored[k]) for k in stored.files if k != "config"}
            module.load_state_dict(state)
    except (OSError, EOFError, KeyError, ValueError, RuntimeError, ConfigError, zipfile.BadZipFile):
        return None
    return module
