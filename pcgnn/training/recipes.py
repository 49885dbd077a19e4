"""How each tagger is trained where nothing else is said: inputs, arguments, schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pcgnn.errors import ConfigError

__all__ = ["TREES", "Recipe", "default_recipe", "list_recipes", "parse_recipes"]

TREES = "trees"
"""The name of boosted trees, which are no network and have no line in the registry of models."""


@dataclass(frozen=True)
class Recipe:
    """What makes a trained tagger out of training jets.

    Args:
        model: name of the model, or "trees".
        features: name of a feature definition, or a mapping that describes one.
        arguments: of :func:`pcgnn.create_model`; trees have none.
        fit: of :func:`pcgnn.fit`, or of :func:`pcgnn.fit_trees`.

    Example:
        >>> Recipe("pfn", fit={"epochs": 3}).features
        'particlenet'
    """

    model: str
    features: Any = "particlenet"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    fit: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.model == TREES and self.arguments:
            raise ConfigError(
                "trees have no arguments of a model", remedy="give depth, rounds, ... in fit"
            )
        if self.model != TREES and "epochs" not in self.fit:
            raise ConfigError(
                f"the recipe of {self.model} says nothing of epochs", remedy="set fit: epochs"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        features = self.features
        return {
            "model": self.model,
            "features": features if isinstance(features, str) else dict(features),
            "arguments": dict(self.arguments),
            "fit": dict(self.fit),
        }


_ONE_CYCLE = {"batch_size": 128, "lr": 3e-3, "weight_decay": 1e-2, "schedule": "one-cycle"}


def _one_cycle(model: str, epochs: int, **changes: Any) -> Recipe:
    features = changes.pop("features", "particlenet")
    return Recipe(model, features, {}, {"epochs": epochs, **_ONE_CYCLE, **changes})


# Epochs for some thousand to some ten thousand jets; the best epoch is kept in any case.
_RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        recipe.model: recipe
        for recipe in (
            _one_cycle("cnn", 12, lr=1e-3),
            _one_cycle("deepjet", 20),
            _one_cycle("dense", 40, features="high-level"),
            _one_cycle("efn", 40),
            _one_cycle("jet-interaction-network", 20),
            # more features than the published ones, and dropout: some thousand jets are few for it
            Recipe(
                "lbn",
                arguments={
                    "combinations": 30,
                    "remainder": True,
                    "quantities": ["E", "pt", "eta", "phi", "m", "pair_cos", "pair_m"],
                    "dropout": 0.5,
                },
                fit={"epochs": 8, **_ONE_CYCLE, "weight_decay": 1e-1},
            ),
            _one_cycle("lgatr", 20, batch_size=32),
            _one_cycle("lola", 8),
            # as published (arXiv:2201.08187) but for the epoch that is kept: some thousand jets do
            # not tell which has the best accuracy
            Recipe(
                "lorentznet",
                fit={
                    "epochs": 35,
                    "batch_size": 32,
                    "lr": 1e-3,
                    "weight_decay": 1e-2,
                    "schedule": "cosine-restarts",
                },
            ),
            _one_cycle("lstm", 20),
            _one_cycle("particle-transformer", 5, lr=1e-3),
            _one_cycle("particlenet", 14),
            _one_cycle("particlenet-lite", 20),
            _one_cycle("pfn", 30),
            _one_cycle("resnet", 12),
            Recipe(TREES, "high-level"),
        )
    }
)


def list_recipes() -> list[str]:
    """Names of the taggers with a recipe.

    Example:
        >>> "trees" in list_recipes()
        True
    """
    return sorted(_RECIPES)


def default_recipe(name: str) -> Recipe:
    """The recipe of a tagger.

    Raises:
        ConfigError: there is none.
    """
    try:
        return _RECIPES[name]
    except KeyError:
        raise ConfigError(
            f"no recipe for {name!r}",
            remedy=f"use one of {', '.join(list_recipes())}, or write a recipe",
        ) from None


def parse_recipes(content: Mapping[str, Any]) -> dict[str, Recipe]:
    """Recipes from plain values: name -> what differs from the default of its ``model``.

    Args:
        content: for example ``{"wide": {"model": "pfn", "arguments": {"phi": [200, 200]}}}``;
            without ``model`` the name itself is the model. ``fit`` and ``arguments`` are put over
            those of the default recipe entry by entry.

    Raises:
        ConfigError: unknown keys, or values that are no mappings.

    Example:
        >>> parse_recipes({"short": {"model": "pfn", "fit": {"epochs": 2}}})["short"].fit["epochs"]
        2
    """
    found = {}
    for name, given in content.items():
        keys = {"model", "features", "arguments", "fit"}
        if not isinstance(given, Mapping) or set(given) - keys:
            raise ConfigError(
                f"the recipe {name!r} is no mapping of {', '.join(sorted(keys))}",
                remedy="see pcgnn compare --help",
            )
        for key in ("arguments", "fit"):
            if not isinstance(given.get(key, {}), Mapping):
                raise ConfigError(f"{key} of the recipe {name!r} is no mapping")
        model = str(given.get("model", name))
        base = _RECIPES.get(model)
        found[str(name)] = Recipe(
            model,
            given.get("features", "particlenet" if base is None else base.features),
            {**({} if base is None else base.arguments), **given.get("arguments", {})},
            {**({} if base is None else base.fit), **given.get("fit", {})},
        )
    return found
