"""Events for the benchmarks of tracking: the bundled one, smaller and larger ones, scored edges."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "PIXEL_VOLUMES",
    "full_event",
    "near_truth_labels",
    "of_about",
    "only_pixels",
    "overlay",
    "pixel_events",
    "smeared_scores",
    "thinned",
]

PIXEL_VOLUMES = (7, 8, 9)

# An edge passes a score of 0.5 with this probability; about what a trained network reaches.
_TRUE_PASS, _FALSE_PASS = 0.98, 0.003


@functools.cache
def full_event() -> ak.Array:
    """The bundled event with 200 pile-up collisions, nothing selected: one event, all hits."""
    import pcgnn

    return pcgnn.read_hits(pcgnn.datasets.bundled("tracks", "event_pu200.root"))


@functools.cache
def pixel_events(number: int) -> ak.Array:
    """The first of the bundled events of pixel hits, truth-selected above 0.5 GeV."""
    import pcgnn

    return pcgnn.read_hits(pcgnn.datasets.bundled("tracks"), entry_stop=number)


def _rebuilt(like: ak.Array, hit: dict[str, Any], particle: dict[str, Any]) -> ak.Array:
    """One event from its flat columns, with the provenance of another."""
    return ak.Array(
        {
            "hit": ak.unflatten(ak.zip(hit), [len(hit["x"])]),
            "particle": ak.unflatten(ak.zip(particle), [len(particle["pt"])]),
            "event_id": np.zeros(1, dtype=np.int64),
        },
        attrs=dict(like.attrs),
    )


def _columns(hits: ak.Array, table: str) -> dict[str, NDArray[Any]]:
    records = hits[table][0]
    return {name: ak.to_numpy(records[name]) for name in records.fields}


def _kept(hits: ak.Array, wanted: NDArray[np.bool_]) -> ak.Array:
    """Some hits of an event and the particles that still have one."""
    hit, particle = _columns(hits, "hit"), _columns(hits, "particle")
    hit = {name: values[wanted] for name, values in hit.items()}
    alive = np.isin(particle["particle_id"], hit["particle_id"])
    return _rebuilt(hits, hit, {name: values[alive] for name, values in particle.items()})


def only_pixels(hits: ak.Array) -> ak.Array:
    """The pixel hits of one event and the particles that left them."""
    return _kept(hits, np.isin(ak.to_numpy(hits["hit"][0]["volume"]), PIXEL_VOLUMES))


def thinned(hits: ak.Array, fraction: float, seed: int) -> ak.Array:
    """The event with fewer collisions, drawn at random: what less pile-up looks like.

    Args:
        hits: one event.
        fraction: of the hits to keep, about.
        seed: of the draw.
    """
    particle = _columns(hits, "particle")
    owner = ak.to_numpy(hits["hit"][0]["particle_id"])
    row = np.searchsorted(particle["particle_id"], owner)
    of_hit = particle["vertex"][row]
    collisions, number = np.unique(of_hit, return_counts=True)
    order = np.random.default_rng(seed).permutation(collisions.size)
    filled = np.cumsum(number[order])
    last = int(np.argmin(np.abs(filled - fraction * owner.size)))
    return _kept(hits, np.isin(of_hit, collisions[order[: last + 1]]))


def overlay(parts: Sequence[ak.Array], seed: int) -> ak.Array:
    """Several events as one, each turned around the beam by an angle of its own.

    Positions and momenta turn together; ids stay distinct.

    Args:
        parts: events, one in each array.
        seed: of the angles.
    """
    angles = np.random.default_rng(seed).uniform(-np.pi, np.pi, len(parts))
    hit_parts, particle_parts, first = [], [], 0
    for angle, part in zip(angles, parts, strict=True):
        hit, particle = _columns(part, "hit"), _columns(part, "particle")
        hit["x"], hit["y"] = _turned(hit["x"], hit["y"], angle)
        particle["px"], particle["py"] = _turned(particle["px"], particle["py"], angle)
        particle["phi"] = np.arctan2(particle["py"], particle["px"])
        last = int(particle["particle_id"].max())
        hit["particle_id"] = np.where(
            hit["particle_id"] > 0, hit["particle_id"] + first, hit["particle_id"]
        )
        particle["particle_id"] = particle["particle_id"] + first
        first += last
        hit_parts.append(hit)
        particle_parts.append(particle)
    return _rebuilt(parts[0], _joined(hit_parts), _joined(particle_parts))


def _joined(parts: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _turned(
    x: NDArray[np.float32], y: NDArray[np.float32], angle: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return cosine * x - sine * y, sine * x + cosine * y


def of_about(number: int, *, seed: int = 0) -> ak.Array:
    """One event of about so many pixel hits, and no others.

    Below the size of the bundled event some of its collisions, above it copies of it turned around
    the beam, the last one with some of its collisions.
    """
    event = only_pixels(full_event())
    size = int(ak.num(event["hit"])[0])
    copies, rest = divmod(number, size)
    parts = [event] * copies
    if rest > 0.01 * size or not parts:
        parts.append(thinned(event, rest / size, seed))
    return parts[0] if len(parts) == 1 else overlay(parts, seed)


def smeared_scores(y: NDArray[np.floating], *, seed: int = 0) -> NDArray[np.float32]:
    """Scores of edges as a good network gives them: the truth, smeared.

    On the scale of the logit both kinds of edges are normal with width 1, placed so that 98% of
    the true and 0.3% of the false ones score more than 0.5.

    **Shapes:** (E,) -> (E,)
    """
    from scipy.special import expit
    from scipy.stats import norm

    middle = np.where(y > 0.5, norm.ppf(_TRUE_PASS), norm.ppf(_FALSE_PASS))
    logits = middle + np.random.default_rng(seed).normal(size=y.shape)
    scores: NDArray[np.float32] = expit(3.0 * logits).astype(np.float32)
    return scores


def near_truth_labels(particle: NDArray[np.integer], *, seed: int = 0) -> NDArray[np.int64]:
    """Tracks with faults: a tenth of the hits in none, 5% in a wrong one, 10% of tracks in two.

    **Shapes:** (N,) -> (N,)
    """
    random = np.random.default_rng(seed)
    labels = particle.astype(np.int64)
    last = int(labels.max())
    split = random.random(last + 1) < 0.1
    labels = np.where(split[particle] & (random.random(labels.size) < 0.5), labels + last, labels)
    wrong = random.random(labels.size) < 0.05
    labels[wrong] = random.permutation(labels[wrong])
    labels[random.random(labels.size) < 0.1] = -1
    return labels
