"""HEPMASS and HEPMASS-IMB against the frames that small files were written from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pcgnn.errors import ConfigError, ExpressionError, ReadError
from pcgnn.io import HEPMASS_FEATURES, provenance_of, read_hepmass

FEATURES = [f"f{i}" for i in range(27)]
MASSES = (500.0, 750.0, 1000.0, 1250.0, 1500.0)


def frame(rows: int = 40) -> pd.DataFrame:
    """As published: label, 27 normalised features, mass."""
    random = np.random.default_rng(4)
    label = random.integers(0, 2, rows).astype(np.float64)
    features = random.normal(size=(rows, 27))
    columns = {"# label": label, **dict(zip(FEATURES, features.T, strict=True))}
    return pd.DataFrame({**columns, "mass": random.choice(MASSES, rows)})


@pytest.fixture
def hepmass(tmp_path: Path) -> Path:
    path = tmp_path / "all_train.csv.gz"
    frame().to_csv(path, index=False, float_format="%.18e")
    return path


def test_names_are_those_of_the_readme_and_of_the_bundled_sample() -> None:
    assert len(HEPMASS_FEATURES) == len(set(HEPMASS_FEATURES)) == 27
    assert HEPMASS_FEATURES[5] == "njet"
    assert [HEPMASS_FEATURES[i] for i in (9, 13, 17, 21)] == [f"jet{n}_btag" for n in (1, 2, 3, 4)]
    assert HEPMASS_FEATURES[26] == "m_wwbb"


def test_hepmass(hepmass: Path) -> None:
    events, published = read_hepmass(hepmass), frame()
    assert len(events) == 40
    assert set(events.fields) == {"is_signal", "mass", "file", "entry", *HEPMASS_FEATURES}
    np.testing.assert_array_equal(events.is_signal, published["# label"])
    np.testing.assert_array_equal(events.mass, published["mass"])
    for published_name, name in zip(FEATURES, HEPMASS_FEATURES, strict=True):
        np.testing.assert_array_equal(events[name], published[published_name].astype(np.float32))
    assert provenance_of(events)["entries_kept"] == 40
    kept = read_hepmass(
        hepmass, rename=False, event=["f26", "mass"], cut="(mass == 1000) & (f0 > 0)"
    )
    wanted = published[(published["mass"] == 1000) & (published["f0"] > 0)]
    assert kept.fields == ["f26", "mass", "file", "entry"]
    np.testing.assert_array_equal(kept.entry, wanted.index)
    np.testing.assert_array_equal(kept.f26, wanted["f26"].astype(np.float32))


def test_ranges_and_chunks(hepmass: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_hepmass(hepmass)
    monkeypatch.setattr("pcgnn.io.hepmass._ROWS", 7)
    for start, stop in ((0, 40), (3, 30), (14, 21), (39, 99)):
        part = read_hepmass(hepmass, start, stop)
        np.testing.assert_array_equal(part.entry, np.arange(start, min(stop, 40)))
        np.testing.assert_array_equal(part.m_wwbb, whole.m_wwbb[start:stop])
    assert len(read_hepmass(hepmass, 60, 70, allow_empty=True)) == 0
    with pytest.raises(ReadError):
        read_hepmass(hepmass, 60, 70)


def test_the_files_of_one_mass_have_no_such_column(tmp_path: Path) -> None:
    path = tmp_path / "1000_train.csv"
    frame().drop(columns="mass").to_csv(path, index=False)
    assert "mass" not in read_hepmass(path).fields
    assert set(read_hepmass(path, mass=1000).mass) == {1000}


def test_hepmass_imb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = frame().rename(columns={"# label": "type"})
    published["type"] = 0.0
    published["name"] = np.array(["ttbar", "dy", "ttbar", "w"] * 10)
    path = tmp_path / "imbalanced_background.csv"
    published.to_csv(path, index=False)
    monkeypatch.setattr("pcgnn.io.hepmass._ROWS", 3)
    events = read_hepmass(path)
    assert set(events.is_signal) == {0}
    assert provenance_of(events)["processes"] == {"ttbar": 0, "dy": 1, "w": 2}
    assert events.process.tolist() == [0, 1, 0, 2] * 10
    numbers = {"w": 5, "dy": 4, "ttbar": 3}
    assert read_hepmass(path, processes=numbers).process.tolist() == [3, 4, 3, 5] * 10
    with pytest.raises(ReadError, match="'w' is not in processes"):
        read_hepmass(path, processes={"ttbar": 1, "dy": 2})


def test_mistakes(hepmass: Path, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no such file"):
        read_hepmass(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="has a column of masses"):
        read_hepmass(hepmass, mass=1000)
    with pytest.raises(ConfigError, match="mass=0"):
        read_hepmass(hepmass, mass=0)
    with pytest.raises(ExpressionError, match="m_wwb"):
        read_hepmass(hepmass, cut="m_wwb > 1")
    path = tmp_path / "odd.csv"
    frame().rename(columns={"# label": "y"}).to_csv(path, index=False)
    with pytest.raises(ReadError, match="0 of the columns y, f0"):
        read_hepmass(path)
    odd = frame()
    odd.loc[3, "# label"] = 2.0
    odd.to_csv(path, index=False)
    with pytest.raises(ReadError, match="neither 0 nor 1"):
        read_hepmass(path)
    odd = frame()
    odd.loc[3, "f3"] = np.nan
    odd.to_csv(path, index=False)
    with pytest.raises(ReadError, match="NaN"):
        read_hepmass(path)
    assert len(read_hepmass(path, nonfinite="drop")) == 39
    odd["f3"] = "high"
    odd.to_csv(path, index=False)
    with pytest.raises(ReadError, match="not a column of numbers"):
        read_hepmass(path)
    damaged = tmp_path / "broken.csv.gz"
    damaged.write_bytes(hepmass.read_bytes()[:400])
    with pytest.raises(ReadError, match="damaged"):
        read_hepmass(damaged)
