"""Average jet images: what the pixels show, and what is refused."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import LogNorm

from pcgnn import plots
from pcgnn.errors import DataError


def test_each_class_shows_the_mean_of_its_images_on_one_scale() -> None:
    rng = np.random.default_rng(0)
    images = rng.exponential(size=(20, 2, 6, 6)) * (rng.random((20, 2, 6, 6)) < 0.3)
    y = np.arange(20) % 2
    figure = plots.jet_image(images, y, half_width=0.6, classes=("QCD", "top"), channel=1)
    left, right, bar = figure.axes
    brightest = max(images[y == c, 1].mean(0).max() for c in (0, 1))
    for c, ax in enumerate((left, right)):
        (mesh,) = ax.collections
        shown = np.ma.filled(mesh.get_array(), 0.0).reshape(6, 6)
        np.testing.assert_allclose(shown, images[y == c, 1].mean(0))
        assert isinstance(mesh.norm, LogNorm)
        assert mesh.norm.vmax == pytest.approx(brightest)
        assert ax.get_xlim() == pytest.approx((-0.6, 0.6))
        # row 0 is the lowest
        corners = np.asarray(mesh.get_coordinates())
        assert corners[0, 0] == pytest.approx([-0.6, -0.6])
        assert corners[-1, 0] == pytest.approx([-0.6, 0.6])
        assert ax.get_xlabel() == "Across the principal axis"
    assert left.get_ylabel() == "Along the principal axis"
    assert [a.get_title(loc="left") for a in (left, right)] == ["QCD: 10 jets", "top: 10 jets"]
    assert bar.get_ylabel() == r"Mean share of $p_T$"


def test_images_that_were_not_rotated_have_eta_and_phi_on_their_axes() -> None:
    ax = plots.jet_image(np.ones((3, 4, 4)), rotated=False).axes[0]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\Delta\eta$", r"$\Delta\phi$ [rad]")
    assert ax.get_title(loc="left") == "all: 3 jets"


def test_what_makes_no_picture_is_refused() -> None:
    images = np.ones((3, 1, 4, 4))
    with pytest.raises(DataError, match=r"channel 1"):
        plots.jet_image(images, channel=1)
    with pytest.raises(DataError, match=r"classes of shape \(2,\) for 3 images"):
        plots.jet_image(images, [0, 1])
    with pytest.raises(DataError, match="class 1 has no name"):
        plots.jet_image(images, [0, 1, 1], classes=["QCD"])
    with pytest.raises(DataError, match="dark"):
        plots.jet_image(0 * images)


def test_the_figure_needs_no_torch() -> None:
    code = "import sys, pcgnn.plots.jet_images; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
