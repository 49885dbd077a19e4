"""Published weights: state dicts under their authors' names, into models of this package."""

from __future__ import annotations

import importlib
import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models.base import CloudModel

__all__ = ["list_published", "load_published"]

# name -> module with a function ``from_published(state, **kwargs) -> CloudModel``
_TRANSLATORS = {
    "lorentznet": "pcgnn.models.published_lorentznet",
    "particle-transformer": "pcgnn.models.published_particle_transformer",
    "particlenet": "pcgnn.models.published_particlenet",
}


def list_published() -> list[str]:
    """Return the names :func:`load_published` knows."""
    return sorted(_TRANSLATORS)


def load_published(
    name: str, path_or_state_dict: str | Path | Mapping[str, Tensor], **kwargs: Any
) -> CloudModel:
    """Load weights published under the authors' names; sizes are read from the tensors.

    A file is read with ``weights_only=True``: it can hold tensors, not code. The state dict may be
    the file itself or stand under ``state_dict`` or ``model``. The model comes in evaluation mode,
    in the precision of the tensors.

    Args:
        name: one of :func:`list_published`.
        path_or_state_dict: file, or the state dict itself.
        kwargs: what the tensors cannot tell, with the published values as defaults: for
            ``"particlenet"`` ``k=16`` (or one per block) and ``ghost_edges=True``, as well as
            ``dropout=0.1``; for ``"lorentznet"`` ``c_weight=5e-3``, ``readout="mean"`` or
            ``"padded_mean"`` with ``padded_length=None``, ``beams=None`` and ``dropout=0.2``; for
            ``"particle-transformer"`` ``num_heads=8``, ``use_pre_activation_pair=False``,
            ``dropout=0.1`` and ``classifier_dropout=0.1``.

    Raises:
        ConfigError: if there is no such name or option.
        CheckpointError: if the file cannot be read, or keys are missing, not expected or of the
            wrong shape.

    Example:
        >>> model = load_published("particlenet", "weights.pt", k=16)  # doctest: +SKIP
    """
    if name not in _TRANSLATORS:
        raise ConfigError(
            f"no published weights known by the name {name!r}",
            remedy=f"use one of {', '.join(list_published())}",
        )
    translate: Callable[..., CloudModel]
    translate = importlib.import_module(_TRANSLATORS[name]).from_published
    file: object = None
    if isinstance(path_or_state_dict, Mapping):
        content: object = path_or_state_dict
    else:
        file = path_or_state_dict
        content = _read(Path(path_or_state_dict))
    state = _state_dict(content, file)
    try:
        return translate(state, **kwargs)
    except CheckpointError as error:
        raise CheckpointError(error.problem, file=file, remedy=error.remedy) from error
    except TypeError as error:
        raise ConfigError(f"load_published({name!r}): {error}") from error


def _read(path: Path) -> object:
    try:
        with warnings.catch_warnings():  # about other pickle protocols, which then fail or load
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError("no such file", file=path) from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            "the file holds more than tensors and is not loaded, because it could run code",
            file=path,
            remedy="save its state dict alone with torch.save(model.state_dict(), ...)",
        ) from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"cannot be read: {error}", file=path) from error


def _state_dict(content: object, file: object) -> dict[str, Tensor]:
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError("holds no state dict", file=file)
    state = {}
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise CheckpointError(
                f"is not a state dict: {key!r} is a {type(value).__name__}", file=file
            )
        state[key] = value
    return state
