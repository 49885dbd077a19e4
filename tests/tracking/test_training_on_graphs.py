"""Training, prediction and checkpoints of edge classifiers in the same layer as jets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tracking_events import events

import pcgnn
from pcgnn.errors import ConfigError
from pcgnn.tracking import GraphScores, HitGraphs, LayerPairCuts, build_graphs
from pcgnn.training import EdgeClassificationTask


@pytest.fixture(scope="module")
def graphs() -> HitGraphs:
    return build_graphs(events(12, particles=30, noise=20, seed=1), LayerPairCuts.for_pt(1.0))


def small(seed: int = 1) -> torch.nn.Module:
    torch.manual_seed(seed)
    return pcgnn.create_model("interaction-network", features=3)


def test_a_trained_network_knows_true_edges_from_false_ones(
    graphs: HitGraphs, tmp_path: Path
) -> None:
    train, val, test = graphs.split((8, 2, 2), seed=1)
    result = pcgnn.fit(
        small(), train, val, epochs=30, lr=5e-3, directory=tmp_path / "run", progress=False
    )
    assert isinstance(result.task, EdgeClassificationTask)
    assert result.task.features == ("r", "phi", "z")
    assert result.task.standardizer is None
    assert result.history["val_auc"][-1] > 0.9
    assert result.history["val_auc"][-1] > result.history["val_auc"][0]
    scores = pcgnn.predict(result, test)
    assert isinstance(scores, GraphScores)
    assert len(scores) == 2
    again = pcgnn.predict(str(result.best_checkpoint), test)
    assert np.array_equal(scores.values, again.values)
    with torch.no_grad():
        plain = [result.model(graph).sigmoid().numpy() for graph in test]
    assert all(np.allclose(scores[n], plain[n], atol=1e-6) for n in range(2))
    stored = pcgnn.load_checkpoint(result.best_checkpoint)
    assert stored.provenance["graphs"]["cuts"]["phi_slope_max"] == 1.1e-3
    assert stored.kind == "edges"


def test_edges_of_soft_particles_enter_neither_loss_nor_numbers(graphs: HitGraphs) -> None:
    task = EdgeClassificationTask(small(), features=graphs.features)
    batch = graphs.batch([0, 1])
    assert not batch.edge_mask.all()
    logits = task(batch).detach()
    target, weight = task.targets(batch)
    kept = batch.edge_mask
    plain = torch.nn.functional.binary_cross_entropy_with_logits(logits[kept], batch.y[kept])
    assert float(task.loss(logits, target, weight)) == pytest.approx(float(plain), rel=1e-6)
    numbers = task.numbers(logits.double(), target, weight.double())
    right = ((logits > 0) == (batch.y > 0.5))[kept].double().mean()
    assert float(numbers["accuracy"]) == pytest.approx(float(right))
    passed = (logits > 0) & kept
    if passed.any():
        assert float(numbers["purity"]) == pytest.approx(float(batch.y[passed].mean()))


def test_a_resumed_training_is_the_uninterrupted_one(graphs: HitGraphs, tmp_path: Path) -> None:
    train, val = graphs.split((4, 2), seed=2)
    options = {"lr": 3e-3, "seed": 5, "progress": False, "batch_size": 2}
    whole = pcgnn.fit(small(), train, val, epochs=4, directory=tmp_path / "a", **options)

    class Stop(pcgnn.training.fitting.Callback):  # type: ignore[misc,name-defined]
        def on_train_epoch_start(self, trainer, module) -> None:  # type: ignore[no-untyped-def]
            if trainer.current_epoch == 2:
                raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        pcgnn.fit(
            small(), train, val, epochs=4, directory=tmp_path / "b", callbacks=[Stop()], **options
        )
    rest = pcgnn.fit(
        small(9), train, val, epochs=4, directory=tmp_path / "b", resume=True, **options
    )
    for ours, theirs in zip(rest.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_what_does_not_go_together_is_refused(graphs: HitGraphs, tmp_path: Path) -> None:
    task = EdgeClassificationTask(small(), features=graphs.features)
    clouds = pcgnn.ParticleClouds(x=torch.ones(6, 3), ptr=torch.tensor([0, 3, 6]))
    with pytest.raises(ConfigError, match="scores hit graphs"):
        pcgnn.predict(task, clouds)
    tagger = pcgnn.training.ClassificationTask(
        pcgnn.create_model("particlenet-lite", features=3),
        features=["part_pt", "part_eta", "part_phi"],
    )
    with pytest.raises(ConfigError, match="scores whole graphs"):
        pcgnn.predict(tagger, graphs)
