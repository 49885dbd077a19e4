"""Jets as images, averaged over the jets of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pcgnn.errors import DataError
from pcgnn.plots.style import new_figure, set_title, style

__all__ = ["jet_image"]


def jet_image(
    images: ArrayLike,
    y: ArrayLike | None = None,
    *,
    half_width: float = 0.8,
    classes: Sequence[str] | None = None,
    channel: int = 0,
    rotated: bool = True,
    label: str = r"Mean share of $p_T$",
    decades: float = 5.0,
) -> Figure:
    r"""The average image of each class side by side, on one logarithmic scale of colours.

    Args:
        images: images as `pcgnn.ops.jet_images` makes them, rows from the lowest up; tensors are
            taken, too.
        y: class of each jet, from 0; None averages all of them.
        half_width: half a side of the window, in $\eta$ and in $\phi$ (rad).
        classes: names of the classes, in the order of their numbers.
        channel: which channel of the images.
        rotated: whether the images were rotated, so that their axes are no longer $\eta$ and
            $\phi$ but lie across and along the principal axis of the jet, in the same units.
        label: of the colour bar.
        decades: powers of ten below the brightest pixel that have a colour.

    Shapes:
        - **images**: $(G, C, P, P)$ or $(G, P, P)$
        - **y**: $(G)$

    Returns:
        The figure.

    Raises:
        DataError: shapes that do not fit, a class without jets or name, or nothing but darkness.

    Example:
        >>> figure = jet_image(np.eye(8)[None] / 8, half_width=0.4)
        >>> figure.axes[0].get_title(loc="left")
        'all: 1 jet'
    """
    array = np.asarray(images, np.float64)
    if array.ndim == 4 and 0 <= channel < array.shape[1]:
        array = array[:, channel]
    if array.ndim != 3 or not len(array) or array.shape[1] != array.shape[2]:
        raise DataError(
            f"images of shape {np.shape(images)}, channel {channel}",
            remedy="give (G, C, P, P) images of at least one jet",
        )
    means = _averages(array, y, classes)
    brightest = max(float(mean.max()) for _, mean in means)
    if not brightest > 0:
        raise DataError("all images are dark", remedy="widen the window, half_width")
    norm = LogNorm(brightest / 10**decades, brightest)
    with style():
        size = (4.6 * len(means) + 1.4, 5.0)
        figure, axes = new_figure(1, len(means), size=size, sharex=True, sharey=True)
        edges = np.linspace(-half_width, half_width, array.shape[1] + 1)
        for ax, (title, mean) in zip(axes[0], means, strict=True):
            mesh = ax.pcolormesh(
                edges, edges, np.ma.masked_less_equal(mean, 0), norm=norm, cmap="viridis"
            )
            mesh.set_rasterized(True)
            ax.set_aspect("equal")
            ax.set_xlabel("Across the principal axis" if rotated else r"$\Delta\eta$")
            set_title(ax, title)
        axes[0, 0].set_ylabel("Along the principal axis" if rotated else r"$\Delta\phi$ [rad]")
        figure.colorbar(mesh, ax=list(axes[0]), label=label, pad=0.02)
    return figure


def _averages(
    images: NDArray[np.float64], y: ArrayLike | None, classes: Sequence[str] | None
) -> list[tuple[str, NDArray[np.float64]]]:
    """Title and average image of each class."""
    if y is None:
        return [(_title("all", len(images)), images.mean(0))]
    number = np.asarray(y)
    if number.shape != (len(images),):
        raise DataError(f"classes of shape {number.shape} for {len(images):,} images")
    found = []
    for index in np.unique(number):
        if classes is not None and not 0 <= index < len(classes):
            raise DataError(
                f"class {index} has no name, there are {len(classes)}", remedy="name every class"
            )
        name = f"class {index}" if classes is None else classes[int(index)]
        chosen = images[number == index]
        found.append((_title(name, len(chosen)), chosen.mean(0)))
    return found


def _title(name: str, jets: int) -> str:
    return f"{name}: {jets:,} jet{'' if jets == 1 else 's'}"
