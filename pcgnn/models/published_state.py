"""State dicts under other names: renaming, and loading with every problem named."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from pcgnn.errors import CheckpointError

__all__ = ["load_renamed", "rename", "some"]

_PREFIXES = ("module.", "mod.")


def rename(
    state: Mapping[str, Tensor], names: Sequence[tuple[str, str]], *, model: str, remedy: str
) -> dict[str, Tensor]:
    """Give the tensors of a state dict new names.

    Args:
        state: the tensors by their published names, ``module.`` and ``mod.`` in front allowed.
        names: pairs of a regular expression for the whole old name and the new one.
        model: what the weights should be of, for messages.
        remedy: what to do if they are not.

    Raises:
        CheckpointError: if a name fits no expression.
    """
    renamed: dict[str, Tensor] = {}
    unknown = []
    for key, value in state.items():
        short = key
        while short.startswith(_PREFIXES):
            short = short.split(".", 1)[1]
        matches = ((re.fullmatch(old, short), new) for old, new in names)
        new = next((found.expand(name) for found, name in matches if found), None)
        if new is None:
            unknown.append(key)
        else:
            renamed[new] = value
    if unknown:
        raise CheckpointError(f"not weights of {model}: {some(unknown)}", remedy=remedy)
    return renamed


def load_renamed(model: nn.Module, state: Mapping[str, Tensor], *, name: str) -> None:
    """Load renamed tensors into a model, in their precision; counters of batches may be absent.

    Args:
        model: the model, of the sizes of the tensors.
        state: the tensors by the names of the model.
        name: what the model is called, for messages.

    Raises:
        CheckpointError: if tensors are missing, not expected or of the wrong shape.
    """
    wanted = model.state_dict()
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    missing = sorted(wanted.keys() - state.keys() - counters)
    unexpected = sorted(state.keys() - wanted.keys())
    wrong = [
        f"{key} {tuple(state[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    problems = [
        f"{what}: {some(keys)}"
        for what, keys in (
            ("missing", missing),
            ("not expected", unexpected),
            ("of the wrong shape", wrong),
        )
        if keys
    ]
    if problems:
        raise CheckpointError(
            f"the weights do not make a {name} (in this package's names): " + "; ".join(problems)
        )
    dtype = next(value.dtype for value in state.values() if value.dtype.is_floating_point)
    counts = {key: torch.zeros_like(wanted[key]) for key in counters - state.keys()}
    model.to(dtype).load_state_dict({**state, **counts})


def some(keys: Sequence[str], most: int = 5) -> str:
    """The first keys, and how many more there are."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return ", ".join(keys[:most]) + more
