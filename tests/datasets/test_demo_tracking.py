"""``pcgnn demo tracking``: the files it leaves agree with each other and with the input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot

from pcgnn.demo import tracking as demo


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    assert demo.main(["--output", str(folder), "--epochs", "1"]) == 0
    return folder


@pytest.mark.slow
def test_leaves_figures_and_numbers_that_add_up(output: Path) -> None:
    for name in ("history", "edges", "event", "efficiency_pt", "efficiency_eta", "ledger"):
        png = (output / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
        assert len(png) > 10_000
    content: dict[str, Any] = json.loads((output / "report.json").read_text())
    ledger = content["tracks"]["ledger"]
    report = content["tracks"]["walkthrough, double_majority"]
    assert sum(row["lost"] for row in ledger["rows"]) + ledger["found"] == ledger["particles"]
    assert ledger["found"] == report["efficiency"]["passed"]
    assert ledger["particles"] == report["efficiency"]["total"] == report["particles"]
    with uproot.open(output / "tracks.root") as file:
        labels = file["tracks/hit_track"].array(library="np")
    assert len(labels) == report["events"] == 6
    assert sum(len(each) for each in labels) == report["hits"]
    assert sum(int((each >= 0).sum()) for each in labels) == report["assigned_hits"]
    assert sum(np.unique(each[each >= 0]).size for each in labels) == report["tracks"]
