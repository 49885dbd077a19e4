"""Batches of a training as a configuration describes them: balanced, under drawn hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcgnn.data import BalancedLoader, CloudLoader, Hypotheses, ParticleClouds
from pcgnn.errors import ConfigError

__all__ = ["sampled_parts"]

_SAMPLING = {"balance", "process", "mass", "signal", "batches"}
_HYPOTHESES = {"policy", "parameters", "signal", "sampled"}


def sampled_parts(
    train: ParticleClouds,
    others: tuple[ParticleClouds | None, ...],
    *,
    sampling: Mapping[str, Any] | None,
    hypotheses: Mapping[str, Any] | None,
    batch_size: int,
    seed: int,
    group_sizes: bool = False,
) -> tuple[Any, ...]:
    """The training part as clouds or a loader, and the other parts.

    Args:
        train: the training part.
        others: validation and test part, None where there is none; their background gets fixed
            hypotheses.
        sampling: options of :class:`pcgnn.data.BalancedLoader`, or None.
        hypotheses: ``policy``, ``parameters`` and ``signal`` of
            :meth:`pcgnn.data.Hypotheses.of`, and ``sampled``: whether they are drawn anew in every
            batch; or None.
        batch_size: graphs per batch.
        seed: of the order.
        group_sizes: as of a :class:`pcgnn.data.CloudLoader`; not for balanced batches.

    Raises:
        ConfigError: unknown options.
        DataError: columns are missing.
    """
    _check("sampling", sampling, _SAMPLING)
    _check("hypotheses", hypotheses, _HYPOTHESES)
    redraw: Hypotheses | None = None
    if hypotheses is not None:
        options = dict(hypotheses)
        anew = bool(options.pop("sampled", True))
        drawn = Hypotheses.of(train, **options)
        others = tuple(None if part is None else drawn.assign(part, seed=0) for part in others)
        redraw = drawn if anew else None
        train = train if anew else drawn.assign(train, seed=seed)
    if sampling is not None:
        if group_sizes:
            raise ConfigError("group_sizes and sampling are both given", remedy="choose one")
        loader: Any = BalancedLoader(train, batch_size, seed=seed, redraw=redraw, **dict(sampling))
        return (loader, *others)
    if redraw is not None:
        loader = CloudLoader(
            train, batch_size, shuffle=True, seed=seed, redraw=redraw, group_sizes=group_sizes
        )
        return (loader, *others)
    return (train, *others)


def _check(name: str, given: Mapping[str, Any] | None, known: set[str]) -> None:
    if given is not None and (unknown := sorted(set(given) - known)):
        raise ConfigError(
            f"{name} has no option {unknown[0]!r}", remedy=f"use {', '.join(sorted(known))}"
        )
