"""A single jet in the plane of pseudorapidity and azimuth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import ConfigError, DataError
from pcgnn.plots.style import axes_or_new, set_title, style

__all__ = ["JetCoordinates", "jet_coordinates", "jet_display"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JetCoordinates:
    """The particles of one jet around the sum of their four-vectors.

    Attributes:
        number: of the jet, from 0.
        begin: its first particle.
        end: one behind its last.
        pt: of the particles in GeV, (n,).
        deta: pseudorapidity around the axis, (n,).
        dphi: azimuth around the axis in rad, (n,).
        area: of the markers, by the share of pT, (n,).
        title: what the jet is.
    """

    number: int
    begin: int
    end: int
    pt: FloatArray
    deta: FloatArray
    dphi: FloatArray
    area: FloatArray
    title: str


def jet_coordinates(clouds: Any, i: int) -> JetCoordinates:
    """Where the particles of a jet are drawn.

    Args:
        clouds: particle clouds with `p4` (E, px, py, pz in GeV).
        i: number of the jet; negative ones count from the end.

    Raises:
        DataError: no four-vectors, no such jet, or an empty one.
    """
    if getattr(clouds, "p4", None) is None:
        raise DataError("the clouds have no four-vectors p4", remedy="build them from jets")
    ptr = np.asarray(clouds.ptr, np.int64)
    number = len(ptr) - 1
    if not -number <= i < number:
        raise DataError(f"there is no jet {i}, the clouds hold {number:,}")
    i = i % number
    begin, end = int(ptr[i]), int(ptr[i + 1])
    if begin == end:
        raise DataError(f"jet {i} has no particles")
    p4 = np.asarray(clouds.p4[begin:end], np.float64)
    pt, eta, phi = _kinematics(p4)
    total = p4.sum(axis=0)
    axis_pt, axis_eta, axis_phi = (float(a[0]) for a in _kinematics(total[None]))
    mass = float(np.sqrt(max(total[0] ** 2 - np.sum(total[1:] ** 2), 0.0)))
    return JetCoordinates(
        i,
        begin,
        end,
        pt,
        eta - axis_eta,
        (phi - axis_phi + np.pi) % (2 * np.pi) - np.pi,
        12 + 2400 * pt / axis_pt if axis_pt > 0 else np.full(len(pt), 12.0),
        _describe(clouds, i, axis_pt, mass, axis_eta, len(pt)),
    )


def _kinematics(p4: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Transverse momentum, pseudorapidity, azimuth of (n, 4) E, px, py, pz."""
    pt = np.hypot(p4[:, 1], p4[:, 2])
    eta = np.arcsinh(np.divide(p4[:, 3], pt, out=np.zeros_like(pt), where=pt > 0))
    return pt, eta, np.arctan2(p4[:, 2], p4[:, 1])


def _edge_pairs(edges: ArrayLike, begin: int, size: int, total: int) -> NDArray[np.int64]:
    """(pairs, 2) of particle numbers inside the jet, from an edge list or a neighbour table."""
    array = np.asarray(edges)
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise DataError(
            f"edges: shape {array.shape}, type {array.dtype}",
            remedy="give (2, E) pairs or a (n, k) neighbour table, of integers",
        )
    if len(array) == 2 and size != 2:
        pairs = array.T
    else:
        if len(array) == total and total != size:  # a table for all jets
            array = array[begin : begin + size]
            array = np.where(array >= 0, array - begin, -1)
        if len(array) != size:
            raise DataError(f"edges: {len(array)} rows for a jet of {size} particles")
        centre = np.repeat(np.arange(size), array.shape[1])
        pairs = np.stack([centre, array.ravel()], axis=1)
    pairs = pairs[(pairs >= 0).all(axis=1)]
    if len(pairs) and pairs.max() >= size:
        raise DataError(
            f"edges: particle {int(pairs.max())} in a jet of {size}",
            remedy="number the particles from 0 inside the jet",
        )
    return pairs.astype(np.int64)


def _charge(clouds: Any, begin: int, end: int) -> NDArray[Any]:
    for name in ("part_charge", "charge"):
        values = getattr(clouds, name, None)
        if values is not None:
            return np.asarray(values)[begin:end]
    definition = getattr(clouds, "features", None)
    names = list(getattr(definition, "names", ()) or ())
    if "charge" in names and getattr(clouds, "x", None) is not None:
        column = names.index("charge")
        return np.round(np.asarray(clouds.x[begin:end])[:, column])
    raise ConfigError(
        "the clouds have no particle charge", remedy="colour by 'pt', or keep the charge column"
    )


