"""An autoencoder trained on one kind of jets scores another kind as unusual."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.cli.scores import predict as score_command
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.losses import create_loss
from pcgnn.models import create_model


def jets(graphs: int, seed: int, prongs: int) -> ParticleClouds:
    """Jets of one or three narrow prongs around (pT, eta, phi) = (about 500 GeV, 0, 0)."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(6, 20, graphs)
    graph = np.repeat(np.arange(graphs), sizes)
    centres = rng.normal(size=(graphs, prongs, 2)) * (0.3 if prongs > 1 else 0.01)
    prong = rng.integers(0, prongs, len(graph))
    eta, phi = (centres[graph, prong] + rng.normal(size=(len(graph), 2)) * 0.03).T
    pt = rng.exponential(30, len(graph))
    p4 = np.stack([pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], 1)
    return ParticleClouds(
        p4=p4.astype(np.float32),
        ptr=np.concatenate([[0], sizes.cumsum()]),
        y=np.full(graphs, int(prongs > 1)),
        weight=np.ones(graphs, np.float32),
    )


def test_jets_of_another_kind_are_found(tmp_path) -> None:
    torch.manual_seed(0)
    model = create_model(
        "particle-autoencoder", features=4, latent=3, slots=8, phi=[16], decoder=[32]
    )
    result = pcgnn.fit(
        model,
        jets(400, 1, 1),
        jets(100, 2, 1),
        epochs=6,
        batch_size=64,
        lr=1e-2,
        directory=tmp_path / "run",
        progress=False,
    )
    assert result.history["val_loss"][-1] < 0.6 * result.history["val_loss"][0]
    usual, other = jets(150, 3, 1), jets(150, 4, 3)
    scores = pcgnn.predict(result, ParticleClouds.concatenate([usual, other]))
    assert len(scores) == 300
    report = pcgnn.metrics.tagging_report(np.repeat([0, 1], 150), scores)
    assert report.auc.value > 0.95
    # the checkpoint alone gives the same, batch by batch and alone
    again = pcgnn.predict(result.best_checkpoint, usual, batch_size=7)
    np.testing.assert_allclose(again.score, scores.score[:150], rtol=1e-5, atol=1e-7)
    assert again.entry.tolist() == list(range(150))
    with pytest.raises(ConfigError, match="no class to explain"):
        pcgnn.explain(result, usual)
    with pytest.raises(ConfigError, match="not calibrated"):
        pcgnn.calibrate(result, usual)


def test_scores_go_back_to_root(tmp_path) -> None:
    uproot = pytest.importorskip("uproot")
    path = pcgnn.datasets.bundled("jets-pf")
    with uproot.open(path) as file:
        tree = next(key.split(";")[0] for key, kind in file.classnames().items() if "TTree" in kind)
    some = pcgnn.read_root(path, tree=tree, particles="part_*")[:20]
    clouds = ParticleClouds.from_awkward(some, features="p4")
    torch.manual_seed(0)
    model = create_model("particle-autoencoder", features=4, latent=2, slots=4, iterations=3)
    run = tmp_path / "run"
    result = pcgnn.fit(model, clouds, clouds, epochs=1, directory=run, progress=False)
    scores = pcgnn.predict(result, clouds)
    out = tmp_path / "friend.root"
    pcgnn.write_scores(out, scores, like=path)
    with uproot.open(out) as file:
        written = file[tree]["score_anomaly"].array(library="np")
    np.testing.assert_array_equal(written[scores.entry], scores.score)
    assert np.isnan(np.delete(written, scores.entry)).all()
    # all of the file by the command line: the same jets get the same scores
    whole = tmp_path / "whole.root"
    words = ["--checkpoint", str(run / "best.ckpt"), "--files", str(path), "--output", str(whole)]
    assert score_command(words) == 0
    with uproot.open(whole) as file:
        found = file[tree]["score_anomaly"].array(library="np")
    np.testing.assert_allclose(found[scores.entry], scores.score, rtol=1e-4, atol=1e-6)
    assert np.isfinite(found).all()


def test_weighted_mean_of_distances() -> None:
    loss = create_loss("mean-distance")
    d, w = torch.tensor([1.0, 2.0, 4.0]), torch.tensor([1.0, 0.0, 3.0])
    assert float(loss(d, torch.zeros(3), w)) == pytest.approx(13 / 4)
    assert float(loss(d, torch.zeros(3))) == pytest.approx(7 / 3)
    assert float(loss(d, torch.zeros(3), torch.zeros(3))) == 0
