"""Object condensation: hits of an object gather around its best hit."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from pcgnn.errors import ConfigError, DataError
from pcgnn.losses.event_loss import EventLoss
from pcgnn.losses.event_plan import EventPlan

__all__ = ["CondensationLoss"]


class CondensationLoss(EventLoss[EventPlan]):
    r"""Object condensation, one object per particle of interest.

    From "Object condensation: one-stage grid-free multi-object reconstruction in physics
    detectors, graph, and image data" (`arXiv:2002.03605 <https://arxiv.org/abs/2002.03605>`__).
    A hit has a condensation strength :math:`\beta_i = \sigma(z_i)`, with it a charge
    :math:`q_i = \mathrm{arctanh}^2 \beta_i + q_{\min}`, and coordinates :math:`x_i`. The hit of
    largest charge :math:`\alpha_k` of each object attracts the hits of its object and repels all
    others of the event, noise included:

    .. math::
        L_a &= \frac{1}{N} \sum_i q_i\, q_{\alpha(i)}\, |x_i - x_{\alpha(i)}|^2, \qquad
        L_r = \frac{1}{N} \sum_i q_i \sum_{k \not\ni i}
              q_{\alpha_k} \max(0, 1 - |x_i - x_{\alpha_k}|) \\
        L_c &= \frac{1}{K} \sum_k (1 - \beta_{\alpha_k}), \qquad
        L_n = \frac{1}{N_{\rm noise}} \sum_{i\,\in\,\rm noise} \beta_i

    in each event; events are averaged. With weights the means over hits are weighted ones; hits
    without weight take no part. Strengths come as logits, so that
    :math:`\mathrm{arctanh}\,\sigma(z) = \frac12 \ln(1 + 2 e^z)` is exact for every z and no cut
    near :math:`\beta = 1` is needed.

    Args:
        q_min: the smallest charge.
        attractive: factor of :math:`L_a`.
        repulsive: factor of :math:`L_r`.
        coward: factor of :math:`L_c`.
        noise: factor of :math:`L_n`, the :math:`s_B` of the paper.
        pairs: pairs of hits and condensation points worked on at a time; with more than that they
            are computed anew in the backward pass. Bounds memory without changing results.

    **Shapes**
        - output: (N, 1 + D), z and the coordinates
        - target: (N, 2), event and particle of each hit, the particle 0 for noise; weight: (N,)
        - result: scalar

    Raises:
        ConfigError: a factor is negative, the smallest charge or the number of pairs not positive.

    Example:
        >>> loss = CondensationLoss()
        >>> output = torch.tensor([[0.0, 0.0], [0.0, 0.5], [0.0, 3.0]])
        >>> target = torch.tensor([[0, 1], [0, 1], [0, 0]])
        >>> {name: round(float(v), 4) for name, v in loss.parts(output, target).items()}
        {'attractive': 0.0134, 'repulsive': 0.0, 'coward': 0.5, 'noise': 0.5}
    """

    def __init__(
        self,
        q_min: float = 0.1,
        attractive: float = 1.0,
        repulsive: float = 1.0,
        coward: float = 1.0,
        noise: float = 1.0,
        pairs: int = 1 << 22,
    ) -> None:
        super().__init__(
            {"attractive": attractive, "repulsive": repulsive, "coward": coward, "noise": noise}
        )
        if not q_min > 0 or pairs < 1:
            raise ConfigError(f"q_min = {q_min} and pairs = {pairs} must be positive")
        self.q_min, self.pairs = float(q_min), int(pairs)

    def plan(self, target: Tensor, weight: Tensor | None = None) -> EventPlan:
        """What the loss must know on the host; made before the batch goes to its device."""
        return EventPlan.of(target, weight)

    def parts(
        self,
        output: Tensor,
        target: Tensor,
        weight: Tensor | None = None,
        plan: EventPlan | None = None,
    ) -> dict[str, Tensor]:
        """The four terms, without their factors: scalars, averaged over events."""
        if output.dim() != 2 or output.shape[1] < 2 or output.shape[0] != target.shape[0]:
            raise DataError(
                f"outputs of the shape {tuple(output.shape)} are not a condensation strength and "
                f"coordinates of {target.shape[0]} hits"
            )
        plan = EventPlan.of(target, weight) if plan is None else plan
        if output.dtype in (torch.float16, torch.bfloat16):
            output = output.float()
        output = output.index_select(0, plan.rows)
        z, x = output[:, 0], output[:, 1:]
        one = torch.ones_like(z)
        if weight is not None:
            one = weight.to(z.dtype).index_select(0, plan.rows)
        beta = z.sigmoid()
        charge = (0.5 * functional.softplus(z + math.log(2.0))).square() + self.q_min
        points = _points(z.detach(), plan)
        point_x, point_charge = x.index_select(0, points), charge.index_select(0, points)
        bound = (plan.object < plan.num_objects).to(z.dtype)
        # a row for the hits of no object, which nothing attracts
        home = torch.cat([point_x, x.new_zeros(1, x.shape[1])]).index_select(0, plan.object)
        pull = torch.cat([point_charge, charge.new_zeros(1)]).index_select(0, plan.object)
        away = (x - home).square().sum(1) * bound
        repelled = charge * self._repulsion(x, point_x, point_charge, plan)
        coward = 1 - beta.index_select(0, points)
        return {
            "attractive": plan.mean(charge * pull * away, plan.event, one),
            "repulsive": plan.mean(repelled, plan.event, one),
            "coward": plan.mean(coward, plan.object_event, torch.ones_like(coward)),
            "noise": plan.mean(beta, plan.event, one * (1 - bound)),
        }

    def _repulsion(
        self, x: Tensor, point_x: Tensor, point_charge: Tensor, plan: EventPlan
    ) -> Tensor:
        """Sum over the condensation points of other objects at each hit, (M,)."""
        spans = []
        for event in range(plan.num_events):
            begin, end = plan.hits[event : event + 2]
            first, last = plan.objects[event : event + 2]
            step = max(1, self.pairs // (end - begin))
            spans.append([(at, min(at + step, last)) for at in range(first, last, step)])
        held = sum(
            (plan.hits[e + 1] - plan.hits[e]) * (plan.objects[e + 1] - plan.objects[e])
            for e in range(plan.num_events)
        )
        anew = held > self.pairs and torch.is_grad_enabled()
        found = [x.new_zeros(0)]
        for event, pieces in enumerate(spans):
            hits = slice(plan.hits[event], plan.hits[event + 1])
            total = x.new_zeros(hits.stop - hits.start)
            for first, last in pieces:
                arguments = (
                    x[hits],
                    plan.object[hits],
                    point_x[first:last],
                    point_charge[first:last],
                    first,
                )
                if anew:
                    total = total + checkpoint(
                        _hinges, *arguments, use_reentrant=False, preserve_rng_state=False
                    )
                else:
                    total = total + _hinges(*arguments)
            found.append(total)
        return torch.cat(found)

    def extra_repr(self) -> str:
        """The configuration, as shown by ``repr``."""
        factors = ", ".join(f"{name}={value}" for name, value in self.factors.items())
        return f"q_min={self.q_min}, {factors}, pairs={self.pairs}"


def _points(z: Tensor, plan: EventPlan) -> Tensor:
    """The hit of largest charge of each object, the first of equal ones, (K,)."""
    count = plan.num_objects
    best = z.new_full((count + 1,), -torch.inf).scatter_reduce(0, plan.object, z, "amax")
    place = torch.arange(z.shape[0], device=z.device)
    leads = z >= best.index_select(0, plan.object)
    # a strength that is not a number leads nowhere; the loss then is not a number either
    none = max(z.shape[0] - 1, 0)
    found = place.new_full((count + 1,), none)
    return found.scatter_reduce(0, plan.object, torch.where(leads, place, none), "amin")[:count]


def _hinges(x: Tensor, number: Tensor, point_x: Tensor, point_charge: Tensor, first: int) -> Tensor:
    """Sum of the charges of points of other objects, each times the hinge of its distance."""
    # differences, not products: hits lie close to each other
    distance = torch.cdist(x, point_x, compute_mode="donot_use_mm_for_euclid_dist")
    own = torch.arange(first, first + point_x.shape[0], device=x.device)
    hinge = (1 - distance).clamp(min=0).masked_fill(number[:, None] == own, 0)
    # no product of matrices, which autocast would round
    return (hinge * point_charge).sum(1)
