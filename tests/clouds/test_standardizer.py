"""Standardisation against NumPy in double precision."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from pcgnn.data import CloudLoader, FeatureDefinition, ParticleClouds, Standardizer
from pcgnn.errors import ConfigError, DataError

NAMES = ["E", "px", "py", "pz"]


def make(rows: int = 3000, dtype: type = np.float64, weighted: bool = False) -> ParticleClouds:
    rng = np.random.default_rng(1)
    mixing = np.array([[2.0, 0.3, 0, 0], [0, 1.0, 0.5, 0], [0, 0, 0.4, 0], [0.1, 0, 0, 5.0]])
    x = rng.normal(size=(rows, 4)) @ mixing + np.array([300.0, -5.0, 0.0, 1e4])
    sizes = np.full(rows // 10, 10)
    return ParticleClouds(
        x=x.astype(dtype),
        ptr=np.concatenate([[0], np.cumsum(sizes)]),
        weight=rng.uniform(0.5, 2.0, sizes.size) if weighted else None,
        features=FeatureDefinition.parse(
            [{"name": n, "expression": f"part_{n.replace('E', 'energy')}"} for n in NAMES]
        ),
    )


def test_mean_and_width() -> None:
    clouds = make()
    fitted = Standardizer.fit(clouds).double()
    x = clouds.x.numpy()
    np.testing.assert_allclose(fitted.mean.numpy(), x.mean(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fitted.width.numpy(), x.std(0), rtol=1e-6)
    assert fitted.names == tuple(NAMES)
    out = fitted.transform(clouds.x)
    assert torch.allclose(fitted.inverse(out), clouds.x)


def test_exact_far_from_the_origin_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    import pcgnn.data.rows as rows
    from pcgnn.data.moments import Moments

    monkeypatch.setattr(rows, "_ROWS_PER_STEP", 97)
    rng = np.random.default_rng(0)
    x = 1e9 + rng.normal(size=(5000, 3))
    moments = Moments(3)
    for a in range(0, 5000, 97):
        moments.update(x[a : a + 97])
    np.testing.assert_allclose(moments.mean, x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(moments.covariance, np.cov(x.T, bias=True), rtol=1e-6, atol=1e-8)
    clouds = make()
    x = clouds.x.numpy()
    np.testing.assert_allclose(Standardizer.fit(clouds).width.numpy(), x.std(0), rtol=1e-6)


def test_weighted_moments_with_signed_weights() -> None:
    from pcgnn.data.moments import Moments

    rng = np.random.default_rng(2)
    x, w = rng.normal(3.0, 2.0, (400, 2)), rng.normal(0.6, 1.0, 400)
    x[100:102], w[100:102] = [[1.0, 2.0], [5.0, 4.0]], [1.5, -1.5]  # a piece of weight 0
    moments = Moments(2)
    for a, b in ((0, 100), (100, 102), (102, 400)):
        moments.update(x[a:b], w[a:b])
    mean = w @ x / w.sum()
    covariance = ((x - mean) * w[:, None]).T @ (x - mean) / w.sum()
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, covariance, rtol=1e-11)


def test_weights_of_graphs_count() -> None:
    clouds = make(weighted=True)
    fitted = Standardizer.fit(clouds, weighted=True)
    w = np.repeat(clouds.weight.numpy(), 10)
    x = clouds.x.numpy()
    mean = np.average(x, axis=0, weights=w)
    width = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=w))
    np.testing.assert_allclose(fitted.mean.numpy(), mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fitted.width.numpy(), width, rtol=1e-6)
    assert not np.allclose(mean, x.mean(0), rtol=1e-6, atol=1e-6)
    with pytest.raises(DataError, match="needs weights"):
        Standardizer.fit(make(), weighted=True)


def test_shared_width_is_that_of_the_vector() -> None:
    clouds = make()
    fitted = Standardizer.fit(clouds, shared=[["px", "py", "pz"]]).double()
    momentum = clouds.x.numpy()[:, 1:]
    centred = momentum - momentum.mean(0)
    width = np.sqrt((centred**2).sum(1).mean())
    np.testing.assert_allclose(fitted.width.numpy()[1:], width, rtol=1e-6)
    np.testing.assert_allclose(fitted.width.numpy()[0], clouds.x[:, 0].numpy().std(), rtol=1e-6)
    out = fitted.transform(clouds.x)[:, 1:].numpy()
    np.testing.assert_allclose((out**2).sum(1).mean(), 1.0, rtol=1e-5)
    # directions survive
    cosine = (out * centred).sum(1) / np.linalg.norm(out, axis=1) / np.linalg.norm(centred, axis=1)
    np.testing.assert_allclose(cosine, 1.0, atol=1e-4)
    by_number = Standardizer.fit(clouds, shared=[[1, 2, 3]])
    assert torch.equal(by_number.width, fitted.width.float())
    for group in ([["px", "pq"]], [[1, 9]]):
        with pytest.raises(ConfigError, match="no feature"):
            Standardizer.fit(clouds, shared=group)


def test_quantiles_are_deaf_to_outliers() -> None:
    clouds = make()
    x = clouds.x.numpy()
    fitted = Standardizer.fit(clouds, method="quantile")
    low, median, high = np.quantile(x, [0.158655254, 0.5, 0.841344746], axis=0)
    np.testing.assert_allclose(fitted.mean.numpy(), median, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fitted.width.numpy(), (high - low) / 2, rtol=1e-5)
    np.testing.assert_allclose(fitted.width.numpy(), x.std(0), rtol=0.08)
    clouds.x[:3] = 1e8
    wild = Standardizer.fit(clouds, method="quantile")
    np.testing.assert_allclose(wild.width.numpy(), fitted.width.numpy(), rtol=0.02)


def test_weighted_quantiles_equal_repetition() -> None:
    from pcgnn.data.moments import weighted_quantiles

    rng = np.random.default_rng(3)
    values, counts = rng.normal(size=2000), rng.integers(1, 5, 2000)
    weighted = weighted_quantiles(values, (0.16, 0.5, 0.84), counts.astype(float))
    repeated = np.quantile(np.repeat(values, counts), [0.16, 0.5, 0.84])
    np.testing.assert_allclose(weighted, repeated, atol=5e-3)
    with pytest.raises(DataError, match="negative"):
        weighted_quantiles(values, (0.5,), -counts.astype(float))


def test_pca_whitens() -> None:
    clouds = make()
    x = clouds.x.numpy()
    fitted = Standardizer.fit(clouds, method="pca").double()
    out = fitted.transform(clouds.x).numpy()
    np.testing.assert_allclose(out.mean(0), 0.0, atol=1e-3)
    np.testing.assert_allclose(np.cov(out.T, bias=True), np.eye(4), atol=1e-3)
    covariance = np.cov(x.T, bias=True)
    eigenvalues = np.sort(np.linalg.eigvalsh(covariance))[::-1]
    np.testing.assert_allclose(fitted.explained_variance_.numpy(), eigenvalues, rtol=1e-5)
    ratio = fitted.explained_variance_ratio_.numpy()
    np.testing.assert_allclose(ratio, eigenvalues / eigenvalues.sum(), rtol=1e-5)
    for vector, value in zip(fitted.components_.numpy(), eigenvalues, strict=True):
        np.testing.assert_allclose(covariance @ vector, value * vector, atol=1e-4)
    assert torch.allclose(fitted.inverse(fitted.transform(clouds.x)), clouds.x, atol=1e-2)
    assert "100.0% of the variance" in repr(fitted)


def test_pca_reduces_dimensions() -> None:
    clouds = make()
    full = Standardizer.fit(clouds, method="pca")
    two = Standardizer.fit(clouds, method="pca", num_components=2)
    assert two.num_outputs == 2
    assert torch.equal(two.components_, full.components_[:2])
    assert torch.allclose(two.transform(clouds.x.float()), full.transform(clouds.x.float())[:, :2])
    with pytest.raises(ConfigError, match="num_components"):
        Standardizer.fit(clouds, method="pca", num_components=5)
    with pytest.raises(ConfigError, match="num_components"):
        Standardizer.fit(clouds, num_components=2)


def test_constant_features_keep_width_one() -> None:
    clouds = make()
    clouds.x[:, 2] = 0.1
    with pytest.warns(UserWarning, match="width 1: py"):
        fitted = Standardizer.fit(clouds)
    assert fitted.width[2] == 1.0
    assert torch.isfinite(fitted.transform(clouds.x)).all()
    with pytest.warns(UserWarning, match="1 of 4 components"):
        fitted = Standardizer.fit(clouds, method="pca")
    assert torch.isfinite(fitted.transform(clouds.x)).all()
    with pytest.warns(UserWarning, match="py"):
        Standardizer.fit(clouds, method="quantile")


def test_forward_leaves_the_batch_alone() -> None:
    clouds = make(dtype=np.float32)
    fitted = Standardizer.fit(clouds)
    batch = clouds.batch([3, 1])
    before = batch.x.clone()
    out = fitted(batch)
    assert torch.equal(batch.x, before)
    assert isinstance(out, Batch)
    assert out.plan is batch.plan
    assert out.x.dtype == torch.float32
    np.testing.assert_allclose(
        out.x.numpy(),
        (before.numpy() - clouds.x.numpy().mean(0)) / clouds.x.numpy().std(0),
        rtol=1e-3,
        atol=1e-3,
    )
    none = Standardizer.fit(clouds, method="none")
    assert none(batch).x is batch.x


@pytest.mark.parametrize("method", ["mean-std", "quantile", "pca", "none"])
def test_config_and_state_restore_it(method: str) -> None:
    clouds = make()
    fitted = Standardizer.fit(clouds, method=method)
    again = Standardizer.from_config(json.loads(json.dumps(fitted.config)))
    again.load_state_dict(fitted.state_dict())
    assert torch.equal(again.transform(clouds.x), fitted.transform(clouds.x))
    assert again.config == fitted.config
    assert not list(fitted.parameters())


@pytest.mark.parametrize("method", ["mean-std", "quantile", "pca"])
def test_a_loader_gives_the_same_fit_as_the_clouds(method: str) -> None:
    clouds = make()
    loader = CloudLoader(clouds, 64, shuffle=True)
    streamed = Standardizer.fit(loader, method=method)
    assert loader.epoch == 0  # fitting is no epoch of the training
    fitted = Standardizer.fit(clouds, method=method)
    for name, value in fitted.state_dict().items():
        torch.testing.assert_close(streamed.state_dict()[name], value, rtol=1e-5, atol=1e-5)


def test_quantiles_of_a_long_stream_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    import pcgnn.data.standardize as standardize

    clouds = make(rows=20_000)
    monkeypatch.setattr(standardize, "_QUANTILE_ROWS", 4000)
    sampled = Standardizer.fit(CloudLoader(clouds, 50), method="quantile")
    exact = Standardizer.fit(clouds, method="quantile")
    assert not torch.equal(sampled.width, exact.width)
    torch.testing.assert_close(sampled.width, exact.width, rtol=0.06, atol=0.0)


def test_cache_depends_on_options_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clouds = make()
    first = Standardizer.fit_cached(clouds, tmp_path / "cache", method="pca")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    with monkeypatch.context() as patch:
        patch.setattr(Standardizer, "fit", None)  # a second fit would fail
        again = Standardizer.fit_cached(clouds.copy(), tmp_path / "cache", method="pca")
    assert torch.equal(again.components_, first.components_)
    assert again.config == first.config
    Standardizer.fit_cached(clouds, tmp_path / "cache", method="mean-std")
    changed = clouds.copy()
    changed.x[7, 0] += 100.0
    other = Standardizer.fit_cached(changed, tmp_path / "cache", method="pca")
    assert not torch.equal(other.mean, first.mean)
    stored = sorted((tmp_path / "cache").iterdir())
    assert len(stored) == 3
    for path in stored:
        path.write_bytes(path.read_bytes()[:100])
    repaired = Standardizer.fit_cached(clouds, tmp_path / "cache", method="pca")
    assert torch.equal(repaired.components_, first.components_)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="one of"):
        Standardizer.fit(make(), method="minmax")
    with pytest.raises(DataError, match="no x"):
        Standardizer.fit(ParticleClouds(pos=torch.ones(2, 2), ptr=torch.tensor([0, 2])))
    with pytest.raises(DataError, match="nothing to fit"):
        Standardizer.fit([])
    with pytest.raises(ConfigError, match="shared"):
        Standardizer.fit(make(), method="pca", shared=[["px", "py"]])
    with pytest.raises(ConfigError, match="not the configuration"):
        Standardizer.from_config({"features": 3})
