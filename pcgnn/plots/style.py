"""The look of the figures: mplhep's ROOT style at notebook size, never applied globally."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import warnings
from collections.abc import Iterator
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pcgnn.errors import WriteError
from pcgnn.io.atomic import atomic_path

__all__ = [
    "COLOURS",
    "HepFigure",
    "axes_or_new",
    "colour",
    "new_figure",
    "save",
    "set_title",
    "style",
]

COLOURS = ("#5790fc", "#e42536", "#f89c20", "#964a8b", "#9c9ca1", "#7a21dd")
"""Petroff's colours (arXiv:2107.02270), told apart with any colour vision; background first."""

_SIZES: dict[str, Any] = {
    "figure.figsize": (6.4, 5.2),
    "figure.dpi": 100,
    "font.size": 13,
    "axes.labelsize": 14,
    "axes.titlesize": 13,
    "axes.linewidth": 1.2,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 11.5,
    "legend.handlelength": 1.6,
    "legend.frameon": True,  # white behind the text, so that no line runs through it
    "legend.facecolor": "white",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "legend.fancybox": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "errorbar.capsize": 0,
    "pdf.fonttype": 42,  # text stays text in a PDF
    "svg.fonttype": "path",
} | {
    f"{axis}tick.{kind}.{what}": value
    for axis in "xy"
    for kind, size, width in (("major", 7, 1.1), ("minor", 3.5, 0.9))
    for what, value in (("size", size), ("width", width), ("pad", 5))
}


@functools.cache
def _parameters() -> dict[str, Any]:
    """The ROOT style of mplhep with our sizes; loaded once, on the first figure."""
    with warnings.catch_warnings():
        # Some versions warn about themselves or their dependencies while being imported.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning, module=r"mplhep(\..*)?")
        import mplhep
    return {**mplhep.style.ROOT, **_SIZES}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Everything drawn inside has the style of this package; outside nothing changes.

    Example:
        >>> with style():
        ...     mpl.rcParams["font.size"]
        13.0
    """
    parameters: Any = _parameters()  # newer matplotlib types every key
    with mpl.rc_context(parameters):
        yield


class HepFigure(Figure):
    """A figure that keeps its style wherever it is drawn, and shows itself in notebooks.

    matplotlib looks up fonts of formulas and the look of late ticks when a figure is drawn, not
    when it is made, so the style has to be in force then, too. It is no pyplot figure: nothing
    has to be closed.
    """

    def draw(self, renderer: Any) -> None:
        """Draw in the style of this package."""
        with style():
            super().draw(renderer)

    def get_tightbbox(self, *args: Any, **kwargs: Any) -> Any:
        """Measure in the style of this package."""
        with style():
            return super().get_tightbbox(*args, **kwargs)

    def savefig(self, *args: Any, **kwargs: Any) -> Any:
        """Write in the style of this package."""
        with style():
            return super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=self.dpi, bbox_inches="tight")
        return buffer.getvalue()


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    size: tuple[float, float] = (6.4, 5.2),
    **options: Any,
) -> tuple[HepFigure, NDArray[Any]]:
    """A figure with a grid of axes. Call it inside `style()`.

    Args:
        rows: rows of axes.
        columns: columns of axes.
        size: width and height of the figure in inches.
        **options: for `Figure.subplots`.

    Returns:
        The figure and the axes as a (rows, columns) array.
    """
    figure = HepFigure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, np.asarray(axes)


def axes_or_new(ax: Axes | None, size: tuple[float, float] = (6.4, 5.2)) -> tuple[Figure, Axes]:
    """The given axes with their figure, or new ones. Call it inside `style()`.

    Args:
        ax: axes of the user, or None.
        size: size of a new figure in inches.
    """
    if ax is None:
        figure, axes = new_figure(size=size)
        return figure, axes[0, 0]
    parent = ax.get_figure(root=True) if _HAS_ROOT else ax.figure
    assert isinstance(parent, Figure)  # axes always belong to one
    return parent, ax


_HAS_ROOT = mpl.__version_info__ >= (3, 10)


def set_title(ax: Axes, text: str | None) -> None:
    """Put a short text above the axes, to the left.

    Args:
        ax: the axes.
        text: the text; None for none.
    """
    if text:
        ax.set_title(text, loc="left")


def colour(index: int) -> str:
    """The colour of the class or curve with this number; they repeat after six.

    Args:
        index: from 0.
    """
    return COLOURS[index % len(COLOURS)]


def save(
    figure: Figure, path: str | os.PathLike[str], *, overwrite: bool = False, dpi: float = 200
) -> None:
    """Write a figure; the file is complete or not there. The suffix chooses the format.

    Args:
        figure: the figure.
        path: for instance `roc.pdf` or `roc.png`.
        overwrite: replace an existing file.
        dpi: dots per inch of pixel formats.

    Raises:
        WriteError: the file exists and may not be replaced, its folder does not, or matplotlib
            does not know the format.
    """
    suffix = os.path.splitext(os.fspath(path))[1].lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if suffix not in known:
        raise WriteError(
            f"a figure cannot be written as {suffix or 'a file without suffix'!r}",
            file=path,
            remedy=f"choose one of {', '.join(sorted(known))}",
        )
    with atomic_path(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary, format=suffix, dpi=dpi, bbox_inches="tight")
