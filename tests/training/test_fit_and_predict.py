"""Training learns, judges only what it may, and predictions come in input order."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch
from training_samples import PerGraph, separable, small_model

import pcgnn
from pcgnn.data import CloudLoader, Standardizer
from pcgnn.errors import CheckpointError, ConfigError, DataError
from pcgnn.training import ClassificationTask, fit, load_checkpoint, predict
from pcgnn.training.loaders import EpochLoader, SharedLoader
from pcgnn.training.validation import weighted_auc


@pytest.fixture(scope="module")
def parts():
    train, val = separable(800, 1, shift=3.0), separable(300, 2, shift=3.0)
    return train, val


@pytest.fixture(scope="module")
def result(parts, tmp_path_factory):
    directory = tmp_path_factory.mktemp("fit") / "run"
    return fit(
        small_model(),
        *parts,
        epochs=5,
        batch_size=64,
        lr=1e-2,
        directory=directory,
        progress=False,
    )


def test_a_separable_problem_is_learnt(result, parts):
    score = torch.tensor(predict(result, parts[1]).signal)
    assert weighted_auc(score, parts[1].y == 1) > 0.99
    assert result.history["val_auc"][-1] > 0.99
    assert result.history["train_loss"][-1] < 0.5 * result.history["train_loss"][0]


def test_history_agrees_with_the_weights_kept(result, parts):
    probabilities = predict(result, parts[1]).probabilities.astype(np.float64)
    y = parts[1].y.numpy()
    loss = -np.log(probabilities[np.arange(len(y)), y]).mean()
    right = (probabilities.argmax(1) == y).mean()
    best = result.best_epoch
    assert result.history["val_loss"][best] == min(result.history["val_loss"])
    assert result.history["val_loss"][best] == pytest.approx(loss, rel=1e-5)
    assert result.history["val_accuracy"][best] == pytest.approx(right, abs=1e-6)


def test_csv_has_the_history(result):
    with open(result.directory / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == result.history["epoch"] == list(range(5))
    assert [float(row["val_loss"]) for row in rows] == result.history["val_loss"]
    assert all(float(row["jets_per_second"]) > 0 for row in rows)


def test_standardisation_sees_the_training_part_only(result, parts):
    expected = Standardizer.fit(parts[0], method="mean-std").state_dict()
    found = result.task.standardizer.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    x = parts[0].x.double()
    standardised = result.task.standardizer(parts[0].batch(np.arange(len(parts[0])))).x.double()
    assert torch.allclose(standardised, (x - x.mean(0)) / x.std(0, correction=0), atol=1e-5)
    # On the validation part it is another distribution: nothing was fitted on it.
    other = Standardizer.fit(parts[1], method="mean-std").state_dict()
    assert any(not torch.equal(found[name], other[name]) for name in other)


def test_predictions_do_not_depend_on_batch_size_or_order(result, parts):
    val = parts[1]
    task = result.task.double()
    try:
        clouds = type(val)(x=val.x.double(), pos=val.pos.double(), ptr=val.ptr, y=val.y)
        whole = predict(task, clouds, batch_size=10_000).probabilities
        single = predict(task, clouds, batch_size=1).probabilities
        shuffled = CloudLoader(clouds, 37, shuffle=True, group_sizes=True, seed=3)
        loaded = predict(task, shuffled, batch_size=41).probabilities
    finally:
        task.float()
    assert whole.dtype == np.float64
    np.testing.assert_allclose(single, whole, rtol=1e-9)
    np.testing.assert_allclose(loaded, whole, rtol=1e-9)


def test_predictions_carry_file_and_entry(result, parts):
    val = parts[1]
    rng = np.random.default_rng(0)
    entry = torch.tensor(rng.permutation(1000)[: len(val)])
    file = torch.tensor(rng.integers(0, 2, len(val)), dtype=torch.int32)
    clouds = type(val)(
        x=val.x,
        pos=val.pos,
        ptr=val.ptr,
        entry=entry,
        file=file,
        provenance={"files": ["a.root", "b.root"], "tree": "jets"},
    )
    prediction = predict(result, clouds)
    assert np.array_equal(prediction.entry, entry.numpy())
    assert np.array_equal(prediction.file, file.numpy())
    assert prediction.files == ("a.root", "b.root")
    assert prediction.tree == "jets"
    assert np.array_equal(prediction.probabilities, predict(result, val).probabilities)


def test_foreign_loader_of_pyg_batches(result, parts, tmp_path):
    graphs = [parts[1][i] for i in range(50)]
    batches = [Batch.from_data_list(graphs[i : i + 20]) for i in range(0, 50, 20)]
    np.testing.assert_allclose(
        predict(result, batches).probabilities,
        predict(result, parts[1]).probabilities[:50],
        atol=1e-6,
    )
    again = fit(
        small_model(),
        batches,
        batches,
        epochs=1,
        directory=tmp_path / "run",
        progress=False,
        schedule="constant",
    )
    assert math.isfinite(again.history["train_loss"][0])


def test_weights_equal_duplicated_events(tmp_path):
    """One full-batch step with weights equals the step with the events repeated."""
    base = separable(40, 3)
    copies = torch.arange(40) % 3 + 1
    repeated = base[np.repeat(np.arange(40), copies.numpy())]
    weighted = type(base)(x=base.x, pos=base.pos, ptr=base.ptr, y=base.y, weight=copies.float())

    found = []
    for number, data in enumerate((weighted, repeated)):
        result = fit(
            PerGraph(),
            data,
            epochs=3,
            batch_size=1000,
            optimizer="sgd",
            optimizer_arguments={"momentum": 0.9, "nesterov": True},
            lr=0.5,
            schedule="constant",
            standardize="none",
            directory=tmp_path / str(number),
            progress=False,
        )
        found.append(torch.load(result.last_checkpoint, weights_only=True)["state_dict"])
    for name in found[0]:
        assert torch.allclose(found[0][name], found[1][name], atol=1e-6), name


def test_training_leaves_the_random_state_alone(parts, tmp_path):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    model = small_model()
    torch.manual_seed(5)
    expected = torch.rand(3), np.random.random(3)  # noqa: NPY002
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    fit(model, parts[1], epochs=1, directory=tmp_path / "r", progress=False)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.array_equal(np.random.random(3), expected[1])  # noqa: NPY002


def test_same_seed_same_weights(parts, tmp_path):
    def weights(seed, name):
        result = fit(
            small_model(),
            parts[1],
            epochs=1,
            seed=seed,
            batch_size=50,
            directory=tmp_path / name,
            progress=False,
        )
        return result.task.state_dict()

    one, same, other = weights(1, "a"), weights(1, "b"), weights(2, "c")
    assert all(torch.equal(one[k], same[k]) for k in one)
    assert any(not torch.equal(one[k], other[k]) for k in one)


def test_weight_decay_spares_biases_and_batch_norms():
    task = ClassificationTask(small_model(), weight_decay=0.1)
    from pcgnn.training.optimizers import parameter_groups

    decayed, spared = parameter_groups(task.network, 0.1)
    assert decayed["weight_decay"] == 0.1
    assert spared["weight_decay"] == 0.0
    assert all(p.ndim >= 2 for p in decayed["params"])
    assert all(p.ndim < 2 for p in spared["params"])
    total = sum(p.numel() for p in task.network.parameters())
    assert sum(p.numel() for g in (decayed, spared) for p in g["params"]) == total
    (everything,) = parameter_groups(task.network, 0.1, decay_norm_and_bias=True)
    assert sum(p.numel() for p in everything["params"]) == total


def test_clipping_limits_the_gradient(parts, tmp_path):
    from lightning.pytorch import Callback

    norms = []

    class Norms(Callback):
        def on_before_optimizer_step(self, trainer, module, optimizer):
            grads = [p.grad.norm() for p in module.parameters() if p.grad is not None]
            norms.append(float(torch.stack(grads).norm()))

    fit(
        small_model(),
        parts[1],
        epochs=1,
        batch_size=50,
        gradient_clip=1e-3,
        callbacks=[Norms()],
        directory=tmp_path / "r",
        progress=False,
    )
    # Lightning calls the hook before it clips: so the update is what has to be small.
    assert max(norms) > 1e-3
    small = small_model()
    before = {k: v.clone() for k, v in small.state_dict().items()}
    result = fit(
        small,
        parts[1],
        epochs=1,
        batch_size=1000,
        optimizer="sgd",
        lr=1.0,
        weight_decay=0.0,
        schedule="constant",
        gradient_clip=1e-3,
        directory=tmp_path / "s",
        progress=False,
    )
    moved = [
        (v - before[k.removeprefix("network.")]).norm()
        for k, v in result.task.state_dict().items()
        if k.startswith("network.") and k.endswith(("weight", "bias"))
    ]
    assert float(torch.stack(moved).norm()) == pytest.approx(1e-3, rel=1e-3)


def test_early_stopping_waits_for_the_annealing(parts, tmp_path):
    options = {"epochs": 6, "early_stopping": 1, "lr": 1e-12, "progress": False}
    stopped = fit(PerGraph(), *parts, **options, early_stopping_start=0, directory=tmp_path / "a")
    waited = fit(PerGraph(), *parts, **options, directory=tmp_path / "b")
    # Nothing moves at this learning rate: the second epoch is no improvement on the first.
    assert len(stopped.history["epoch"]) == 2
    # One-cycle of 6 epochs is judged from epoch 5 on, so nothing can stop it.
    assert len(waited.history["epoch"]) == 6


def test_mixed_precision_trains(parts, tmp_path):
    result = fit(
        small_model(),
        *parts,
        epochs=2,
        lr=1e-2,
        batch_size=64,
        precision="bf16-mixed",
        directory=tmp_path / "r",
        progress=False,
    )
    assert result.history["val_auc"][-1] > 0.95
    assert all(v.dtype == torch.float32 for v in result.model.parameters())


def test_tensorboard_log(parts, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = fit(
        small_model(),
        *parts,
        epochs=2,
        loggers=("csv", "tensorboard"),
        directory=tmp_path / "r",
        progress=False,
    )
    events = EventAccumulator(str(result.directory / "tensorboard"))
    events.Reload()
    logged = [event.value for event in events.Scalars("val_loss")]
    assert logged == pytest.approx(result.history["val_loss"], rel=1e-6)


def test_one_line_per_epoch_without_a_terminal(parts, tmp_path, capsys):
    fit(small_model(), *parts, epochs=2, directory=tmp_path / "r")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert all("jets/s" in line and "val loss" in line and "left" in line for line in lines)


def test_an_earlier_run_is_not_overwritten(result, parts):
    before = result.best_checkpoint.read_bytes()
    with pytest.raises(ConfigError, match="holds a run already"):
        fit(small_model(), *parts, epochs=1, directory=result.directory)
    assert result.best_checkpoint.read_bytes() == before


def test_overwrite_deletes_the_run_and_nothing_else(parts, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    first = fit(small_model(), parts[1], epochs=2, directory=tmp_path, progress=False)
    second = fit(
        small_model(), parts[1], epochs=1, directory=tmp_path, overwrite=True, progress=False
    )
    assert len(first.history["epoch"]) == 2
    assert len(second.history["epoch"]) == 1
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "error", "word"),
    [
        ({"lr": 0.02}, ConfigError, "lr: 0.01 -> 0.02"),
        ({"epochs": 6}, ConfigError, "epochs: 5 -> 6"),
        ({"seed": 3}, ConfigError, "seed"),
        ({"standardize": "none"}, ConfigError, "standardize"),
        ({"batch_size": 32}, ConfigError, "batch_size"),
        ({"data": True}, CheckpointError, "other data"),
    ],
)
def test_resuming_with_something_else_is_refused(result, parts, change, error, word):
    train = separable(800, 77, shift=3.0) if change.pop("data", False) else parts[0]
    settings = {"epochs": 5, "batch_size": 64, "lr": 1e-2} | change
    with pytest.raises(error, match=word):
        fit(
            small_model(),
            train,
            parts[1],
            directory=result.directory,
            resume=True,
            progress=False,
            **settings,
        )


def test_resuming_a_finished_run_changes_nothing(result, parts):
    again = fit(
        small_model(seed=3),
        *parts,
        epochs=5,
        batch_size=64,
        lr=1e-2,
        directory=result.directory,
        resume=True,
        progress=False,
    )
    assert again.history == result.history
    ours, theirs = again.task.state_dict(), result.task.state_dict()
    assert all(torch.equal(ours[k], theirs[k]) for k in theirs)


def test_a_loss_that_explodes_is_reported(parts, tmp_path):
    with pytest.raises(DataError, match=r"training loss became .* lower the learning rate"):
        fit(
            small_model(),
            parts[1],
            epochs=5,
            lr=1e30,
            optimizer="sgd",
            schedule="constant",
            directory=tmp_path / "r",
            progress=False,
        )
    # The initial state is still there and readable.
    load_checkpoint(tmp_path / "r" / "last.ckpt")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1, "optimizer": "adamx"}, "adamx"),
        ({"epochs": 1, "schedule": "onecycle"}, "one-cycle"),
        ({"epochs": 1, "lr": -1.0}, "lr"),
        ({"epochs": 1, "loss": "mse"}, "mse"),
        ({"epochs": 1, "device": "gpu0"}, "gpu0"),
        ({"epochs": 1, "loggers": "csv"}, "loggers"),
        ({"epochs": 1, "batch_size": 0}, "batch_size"),
        ({"epochs": 1, "resume": True}, "without a directory"),
        ({"epochs": 1, "monitor": "val_f1"}, "val_f1"),
        ({"epochs": 1, "standardize": "whiten"}, "whiten"),
        ({"epochs": 1, "optimizer_arguments": {"nesterov": True}}, "nesterov"),
    ],
)
def test_wrong_options_are_named(parts, tmp_path, options, word):
    where = {} if options.get("resume") else {"directory": tmp_path / "r"}
    with pytest.raises(ConfigError, match=word):
        fit(small_model(), *parts, progress=False, **where, **options)


def test_missing_target_is_named(parts, tmp_path):
    val = parts[1]
    clouds = type(val)(x=val.x, pos=val.pos, ptr=val.ptr)
    with pytest.raises(DataError, match="target"):
        fit(small_model(), clouds, epochs=1, directory=tmp_path / "r", progress=False)


@pytest.mark.parametrize("graphs", [64, 65, 66, 67, 71, 96, 3])
@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_share_every_batch(graphs, world_size):
    clouds = separable(graphs, 4)
    loader = CloudLoader(clouds, 8, shuffle=True, seed=5)
    shares = [SharedLoader(loader, rank, world_size) for rank in range(world_size)]
    for epoch in (0, 1):
        for share in shares:
            share.set_epoch(epoch)
        orders = [share.order() for share in shares]
        assert {len(order) for order in orders} == {len(shares[0])}
        seen = np.concatenate([part for order in orders for part in order])
        assert sorted(seen) == list(range(graphs))
        assert all(len(part) > 0 for order in orders for part in order)
        widths = [[len(part) for part in order] for order in orders]
        assert max(max(w) - min(w) for w in zip(*widths, strict=True)) <= 1


def test_epoch_loader_shows_a_length_only_if_there_is_one():
    sized = EpochLoader([1, 2, 3], lambda: 0)
    assert len(sized) == 3
    unsized = EpochLoader((i for i in range(3)), lambda: 0)
    assert not hasattr(unsized, "__len__")
    assert list(unsized) == [0, 1, 2]


def test_a_named_network_waits_for_inputs_that_are_optional(tmp_path: Path) -> None:
    jets = pcgnn.read_root(pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"])
    clouds = pcgnn.ParticleClouds.from_awkward(
        jets[:300], features="particlenet-full", target="is_top"
    )
    task = ClassificationTask(name="pfn", features="particlenet-full")
    result = pcgnn.fit(
        None, clouds, task=task, epochs=1, directory=tmp_path / "run", progress=False
    )
    # four-vectors alone: charges, types and impact parameters are not there
    assert result.model.config["features"] == len(clouds.features) == 7
    again = pcgnn.predict(result.best_checkpoint, clouds)
    assert len(again) == 300
