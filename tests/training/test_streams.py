"""Training on a stream of ROOT files: learnt, resumable in order, predicted in order."""

from __future__ import annotations

from itertools import chain

import awkward as ak
import numpy as np
import pytest
import torch
import uproot
from training_samples import small_model

from pcgnn.data import CloudStream, ParticleClouds
from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.io import read_root
from pcgnn.training import FileData, fit, predict
from pcgnn.training.loaders import training_loader

READ = {"particles": "part_*", "event": ["is_signal"], "cut": "n_particles > 2"}
FEATURES = ["log(part_pt)", "part_deta", "part_dphi"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Signal and background in files of their own, as they often come."""
    folder = tmp_path_factory.mktemp("stream")
    rng = np.random.default_rng(1)
    paths = []
    for label in (0, 1):
        sizes = rng.integers(2, 9, 400)
        total = sizes.sum()
        columns = {
            "part_pt": rng.exponential(20.0 if label else 2.0, total) + 1.0,
            "part_eta": rng.normal(0, 0.3, total),
            "part_phi": rng.normal(0, 0.3, total),
            "part_mass": np.zeros(total),
        }
        branches = {name: ak.unflatten(values, sizes) for name, values in columns.items()}
        branches["is_signal"] = np.full(400, label, dtype=np.int32)
        path = folder / f"{'background' if label == 0 else 'signal'}.root"
        with uproot.recreate(path) as file:
            types = {name: str(ak.type(ak.Array(v)).content) for name, v in branches.items()}
            file.mktree("jets", types)
            file["jets"].extend(branches)
        paths.append(str(path))
    return paths


def stream(files, **options):
    settings = {"batch_size": 50, "buffer_size": 200, "seed": 4} | options
    return CloudStream(files, **READ, features=FEATURES, target="is_signal", **settings)


@pytest.fixture(scope="module")
def clouds(files):
    return ParticleClouds.from_awkward(
        read_root(files, **READ), features=FEATURES, target="is_signal"
    )


def test_stream_trains_and_predictions_are_in_the_order_of_the_files(files, clouds, tmp_path):
    options = {"epochs": 3, "lr": 1e-2, "progress": False, "schedule": "exponential"}
    result = fit(small_model(), stream(files), clouds, directory=tmp_path / "run", **options)
    assert result.history["val_auc"][-1] > 0.98
    # The length is not known before the cut, so the schedule moves epoch by epoch.
    expected = [1e-2 * np.exp(-epoch / 10.0) for epoch in range(3)]
    assert result.history["lr"] == pytest.approx(expected, rel=1e-12)
    streamed = predict(result, stream(files))
    direct = predict(result, clouds)
    assert np.array_equal(streamed.entry, direct.entry)
    assert np.array_equal(streamed.file, direct.file)
    np.testing.assert_allclose(streamed.probabilities, direct.probabilities, atol=1e-6)


def test_every_epoch_has_its_own_order(files):
    epoch = [0]
    loader = training_loader(stream(files), batch_size=1, seed=0, epoch=lambda: epoch[0])
    first = [batch.entry.tolist() for batch in loader]
    epoch[0] = 1
    second = [batch.entry.tolist() for batch in loader]
    epoch[0] = 0
    assert [batch.entry.tolist() for batch in loader] == first
    assert second != first
    assert sorted(chain(*second)) == sorted(chain(*first))


def test_interrupted_stream_training_goes_on_exactly(files, clouds, tmp_path):
    from lightning.pytorch import Callback

    class Stop(Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            if (trainer.current_epoch, batch_idx) == (1, 3):
                raise RuntimeError("power cut")

    options = {"epochs": 3, "lr": 1e-2, "progress": False}
    whole = fit(small_model(), stream(files), clouds, directory=tmp_path / "a", **options)
    with pytest.raises(RuntimeError, match="power cut"):
        fit(
            small_model(),
            stream(files),
            clouds,
            directory=tmp_path / "b",
            callbacks=[Stop()],
            **options,
        )
    resumed = fit(
        small_model(seed=5), stream(files), clouds, directory=tmp_path / "b", resume=True, **options
    )
    ours = torch.load(resumed.last_checkpoint, weights_only=True)["state_dict"]
    theirs = torch.load(whole.last_checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    with pytest.raises(CheckpointError, match="other data"):
        fit(
            small_model(),
            stream(files, seed=9),
            clouds,
            directory=tmp_path / "b",
            resume=True,
            **options,
        )


def test_data_module_streams(files):
    data = FileData(
        files,
        **READ,
        features={"features": FEATURES},
        target="is_signal",
        streaming=True,
        buffer_size=200,
        batch_size=50,
        val_files=files,
    )
    data.setup("fit")
    seen = sorted(
        (int(f), int(e))
        for batch in data.train_dataloader()
        for f, e in zip(batch.file, batch.entry, strict=True)
    )
    assert len(seen) == len(data.val)
    assert seen == sorted(zip(data.val.file.tolist(), data.val.entry.tolist(), strict=True))
    with pytest.raises(ConfigError, match="cannot be split"):
        FileData(files, streaming=True, split=[0.5, 0.5])


def test_stream_over_processes_is_refused(files):
    with pytest.raises(ConfigError, match="shared out among 2 processes"):
        training_loader(stream(files), batch_size=1, seed=0, epoch=lambda: 0, rank=0, world_size=2)
