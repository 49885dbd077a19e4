"""The Asimov significance of a counting experiment, accurate for all yields."""

from __future__ import annotations

from typing import Any

__all__ = ["asimov_squared"]

# up to here the series below is exact to the last digit of float64, from here the formula is
_SERIES_UP_TO = 0.05
_TERMS = 13


def asimov_squared(signal: Any, background: Any, variance: Any, xp: Any) -> Any:
    r"""Square of the median significance :math:`Z_A` of s signal events over b background events.

    With the background known to a variance v ("Asymptotic formulae", `arXiv:1007.1727
    <https://arxiv.org/abs/1007.1727>`__, with its extension to an uncertain background, `G. Cowan
    <https://www.pp.rhul.ac.uk/~cowan/stat/medsig/medsigNote.pdf>`__),

    .. math::
        Z_A^2 = 2\Big[(s+b)\ln\frac{(s+b)(b+v)}{b^2+(s+b)v}
                - \frac{b^2}{v}\ln\Big(1+\frac{v s}{b(b+v)}\Big)\Big]

    For v = 0 it is :math:`2[(s+b)\ln(1+s/b)-s]`, and :math:`s^2/b` for few signal events. The
    logarithms cancel where s is small against b. With r = s/b, k = v/b, A = r/(1+k+kr) and
    B = kr/(1+k) the bracket is

    .. math::
        b\big[(1+r)\ln(1+A) - \tfrac{r}{1+k}\,\tfrac{\ln(1+B)}{B}\big]
        = \frac{s^2}{b}\Big[\frac{1}{(1+k)(1+k+kr)} - \frac{(1+r)\,q(A)}{(1+k+kr)^2}
          + \frac{k\,q(B)}{(1+k)^2}\Big], \quad q(x) = \frac{x-\ln(1+x)}{x^2}

    of which the left form is taken for r > 1 and the right one, where nothing cancels, below.

    Args:
        signal: expected signal events s >= 0, in float64.
        background: expected background events b > 0.
        variance: v >= 0.
        xp: the module that computes with them, numpy or torch.

    **Shapes:** broadcast.

    Example:
        >>> import numpy as np
        >>> round(float(asimov_squared(np.float64(10), np.float64(100), 0.0, np)) ** 0.5, 4)
        0.9844
    """
    s, b = signal, background
    k = variance / b
    r = s / b
    many = r > 1
    # each branch gets numbers at which it and its slope are finite
    large = _many(xp.where(many, r, 1.0), k, xp) * b
    small = _few(xp.where(many, 1.0, r), k, xp) * (s * r)
    return 2 * xp.where(many, large, small)


def _many(r: Any, k: Any, xp: Any) -> Any:
    spread = 1 + k + k * r
    return (1 + r) * xp.log1p(r / spread) - r / (1 + k) * _log1p_over(k * r / (1 + k), xp)


def _few(r: Any, k: Any, xp: Any) -> Any:
    spread = 1 + k + k * r
    first = 1 / ((1 + k) * spread) - (1 + r) * _curvature(r / spread, xp) / (spread * spread)
    return first + k * _curvature(k * r / (1 + k), xp) / ((1 + k) * (1 + k))


def _curvature(x: Any, xp: Any) -> Any:
    """(x - ln(1 + x)) / x^2, 1/2 at 0."""
    near = x < _SERIES_UP_TO
    apart = xp.where(near, 1.0, x)
    series = _series(xp.where(near, x, 0.0), 2)
    return xp.where(near, series, (apart - xp.log1p(apart)) / (apart * apart))


def _log1p_over(x: Any, xp: Any) -> Any:
    """ln(1 + x) / x, 1 at 0."""
    near = x < _SERIES_UP_TO
    apart = xp.where(near, 1.0, x)
    return xp.where(near, _series(xp.where(near, x, 0.0), 1), xp.log1p(apart) / apart)


def _series(x: Any, first: int) -> Any:
    """The sum of (-x)^n / (n + first), n = 0, 1, ..., by Horner's rule."""
    total = 0 * x
    for term in reversed(range(_TERMS)):
        total = 1 / (term + first) - x * total
    return total
