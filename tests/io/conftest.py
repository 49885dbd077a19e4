from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jet_files import make_columns, write_rntuple, write_tree


@pytest.fixture(scope="session")
def columns() -> dict[str, Any]:
    return make_columns()


@pytest.fixture(scope="session")
def jets_file(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, Any]) -> Path:
    return write_tree(tmp_path_factory.mktemp("tree") / "jets.root", columns)


@pytest.fixture(scope="session")
def rntuple_file(tmp_path_factory: pytest.TempPathFactory, columns: dict[str, Any]) -> Path:
    return write_rntuple(tmp_path_factory.mktemp("rntuple") / "jets.root", columns)


@pytest.fixture(params=["TTree", "RNTuple"])
def either_file(request: pytest.FixtureRequest, jets_file: Path, rntuple_file: Path) -> Path:
    return jets_file if request.param == "TTree" else rntuple_file
