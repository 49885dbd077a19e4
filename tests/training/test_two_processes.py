"""Training over two processes equals training in one with batches of twice the size."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import PerGraph, separable

import pcgnn
from pcgnn.training import fit

GRAPHS, BATCH, EPOCHS = 101, 12, 2
SETTINGS = {
    "epochs": EPOCHS,
    "optimizer": "sgd",
    "lr": 0.5,
    "schedule": "constant",
    "standardize": "mean-std",
    "progress": False,
    "device": "cpu",
    "seed": 3,
}

SCRIPT = """
import json, sys
import torch
torch.set_num_threads(1)
from lightning.pytorch import Callback
from training_samples import PerGraph, separable
from test_two_processes import BATCH, GRAPHS, SETTINGS, indexed
from pcgnn.training import fit

class Seen(Callback):
    def on_train_epoch_start(self, trainer, module):
        self.graphs = []
    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.graphs += batch.number.tolist()
    def on_train_epoch_end(self, trainer, module):
        path = f"{sys.argv[1]}/seen-{trainer.current_epoch}-{trainer.global_rank}.json"
        json.dump(self.graphs, open(path, "w"))

fit(PerGraph(), indexed(GRAPHS, 1), indexed(57, 2), devices=2, strategy="ddp",
    batch_size=BATCH, directory=sys.argv[1] + "/run", callbacks=[Seen()], **SETTINGS)
"""


def indexed(graphs: int, seed: int):
    """Graphs that know their number."""
    return separable(graphs, seed, number=torch.arange(graphs))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ddp")
    script = folder / "train.py"
    script.write_text(SCRIPT)
    paths = [str(Path(__file__).parent), str(Path(pcgnn.__file__).parent.parent)]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    single = fit(
        PerGraph(),
        indexed(GRAPHS, 1),
        indexed(57, 2),
        batch_size=2 * BATCH,
        directory=folder / "single",
        **SETTINGS,
    )
    return folder, single


def test_every_graph_exactly_once_per_epoch(runs):
    folder, _ = runs
    for epoch in range(EPOCHS):
        parts = [json.loads((folder / f"seen-{epoch}-{rank}.json").read_text()) for rank in (0, 1)]
        assert sorted(parts[0] + parts[1]) == list(range(GRAPHS))
        assert abs(len(parts[0]) - len(parts[1])) <= -(-GRAPHS // (2 * BATCH))


def test_gradients_are_averaged(runs):
    """Shares of a batch differ by one graph at most, which is all that the weights may differ."""
    folder, single = runs
    both = torch.load(folder / "run" / "last.ckpt", weights_only=True)["state_dict"]
    alone = torch.load(single.last_checkpoint, weights_only=True)["state_dict"]
    start = PerGraph().state_dict()
    for name, value in start.items():
        moved = (alone[f"network.{name}"] - value).abs().max()
        apart = (alone[f"network.{name}"] - both[f"network.{name}"]).abs().max()
        assert moved > 0.05
        assert apart < 0.1 * moved


def test_validation_numbers_are_those_of_all_graphs(runs):
    folder, _ = runs
    from pcgnn.training import load_checkpoint, predict

    task = load_checkpoint(folder / "run" / "last.ckpt", network=PerGraph())
    val = indexed(57, 2)
    probabilities = predict(task, val).probabilities.astype(np.float64)
    y = val.y.numpy()
    with open(folder / "run" / "history.csv") as file:
        names, *lines = [line.strip().split(",") for line in file]
    last = dict(zip(names, lines[-1], strict=True))
    assert len(lines) == EPOCHS
    loss = -np.log(probabilities[np.arange(57), y]).mean()
    assert float(last["val_loss"]) == pytest.approx(loss, rel=1e-5)
    assert float(last["val_accuracy"]) == pytest.approx((probabilities.argmax(1) == y).mean())
    wins = probabilities[y == 1, 1][:, None] - probabilities[y == 0, 1][None]
    area = (wins > 0).mean() + 0.5 * (wins == 0).mean()
    assert float(last["val_auc"]) == pytest.approx(area, rel=1e-6)
