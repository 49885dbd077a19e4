from __future__ import annotations

import pytest

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models import (
    CloudModel,
    EdgeModel,
    HitModel,
    HitOutputModel,
    create_model,
    list_models,
    model_from_config,
)
from pcgnn.models.registry import model_class


def test_the_names_are_sorted_and_each_is_of_its_kind() -> None:
    names = list_models()
    assert names == sorted(names)
    assert {"particlenet", "particlenet-lite", "interaction-network"} <= set(names)
    for task, base in (
        ("classification", CloudModel),
        ("condensation", HitOutputModel),
        ("edges", EdgeModel),
        ("embedding", HitOutputModel),
        ("hits", HitModel),
    ):
        chosen = list_models(task)
        assert chosen
        assert set(chosen) <= set(names)
        assert all(issubclass(model_class(name), base) for name in chosen)


def test_a_model_of_edges_has_no_classes() -> None:
    assert create_model("interaction-network", features=3).num_parameters == 6448
    with pytest.raises(ConfigError, match="scores are of edges"):
        create_model("interaction-network", features=3, classes=2)


def test_features_may_be_anything_with_a_length() -> None:
    by_length = create_model("particlenet-lite", features=["a", "b", "c"])
    assert by_length.config["features"] == 3
    assert create_model("particlenet-lite", features=3, classes=5).config["classes"] == 5


def test_arguments_overrule_the_presets_of_a_name() -> None:
    model = create_model("particlenet-lite", features=7, blocks=[(4, (8, 8))])
    assert model.config["blocks"] == [[4, [8, 8]]]
    assert model.config["classifier"] == [[128, 0.1]]
    again = model_from_config({"name": model.name, "arguments": model.config})
    assert again.config == model.config


def test_wrong_names_and_arguments_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no such model: 'particlenet-xl'.*particlenet-lite"):
        create_model("particlenet-xl", features=7)
    with pytest.raises(ConfigError, match=r"ParticleNet.*depth"):
        create_model("particlenet", features=7, depth=3)
    with pytest.raises(CheckpointError, match="'name' and 'arguments'"):
        model_from_config({"arguments": {}})
    with pytest.raises(ConfigError, match="no such model"):
        model_from_config({"name": "gone", "arguments": {}})
