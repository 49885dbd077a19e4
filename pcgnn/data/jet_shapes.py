"""Soft-drop mass and N-subjettiness of jets, computed by FastJet (extra ``simulation``).

Particles without transverse momentum have no direction and are left out.

FastJet: M. Cacciari, G. P. Salam, G. Soyez, Eur. Phys. J. C 72 (2012) 1896, arXiv:1111.6097.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal, TypeAlias, get_args

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from pcgnn.errors import BackendError, ConfigError, DataError

__all__ = ["Axes", "load_fastjet", "n_subjettiness", "softdrop_mass"]

Axes: TypeAlias = Literal["kt", "wta-kt", "onepass-kt"]
"""Subjet axes: exclusive kT, the same with winner-take-all, kT followed by one minimisation."""

_WHEEL_AXES = {"kt": "KT_Axes", "wta-kt": "WTA_KT_Axes", "onepass-kt": "OnePass_KT_Axes"}
# FastJet holds on to every jet of a call, some 20 kB each: so many at a time.
_JETS_AT_ONCE = 10_000
# Larger than any jet: all particles end up in one tree.
_WHOLE_JET = 1000.0


def load_fastjet() -> Any:
    """The module ``fastjet``.

    Raises:
        BackendError: it is not installed.
    """
    try:
        return import_module("fastjet")
    except ImportError as error:
        raise BackendError(
            f"clustering needs fastjet, which cannot be imported ({error})",
            remedy="install the extra: pip install 'pcgnn[simulation]'",
        ) from error


def softdrop_mass(
    p4: NDArray[np.float64],
    ptr: NDArray[np.int64],
    *,
    radius: float = 0.8,
    beta: float = 0.0,
    z_cut: float = 0.1,
) -> NDArray[np.float64]:
    """Mass of the jets after soft drop (A. J. Larkoski et al., arXiv:1402.2657).

    The particles of a jet are reclustered with Cambridge/Aachen. From the last merging
    backwards the softer branch is dropped until ::

        min(pT1, pT2) / (pT1 + pT2) > z_cut (dR12 / radius)^beta

    Args:
        p4: E, px, py, pz of all particles, GeV.
        ptr: particles of jet i are the rows ``ptr[i]`` to ``ptr[i + 1]``.
        radius: R0, the radius of the jets.
        beta: angular exponent; 0 is the modified mass drop tagger.
        z_cut: least momentum fraction of the softer branch.

    Returns:
        GeV; the mass of the particle for jets of one, 0 for jets of none and where rounding
        makes the squared mass negative.

    Shapes:
        - p4 (N, 4), ptr (G+1,)
        - output (G,)

    Raises:
        BackendError: fastjet is not installed.
        ConfigError: a parameter is out of range.
        DataError: the arrays do not fit together or are not finite.

    Example:
        >>> jet = np.array([[5.0, 3.0, 0.0, 4.0], [5.0, -3.0, 0.0, 4.0]])
        >>> softdrop_mass(jet, np.array([0, 2])).round(3)  # doctest: +SKIP
        array([6.])
    """
    _positive("radius", radius)
    _finite("beta", beta)
    if not 0.0 <= z_cut < 0.5:
        raise ConfigError(f"z_cut={z_cut!r} must be a number from 0 to below 0.5")

    def of(sequence: Any, _: NDArray[np.int64]) -> NDArray[np.float64]:
        groomed = sequence.exclusive_jets_softdrop_grooming(
            njets=1, beta=beta, symmetry_cut=z_cut, R0=radius
        )
        return np.asarray(ak.to_numpy(groomed.msoftdrop), dtype=np.float64)

    # FastJet gives spacelike four-vectors a negative mass
    return np.maximum(np.nan_to_num(_per_jet(p4, ptr, of, ())), 0.0)


def n_subjettiness(
    p4: NDArray[np.float64],
    ptr: NDArray[np.int64],
    *,
    n: Sequence[int] = (1, 2, 3, 4),
    radius: float = 0.8,
    beta: float = 1.0,
    axes: Axes = "onepass-kt",
) -> NDArray[np.float64]:
    """N-subjettiness (J. Thaler, K. Van Tilburg, arXiv:1011.2268, arXiv:1108.2701).

    With distances dR in rapidity and azimuth ::

        tau_n = sum_i pT_i min_k dR(i, axis k)^beta / sum_i pT_i radius^beta

    Ratios such as tau_3 / tau_2 tell three prongs from two.

    Args:
        p4: E, px, py, pz of all particles, GeV.
        ptr: particles of jet i are the rows ``ptr[i]`` to ``ptr[i + 1]``.
        n: numbers of axes.
        radius: of the jets, for the normalisation.
        beta: angular exponent.
        axes: "kt": the n exclusive kT jets (sums of four-momenta; for n = 1 the jet itself);
            "wta-kt": the same, each pointing along its hardest particle at every merging;
            "onepass-kt", what the FastJet wheel does by default: "kt", then moved to the
            nearest minimum of tau_n.

    Returns:
        0 where the jet has no more than n particles.

    Shapes:
        - p4 (N, 4), ptr (G+1,)
        - output (G, len(n))

    Raises:
        BackendError: fastjet is not installed.
        ConfigError: a parameter is out of range.
        DataError: the arrays do not fit together or are not finite.

    Example:
        >>> jet = np.array([[5.0, 3.0, 0.0, 4.0], [5.0, 3.0, 0.0, 4.0]])
        >>> n_subjettiness(jet, np.array([0, 2]), n=(2,))  # doctest: +SKIP
        array([[0.]])
    """
    _positive("radius", radius)
    _positive("beta", beta)
    numbers = [int(number) for number in n]
    if not numbers or min(numbers) < 1 or numbers != list(n):
        raise ConfigError(f"n={n!r} must be whole numbers from 1")
    if axes not in get_args(Axes):
        raise ConfigError(
            f"axes={axes!r} is not known", remedy=f"choose one of: {', '.join(get_args(Axes))}"
        )

    def of(sequence: Any, sizes: NDArray[np.int64]) -> NDArray[np.float64]:
        found = sequence.njettiness(
            njets=numbers, beta=beta, R0=radius, axes_definition=_WHEEL_AXES[axes]
        )
        # fewer particles than axes: exactly 0, not what rounding leaves
        return np.where(sizes[:, None] > np.asarray(numbers), ak.to_numpy(found), 0.0)

    taus = _per_jet(p4, ptr, of, (len(numbers),))
    return np.maximum(np.nan_to_num(taus), 0.0)


def _per_jet(
    p4: NDArray[np.float64],
    ptr: NDArray[np.int64],
    of: Callable[[Any, NDArray[np.int64]], NDArray[np.float64]],
    shape: tuple[int, ...],
) -> NDArray[np.float64]:
    """Call ``of`` with the Cambridge/Aachen trees and sizes of all jets that have particles."""
    p4, ptr = np.asarray(p4, dtype=np.float64), np.asarray(ptr)
    _check(p4, ptr)
    fastjet = load_fastjet()
    # FastJet fails on jets of no particles, and on particles whose rapidity is infinite
    usable = p4[:, 1] ** 2 + p4[:, 2] ** 2 > 0.0
    ptr = np.concatenate([[0], np.cumsum(usable)])[ptr]
    p4, sizes = p4[usable], np.diff(ptr)
    filled = np.flatnonzero(sizes)
    values = np.zeros((len(sizes), *shape))
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, _WHOLE_JET)
    for start in range(0, len(filled), _JETS_AT_ONCE):
        some = filled[start : start + _JETS_AT_ONCE]
        particles = p4[ptr[some[0]] : ptr[some[-1] + 1]]
        columns = {name: particles[:, i].copy() for i, name in enumerate(("E", "px", "py", "pz"))}
        jets = ak.unflatten(ak.zip(columns, with_name="Momentum4D"), sizes[some])
        try:
            values[some] = of(fastjet.ClusterSequence(jets, definition), sizes[some])
        except RuntimeError as error:
            raise DataError(
                f"FastJet fails on one of the jets {some[0]} to {some[-1]} ({error})",
                remedy="take out jets without transverse momentum",
            ) from error
    return values


def _check(p4: NDArray[np.float64], ptr: NDArray[Any]) -> None:
    if p4.ndim != 2 or p4.shape[1] != 4:
        raise DataError(f"p4 has shape {p4.shape}, not (N, 4): E, px, py, pz")
    if ptr.ndim != 1 or not len(ptr) or ptr.dtype.kind not in "iu":
        raise DataError("ptr must be a list of whole numbers, one more than jets")
    if ptr[0] != 0 or ptr[-1] != len(p4) or np.any(np.diff(ptr) < 0):
        raise DataError(f"ptr must rise from 0 to the number of particles, {len(p4)}")
    if not np.isfinite(p4).all():
        row = int(np.flatnonzero(~np.isfinite(p4).all(axis=1))[0])
        raise DataError(f"the four-momentum of particle {row} is not finite")


def _finite(name: str, value: float) -> None:
    if isinstance(value, bool) or not np.isfinite(value):
        raise ConfigError(f"{name}={value!r} must be a number")


def _positive(name: str, value: float) -> None:
    _finite(name, value)
    if value <= 0:
        raise ConfigError(f"{name}={value!r} must be positive")
