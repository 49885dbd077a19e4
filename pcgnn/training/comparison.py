"""Train many taggers on the same jets and judge them on the same test part."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np

from pcgnn.data import FeatureDefinition, ParticleClouds
from pcgnn.errors import ConfigError
from pcgnn.io.atomic import atomic_path
from pcgnn.metrics import tagging_report
from pcgnn.metrics.comparison import Comparison, TrainedTagger
from pcgnn.models import create_model
from pcgnn.training.costs import flops_per_graph, jets_per_second
from pcgnn.training.fitting import fit
from pcgnn.training.plain import to_plain
from pcgnn.training.predicting import predict
from pcgnn.training.recipes import TREES, Recipe, default_recipe
from pcgnn.training.trees import fit_trees

__all__ = ["compare"]

RESULT = "result.json"
SCORES = "scores.npz"
_ORDER_SEED = 20190226
_PARTS = ("train", "validation", "test")


def compare(
    taggers: Sequence[str] | Mapping[str, Recipe],
    train: ak.Array,
    validation: ak.Array,
    test: ak.Array,
    *,
    target: str,
    fractions: Sequence[float] = (1.0,),
    seeds: Sequence[int] = (1,),
    directory: str | os.PathLike[str] = "runs/compare",
    epochs: int | None = None,
    jet_axis: str = "particles",
    signal_efficiencies: Sequence[float] = (0.5, 0.3),
    device: str = "auto",
    progress: bool = True,
) -> Comparison:
    """Trains taggers by name on parts of the training jets and judges them on the same test jets.

    Every training is one folder, ``<tagger>/<jets>-seed<n>``. A finished one is read, not trained
    again; one that was interrupted goes on from its last epoch. The parts of the training jets are
    nested: the first jets of one fixed permutation. The epoch kept is chosen on the validation
    part, never on the test part.

    Args:
        taggers: names with a default recipe (:func:`pcgnn.training.list_recipes`), or recipes by
            name.
        train: records with particles, of :func:`pcgnn.read_root`.
        validation: the same.
        test: the same.
        target: column with two or more classes.
        fractions: parts of the training jets, each above 0 and at most 1.
        seeds: of the initial weights, the order and dropout.
        directory: where the trainings are kept.
        epochs: instead of the number in each recipe; trees keep theirs.
        jet_axis: of all features: "particles", "columns" or "auto".
        signal_efficiencies: where rejections are given.
        device: as in :func:`pcgnn.fit`.
        progress: show progress.

    Raises:
        ConfigError: an unknown name, a fraction out of range, or a folder that holds a training
            of another recipe or of other data.

    Example:
        >>> found = compare(["pfn", "trees"], train, val, test, target="is_top")  # doctest: +SKIP
        >>> print(found)  # doctest: +SKIP
    """
    recipes = (
        dict(taggers)
        if isinstance(taggers, Mapping)
        else {name: default_recipe(name) for name in taggers}
    )
    if not recipes or not seeds or not fractions:
        raise ConfigError("taggers, fractions and seeds must not be empty")
    if min(fractions) <= 0 or max(fractions) > 1:
        raise ConfigError(f"fractions = {list(fractions)}", remedy="above 0 and at most 1")
    if epochs is not None:
        recipes = {name: _with_epochs(recipe, epochs) for name, recipe in recipes.items()}
    jets = {"train": train, "validation": validation, "test": test}
    field = _Field(jets, target, jet_axis)
    _check_names(recipes, field)
    runs = []
    for fraction in sorted(set(fractions)):
        for name, recipe in recipes.items():
            parts = field.parts(recipe, fraction)
            for seed in dict.fromkeys(seeds):
                folder = Path(directory) / name / f"{len(parts['train'])}-seed{seed}"
                run = _Run(name, recipe, seed, parts, folder, device, progress)
                runs.append(run.result(signal_efficiencies))
    return Comparison(runs)


class _Field:
    """The jets of all parts as clouds of any features, each kept while it is in use."""

    def __init__(self, jets: Mapping[str, ak.Array], target: str, jet_axis: str) -> None:
        self._jets = jets
        self._target, self._axis = target, jet_axis
        self._made: tuple[str, dict[str, ParticleClouds]] | None = None

    def definition(self, recipe: Recipe) -> FeatureDefinition:
        given = FeatureDefinition.parse(recipe.features).to_dict()
        return FeatureDefinition.from_dict({**given, "jet_axis": self._axis})

    def parts(self, recipe: Recipe, fraction: float) -> dict[str, ParticleClouds]:
        definition = self.definition(recipe)
        key = json.dumps(definition.to_dict(), sort_keys=True)
        if self._made is None or self._made[0] != key:
            made = {
                part: ParticleClouds.from_awkward(
                    self._jets[part], features=definition, target=self._target
                )
                for part in _PARTS
            }
            self._made = (key, made)
        whole = self._made[1]
        if fraction == 1.0:
            return dict(whole)
        count = max(round(fraction * len(whole["train"])), 1)
        order = np.random.default_rng(_ORDER_SEED).permutation(len(whole["train"]))
        return {**whole, "train": whole["train"][order[:count]]}


class _Run:
    """One training of one tagger in its folder."""

    def __init__(
        self,
        name: str,
        recipe: Recipe,
        seed: int,
        parts: dict[str, ParticleClouds],
        folder: Path,
        device: str,
        progress: bool,
    ) -> None:
        self.name, self.recipe, self.seed = name, recipe, seed
        self.parts, self.folder = parts, folder
        self.device, self.progress = device, progress

    def result(self, efficiencies: Sequence[float]) -> TrainedTagger:
        """Of the files if they are there, else of a training."""
        record = self._read()
        if record is None:
            if self.progress:
                print(f"{self.name}, {len(self.parts['train']):,} jets, seed {self.seed}")
            record = self._train()
        with np.load(self.folder / SCORES) as file:
            probabilities = file["probabilities"]
        report = tagging_report(
            self.parts["test"].y,
            probabilities,
            classes=self.parts["test"].classes or None,
            signal_efficiencies=efficiencies,
        )
        return TrainedTagger(
            self.name,
            len(self.parts["train"]),
            self.seed,
            report,
            recipe=self.recipe.to_dict(),
            **record["costs"],
        )

    def _key(self) -> dict[str, Any]:
        data = {part: clouds.data_hash() for part, clouds in self.parts.items()}
        recipe = json.dumps(to_plain(self.recipe.to_dict()), sort_keys=True)
        return {"recipe": hashlib.sha256(recipe.encode()).hexdigest()[:16], "data": data}

    def _read(self) -> dict[str, Any] | None:
        path = self.folder / RESULT
        if not path.is_file() or not (self.folder / SCORES).is_file():
            return None
        try:
            record = json.loads(path.read_text())
            key = record["key"]
            record["costs"]
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                "the result of an earlier training cannot be read",
                file=path,
                remedy="delete its folder to train again",
            ) from error
        if key != self._key():
            what = "another recipe" if key["recipe"] != self._key()["recipe"] else "other data"
            raise ConfigError(
                f"the folder holds a training with {what}",
                file=path,
                remedy="choose another directory, or delete this folder to train again",
            )
        return dict(record)

    def _train(self) -> dict[str, Any]:
        start = time.perf_counter()
        trainer = _train_trees if self.recipe.model == TREES else _train_network
        source, costs = trainer(self)
        scores = predict(source, self.parts["test"], device=self.device)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            atomic_path(self.folder / SCORES, overwrite=True) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez_compressed(file, probabilities=scores.probabilities)
        record = {
            "tagger": self.name,
            "seed": self.seed,
            "recipe": to_plain(self.recipe.to_dict()),
            "training_jets": len(self.parts["train"]),
            "seconds": time.perf_counter() - start,
            "costs": costs,
            "key": self._key(),
        }
        with atomic_path(self.folder / RESULT, overwrite=True) as temporary:
            temporary.write_text(json.dumps(record, indent=2) + "\n")
        return record


def _train_network(run: _Run) -> tuple[Any, dict[str, Any]]:
    import torch

    from pcgnn.training.callbacks.seeding import kept_random_state

    train = run.parts["train"]
    with kept_random_state():
        torch.manual_seed(run.seed)  # the initial weights; fit seeds the rest
        model = _network(run.recipe, train)
    result = fit(
        model,
        train,
        run.parts["validation"],
        directory=run.folder,
        resume=True,
        seed=run.seed,
        device=run.device,
        progress=run.progress,
        **run.recipe.fit,
    )
    size = int(run.recipe.fit.get("batch_size", 256))
    task = result.task
    costs = {
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "flops": flops_per_graph(task, run.parts["test"]),
        "training_speed": jets_per_second(task, train, training=True, batch_size=size),
        "inference_speed": jets_per_second(task, train, training=False, batch_size=512),
    }
    return result, costs


def _train_trees(run: _Run) -> tuple[Any, dict[str, Any]]:
    trees = fit_trees(
        run.parts["train"],
        run.parts["validation"],
        seed=run.seed,
        directory=run.folder,
        overwrite=True,
        **run.recipe.fit,
    )
    start = time.process_time()
    trees.predict(run.parts["test"])
    speed = len(run.parts["test"]) / max(time.process_time() - start, 1e-9)
    return trees, {
        "parameters": None,
        "flops": None,
        "training_speed": None,
        "inference_speed": speed,
    }


def _network(recipe: Recipe, clouds: ParticleClouds) -> Any:
    assert clouds.features is not None
    classes = max(len(clouds.classes or ()), 2)
    return create_model(
        recipe.model, features=len(clouds.features), classes=classes, **recipe.arguments
    )


def _check_names(recipes: Mapping[str, Recipe], field: _Field) -> None:
    """Find wrong names and arguments before the first hour of training, not after it."""
    for name, recipe in recipes.items():
        if Path(name).name != name or name in ("", ".", ".."):
            raise ConfigError(f"{name!r} cannot be the name of a folder", remedy="use plain names")
        count = len(field.definition(recipe))
        if recipe.model != TREES:
            create_model(recipe.model, features=count, **recipe.arguments)


def _with_epochs(recipe: Recipe, epochs: int) -> Recipe:
    if recipe.model == TREES:
        return recipe
    given = recipe.to_dict()
    return Recipe(
        given["model"], given["features"], given["arguments"], {**given["fit"], "epochs": epochs}
    )
