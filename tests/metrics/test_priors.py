"""Other class shares and likelihood ratios against Gaussians, whose ratio is known."""

from __future__ import annotations

import numpy as np
import pytest

from pcgnn.errors import ConfigError
from pcgnn.metrics import at_priors, likelihood_ratio


def posterior(x: np.ndarray, shares: list[float]) -> np.ndarray:
    densities = np.exp(-0.5 * (x[:, None] - np.array([0.0, 1.0, 3.0])) ** 2)
    both = densities * np.array(shares)
    return both / both.sum(1, keepdims=True)


def test_posterior_at_other_shares_is_bayes() -> None:
    x = np.linspace(-3, 5, 50)
    first, second = [0.7, 0.2, 0.1], [0.1, 0.1, 0.8]
    found = at_priors(posterior(x, first), first, second)
    np.testing.assert_allclose(found, posterior(x, second), rtol=1e-12)
    back = at_priors(found, second, first)
    np.testing.assert_allclose(back, posterior(x, first), rtol=1e-12)


def test_likelihood_ratio_of_gaussians() -> None:
    x = np.linspace(-3, 5, 50)
    shares = [0.7, 0.2, 0.1]
    found = likelihood_ratio(posterior(x, shares), shares)
    np.testing.assert_allclose(np.log(found), x - 0.5, rtol=1e-9, atol=1e-12)
    other = likelihood_ratio(posterior(x, shares), shares, numerator=2, denominator=1)
    np.testing.assert_allclose(np.log(other), 2 * x - 4, rtol=1e-9, atol=1e-12)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="shares"):
        at_priors([[0.5, 0.5]], [1.0, 0.0])
    with pytest.raises(ConfigError, match="shares"):
        at_priors([[0.5, 0.5]], [1.0, 1.0, 1.0])
    with pytest.raises(ConfigError, match="no class 2"):
        likelihood_ratio([[0.5, 0.5]], numerator=2)
    with pytest.raises(ConfigError, match="shape"):
        likelihood_ratio([0.5, 0.5])
    assert likelihood_ratio([[0.0, 1.0]]).tolist() == [np.inf]
