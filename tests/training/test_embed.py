"""Pictures of the hidden space, against the eigenvectors of its covariance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from training_samples import separable

from pcgnn import plots
from pcgnn.errors import ConfigError, DataError
from pcgnn.models import create_model, hidden_and_logits
from pcgnn.training import ClassificationTask, embed


def task() -> ClassificationTask:
    torch.manual_seed(2)
    return ClassificationTask(create_model("pfn", features=3, phi=[16], f=[12]).eval())


def test_principal_components_of_the_hidden_space() -> None:
    clouds, ours = separable(60, 1, classes=("QCD", "top")), task()
    seen = embed(ours, clouds, batch_size=7)
    batch = clouds.batch(np.arange(60))
    with torch.no_grad():
        hidden = hidden_and_logits(ours, batch)[0].double().numpy()
    np.testing.assert_allclose(seen.hidden, hidden, rtol=1e-5, atol=1e-6)
    values, vectors = np.linalg.eigh(np.cov(seen.hidden.T, bias=True))
    np.testing.assert_allclose(seen.explained, values[[-1, -2]] / values.sum())
    np.testing.assert_allclose(np.abs(seen.axes @ vectors[:, [-1, -2]]), np.eye(2), atol=1e-8)
    np.testing.assert_allclose(seen.points.var(0), values[[-1, -2]])
    np.testing.assert_allclose(np.cov(seen.points.T)[0, 1], 0, atol=1e-10)
    largest = np.abs(seen.axes).argmax(1)
    assert (seen.axes[[0, 1], largest] > 0).all()
    np.testing.assert_allclose(seen.project(seen.hidden[:5]), seen.points[:5])
    assert (seen.y == clouds.y.numpy()).all()
    assert "60 graphs, 12 dimensions" in repr(seen)


def test_tsne_keeps_two_groups_apart() -> None:
    pytest.importorskip("sklearn", reason="needs the extra embedding")
    clouds = separable(80, 4, shift=25.0)
    seen = embed(task(), clouds, method="tsne", perplexity=10, seed=1)
    assert np.array_equal(
        embed(task(), clouds, method="tsne", perplexity=10, seed=1).points, seen.points
    )
    # the nearest neighbour of nearly every point is of its class
    distance = np.linalg.norm(seen.points[:, None] - seen.points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (clouds.y.numpy()[distance.argmin(1)] == clouds.y.numpy()).mean() > 0.9
    with pytest.raises(ConfigError, match="no axes"):
        seen.project(seen.hidden)
    with pytest.raises(ConfigError, match="perplexity"):
        embed(task(), clouds, method="tsne", perplexity=80)


def test_the_figure_shows_the_points() -> None:
    clouds = separable(40, 1)
    seen = embed(task(), clouds)
    by_number = plots.embedding(seen, clouds.ptr.diff(), label="particles")
    marks = by_number.axes[0].collections[0]
    np.testing.assert_allclose(marks.get_offsets(), seen.points)
    np.testing.assert_allclose(marks.get_array(), clouds.ptr.diff())
    by_class = plots.embedding(seen).axes[0]
    assert [text.get_text() for text in by_class.get_legend().get_texts()] == [
        "background",
        "signal",
    ]
    assert "of the variance" in by_class.get_xlabel()
    with pytest.raises(DataError, match="one number for each"):
        plots.embedding(seen, [1.0])


def test_what_cannot_be_embedded_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such method"):
        embed(task(), separable(5, 1), method="umap")
    with pytest.raises(DataError, match="too few"):
        embed(task(), separable(2, 1))
