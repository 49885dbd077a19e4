"""The names users rely on, and an import that stays fast."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pcgnn

CONTRACT = [
    "read_root",
    "iterate_root",
    "ParticleClouds",
    "create_model",
    "list_models",
    "load_published",
    "fit",
    "predict",
    "write_scores",
    "inspect",
    "metrics",
    "plots",
]


@pytest.mark.parametrize("name", CONTRACT)
def test_contract_names_are_public(name: str) -> None:
    assert name in pcgnn.__all__
    assert getattr(pcgnn, name) is not None


def test_every_listed_name_resolves() -> None:
    missing = [name for name in pcgnn.__all__ if not hasattr(pcgnn, name)]
    assert not missing
    assert dir(pcgnn) == sorted(pcgnn.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = pcgnn.no_such_name


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_import_pcgnn_loads_nothing_heavy() -> None:
    loaded = modules_after("import pcgnn")
    assert not loaded & {"torch", "awkward", "uproot", "lightning", "matplotlib", "numpy"}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("pcgnn.io", {"torch", "torch_geometric", "lightning"}),
        ("pcgnn.metrics", {"torch_geometric", "lightning", "pcgnn.models"}),
        ("pcgnn.ops", {"torch_geometric", "lightning", "awkward", "uproot"}),
        ("pcgnn.models", {"lightning", "matplotlib"}),
    ],
)
def test_storeys_at_run_time(package: str, forbidden: set[str]) -> None:
    assert not modules_after(f"import {package}") & forbidden
