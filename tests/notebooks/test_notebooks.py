"""The notebooks run from top to bottom, and what they print is physics."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = ("01_root_to_graphs", "02_top_tagging")


def printed(notebook: nbformat.NotebookNode) -> str:
    """All text output; a cell that failed fails the test with its message."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", output.get("evalue")
            if output.output_type == "stream":
                parts.append(output.text)
            else:
                parts.append(output.data.get("text/plain", ""))
    return "\n".join(parts)


def number(pattern: str, text: str) -> float:
    """The number that the group of a pattern finds in the printed text."""
    match = re.search(pattern, text)
    assert match is not None, f"nothing printed like {pattern!r}"
    return float(match[1].replace(",", ""))


def figures(notebook: nbformat.NotebookNode) -> list[int]:
    """Numbers of the cells that show a figure."""
    return [
        number
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def check_01(text: str, *, least_auc: float) -> None:
    assert number(r"entries read ([\d,]+)", text) == 12_055
    assert 9_000 < number(r"kept ([\d,]+)\n", text) < 12_055
    assert "did you mean jet_pt" in text
    assert 168 < number(r"peak of the top mass: ([\d.]+) GeV", text) < 180
    assert 165 < number(r"median mass: top ([\d.]+)", text) < 182
    assert 60 < number(r"median mass: .*QCD ([\d.]+)", text) < 110
    assert least_auc < number(r"AUC of the small network: ([\d.]+)", text) < 0.98
    assert number(r"([\d,]+) jets streamed", text) == 6_055
    assert number(r"([\d,]+) different ones", text) == 6_055
    assert "same batch: True" in text


def check_02(text: str, *, least_auc: float) -> None:
    assert "6,055 jets to train, 2,000 to validate, 4,000 to test" in text
    assert number(r"([\d,]+) parameters", text) == pytest.approx(26_000, rel=0.05)  # as published
    assert least_auc < number(r"\nAUC ([\d.]+)", text) < 0.985
    assert 0.87 < number(r"accuracy +([\d.]+) ±", text) < 0.95
    background = number(r"  0\.5  +0\.\d+ +[\d.]+ +(\d+) / 2,000", text)
    rejection = number(r"  0\.5  +0\.\d+ +[\d.]+ +\d+ / 2,000 +([\d.]+)", text)
    assert rejection == pytest.approx(2000 / background, rel=0.03)  # rounded in the report
    assert 20 < rejection < 250
    assert number(r"particles permuted: ([\d.e+-]+)", text) < 1e-9
    assert number(r"each jet alone: +([\d.e+-]+)", text) < 1e-9
    assert "4,000 scores, 8,055 NaN" in text
    assert number(r"difference to the scores above: ([\d.e+-]+)", text) < 1e-6


CHECKS = {"01_root_to_graphs": check_01, "02_top_tagging": check_02}


@pytest.mark.parametrize("name", NAMES)
def test_notebook_is_kept_with_its_results(name: str) -> None:
    path = FOLDER / f"{name}.ipynb"
    assert path.stat().st_size < 1_500_000
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))  # run once, from top to bottom
    assert len(figures(notebook)) >= 4
    least_auc = {"01_root_to_graphs": 0.93, "02_top_tagging": 0.96}[name]
    CHECKS[name](printed(notebook), least_auc=least_auc)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fresh kernel, copy in an empty folder, few epochs."""
    monkeypatch.setenv("PCGNN_NOTEBOOK_FAST", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel's own backend shows figures
    copy = shutil.copy(FOLDER / f"{name}.ipynb", tmp_path)
    notebook = nbformat.read(copy, as_version=4)
    before = figures(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=900,
        iopub_timeout=60,  # a loaded machine may be slow to hand over what was shown
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()
    assert figures(notebook) == before
    least_auc = {"01_root_to_graphs": 0.85, "02_top_tagging": 0.93}[name]
    CHECKS[name](printed(notebook), least_auc=least_auc)
