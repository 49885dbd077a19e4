"""Images of jets against numpy's histograms, jet by jet, and the symmetries they must have."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.ops import jet_images
from pcgnn.ops.lorentz import boost, from_pt_eta_phi_mass, rotate

FloatArray = npt.NDArray[np.float64]


def some_jets(number: int = 60, seed: int = 0, spread: float = 0.25) -> tuple[Tensor, Tensor]:
    """Massless jets with three cores, around the seam of the azimuth, in float64."""
    g = np.random.default_rng(seed)
    sizes = g.integers(1, 60, number)
    ptr = np.concatenate([[0], np.cumsum(sizes)])
    jet = np.repeat(np.arange(number), sizes)
    cores = g.normal(0, 0.3, (number, 3, 2))
    where = cores[jet, g.integers(0, 3, len(jet))] + g.normal(0, spread, (len(jet), 2)) ** 3
    axis = np.stack([g.uniform(-2, 2, number), g.normal(np.pi, 0.3, number)], 1)
    pt = torch.from_numpy(g.exponential(10, len(jet)) + 0.5)
    eta, phi = torch.from_numpy(where + axis[jet]).unbind(1)
    return from_pt_eta_phi_mass(pt, eta, phi, torch.zeros_like(pt)), torch.from_numpy(ptr)


def one_image(
    p4: FloatArray,
    *,
    pixels: int = 40,
    half_width: float = 0.8,
    channel: str = "pt",
    centre: str = "centroid",
    rotate: bool = True,
    flip: bool = True,
    normalise: bool = True,
    intensity: str = "linear",
) -> FloatArray:
    """One jet, as one writes it first."""
    energy, px, py, pz = p4.T
    pt, eta, phi = np.hypot(px, py), np.arcsinh(pz / np.hypot(px, py)), np.arctan2(py, px)
    total = p4.sum(0)
    eta = eta - np.arcsinh(total[3] / np.hypot(total[1], total[2]))
    phi = np.mod(phi - np.arctan2(total[2], total[1]) + np.pi, 2 * np.pi) - np.pi
    if centre == "centroid":
        eta, phi = eta - np.average(eta, weights=pt), phi - np.average(phi, weights=pt)
    elif centre == "hardest":
        eta, phi = eta - eta[pt.argmax()], phi - phi[pt.argmax()]
    if rotate:
        r = np.stack([eta, phi])
        _, vectors = np.linalg.eigh((pt * r) @ r.T)
        up = vectors[:, 1]
        eta, phi = up[1] * eta - up[0] * phi, up @ r
        if pt[phi < 0].sum() > pt[phi > 0].sum():
            eta, phi = -eta, -phi
    if flip:
        if pt[eta < 0].sum() > pt[eta > 0].sum():
            eta = -eta
        if pt[phi < 0].sum() > pt[phi > 0].sum():
            phi = -phi
    weight = {"pt": pt, "energy": energy, "multiplicity": np.ones(len(pt))}[channel]
    pixel = 2 * half_width / pixels
    edges = -half_width + (np.arange(pixels + 1) - 1e-3) * pixel
    image, _, _ = np.histogram2d(phi, eta, bins=[edges, edges], weights=weight)
    if normalise:
        image = image / weight.sum()
    if intensity == "log":
        image = np.log(1 + 1000 * image) / np.log(1001)
    return np.sqrt(image) if intensity == "sqrt" else image


def plain(p4: Tensor, ptr: Tensor, **options: Any) -> Tensor:
    parts = np.split(p4.numpy(), ptr.numpy()[1:-1])
    return torch.from_numpy(np.stack([one_image(part, **options) for part in parts]))


@pytest.mark.parametrize("centre", ["centroid", "hardest", "axis"])
@pytest.mark.parametrize("rotate", [True, False])
@pytest.mark.parametrize("flip", [True, False])
def test_images_are_numpys_histograms(centre: Any, rotate: bool, flip: bool) -> None:
    p4, ptr = some_jets()
    options = {"centre": centre, "rotate": rotate, "flip": flip}
    images = jet_images(p4, ptr, **options)
    assert images.shape == (60, 1, 40, 40)
    torch.testing.assert_close(images[:, 0], plain(p4, ptr, **options), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("intensity", ["linear", "sqrt", "log"])
def test_channels_and_intensities_stand_side_by_side(intensity: Any) -> None:
    p4, ptr = some_jets(seed=1)
    names = ["multiplicity", "pt", "energy"]
    images = jet_images(p4, ptr, channels=names, pixels=15, half_width=0.3, intensity=intensity)  # type: ignore[arg-type]
    for number, name in enumerate(names):
        expected = plain(p4, ptr, channel=name, pixels=15, half_width=0.3, intensity=intensity)
        torch.testing.assert_close(images[:, number], expected, rtol=1e-10, atol=1e-12)


def test_without_normalisation_pixels_hold_gev_and_particles() -> None:
    p4, ptr = some_jets(seed=2)
    images = jet_images(
        p4, ptr, channels=["pt", "multiplicity"], half_width=1.5, pixels=9, normalise=False
    )
    expected = plain(p4, ptr, half_width=1.5, pixels=9, normalise=False)
    torch.testing.assert_close(images[:, 0], expected)
    torch.testing.assert_close(images[:, 1].sum((1, 2)), ptr.diff().double())


@pytest.mark.parametrize("half_width", [0.1, 0.4, 3.0])
def test_the_sum_is_the_share_of_momentum_inside_the_window(half_width: float) -> None:
    p4, ptr = some_jets()
    total = jet_images(p4, ptr, half_width=half_width, rotate=False, flip=False).sum((1, 2, 3))
    for number, jet in enumerate(p4.tensor_split(ptr[1:-1])):
        pt = jet[:, 1].hypot(jet[:, 2])
        eta, phi = (jet[:, 3] / pt).asinh(), torch.atan2(jet[:, 2], jet[:, 1]) % (2 * torch.pi)
        eta, phi = eta - (pt * eta).sum() / pt.sum(), phi - (pt * phi).sum() / pt.sum()
        inside = (eta.abs() < half_width) & (phi.abs() < half_width)
        assert float(total[number]) == pytest.approx(float(pt[inside].sum() / pt.sum()), abs=1e-9)
    if half_width == 3.0:
        torch.testing.assert_close(total, torch.ones_like(total))


def test_turns_about_the_beam_and_boosts_along_it_change_nothing() -> None:
    p4, ptr = some_jets()
    images = jet_images(p4, ptr)
    along = torch.tensor([0.0, 0.0, 0.6], dtype=torch.float64)
    for move in (
        lambda v: rotate(v, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64), 2.0),
        lambda v: boost(v, along),
    ):
        torch.testing.assert_close(jet_images(move(p4), ptr), images, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("axis", [2, 3])
def test_mirrored_jets_have_the_same_image_once_flipped(axis: int) -> None:
    p4, ptr = some_jets()
    mirrored = p4.clone()
    mirrored[:, axis] *= -1  # phi or eta
    torch.testing.assert_close(jet_images(mirrored, ptr), jet_images(p4, ptr))
    unlike = jet_images(mirrored, ptr, flip=False) != jet_images(p4, ptr, flip=False)
    assert unlike.flatten(1).any(1)[ptr.diff() > 3].all()


def test_a_turn_in_the_plane_of_eta_and_phi_is_undone() -> None:
    g = torch.Generator().manual_seed(1)
    pt = torch.rand(25, generator=g, dtype=torch.float64) + 0.1
    place = torch.randn(25, 2, generator=g, dtype=torch.float64) * torch.tensor([0.1, 0.2])
    place -= (pt[:, None] * place).sum(0) / pt.sum()
    images = []
    for angle in (0.0, 0.4, 2.0, 3.0, 5.5):
        cos, sin = np.cos(angle), np.sin(angle)
        turned = place @ torch.tensor([[cos, sin], [-sin, cos]], dtype=torch.float64)
        p4 = from_pt_eta_phi_mass(pt, turned[:, 0], turned[:, 1], torch.zeros_like(pt))
        images.append(jet_images(p4, torch.tensor([0, 25]), flip=False))
    for image in images[1:]:
        torch.testing.assert_close(image, images[0])


def test_the_long_axis_is_vertical_and_the_hard_quadrant_is_up_and_right() -> None:
    p4, ptr = some_jets(200)
    images = jet_images(p4, ptr, half_width=3.0, pixels=120)[:, 0]  # nothing outside
    several = ptr.diff() > 3
    for side, other in (
        (images[:, 60:], images[:, :60]),
        (images[:, :, 60:], images[:, :, :60]),
    ):
        assert (side.sum((1, 2)) > other.sum((1, 2)))[several].all()
    offset = (torch.arange(120) - 59.5) * 0.05
    across, along = ((images.sum(axis) * offset**2).sum(1) for axis in (1, 2))
    assert (across < along + 2e-3).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-20, 1.0, 1e18])
@pytest.mark.parametrize("centre", ["centroid", "hardest", "axis"])
def test_jets_without_extent_are_finite(dtype: torch.dtype, scale: float, centre: Any) -> None:
    one = torch.tensor([[50.0, 30.0, 0.0, 40.0]], dtype=torch.float64)
    along = torch.tensor([[7.0, 0.0, 0.0, 7.0]], dtype=torch.float64)
    back_to_back = torch.cat([one, one * torch.tensor([1.0, -1, -1, -1])])
    jets = [one, one.expand(7, 4), along, torch.cat([along, one]), back_to_back, 0 * one]
    ptr = torch.tensor([0, 1, 8, 9, 11, 13, 14])
    p4 = (torch.cat(jets) * scale).to(dtype).requires_grad_()
    for intensity in ("linear", "sqrt", "log"):
        images = jet_images(
            p4,
            ptr,
            centre=centre,
            intensity=intensity,  # type: ignore[arg-type]
            channels=["pt", "energy", "multiplicity"],
        )
        assert images.dtype == dtype
        assert images.isfinite().all()
        (gradient,) = torch.autograd.grad(images.sum(), p4)
        assert gradient.isfinite().all()
    share = jet_images(p4, ptr, centre=centre)[:, 0]
    middle = share[:2, 20, 20]
    torch.testing.assert_close(middle, torch.full_like(middle, 1.0 if scale else 0.0))


def test_the_images_of_a_jet_do_not_depend_on_the_others() -> None:
    p4, ptr = some_jets()
    images = jet_images(p4, ptr)
    parts = p4.tensor_split(ptr[1:-1])
    alone = [jet_images(part, torch.tensor([0, len(part)])) for part in parts]
    torch.testing.assert_close(torch.cat(alone), images)
    assert jet_images(p4[:0], torch.tensor([0])).shape == (0, 1, 40, 40)


def test_wrong_options_are_named() -> None:
    p4, ptr = some_jets(3)
    with pytest.raises(ConfigError, match="0 pixels"):
        jet_images(p4, ptr, pixels=0)
    with pytest.raises(ConfigError, match="half a width of -1"):
        jet_images(p4, ptr, half_width=-1)
    with pytest.raises(ConfigError, match=r"charge.*multiplicity"):
        jet_images(p4, ptr, channels=["charge"])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match=r"median.*centroid"):
        jet_images(p4, ptr, centre="median")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"cube.*log"):
        jet_images(p4, ptr, intensity="cube")  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"\(2, 3\)"):
        jet_images(torch.zeros(2, 3), torch.tensor([0, 2]))
