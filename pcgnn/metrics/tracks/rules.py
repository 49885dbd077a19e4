"""When a track matches a particle: the published rules, in whole numbers of hits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError

__all__ = ["RULES", "MatchRule", "match_rule"]

BoolArray = NDArray[np.bool_]


def _over(part: ArrayLike, whole: ArrayLike, limit: Fraction, strict: bool) -> BoolArray:
    """Whether part / whole passes a limit; multiplied out, so that 3/4 is exactly 3/4."""
    left = np.asarray(part, np.int64) * limit.denominator
    right = np.asarray(whole, np.int64) * limit.numerator
    result: BoolArray = left > right if strict else left >= right
    return result


@dataclass(frozen=True)
class MatchRule:
    r"""A matching rule: limits on purity and completeness.

    With $n$ hits shared by a track of $|c|$ hits and a particle of $N$ hits, the purity is
    $p = n / |c|$ and the completeness $q = n / N$. All comparisons are between integers.

    Args:
        name: how the rule is called.
        family: `"clusters"`, `"acts"` or `"pairs"`: what is counted, see
            [`track_report`][pcgnn.metrics.tracks.measure.track_report].
        purity: limit on $p$; None for no limit.
        completeness: limit on $q$; None for no limit.
        strict_purity: whether $p$ must exceed its limit.
        strict_completeness: whether $q$ must exceed its limit.
        separate: whether tracks are judged by purity alone and particles by completeness alone.

    Example:
        >>> bool(match_rule("lhc").passes(3, 4, 4)), bool(match_rule("acts").passes(2, 4, 9))
        (False, True)
    """

    name: str
    family: str
    purity: Fraction | None
    completeness: Fraction | None = None
    strict_purity: bool = True
    strict_completeness: bool = True
    separate: bool = False

    def pure(self, shared: ArrayLike, size: ArrayLike) -> BoolArray:
        r"""Whether the purity passes.

        Args:
            shared: hits shared by track and particle.
            size: hits of the track.

        Shapes:
            - **inputs**: shapes that broadcast to $(\ldots)$
            - **output**: $(\ldots)$
        """
        if self.purity is None:
            return np.ones(np.broadcast(shared, size).shape, np.bool_)
        return _over(shared, size, self.purity, self.strict_purity)

    def complete(self, shared: ArrayLike, total: ArrayLike) -> BoolArray:
        r"""Whether the completeness passes.

        Args:
            shared: hits shared by track and particle.
            total: hits of the particle.

        Shapes:
            - **inputs**: shapes that broadcast to $(\ldots)$
            - **output**: $(\ldots)$
        """
        if self.completeness is None:
            return np.ones(np.broadcast(shared, total).shape, np.bool_)
        return _over(shared, total, self.completeness, self.strict_completeness)

    def passes(self, shared: ArrayLike, size: ArrayLike, total: ArrayLike) -> BoolArray:
        r"""Whether both pass.

        Args:
            shared: hits shared by track and particle.
            size: hits of the track.
            total: hits of the particle.

        Shapes:
            - **inputs**: shapes that broadcast to $(\ldots)$
            - **output**: $(\ldots)$
        """
        return self.pure(shared, size) & self.complete(shared, total)

    def describe(self) -> str:
        """The limits in words."""
        limits = (
            ("p", self.purity, self.strict_purity),
            ("q", self.completeness, self.strict_completeness),
        )
        words = []
        for letter, limit, strict in limits:
            if limit == 1:
                words.append(f"{letter} = 1")
            elif limit is not None:
                words.append(f"{letter} {'>' if strict else '>='} {float(limit):g}")
        if self.separate:
            return f"tracks {words[0]}, particles {words[1]}"
        return " and ".join(words)


_HALF = Fraction(1, 2)
RULES = {
    "perfect": MatchRule(
        "perfect", "clusters", Fraction(99, 100), Fraction(1), strict_completeness=False
    ),
    "double_majority": MatchRule("double_majority", "clusters", _HALF, _HALF),
    "lhc": MatchRule("lhc", "clusters", Fraction(3, 4)),
    "acts": MatchRule("acts", "acts", _HALF, strict_purity=False),
    "atlas": MatchRule("atlas", "pairs", _HALF, strict_purity=False),
    "one_way": MatchRule("one_way", "pairs", _HALF, _HALF, False, False, separate=True),
    "two_way": MatchRule("two_way", "pairs", _HALF, _HALF, False, False),
}
"""The rules by name."""


def match_rule(
    name: str,
    *,
    double_matching: bool = False,
    matching_fraction: float | None = None,
    strict: bool = False,
) -> MatchRule:
    """A rule by name, with its options.

    Args:
        name: one of `RULES`.
        double_matching: for `acts`: ask for the completeness too.
        matching_fraction: for `acts`, `atlas`, `one_way` and `two_way`: the limit on purity and
            completeness instead of one half.
        strict: for the same: the limit must be exceeded.

    Raises:
        ConfigError: an unknown rule, or an option that it does not have.
    """
    if name not in RULES:
        raise ConfigError(f"matching rule {name!r} is unknown", remedy=f"choose one of {[*RULES]}")
    rule = RULES[name]
    if double_matching and name != "acts":
        raise ConfigError(
            f"double_matching belongs to the rule 'acts', not to {name!r}",
            remedy="for both fractions take 'double_majority' or 'two_way'",
        )
    if rule.family == "clusters":
        if matching_fraction is not None or strict:
            raise ConfigError(
                f"the limits of the rule {name!r} are fixed",
                remedy="matching_fraction and strict belong to acts, atlas, one_way and two_way",
            )
        return rule
    limit = _HALF
    if matching_fraction is not None:
        if not 0 < matching_fraction <= 1:
            raise ConfigError(
                f"matching_fraction is {matching_fraction}", remedy="give a number in (0, 1]"
            )
        limit = Fraction(matching_fraction).limit_denominator(10_000)
    completeness = limit if double_matching or rule.completeness is not None else None
    return replace(
        rule,
        purity=limit,
        completeness=completeness,
        strict_purity=strict,
        strict_completeness=strict,
    )
