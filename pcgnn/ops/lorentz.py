"""Four-vectors (E, px, py, pz), metric (+, -, -, -): products, coordinates, transformations.

All functions are elementwise over leading axes and differentiable everywhere, with finite gradients
also at zero momentum. Units: GeV and rad.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.errors import DataError

__all__ = [
    "boost",
    "boost_to_rest_frame",
    "delta_phi",
    "eta",
    "from_pt_eta_phi_mass",
    "mass",
    "mass_squared",
    "minkowski_dot",
    "momentum",
    "phi",
    "pt",
    "rapidity",
    "rotate",
]

# A particle along the beam gets the pseudorapidity asinh(1e15) = 35.2 instead of infinity.
_STEEPEST = 1e15


def minkowski_dot(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute the product :math:`E_a E_b - \vec p_a \cdot \vec p_b`.

    **Shapes:** (..., 4), (..., 4) -> (...).

    Example:
        >>> minkowski_dot(torch.tensor([5.0, 3.0, 0.0, 0.0]), torch.tensor([1.0, 0.0, 0.0, 0.0]))
        tensor(5.)
    """
    product = _four(a) * _four(b)
    return product[..., 0] - product[..., 1:].sum(-1)


def momentum(p4: Tensor) -> Tensor:
    """Magnitude of the three-momentum.

    **Shapes:** (..., 4) -> (...).
    """
    return _hypot(pt(p4), p4[..., 3])


def mass_squared(p4: Tensor) -> Tensor:
    r"""Compute :math:`m^2 = (E - p)(E + p)`, which keeps more digits than :math:`E^2 - p^2`.

    Done in float64 and returned in the precision given. The mass of a light particle stored in
    float32 is lost already: :math:`m^2` is known to about :math:`10^{-7} E^2`, of either sign.

    **Shapes:** (..., 4) -> (...).
    """
    wide = _four(p4).double()
    p = momentum(wide)
    return ((wide[..., 0] - p) * (wide[..., 0] + p)).to(p4.dtype)


def mass(p4: Tensor) -> Tensor:
    r"""Compute the mass :math:`\sqrt{\max(m^2, 0)}`; space-like vectors have mass 0.

    **Shapes:** (..., 4) -> (...).

    Example:
        >>> mass(torch.tensor([5.0, 0.0, 3.0, 0.0]))
        tensor(4.)
    """
    wide = _four(p4).double()
    p = momentum(wide)
    squared = (wide[..., 0] - p) * (wide[..., 0] + p)
    positive = squared > 0
    root = torch.where(positive, squared, torch.ones_like(squared)).sqrt()
    return torch.where(positive, root, torch.zeros_like(root)).to(p4.dtype)


def pt(p4: Tensor) -> Tensor:
    """Transverse momentum.

    **Shapes:** (..., 4) -> (...).
    """
    _four(p4)
    return _hypot(p4[..., 1], p4[..., 2])


def phi(p4: Tensor) -> Tensor:
    """Azimuth in (-pi, pi]; 0 for a particle along the beam.

    **Shapes:** (..., 4) -> (...).
    """
    _four(p4)
    px, py = p4[..., 1], p4[..., 2]
    still = (px == 0) & (py == 0)
    return torch.atan2(py, torch.where(still, torch.ones_like(px), px))


def eta(p4: Tensor) -> Tensor:
    """Pseudorapidity asinh(pz / pt); at most 35.2 (along the beam), 0 for zero momentum.

    **Shapes:** (..., 4) -> (...).
    """
    across = pt(p4)
    smallest = torch.finfo(p4.dtype).tiny
    slope = p4[..., 3] / torch.where(across > smallest, across, torch.full_like(across, smallest))
    return torch.asinh(slope.clamp(-_STEEPEST, _STEEPEST))


def rapidity(p4: Tensor) -> Tensor:
    r"""Rapidity :math:`y = \mathrm{artanh}(p_z / E)`, from the transverse mass; finite if E > 0.

    **Shapes:** (..., 4) -> (...).
    """
    wide = _four(p4).double()
    across = _hypot(mass(wide), pt(wide))
    smallest = torch.finfo(torch.float64).tiny
    slope = wide[..., 3] / torch.where(across > smallest, across, torch.full_like(across, smallest))
    return torch.asinh(slope.clamp(-_STEEPEST, _STEEPEST)).to(p4.dtype)


def delta_phi(first: Tensor, second: Tensor) -> Tensor:
    """Difference of two azimuths, in [-pi, pi).

    **Shapes:** broadcast.

    Example:
        >>> delta_phi(torch.tensor(3.0), torch.tensor(-3.0)).round(decimals=4)
        tensor(-0.2832)
    """
    return torch.remainder(first - second + torch.pi, 2 * torch.pi) - torch.pi


