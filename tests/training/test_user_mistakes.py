"""Mistakes of a first use: refused before a training, with the remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import pcgnn
from pcgnn.data import BalancedLoader, FeatureDefinition, Hypotheses, ParticleClouds, join_mixtures
from pcgnn.errors import ConfigError, DataError
from pcgnn.losses import create_loss

TABLE = FeatureDefinition(
    "table", tuple(pcgnn.Feature(name, name) for name in ("met", "mass")), rows="graph", pos=()
)


def table(graphs: int = 200, masses: tuple[float, ...] = (500.0, 900.0)) -> ParticleClouds:
    random = np.random.default_rng(1)
    y = np.arange(graphs) % 2
    x = np.stack([random.normal(size=graphs), np.where(y, random.choice(masses, graphs), 0.0)], 1)
    return ParticleClouds(
        x=torch.from_numpy(x).float(), ptr=torch.arange(graphs + 1), y=torch.from_numpy(y),
        features=TABLE,
    )  # fmt: skip


def fit(folder: Path, train: object, val: object, name: str = "pnn", **arguments: object) -> object:
    model = pcgnn.create_model(name, features=TABLE, **arguments)
    return pcgnn.fit(model, train, val, epochs=1, directory=folder / "run", progress=False)


def test_background_without_a_hypothesis_is_refused_in_both_parts(tmp_path: Path) -> None:
    bare = table()
    masses = Hypotheses.of(bare)
    given = masses.assign(bare)
    for train, val in ((bare, given), (given, bare)):
        with pytest.raises(DataError, match="this input alone tells the two apart"):
            fit(tmp_path, train, val)
    assert not (tmp_path / "run").exists()
    # a loader that draws hypotheses anew gives them to the background by itself
    fit(tmp_path, BalancedLoader(bare, 20, balance="class", redraw=masses), given)


def test_hypotheses_print_their_values_and_doubt_a_variable_of_the_events() -> None:
    assert repr(Hypotheses.of(table())) == "Hypotheses(500, 900; policy 'identical')"
    clouds = table(400)
    swapped = clouds.replace(x=clouds.x.flip(1))
    with pytest.warns(UserWarning, match="must be the last"):
        Hypotheses.of(swapped)


def test_whole_numbers_beyond_the_outputs_are_refused(tmp_path: Path) -> None:
    clouds = table().replace(y=torch.arange(200))
    with pytest.raises(DataError, match=r"floating-point|classes=200"):
        fit(tmp_path, clouds, None, "dense", classes=2)


def test_targets_of_particles_are_refused_by_a_network_of_graphs(tmp_path: Path) -> None:
    clouds = ParticleClouds(
        x=torch.randn(60, 2), pos=torch.randn(60, 2), ptr=torch.arange(0, 61, 3),
        y=torch.arange(60) % 2, levels={"y": "particle"},
    )  # fmt: skip
    model = pcgnn.create_model("pfn", features=2, classes=2)
    with pytest.raises(DataError, match=r"60 targets of particles for 20 graphs"):
        pcgnn.fit(model, clouds, None, epochs=1, directory=tmp_path / "run", progress=False)


def test_a_missing_argument_of_a_loss_is_named() -> None:
    with pytest.raises(ConfigError, match="needs expected_signal and expected_background"):
        create_loss("asimov", systematic=0.1)
    with pytest.raises(ConfigError, match="it has none"):
        create_loss("mean-squared-error", class_weights=[1, 2])


def test_mixtures_keep_a_column_named_as_a_method() -> None:
    clouds = table().replace(split=torch.arange(200))
    both = join_mixtures(clouds[:120], clouds[120:])
    assert both.columns["split"].tolist() == list(range(200))


@pytest.mark.parametrize(
    ("draw", "give"),
    [
        ("lr_range", "lr_range_test"), ("mass_study", "mass_study"), ("embedding", "embed"),
        ("scan_history", "scan"), ("reliability", "CalibrationReport"),
    ],
)  # fmt: skip
def test_plots_of_something_else_say_what_they_draw(draw: str, give: str) -> None:
    with pytest.raises(DataError, match=f"cannot draw dict_keys.*{give}"):
        getattr(pcgnn.plots, draw)({}.keys())
