"""What two particles have to do with each other, seen from the beam: kT, z, dR and mass."""

from __future__ import annotations

import torch
from torch import Tensor

from pcgnn.ops.lorentz import delta_phi, minkowski_dot, phi, pt

__all__ = ["PAIR_FEATURES", "pair_kinematics"]

PAIR_FEATURES = ("ln_kt", "ln_z", "ln_delta_r", "ln_mass_squared")

# a particle along the beam, with E = |pz|, gets a large rapidity instead of an infinite one
_LEAST_LIGHT_CONE = 1e-20


def pair_kinematics(p4: Tensor, first: Tensor, second: Tensor, *, eps: float = 1e-8) -> Tensor:
    r"""Compute the pairwise features of the Particle Transformer (arXiv:2202.03772).

    With the rapidity y and the azimuth :math:`\phi` of two particles a and b,

    .. math::
        \Delta = \sqrt{(y_a - y_b)^2 + (\phi_a - \phi_b)^2}, \quad
        k_T = \min(p_{T,a}, p_{T,b})\, \Delta, \quad
        z = \frac{\min(p_{T,a}, p_{T,b})}{p_{T,a} + p_{T,b}}, \quad
        m^2 = (E_a + E_b)^2 - |\vec p_a + \vec p_b|^2

    and the features are :math:`\ln k_T, \ln z, \ln \Delta, \ln m^2`, each argument at least
    ``eps``. All are symmetric in the pair and unchanged by rotations about the beam and boosts
    along it. Computed and returned in float64: the mass of a pair of near particles is a small
    difference of large numbers, and squares of large momenta overflow in float32. Gradients with
    respect to the four-vectors are finite, also of a particle with itself.

    Args:
        p4: four-vectors E, px, py, pz in GeV.
        first: one particle of each pair.
        second: the other, possibly the same.
        eps: least value of kT in GeV, z, Delta and m^2 in GeV^2.

    **Shapes:** p4 (N, 4), first and second (P,) -> (P, 4), float64.

    Example:
        >>> p4 = torch.tensor([[5.0, 3.0, 0.0, 0.0], [5.0, 0.0, 3.0, 0.0]])
        >>> pair_kinematics(p4, torch.tensor([0]), torch.tensor([1])).exp().round(decimals=3)
        tensor([[ 4.7120,  0.5000,  1.5710, 82.0000]], dtype=torch.float64)
    """
    wide = p4.double()
    columns = torch.cat([wide, torch.stack([pt(wide), _rapidity(wide), phi(wide)], 1)], 1)
    a, b = columns.index_select(0, first), columns.index_select(0, second)
    # squares and half the logarithm: a root has no gradient at 0
    apart = (a[:, 5] - b[:, 5]).square() + delta_phi(a[:, 6], b[:, 6]).square()
    softer = torch.minimum(a[:, 4], b[:, 4])
    kt_squared = softer.square() * apart
    z = softer / (a[:, 4] + b[:, 4]).clamp(min=eps)
    together = a[:, :4] + b[:, :4]
    mass_squared = minkowski_dot(together, together)
    return torch.stack(
        [
            0.5 * kt_squared.clamp(min=eps**2).log(),
            z.clamp(min=eps).log(),
            0.5 * apart.clamp(min=eps**2).log(),
            mass_squared.clamp(min=eps).log(),
        ],
        1,
    )


def _rapidity(p4: Tensor) -> Tensor:
    """Rapidity from energy and longitudinal momentum; 0 for no momentum at all."""
    forward = (p4[:, 0] + p4[:, 3]).clamp(min=_LEAST_LIGHT_CONE)
    backward = (p4[:, 0] - p4[:, 3]).clamp(min=_LEAST_LIGHT_CONE)
    return 0.5 * (forward.log() - backward.log())
