"""Events without particles: a table of variables becomes clouds of one row per event."""

from __future__ import annotations

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
import uproot

import pcgnn
from pcgnn.errors import DataError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    random = np.random.default_rng(3)
    path = tmp_path / "events.root"
    with uproot.recreate(path) as file:
        signal = random.integers(0, 2, 400).astype(np.int32)
        file["events"] = {
            "met": (random.exponential(100.0, 400) * (1 + signal)).astype(np.float32),
            "njet": random.integers(4, 9, 400).astype(np.int32),
            "weight": random.uniform(0.5, 2.0, 400),
            "is_signal": signal,
        }
    return path


def test_event_columns_become_rows(table: Path) -> None:
    events = pcgnn.read_root(table, event=["met", "njet", "weight", "is_signal"], cut="met > 20")
    clouds = pcgnn.ParticleClouds.from_awkward(
        events, features=["met / 100", "njet"], target="is_signal", weight="weight"
    )
    assert len(clouds) == len(events)
    assert clouds.x is not None
    assert clouds.p4 is None
    assert clouds.sizes.tolist() == [1] * len(events)
    expected = np.stack([ak.to_numpy(events.met).astype(float) / 100, events.njet.to_numpy()], 1)
    np.testing.assert_allclose(clouds.x.numpy(), expected.astype(np.float32), rtol=0)
    np.testing.assert_array_equal(clouds.graph_column("entry").numpy(), events.entry.to_numpy())
    assert clouds.features is not None
    assert clouds.features.rows == "graph"


def test_streamed_tables_are_the_same(table: Path) -> None:
    options = {"features": ["met", "njet"], "target": "is_signal", "weight": "weight"}
    events = pcgnn.read_root(table, event=["met", "njet", "weight", "is_signal"])
    whole = pcgnn.ParticleClouds.from_awkward(events, **options)
    stream = pcgnn.CloudStream(
        table, event=["met", "njet", "weight", "is_signal"], batch_size=64, **options
    )
    assert whole.x is not None
    batches = list(stream)
    rows = torch.cat([batch.x for batch in batches])
    entries = torch.cat([batch.entry for batch in batches])
    assert torch.equal(rows[entries.argsort()], whole.x)


def test_a_network_learns_from_a_table(table: Path, tmp_path: Path) -> None:
    events = pcgnn.read_root(table, event=["met", "njet", "is_signal"])
    clouds = pcgnn.ParticleClouds.from_awkward(
        events, features=["log(met)", "njet"], target="is_signal"
    )
    train, test = clouds.split((0.5, 0.5), seed=0)
    model = pcgnn.create_model("dense", features=clouds.features, widths=[16])
    result = pcgnn.fit(
        model, train, test, epochs=12, batch_size=32, directory=tmp_path / "run", progress=False
    )
    prediction = pcgnn.predict(result.best_checkpoint, test)
    # two exponentials of widths 1 : 2 are told apart by their ratio alone: AUC 2/3
    report = pcgnn.metrics.tagging_report(test.y, prediction)
    assert 0.58 < report.auc.value < 0.76


def test_features_of_particles_are_refused(table: Path) -> None:
    events = pcgnn.read_root(table, event=["met", "is_signal"])
    with pytest.raises(DataError, match=r"use axis_.*'particles' field; it has entry, file, "):
        pcgnn.ParticleClouds.from_awkward(events, target="is_signal")
    with pytest.raises(DataError, match="max_particles = 5"):
        pcgnn.ParticleClouds.from_awkward(events, features=["met"], max_particles=5)
