"""The language in which a scan says what it varies."""

from __future__ import annotations

import numpy as np
import pytest

from pcgnn.errors import ConfigError
from pcgnn.training import parse_space
from pcgnn.training.scan_space import nested

SPACE = {
    "model": {"phi": {"choice": [[8], [16, 16]]}, "dropout": {"float": [0.0, 0.4], "step": 0.1}},
    "fit": {
        "lr": {"log": [1e-4, 1e-1]},
        "batch_size": [32, 64],
        "epochs": {"int": [2, 9], "step": 3},
        "schedule_arguments": {"tau": {"float": [1, 5]}},
    },
}


def test_names_kinds_and_values() -> None:
    space = parse_space(SPACE)
    assert space.names == [
        "model.phi", "model.dropout", "fit.lr", "fit.batch_size", "fit.epochs",
        "fit.schedule_arguments.tau",
    ]  # fmt: skip
    grids = {p.name: p.grid() for p in space if p.name not in ("fit.lr", space.names[-1])}
    assert grids["model.phi"] == [[8], [16, 16]]
    assert grids["model.dropout"] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert grids["fit.epochs"] == [2, 5, 8]
    assert parse_space(space.record()).record() == space.record()


def test_draws_cover_the_ranges_as_they_say() -> None:
    space = parse_space(SPACE)
    points = [space.draw(1, number) for number in range(4000)]
    logs = np.log10([point["fit.lr"] for point in points])
    counts, _ = np.histogram(logs, bins=6, range=(-4, -1))
    assert counts.sum() == 4000
    assert (np.abs(counts - 4000 / 6) < 5 * np.sqrt(4000 / 6)).all()  # even in the logarithm
    taus = [point["fit.schedule_arguments.tau"] for point in points]
    assert np.mean(taus) == pytest.approx(3.0, abs=0.1)
    assert {point["fit.epochs"] for point in points} == {2, 5, 8}
    assert space.draw(1, 7) == points[7]
    assert space.draw(2, 7) != points[7]


def test_grid_has_every_point_once() -> None:
    space = parse_space({"fit": {"lr": [0.1, 0.2], "epochs": {"int": [1, 3]}}})
    assert [tuple(point.values()) for point in space.points()] == [
        (0.1, 1), (0.1, 2), (0.1, 3), (0.2, 1), (0.2, 2), (0.2, 3),
    ]  # fmt: skip
    with pytest.raises(ConfigError, match="without steps"):
        parse_space(SPACE).points()


def test_points_go_to_optuna_and_back() -> None:
    optuna = pytest.importorskip("optuna")
    space = parse_space(SPACE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for number in range(20):
        point = space.draw(0, number)
        inner = space.inner(point)
        for name, distribution in space.distributions().items():
            assert distribution._contains(distribution.to_internal_repr(inner[name]))
        assert space.outer(inner) == point
        asked = space.outer(study.ask(space.distributions()).params)
        assert asked["model.phi"] in ([8], [16, 16])


def test_numbers_that_yaml_reads_as_text() -> None:
    space = parse_space({"fit": {"lr": {"log": ["1e-4", "1e-1"]}, "weight_decay": ["1e-2", 0.1]}})
    assert [p.values for p in space] == [(1e-4, 1e-1), (1e-2, 0.1)]


def test_dots_lead_into_mappings() -> None:
    assert nested({"fit.a.b": 1, "fit.a.c": 2, "model.d": 3}) == {
        "model": {"d": 3},
        "fit": {"a": {"b": 1, "c": 2}},
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "mapping with the sections"),
        ([1], "mapping with the sections"),
        ({"lr": [1, 2]}, r"write fit\.lr or model\.lr"),
        ({"fit": {"lr": 0.1}}, "varies nothing"),
        ({"fit": {"lr": "__import__('os').system('true')"}}, "varies nothing"),
        ({"fit": {"lr": {"log": [0, 1]}}}, "above 0"),
        ({"fit": {"lr": {"float": [2, 1]}}}, "empty"),
        ({"fit": {"lr": {"float": [1]}}}, "two numbers"),
        ({"fit": {"lr": {"float": [0, "x"]}}}, "two numbers"),
        ({"fit": {"n": {"int": [0.5, 2]}}}, "whole numbers"),
        ({"fit": {"n": {"int": [0, 2], "step": 0.5}}}, "whole number"),
        ({"fit": {"n": {"int": [0, 2], "float": [0, 1]}}}, "one of"),
        ({"fit": {"n": {"int": [0, 2], "steps": 1}}}, "one of"),
        ({"fit": {"n": {"choice": []}}}, "needs a list"),
        ({"fit": {"n": [1, 1]}}, "twice"),
        ({"fit": {"n": [object()]}}, "cannot be chosen"),
        ({"fit": {"a": {"b": [1]}}, "fit.a": {"b": [2]}}, "twice"),
    ],
)
def test_mistakes_name_the_parameter(content: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_space(content)
