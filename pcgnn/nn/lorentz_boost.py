"""Combinations of particles, seen from the rest frames of other combinations."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor, nn

from pcgnn.errors import ConfigError
from pcgnn.nn.rank_weights import Beyond, RankCombinations
from pcgnn.ops.lorentz import boost_to_rest_frame

__all__ = ["BoostMode", "LorentzBoosts"]

BoostMode: TypeAlias = Literal["pairs", "product", "combinations"]

# of a frame without mass, as a share of its energy: gamma of a single pion in a jet is about that
LEAST_MASS = 1e-3
# momentum left of a share of the energy, in float64 with gamma up to a thousand
AT_REST = 1e-9


class LorentzBoosts(nn.Module):
    r"""The boosts of a Lorentz Boost Network.

    From "Lorentz Boost Networks: autonomous physics-inspired feature engineering"
    (`arXiv:1812.09722 <https://arxiv.org/abs/1812.09722>`__): combinations of the particles of a
    graph with non-negative weights :math:`|W|`, boosted into the rest frames of other combinations
    R of the same particles,

    .. math::
        \Lambda = \begin{pmatrix} \gamma & -\gamma\beta\, n^T \\
            -\gamma\beta\, n & 1 + (\gamma - 1)\, n n^T \end{pmatrix}, \qquad
        \beta = |\vec p_R| / E_R, \quad \gamma = E_R / m_R, \quad n = \vec p_R / |\vec p_R|

    As ``"pairs"`` each combination has a frame of its own; as ``"product"`` each one is boosted
    into each frame; as ``"combinations"`` the frames are the combinations themselves, each boosted
    into the frames of all others. A frame without mass is given a thousandth of its energy, one of
    zeros leaves everything as it is. Computed in float64.

    Args:
        ranks: ranks with weights of their own, by falling transverse momentum.
        particles: combinations of particles M.
        frames: rest frames; None for as many.
        mode: "pairs", "product" or "combinations".
        beyond: whether further particles "drop" out or "share" the weights of the last rank.

    **Shapes:** (graphs, width, 4) in float64, zeros beyond the particles of a graph -> (graphs,
    count, 4) with the ``count`` M, M times frames, or M(M - 1).

    Raises:
        ConfigError: sizes below 1, or numbers that do not fit the mode.

    Example:
        >>> LorentzBoosts(10, 4, mode="combinations").count
        12
    """

    others: Tensor

    def __init__(
        self,
        ranks: int,
        particles: int,
        frames: int | None = None,
        *,
        mode: BoostMode = "pairs",
        beyond: Beyond = "drop",
    ) -> None:
        super().__init__()
        if mode not in get_args(BoostMode):
            raise ConfigError(
                f"mode = {mode!r}", remedy="choose 'pairs', 'product' or 'combinations'"
            )
        if particles < 1 or (mode == "combinations" and particles < 2):
            raise ConfigError(f"{particles} combinations, mode {mode!r}", remedy="give more")
        if frames is not None and mode != "product" and frames != particles:
            raise ConfigError(
                f"{frames} rest frames for {particles} combinations, mode {mode!r}",
                remedy="leave frames out, or choose mode='product'",
            )
        frames = particles if frames is None else frames
        self.mode = mode
        self.particles = RankCombinations(
            ranks, particles, spread=1 / particles, nonnegative=True, beyond=beyond
        )
        self.frames: RankCombinations | None = None
        self.count = particles * (particles - 1)
        if mode != "combinations":
            self.frames = RankCombinations(
                ranks, frames, spread=1 / particles, nonnegative=True, beyond=beyond
            )
            self.count = particles if mode == "pairs" else particles * frames
        else:
            others = ~torch.eye(particles, dtype=torch.bool).flatten()
            self.register_buffer("others", others.nonzero()[:, 0], persistent=False)

    def forward(self, table: Tensor) -> Tensor:
        """Combine and boost.

        Args:
            table: four-vectors by falling transverse momentum, in float64.
        """
        particles = self.particles(table)
        if self.frames is None:
            every = _boost(particles[:, :, None], particles[:, None]).flatten(1, 2)
            return every.index_select(1, self.others)
        frames = self.frames(table)
        if self.mode == "pairs":
            return _boost(particles, frames)
        return _boost(particles[:, :, None], frames[:, None]).flatten(1, 2)

    def extra_repr(self) -> str:
        """Mode and number of boosted four-vectors."""
        return f"mode={self.mode!r}, count={self.count}"


def _boost(p4: Tensor, frame: Tensor) -> Tensor:
    boosted = boost_to_rest_frame(p4, frame, least_mass=LEAST_MASS)
    # at rest there is a rounding error left, whose direction means nothing
    moves = boosted[..., 1:].abs() > AT_REST * p4[..., :1].abs()
    return torch.cat([boosted[..., :1], boosted[..., 1:] * moves.any(-1, keepdim=True)], -1)
