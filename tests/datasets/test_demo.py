"""``pcgnn demo``: what it leaves fits together and agrees with an independent computation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import uproot
from scipy.stats import mannwhitneyu

from pcgnn import datasets
from pcgnn.demo import toptag as demo
from pcgnn.errors import WriteError


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    assert demo.main(["--output", str(folder), "--epochs", "1", "--seed", "3"]) == 0
    return folder


@pytest.fixture(scope="module")
def measured(output: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((output / "report.json").read_text())
    return content


@pytest.mark.slow
def test_leaves_what_it_promises(output: Path) -> None:
    for name in ("roc", "scores", "history", "features", "jets"):
        png = (output / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
        assert len(png) > 10_000
    assert (output / "training" / "best.ckpt").is_file()
    assert not list(output.glob("*.tmp"))


@pytest.mark.slow
def test_report_agrees_with_the_scored_file(output: Path, measured: dict) -> None:
    with (
        uproot.open(datasets.bundled("toptag")) as before,
        uproot.open(output / "toptag_scores.root") as after,
    ):
        truth = before["jets"].arrays(["is_top", "split"], library="np")
        score = after["jets/score_top"].array(library="np")
        other = after["jets/score_QCD"].array(library="np")
    is_test = truth["split"] == 2
    np.testing.assert_array_equal(np.isfinite(score), is_test)
    np.testing.assert_allclose(score[is_test] + other[is_test], 1, atol=1e-5)

    top = score[is_test & (truth["is_top"] == 1)]
    qcd = score[is_test & (truth["is_top"] == 0)]
    report = measured["measured"]
    auc = mannwhitneyu(top, qcd).statistic / (len(top) * len(qcd))
    assert report["one_vs_rest"]["top"]["auc"]["value"] == pytest.approx(auc, abs=1e-6)
    accuracy = (np.sum(top >= 0.5) + np.sum(qcd < 0.5)) / 4000
    assert report["accuracy"]["value"] == pytest.approx(accuracy, abs=1e-9)
    threshold = np.sort(top)[::-1][999]  # 1,000 of 2,000 top jets pass
    rejection = 2000 / np.sum(qcd >= threshold)
    half = next(p for p in report["one_vs_rest"]["top"]["working_points"] if p["requested"] == 0.5)
    assert half["rejection"]["value"] == pytest.approx(rejection, rel=1e-6)
    assert auc > 0.85  # even after one epoch: the mass of a jet alone gives as much


@pytest.mark.slow
def test_prints_the_published_numbers_beside_ours(output: Path, measured: dict) -> None:
    text = (output / "report.txt").read_text(encoding="utf-8")
    for needed in ("0.913", "0.9687", "77 ± 4", "199 ± 14", "ParticleNet-Lite", "4,000 test jets"):
        assert needed in text
    error = measured["measured"]["one_vs_rest"]["top"]["auc"]["error"]
    assert f"AUC ± {error:.4f}" in text
    assert measured["published"]["AUC"]["value"] == 0.9687
    assert measured["epochs"] == 1
    assert measured["seed"] == 3


@pytest.mark.slow
def test_can_be_repeated_into_the_same_folder(output: Path, measured: dict) -> None:
    """The second run replaces everything and, same seed and CPU, gives the same numbers."""
    assert demo.main(["--output", str(output), "--epochs", "1", "--seed", "3"]) == 0
    again = json.loads((output / "report.json").read_text())
    assert again["measured"] == measured["measured"]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot make the folder"):
        demo.main(["--output", str(tmp_path / "file" / "below")])


@pytest.mark.slow
def test_the_tracking_demonstration_adds_up(tmp_path: Path, capsys) -> None:
    """One epoch: the numbers are poor, but they count the same particles and edges."""
    from pcgnn.demo import main

    folder = tmp_path / "tracks"
    assert main(["tracking", "--output", str(folder), "--epochs", "1"]) == 0
    report = json.loads((folder / "report.json").read_text())
    edges, tracks = report["edges"], report["tracks"]
    ledger = tracks["ledger"]
    with uproot.open(folder / "tracks.root") as file:
        events = file["tracks"].num_entries
    assert events == 6
    text = capsys.readouterr().out
    assert "TRUTH-SELECTED" in text
    assert "0 noise" in text
    lost = sum(row["lost"] for row in ledger["rows"])
    found = ledger["efficiency"]["passed"]
    assert lost + found == ledger["particles"]
    matched = tracks["walkthrough, double_majority"]["efficiency"]
    assert matched["passed"] == found
    assert matched["total"] == ledger["particles"]
    assert edges["construction_efficiency"]["value"] > 0.99
