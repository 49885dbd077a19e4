"""Balanced batches and hypotheses as a configuration asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import uproot

from pcgnn.errors import ConfigError
from pcgnn.training import FileData

FEATURES = {"features": ["met", "mass"], "rows": "graph", "pos": []}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(3)
    signal = (random.uniform(size=600) < 0.2).astype(np.int32)
    path = tmp_path_factory.mktemp("table") / "events.root"
    with uproot.recreate(path) as file:
        file["events"] = {
            "met": random.exponential(100.0, 600).astype(np.float32),
            "is_signal": signal,
            "mass": np.where(signal, random.choice([500.0, 900.0], 600), 0.0).astype(np.float32),
            "process": np.where(signal, 0, random.integers(1, 3, 600)).astype(np.int32),
        }
    return path


def data(table: Path, **options: object) -> FileData:
    module = FileData(
        str(table), particles=None, event=["met", "mass", "process", "is_signal"],
        features=FEATURES, target="is_signal", split=[0.5, 0.25, 0.25], batch_size=40, **options,
    )  # type: ignore[arg-type]  # fmt: skip
    module.load()
    return module


def test_balanced_batches_under_new_hypotheses(table: Path) -> None:
    module = data(table, sampling={"balance": "full"}, hypotheses={"policy": "identical"})
    seen = set()
    for batch in module.train_dataloader():
        assert batch.y.sum().item() == 20
        assert np.unique(batch.process.numpy(), return_counts=True)[1].tolist() == [20, 10, 10]
        assert (
            np.unique(batch.x[batch.y == 1, 1].numpy(), return_counts=True)[1].tolist() == [10] * 2
        )
        seen |= set(batch.x[batch.y == 0, 1].tolist())
    assert seen == {500.0, 900.0}
    for part in (module.val, module.test):
        assert set(part.x[:, 1].tolist()) == {500.0, 900.0}


def test_fixed_hypotheses_stay(table: Path) -> None:
    module = data(table, hypotheses={"policy": "uniform", "sampled": False})
    values = module.train.x[:, 1]
    assert values.unique().numel() > 50
    batches = [np.sort(np.concatenate([b.x[:, 1] for b in module.train_dataloader()]))] * 2
    np.testing.assert_array_equal(*batches)


def test_refusals(table: Path) -> None:
    with pytest.raises(ConfigError, match="no option 'kind'"):
        data(table, sampling={"kind": "full"})
    with pytest.raises(ConfigError, match="group_sizes and sampling"):
        data(table, sampling={"balance": "class"}, group_sizes=True)
    with pytest.raises(ConfigError, match="a stream has no balanced"):
        FileData(str(table), target="is_signal", streaming=True, sampling={})