def _colours(
    clouds: Any, colour_by: str, begin: int, pt: FloatArray
) -> tuple[FloatArray, dict[str, Any], str]:
    """What colours the markers, the colour map and the label of its bar."""
    if colour_by == "pt":
        low = max(float(pt.min()), 1e-3)
        norm = LogNorm(low, max(float(pt.max()), 1.01 * low))
        return pt, {"cmap": "viridis_r", "norm": norm}, r"Particle $p_T$ [GeV]"
    charge = np.clip(np.sign(_charge(clouds, begin, begin + len(pt))), -1, 1)
    shades = ListedColormap(["#5790fc", "#9c9ca1", "#e42536"])
    bounds = BoundaryNorm([-1.5, -0.5, 0.5, 1.5], 3)
    return charge.astype(np.float64), {"cmap": shades, "norm": bounds}, "Particle charge [$e$]"


def jet_display(
    clouds: Any,
    i: int = 0,
    *,
    colour_by: str = "pt",
    edges: ArrayLike | None = None,
    radius: float | None = None,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    r"""The particles of one jet around the jet axis; the area of a marker is its share of pT.

    The axis is the sum of the particles' four-vectors.

    Args:
        clouds: particle clouds with `p4` (E, px, py, pz in GeV).
        i: number of the jet; negative ones count from the end.
        colour_by: `"pt"` or `"charge"` (a particle column or a feature of that name).
        edges: neighbours to join by lines: (2, E) pairs or a (n, k) table of numbers inside the
            jet, or the (N, k) table of all jets; -1 is no neighbour.
        radius: draw a circle of this radius around the axis.
        ax: axes to draw on; None makes a figure.
        title: put above the axes; None describes the jet.

    Shapes:
        - **clouds.p4**: $(N, 4)$

    Returns:
        The figure.

    Raises:
        DataError: no four-vectors, no such jet, an empty jet, or edges that do not fit.
        ConfigError: an unknown colour, or no charge to colour by.
    """
    if colour_by not in ("pt", "charge"):
        raise ConfigError(f"colour_by is {colour_by!r}", remedy="choose 'pt' or 'charge'")
    jet = jet_coordinates(clouds, i)
    begin, end, pt, deta, dphi = jet.begin, jet.end, jet.pt, jet.deta, jet.dphi
    ptr = np.asarray(clouds.ptr, np.int64)
    reach = 1.12 * max(float(np.abs(deta).max()), float(np.abs(dphi).max()), radius or 0.0, 0.1)
    with style():
        figure, ax = axes_or_new(ax, (6.6, 5.4))
        if edges is not None:
            xy = np.stack([deta, dphi], axis=1)
            segments = xy[_edge_pairs(edges, begin, end - begin, int(ptr[-1]))]
            ax.add_collection(
                LineCollection(list(segments), colors="0.55", linewidths=0.8, alpha=0.6)
            )
        area = jet.area
        shade, options, bar = _colours(clouds, colour_by, begin, pt)
        order = np.argsort(-pt, kind="stable")  # the soft ones on top, else they are hidden
        marks = ax.scatter(
            deta[order],
            dphi[order],
            s=area[order],
            c=shade[order],
            alpha=0.75,
            edgecolors="0.2",
            linewidths=0.5,
            zorder=3,
            **options,
        )
        ticks = [-1, 0, 1] if colour_by == "charge" else None
        figure.colorbar(marks, ax=ax, label=bar, ticks=ticks, pad=0.02)
        ax.plot(
            [0],
            [0],
            marker="+",
            color="black",
            markersize=13,
            linestyle="none",
            markeredgewidth=1.8,
            label="jet axis",
            zorder=4,
        )
        if radius:
            ax.add_patch(
                Circle(
                    (0, 0),
                    radius,
                    fill=False,
                    linestyle="--",
                    color="0.4",
                    label=f"$R$ = {radius:g}",
                )
            )
        ax.set_xlim(-reach, reach)
        ax.set_ylim(-reach, reach)
        ax.set_aspect("equal")
        ax.set_xlabel(r"$\Delta\eta$")
        ax.set_ylabel(r"$\Delta\phi$ [rad]")
        ax.legend(loc="best")
        set_title(ax, title or jet.title)
    return figure


def _describe(clouds: Any, i: int, pt: float, mass: float, eta: float, size: int) -> str:
    name = f"jet {i}"
    y, classes = getattr(clouds, "y", None), getattr(clouds, "classes", None)
    if y is not None and np.ndim(y) == 1 and len(y) == len(clouds.ptr) - 1 and classes:
        label = int(y[i])
        if 0 <= label < len(classes):
            name += f" ({classes[label]})"
    return (
        f"{name}, {size} particles\n$p_T$ = {pt:.0f} GeV, $m$ = {mass:.0f} GeV, $\\eta$ = {eta:.2f}"
    )
