"""Jets as images: the transverse momentum of the constituents on a grid in eta and phi."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from pcgnn.errors import ConfigError, DataError
from pcgnn.ops.lorentz import eta, pt
from pcgnn.ops.ragged import graph_index

__all__ = ["Centre", "ImageChannel", "Intensity", "check_image_options", "jet_images"]

ImageChannel: TypeAlias = Literal["pt", "energy", "multiplicity"]
Centre: TypeAlias = Literal["centroid", "hardest", "axis"]
Intensity: TypeAlias = Literal["linear", "sqrt", "log"]

# Lines of the grid, in pixels, beside the place where centring and rotating put particles: a sole
# particle at the origin, two of them on the vertical axis, both but for rounding.
_OFF_LINE = 1e-3
# ln(1 + v / c) / ln(1 + 1 / c) of a share v of the jet
_LOG_SCALE = 1e-3


def jet_images(
    p4: Tensor,
    ptr: Tensor,
    *,
    pixels: int = 40,
    half_width: float = 0.8,
    channels: Sequence[ImageChannel] = ("pt",),
    centre: Centre = "centroid",
    rotate: bool = True,
    flip: bool = True,
    normalise: bool = True,
    intensity: Intensity = "linear",
) -> Tensor:
    r"""Make an image of every jet.

    The preprocessing of "Deep-learning Top Taggers or The End of QCD?" (`arXiv:1701.08784
    <https://arxiv.org/abs/1701.08784>`__), done before the grid is laid (as in `arXiv:1803.00107
    <https://arxiv.org/abs/1803.00107>`__), with the shares :math:`z_i = p_{T,i} / \sum_j p_{T,j}`:

    1. centre: :math:`\eta_i, \phi_i` relative to the centroid :math:`\sum_i z_i (\eta_i, \phi_i)`,
       the hardest particle, or no more than the axis of the jet, which is the sum of its momenta;
    2. rotate: the principal axis of :math:`\sum_i z_i\, r_i r_i^T` becomes vertical, and the half
       with more pT is turned upwards;
    3. flip: mirrored so that the right half has more pT, and the upper one too if not rotated;
    4. pixelise: sums over the particles of each pixel; what is outside the window is lost;
    5. normalise: each channel is divided by its sum over all particles of the jet, those outside
       the window among them.

    Azimuths are differences from the axis of the jet, so that a jet at :math:`\phi = \pi` is whole.
    The grid is shifted by a thousandth of a pixel: what lies on the axes by construction falls into
    one pixel, whatever the rounding. Images of momenta without a direction are finite: particles
    along the beam are outside the window, a jet without transverse momentum has a pT of 0
    everywhere. Gradients pass to the momenta through the intensities, not through the coordinates.

    Args:
        p4: four-vectors E, px, py, pz in GeV.
        ptr: offsets of the jets.
        pixels: pixels per side.
        half_width: half a side of the window, in eta and in phi (rad).
        channels: "pt", "energy" and "multiplicity" (number of particles), in the order wanted.
        centre: origin: "centroid", "hardest" particle or "axis" of the jet.
        rotate: whether to rotate.
        flip: whether to flip.
        normalise: whether to normalise; otherwise GeV and counts.
        intensity: v as it is ("linear"), its square root ("sqrt"), or "log":
            :math:`\ln(1 + 10^3 v) / \ln(1 + 10^3)`.

    **Shapes:** p4 (N, 4), ptr (G + 1,) -> (G, channels, pixels, pixels). Rows run along the
    vertical (phi without rotation) from the lowest up, columns along the horizontal (eta).

    Raises:
        ConfigError: no pixels or channels, a window without width, or names that do not exist.
        DataError: if shapes do not fit together.

    Example:
        >>> p4 = torch.tensor([[5.0, 3.0, 0.0, 4.0], [5.0, 0.0, 3.0, 4.0], [5.0, 3.0, 0.0, 4.0]])
        >>> images = jet_images(p4, torch.tensor([0, 2, 3]), pixels=5, half_width=1.0)
        >>> images.shape
        torch.Size([2, 1, 5, 5])
        >>> images[0, 0, :, 2]  # two particles, pi / 2 apart
        tensor([0.5000, 0.0000, 0.0000, 0.0000, 0.5000])
    """
    check_image_options(pixels, half_width, channels, centre, intensity)
    if p4.dim() != 2 or p4.size(1) != 4 or ptr.dim() != 1 or ptr.numel() < 1:
        raise DataError(f"no jets: four-vectors {tuple(p4.shape)}, offsets {tuple(ptr.shape)}")
    if p4.dtype in (torch.float16, torch.bfloat16):
        p4 = p4.float()
    jets = ptr.numel() - 1
    jet = graph_index(ptr, p4.size(0))
    # columns side by side: arithmetic on every fourth number is several times slower
    columns = p4.t().contiguous()
    rows = columns.t()
    transverse = pt(rows)
    share = _share(transverse, jet, jets)
    with torch.no_grad():
        x, y = _relative_to_axis(rows.detach(), jet, jets)
        z = share.detach()
        if centre != "axis":
            x, y = _centred(x, y, z, rows.detach(), jet, jets, centre)
        if rotate:
            x, y = _upright(x, y, z, jet, jets)
        x, y = _towards_positive(x, y, z, jet, jets, rotate=rotate, flip=flip)
        scale = pixels / (2 * half_width)
        column = (x * scale + (pixels / 2 + _OFF_LINE)).floor()
        row = (y * scale + (pixels / 2 + _OFF_LINE)).floor()
        inside = (column >= 0) & (column < pixels) & (row >= 0) & (row < pixels)
        size = pixels * pixels
        # one place behind all images takes what is outside: no masks, no question to the device
        outside = jets * len(channels) * size
        place = torch.where(inside, row * pixels + column, 0).long() + jet * (len(channels) * size)
    flat = p4.new_zeros(outside + 1)
    for number, name in enumerate(channels):
        if name == "pt":
            value = share if normalise else transverse
        else:
            value = columns[0] if name == "energy" else torch.ones_like(transverse)
            value = _share(value, jet, jets) if normalise else value
        flat = flat.index_add(0, torch.where(inside, place + number * size, outside), value)
    images = flat[:-1].view(jets, len(channels), pixels, pixels)
    if intensity == "sqrt":
        lit = images > 0  # where, twice: the root has no gradient at 0
        images = torch.where(lit, torch.where(lit, images, 1.0).sqrt(), 0.0)
    elif intensity == "log":
        images = (images.clamp(min=0) / _LOG_SCALE).log1p() / math.log1p(1 / _LOG_SCALE)
    return images


def check_image_options(
    pixels: int,
    half_width: float,
    channels: Sequence[str],
    centre: str = "centroid",
    intensity: str = "linear",
) -> None:
    """Refuse options of :func:`jet_images` that make no image.

    Raises:
        ConfigError: naming the option and what it may be.
    """
    if pixels < 1 or not 0 < half_width < math.inf:
        raise ConfigError(
            f"images of {pixels} pixels a side and half a width of {half_width}",
            remedy="both must be positive",
        )
    unknown = [name for name in channels if name not in get_args(ImageChannel)]
    if unknown or not channels or isinstance(channels, str):
        raise ConfigError(
            f"channels = {channels!r}",
            remedy=f"list at least one of {', '.join(get_args(ImageChannel))}",
        )
    if centre not in get_args(Centre):
        raise ConfigError(
            f"no such centre of images: {centre!r}",
            remedy=f"use one of {', '.join(get_args(Centre))}",
        )
    if intensity not in get_args(Intensity):
        raise ConfigError(
            f"no such scale of intensity: {intensity!r}",
            remedy=f"use one of {', '.join(get_args(Intensity))}",
        )


def _sum(values: Tensor, jet: Tensor, jets: int) -> Tensor:
    return values.new_zeros(jets).index_add(0, jet, values)


def _share(values: Tensor, jet: Tensor, jets: int) -> Tensor:
    """Share of each particle in the sum over its jet; 0 where that is not positive."""
    total = _sum(values, jet, jets)
    positive = total > 0
    total = torch.where(positive, total, 1.0).index_select(0, jet)
    # a quotient, not the product with an inverse: of a sole particle it is exactly 1
    return torch.where(positive.index_select(0, jet), values / total, 0.0)


def _relative_to_axis(p4: Tensor, jet: Tensor, jets: int) -> tuple[Tensor, Tensor]:
    """Eta and phi (rad) of particles relative to the sum of the momenta of their jet."""
    _, px, py, pz = p4.unbind(1)
    total = torch.stack([_sum(p, jet, jets) for p in (px, px, py, pz)], 1)
    length = pt(total)
    still = length == 0
    cos = torch.where(still, 1.0, total[:, 1] / torch.where(still, 1.0, length))
    sin = torch.where(still, 0.0, total[:, 2] / torch.where(still, 1.0, length))
    cos, sin = cos.index_select(0, jet), sin.index_select(0, jet)
    # turned by the azimuth of the axis: no difference of angles, nothing to wrap around
    along, across = px * cos + py * sin, py * cos - px * sin
    return eta(p4) - eta(total).index_select(0, jet), torch.atan2(across, along)


def _centred(
    x: Tensor, y: Tensor, z: Tensor, p4: Tensor, jet: Tensor, jets: int, centre: Centre
) -> tuple[Tensor, Tensor]:
    if centre == "centroid":
        x0, y0 = _sum(z * x, jet, jets), _sum(z * y, jet, jets)
    else:
        hardest = _hardest(p4, jet, jets)
        x0, y0 = x.index_select(0, hardest), y.index_select(0, hardest)
    return x - x0.index_select(0, jet), y - y0.index_select(0, jet)


def _hardest(p4: Tensor, jet: Tensor, jets: int) -> Tensor:
    """Index of the hardest particle of each jet, the first of equal ones; 0 of an empty jet."""
    # squares are rounded correctly wherever in a vector they stand, a hypotenuse is not
    across = p4[:, 1:3].double().square()
    squared = across[:, 0] + across[:, 1]
    most = squared.new_zeros(jets).scatter_reduce(0, jet, squared, "amax")
    count = squared.numel()
    index = torch.arange(count, device=jet.device)
    candidate = torch.where(squared == most.index_select(0, jet), index, count)
    first = candidate.new_full((jets,), count).scatter_reduce(0, jet, candidate, "amin")
    return torch.where(first < count, first, 0)


def _upright(x: Tensor, y: Tensor, z: Tensor, jet: Tensor, jets: int) -> tuple[Tensor, Tensor]:
    """Turn the principal axis of the second moments into the vertical."""
    zx = z * x
    xx, xy, yy = (_sum(v, jet, jets) for v in (zx * x, zx * y, z * y * y))
    # cosine and sine of the angle from the axis to the vertical
    angle = 0.5 * torch.atan2(2 * xy, torch.where((xy == 0) & (xx == yy), -1.0, xx - yy))
    cos, sin = angle.sin().index_select(0, jet), angle.cos().index_select(0, jet)
    return cos * x - sin * y, sin * x + cos * y


def _towards_positive(
    x: Tensor, y: Tensor, z: Tensor, jet: Tensor, jets: int, *, rotate: bool, flip: bool
) -> tuple[Tensor, Tensor]:
    """Bring the halves with more pT up, by half a turn or by a mirror, and to the right."""
    if not (rotate or flip):
        return x, y
    one = torch.ones(jets, dtype=z.dtype, device=z.device)
    up = torch.where(_sum(z * y.sign(), jet, jets) < 0, -one, one)
    right = torch.where(_sum(z * x.sign(), jet, jets) < 0, -one, one)
    if not flip:
        right = up  # half a turn
    return x * right.index_select(0, jet), y * up.index_select(0, jet)
