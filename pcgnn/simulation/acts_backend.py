"""The two optional programs behind the full simulation, imported when they are needed."""

from __future__ import annotations

import functools
from importlib import import_module
from types import ModuleType
from typing import Any

from pcgnn.errors import BackendError

__all__ = ["load_acts", "load_pythia", "require_simulation"]

_REMEDY = "install the extra: pip install 'pcgnn[simulation]'"


def _load(name: str, package: str, purpose: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise BackendError(
            f"{purpose} needs {package}, which cannot be imported ({error})", remedy=_REMEDY
        ) from error


def load_pythia() -> Any:
    """The module ``pythia8mc``.

    Raises:
        BackendError: it is not installed.
    """
    return _load("pythia8mc", "pythia8mc", "the simulation of collisions")


@functools.cache
def load_acts() -> Any:
    """The module ``acts`` with its examples, simulation, reconstruction and json submodules.

    Raises:
        BackendError: pyacts is not installed, or is a build without one of these.
    """
    purpose = "the simulation of the detector"
    acts = _load("acts", "pyacts", purpose)
    for name in ("examples", "examples.simulation", "examples.reconstruction", "examples.json"):
        _load(f"acts.{name}", "pyacts", purpose)
    return acts


def require_simulation() -> None:
    """Make sure that both programs are there, before any work starts.

    Raises:
        BackendError: one is not.
    """
    load_pythia()
    load_acts()
