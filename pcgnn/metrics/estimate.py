"""A measured number with its interval and the counts behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Estimate"]


def _decimals(error: float) -> int:
    """Digits after the point for an error, by the rounding rule of the Particle Data Group."""
    exponent = math.floor(math.log10(error))
    leading = round(error / 10.0 ** (exponent - 2))  # the three highest digits, 100 to 1000
    # two digits up to 354, one up to 949; from 950 on it rounds up into two of the next decade
    return 1 - exponent if leading < 355 else -exponent


def _fixed(number: float, decimals: int) -> str:
    return f"{round(number, decimals):.{max(decimals, 0)}f}"


def _json(number: float | None) -> float | None:
    """JSON has neither infinity nor NaN: both become null."""
    return None if number is None or not math.isfinite(number) else float(number)


@dataclass(frozen=True)
class Estimate:
    r"""A value with a central confidence interval and, for a counted ratio, its counts.

    Args:
        value: the number itself. Where nothing of the background passed, a rejection has no
            finite value: `value` then is the lower limit, and `is_lower_limit` says so.
        lower: lower end of the interval.
        upper: upper end of the interval (infinite for a lower limit).
        passed: how many entries really passed (an integer, never interpolated).
        total: out of how many.
        weighted_passed: sum of weights of those that passed; None without weights.
        weighted_total: sum of weights of all; None without weights.
        n_eff: effective number of entries of the interval, see
            [`efficiency_interval`][pcgnn.metrics.intervals.efficiency_interval].
        level: confidence level of the interval.
        method: how the interval was made.
        is_lower_limit: True where only a lower limit is known. It is one end of the central
            interval and so holds at $(1 + \mathrm{level}) / 2$, 84% for the default.

    Example:
        >>> print(Estimate(0.9131, 0.9085, 0.9175))
        0.913 +0.004 -0.005
    """

    value: float
    lower: float
    upper: float
    passed: int | None = None
    total: int | None = None
    weighted_passed: float | None = None
    weighted_total: float | None = None
    n_eff: float | None = None
    level: float = 0.6827
    method: str = "Clopper-Pearson"
    is_lower_limit: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end."""
        return self.lower, self.upper

    @property
    def error(self) -> float:
        """Mean half width of the interval; infinite for a lower limit."""
        return (self.upper - self.lower) / 2

    @property
    def error_down(self) -> float:
        """Distance from the value to the lower end."""
        return self.value - self.lower

    @property
    def error_up(self) -> float:
        """Distance from the value to the upper end."""
        return self.upper - self.value

    @property
    def counts(self) -> str:
        """The counts as text, for instance `20 / 1,989`; empty where nothing was counted."""
        if self.passed is None or self.total is None:
            return ""
        return f"{self.passed:,} / {self.total:,}"

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return format(self, "")

    def __format__(self, spec: str) -> str:
        """Value and errors; an empty `spec` rounds to the precision of the errors.

        Args:
            spec: a format for floats such as `.4f`, used for the value and both errors.
        """
        if self.is_lower_limit:
            digits = 2 - math.floor(math.log10(self.lower)) if self.lower > 0 else 0
            limit = format(self.lower, spec) if spec else _fixed(self.lower, digits)
            return f"> {limit} ({(1 + self.level) / 2:.0%} CL)"
        if not math.isfinite(self.value):
            return "undefined"
        down, up = self.error_down, self.error_up
        finite = [error for error in (down, up) if math.isfinite(error) and error > 0]
        if spec:
            value, up_text, down_text = (format(n, spec) for n in (self.value, up, down))
        elif finite:
            digits = _decimals(min(finite))
            value = _fixed(self.value, digits)
            up_text = _fixed(up, digits) if math.isfinite(up) else "inf"
            down_text = _fixed(down, digits) if math.isfinite(down) else "inf"
        else:
            value, up_text, down_text = f"{self.value:.6g}", "0", "0"
        if up_text == down_text:
            return f"{value} ± {up_text}"
        return f"{value} +{up_text} -{down_text}"

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON; an infinite or undefined number is null.

        Returns:
            The fields, with `error` beside them.
        """
        return {
            "value": _json(self.value),
            "lower": _json(self.lower),
            "upper": _json(self.upper),
            "error": _json(self.error),
            "passed": self.passed,
            "total": self.total,
            "weighted_passed": _json(self.weighted_passed),
            "weighted_total": _json(self.weighted_total),
            "n_eff": _json(self.n_eff),
            "level": self.level,
            "method": self.method,
            "is_lower_limit": self.is_lower_limit,
        }