def from_pt_eta_phi_mass(pt: Tensor, eta: Tensor, phi: Tensor, mass: Tensor) -> Tensor:
    """Make four-vectors from transverse momentum, pseudorapidity, azimuth and mass.

    **Shapes:** four of (...) -> (..., 4).
    """
    px, py, pz = pt * torch.cos(phi), pt * torch.sin(phi), pt * torch.sinh(eta)
    energy = _hypot(pt * torch.cosh(eta), mass)
    return torch.stack([energy, px, py, pz], -1)


def boost_to_rest_frame(p4: Tensor, frame: Tensor, *, least_mass: float = 1e-6) -> Tensor:
    r"""Express four-vectors in the rest frame of another.

    With the frame :math:`(E_f, \vec p_f)` of mass m:
    :math:`E' = (E E_f - \vec p \cdot \vec p_f) / m`,
    :math:`\vec p' = \vec p - \vec p_f\, (E + E') / (E_f + m)`.
    A frame without mass has no rest frame; its mass is taken as at least a share of its energy,
    which gives a large but finite boost. A frame of zeros leaves the four-vectors as they are.

    Args:
        p4: four-vectors in GeV.
        frame: four-vectors of the frames, broadcast against them.
        least_mass: that share; gamma is at most its inverse.

    **Shapes:** (..., 4), (..., 4) -> (..., 4).
    """
    nothing = (_four(frame) == 0).all(-1, keepdim=True)
    at_rest = torch.zeros_like(frame)
    at_rest[..., 0].fill_(1.0)
    frame = torch.where(nothing, at_rest, frame)
    m = torch.maximum(mass(frame), least_mass * frame[..., 0].abs())
    m = m.clamp(min=torch.finfo(frame.dtype).tiny)[..., None]
    energy = minkowski_dot(p4, frame)[..., None] / m
    share = (p4[..., :1] + energy) / (frame[..., :1] + m)
    return torch.cat([energy, p4[..., 1:] - frame[..., 1:] * share], -1)


def boost(p4: Tensor, beta: Tensor) -> Tensor:
    r"""Boost four-vectors: a particle at rest afterwards moves with the velocity ``beta``.

    .. math::
        E' = \gamma (E + \vec\beta \cdot \vec p), \qquad
        \vec p' = \vec p + \vec\beta\, \gamma \Big(E + \frac{\gamma}{1 + \gamma}
        \vec\beta \cdot \vec p\Big)

    Args:
        p4: four-vectors in GeV.
        beta: velocities in units of c, below 1 in magnitude.

    **Shapes:** (..., 4), (..., 3) -> (..., 4).
    """
    _four(p4)
    if beta.size(-1) != 3:
        raise DataError(f"a velocity has 3 components, got the shape {tuple(beta.shape)}")
    gamma = (1 - (beta * beta).sum(-1, keepdim=True)).rsqrt()
    along = (beta * p4[..., 1:]).sum(-1, keepdim=True)
    energy = gamma * (p4[..., :1] + along)
    change = beta * (gamma * (p4[..., :1] + gamma / (1 + gamma) * along))
    return torch.cat([energy, p4[..., 1:] + change], -1)


def rotate(p4: Tensor, axis: Tensor, angle: Tensor | float) -> Tensor:
    """Rotate the three-momenta about an axis, by the right-hand rule (Rodrigues' formula).

    Args:
        p4: four-vectors in GeV.
        axis: directions of the axes, of any length but zero.
        angle: angles in rad, with one trailing axis fewer than p4, or a number.

    **Shapes:** (..., 4), (..., 3), (...) -> (..., 4).
    """
    _four(p4)
    if axis.size(-1) != 3:
        raise DataError(f"an axis has 3 components, got the shape {tuple(axis.shape)}")
    p = p4[..., 1:]
    n = (axis / torch.linalg.vector_norm(axis, dim=-1, keepdim=True)).expand_as(p)
    turn = torch.as_tensor(angle, dtype=p4.dtype, device=p4.device)[..., None]
    cos, sin = torch.cos(turn), torch.sin(turn)
    along = (n * p).sum(-1, keepdim=True)
    turned = p * cos + torch.linalg.cross(n, p) * sin + n * along * (1 - cos)
    return torch.cat([p4[..., :1], turned], -1)


def _four(p4: Tensor) -> Tensor:
    if p4.dim() < 1 or p4.size(-1) != 4:
        raise DataError(f"four-vectors have 4 components, got the shape {tuple(p4.shape)}")
    return p4


def _hypot(a: Tensor, b: Tensor) -> Tensor:
    """Root of the sum of squares without overflow, with gradient 0 at the origin."""
    origin = (a == 0) & (b == 0)
    length = torch.hypot(torch.where(origin, torch.ones_like(a), a), b)
    return torch.where(origin, torch.zeros_like(length), length)
