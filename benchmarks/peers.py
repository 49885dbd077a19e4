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

__all__ = ["Missing", "torch_cluster", "versions", "weaver"]

WEAVER_REMEDY = (
    "pip download --no-binary :all: --no-deps weaver-core, unpack the archive, "
    "set WEAVER_CORE to the folder that holds its `weaver` package; its loader needs numba"
)
CLUSTER_REMEDY = "make install-accel (needs a C++ compiler)"


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
    folder = os.environ.get("WEAVER_CORE")
    if folder:
        if not (Path(folder) / "weaver").is_dir():
            return Missing("weaver-core", "WEAVER_CORE holds no folder weaver", WEAVER_REMEDY)
        if folder not in sys.path:
            sys.path.insert(0, folder)
    try:
        return importlib.import_module(f"weaver.{module}")
    except ImportError as error:
        return Missing("weaver-core", f"no module {error.name}", WEAVER_REMEDY)


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
        "weaver-core": _weaver_version(),
        "torch-cluster": "not installed"
        if isinstance(cluster, Missing)
        else getattr(cluster, "__version__", "unknown"),
    }


def _weaver_version() -> str:
    if isinstance(weaver("utils"), Missing):
        return "not installed"
    folder = os.environ.get("WEAVER_CORE")
    setup = Path(folder) / "setup.py" if folder else None
    if setup and setup.is_file():
        found = re.search(r"version\s*=\s*['\"]([\d.]+)['\"]", setup.read_text())
        if found:
            return found.group(1)
    try:
        return metadata.version("weaver-core")
    except metadata.PackageNotFoundError:
        return "unknown"
