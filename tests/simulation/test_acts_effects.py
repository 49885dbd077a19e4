"""Lost hits, noise, and particles without hits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from acts_makers import small_event

from pcgnn.simulation.acts_effects import add_noise, lose_hits
from pcgnn.simulation.acts_events import TrackColumns, without_hitless_particles


def test_hits_are_lost_with_the_probability() -> None:
    event = small_event()
    lost = lose_hits(event, 0.1, seed=1)
    n, kept = len(event.hit["x"]), len(lost.hit["x"])
    assert abs(kept - 0.9 * n) < 5 * np.sqrt(n * 0.1 * 0.9)
    assert all(len(values) == kept for values in lost.hit.values())
    # whole rows are lost: those that stay are rows of the original, in its order
    rows = np.searchsorted(np.arange(n), np.flatnonzero(np.isin(event.hit["x"], lost.hit["x"])))
    for name, values in lost.hit.items():
        np.testing.assert_array_equal(values, event.hit[name][rows], err_msg=name)


def test_all_or_nothing() -> None:
    event = small_event()
    assert lose_hits(event, 0.0, seed=1) is event
    assert len(lose_hits(event, 1.0, seed=1).hit["x"]) == 0
    assert add_noise(event, 0.0, seed=1) is event


def test_effects_are_seeded_by_event() -> None:
    event = small_event()
    again, other = (lose_hits(event, 0.5, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(again.hit["x"], lose_hits(event, 0.5, seed=1).hit["x"])
    assert len(np.intersect1d(again.hit["x"], other.hit["x"])) < 0.6 * len(event.hit["x"])
    later = lose_hits(replace(event, number=6), 0.5, seed=1)
    assert not np.array_equal(later.hit["x"], again.hit["x"])


def test_noise_lies_on_the_layers_and_belongs_to_nobody() -> None:
    event = small_event()
    n = len(event.hit["x"])
    noisy = add_noise(event, 0.25, seed=1)
    more = len(noisy.hit["x"]) - n
    assert abs(more - 0.25 * n) < 5 * np.sqrt(0.25 * n)
    for name, values in event.hit.items():  # the hits of particles stay as they were
        np.testing.assert_array_equal(noisy.hit[name][:n], values, err_msg=name)
        assert noisy.hit[name].dtype == values.dtype
    noise = {name: values[n:] for name, values in noisy.hit.items()}
    assert (noise["particle_id"] == 0).all()
    assert (noise["order"] == -1).all()
    assert (noise["module"] == -1).all()
    assert np.isnan(noise["tx"]).all()
    radius = np.hypot(noise["x"], noise["y"])
    expected = {(8, 2): 32.0, (8, 4): 72.0, (9, 2): 100.0}
    for (volume, layer), layer_radius in expected.items():
        on_layer = (noise["volume"] == volume) & (noise["layer"] == layer)
        assert abs(on_layer.mean() - 1 / 3) < 5 * np.sqrt(2 / 9 / more)
        np.testing.assert_allclose(radius[on_layer], layer_radius, rtol=1e-6)
    assert (noise["z"][noise["volume"] == 9] == 600).all()
    phi = np.arctan2(noise["y"], noise["x"])
    assert np.abs(np.mean(np.exp(1j * phi))) < 4 / np.sqrt(more)  # uniform in azimuth


def test_particles_without_hits_are_left_out() -> None:
    event = small_event(hits=500)
    event.hit["particle_id"][:20] = 0  # noise
    found = int(event.hit["particle_id"].max())
    tracks = TrackColumns(
        {"particle_id": np.array([0, 1, found], np.int32)}, np.arange(9), np.array([3, 3, 3])
    )
    event = replace(event, tracks={"ckf": tracks})
    short = without_hitless_particles(event)
    # plainly, particle by particle
    owners = [i for i in event.hit["particle_id"].tolist() if i]
    kept = sorted(set(owners))
    assert 1 not in kept
    assert short.particle["vz"].tolist() == [i - 1 for i in kept]  # vz holds the old row
    assert short.particle["nhits"].tolist() == [owners.count(i) for i in kept]
    new = {old: row + 1 for row, old in enumerate(kept)} | {0: 0}
    assert short.hit["particle_id"].tolist() == [new[i] for i in event.hit["particle_id"].tolist()]
    assert short.tracks["ckf"].columns["particle_id"].tolist() == [0, 0, new[found]]


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_noise_then_no_hits(noise: float) -> None:
    """An event that lost everything has nothing to make noise from."""
    empty = lose_hits(small_event(), 1.0, seed=1)
    assert len(add_noise(empty, noise, seed=1).hit["x"]) == 0
