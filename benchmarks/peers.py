"""The tools pcgnn is compared with; each may be absent, and the tables then say how to get it."""

from __future__ import annotations

import functools
import importlib
import os
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType

__all__ = ["Missing", "gnn_tracking", "torch_cluster", "trackml", "versions", "weaver"]

WEAVER_REMEDY = (
    "pip download --no-binary :all: --no-deps weaver-core, unpack the archive, "
    "set WEAVER_CORE to the folder that holds its `weaver` package; its loader needs numba"
)
CLUSTER_REMEDY = "make install-accel (needs a C++ compiler)"
GNN_TRACKING_REMEDY = (
    "clone github.com/gnn-tracking/gnn_tracking, set GNN_TRACKING to the folder that holds its "
    "`gnn_tracking` package (src); it needs coolname"
)
TRACKML_REMEDY = (
    "clone github.com/LAL/trackml-library, set TRACKML to the folder that holds its `trackml` "
    "package"
)


@dataclass(frozen=True)
class Missing:
    """A peer that is not there, why, and what to do about it."""

    name: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"not installed ({self.reason}): {self.remedy}"


@functools.cache
def weaver(module: str) -> ModuleType | Missing:
    """A module of weaver-core, from the folder ``WEAVER_CORE`` or from an installed package.

    Args:
        module: name below the package, such as ``utils.dataset``.
    """
    return _from_folder("weaver-core", "WEAVER_CORE", f"weaver.{module}", WEAVER_REMEDY)


@functools.cache
def gnn_tracking(module: str) -> ModuleType | Missing:
    """A module of gnn_tracking, from the folder ``GNN_TRACKING`` or from an installed package.

    Args:
        module: name below the package, such as ``metrics.cluster_metrics``.
    """
    name = f"gnn_tracking.{module}"
    return _from_folder("gnn_tracking", "GNN_TRACKING", name, GNN_TRACKING_REMEDY)


@functools.cache
def trackml(module: str) -> ModuleType | Missing:
    """A module of the trackml-library, from the folder ``TRACKML`` or an installed package.

    Args:
        module: name below the package, such as ``score``.
    """
    return _from_folder("trackml-library", "TRACKML", f"trackml.{module}", TRACKML_REMEDY)


def _from_folder(peer: str, variable: str, module: str, remedy: str) -> ModuleType | Missing:
    """A module from the folder an environment variable names, else from what is installed."""
    folder, package = os.environ.get(variable), module.partition(".")[0]
    if folder:
        if not (Path(folder) / package).is_dir():
            return Missing(peer, f"{variable} holds no folder {package}", remedy)
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        return Missing(peer, f"no module {error.name}", remedy)


@functools.cache
def torch_cluster() -> ModuleType | Missing:
    """The module torch_cluster."""
    try:
        return importlib.import_module("torch_cluster")
    except (ImportError, OSError) as error:
        return Missing("torch-cluster", str(error).splitlines()[0], CLUSTER_REMEDY)


def versions() -> dict[str, str]:
    """Version of every peer, or 'not installed'."""
    cluster = torch_cluster()
    return {
        "weaver-core": _version("weaver-core", "WEAVER_CORE", weaver("utils")),
        "torch-cluster": "not installed"
        if isinstance(cluster, Missing)
        else getattr(cluster, "__version__", "unknown"),
        "gnn_tracking": _version("gnn-tracking", "GNN_TRACKING", gnn_tracking("utils")),
        "trackml-library": _version("trackml", "TRACKML", trackml("score")),
    }


def _version(package: str, variable: str, found: ModuleType | Missing) -> str:
    """Version of a peer: its own word, else that of its setup.py, else of the installation."""
    if isinstance(found, Missing):
        return "not installed"
    own = getattr(sys.modules[found.__name__.partition(".")[0]], "__version__", None)
    if own:
        return str(own)
    folder = os.environ.get(variable)
    setup = Path(folder) / "setup.py" if folder else None
    if setup and setup.is_file():
        text = re.search(r"version\s*=\s*['\"]([\d.]+)['\"]", setup.read_text())
        if text:
            return text.group(1)
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"
