"""An MLP on all ordered pairs of particles of each graph, summed over the partners."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError
from pcgnn.nn.activations import Activation, Initialisation, initialise, make_activation
from pcgnn.nn.dense import dense_layers
from pcgnn.ops.pairs import PairBlock, PairPlan
from pcgnn.ops.ragged import SizePlan

__all__ = ["PairSum"]

# layers of pairs that are kept for the backward pass, in bytes; beyond that they are computed anew
KEPT = 2**30
# places of a block on a CPU: narrow layers need more of them to fill its cache
CPU_SLOTS = 16384


class PairSum(nn.Module):
    r"""Sum of an MLP over all other particles of a graph.

    .. math::
        e_i = \sum_{j \ne i} f(x_i, x_j)

    The first layer is split, :math:`W [x_i, x_j] = W_1 x_i + W_2 x_j`, into two products per
    particle. The rest runs on blocks of pairs, see :class:`pcgnn.ops.pairs.PairPlan`. Where a batch
    has so many pairs that their layers would take more than 1 GiB, each block is computed anew in
    the backward pass: a step takes nearly twice as long, and memory no longer grows with the pairs.

    Args:
        features: width of x.
        widths: widths of the layers of f.
        activation: of all of them, the last one included.
        initialisation: of the weights, see :func:`pcgnn.nn.initialise`.

    **Shapes:** x (N, features), particles in the order of the plan -> (N, widths[-1]); 0 for a
    particle that is alone.

    Raises:
        ConfigError: no layers, widths below 1, or names that do not exist.

    Example:
        >>> plan = PairSum.plan(torch.tensor([0, 1, 4]), SizePlan.from_sizes([1, 3]))
        >>> PairSum(7, [8, 5])(torch.randn(4, 7), plan).shape
        torch.Size([4, 5])
    """

    def __init__(
        self,
        features: int,
        widths: Sequence[int],
        *,
        activation: Activation = "relu",
        initialisation: Initialisation = "default",
    ) -> None:
        super().__init__()
        if not widths or min([features, *widths]) < 1:
            raise ConfigError(
                f"an MLP on pairs of {features} features with layers of {list(widths)}",
                remedy="give at least one layer, and widths of at least 1",
            )
        self.widths = list(widths)
        self.first = nn.Linear(2 * features, widths[0])
        initialise(self.first.weight, initialisation, activation)
        if initialisation != "default":
            nn.init.zeros_(self.first.bias)
        self.rest = nn.Sequential(
            make_activation(activation),
            *dense_layers(widths, activation=activation, initialisation=initialisation),
        )

    @staticmethod
    def plan(ptr: Tensor, sizes: SizePlan) -> PairPlan:
        """Plan the pairs in blocks that suit narrow layers.

        Args:
            ptr: offsets of the graphs, shape (G + 1,).
            sizes: their sizes on the host.
        """
        return PairPlan.of(ptr, sizes, slots=CPU_SLOTS if ptr.device.type == "cpu" else None)

    def forward(self, x: Tensor, plan: PairPlan) -> Tensor:
        """Compute the sums.

        Args:
            x: features of the particles, in the order of the plan.
            plan: the pairs.
        """
        if not plan.blocks:
            return x.new_zeros(x.size(0), self.widths[-1])
        by_self, by_partner = self.first.weight.chunk(2, 1)
        own = plan.parts(functional.linear(x, by_self, self.first.bias))
        other = plan.parts(functional.linear(x, by_partner))
        again = self._again(plan, x)
        sums = []
        for block, one, two in zip(plan.blocks, own, other, strict=True):
            if again:
                sums.append(
                    checkpoint(
                        self._block, block, one, two, use_reentrant=False, preserve_rng_state=False
                    )
                )
            else:
                sums.append(self._block(block, one, two))
        return plan.gather_rows(sums)

    def _block(self, block: PairBlock, own: Tensor, other: Tensor) -> Tensor:
        """Sums of the rows of one block, (graphs, rows, width of the output)."""
        first = block.own(block.lay(own)) + block.lay(other)[:, None]
        messages: Tensor = self.rest(first.flatten(0, 2)) * block.mask[:, None].to(own.dtype)
        return messages.view(block.graphs, block.rows, block.width, -1).sum(2)

    def _again(self, plan: PairPlan, x: Tensor) -> bool:
        """Whether the backward pass computes the layers anew."""
        if not torch.is_grad_enabled() or torch.compiler.is_compiling():
            return False
        # of each layer what is in front of its activation and what is behind it
        return plan.num_slots * 2 * sum(self.widths) * x.element_size() > KEPT
