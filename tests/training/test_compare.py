"""Many taggers on the same jets: the same numbers as by hand, resumed, never mixed up."""

from __future__ import annotations

import json
import time
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

import pcgnn
from pcgnn.errors import ConfigError
from pcgnn.training import Recipe, default_recipe, list_recipes, parse_recipes
from pcgnn.training.costs import flops_per_graph, jets_per_second
from pcgnn.training.task import ClassificationTask

SHORT = {
    "pfn": Recipe("pfn", fit={"epochs": 2, "batch_size": 64}, arguments={"phi": [16], "f": [16]}),
    "rows": Recipe("dense", "high-level", fit={"epochs": 2, "batch_size": 64}),
    "trees": Recipe("trees", "high-level", fit={"rounds": 20}),
}


@pytest.fixture(scope="module")
def parts() -> tuple[ak.Array, ak.Array, ak.Array]:
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=900
    )
    return jets[:400], jets[400:600], jets[600:]


def run(parts: tuple[ak.Array, ...], folder: Path, **options: object) -> pcgnn.metrics.Comparison:
    given = {"directory": folder, "target": "is_top", "progress": False, **options}
    taggers = given.pop("taggers", SHORT)
    return pcgnn.compare(taggers, *parts, **given)


def test_it_is_what_fit_predict_and_report_give(
    parts: tuple[ak.Array, ...], tmp_path: Path
) -> None:
    found = run(parts, tmp_path / "a", taggers={"pfn": SHORT["pfn"]}, seeds=[3])
    definition = pcgnn.FeatureDefinition.parse("particlenet")
    definition = pcgnn.FeatureDefinition.from_dict(
        {**definition.to_dict(), "jet_axis": "particles"}
    )
    train, val, test = (
        pcgnn.ParticleClouds.from_awkward(p, features=definition, target="is_top") for p in parts
    )
    import torch

    torch.manual_seed(3)
    model = pcgnn.create_model("pfn", features=7, classes=2, phi=[16], f=[16])
    result = pcgnn.fit(
        model, train, val, epochs=2, batch_size=64, seed=3, progress=False,
        directory=tmp_path / "b",
    )  # fmt: skip
    report = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(result, test))
    assert found.rows[0].values["auc"] == pytest.approx(report.auc.value, abs=1e-12)
    assert found.rows[0].values["accuracy"] == report.accuracy.value


def test_fractions_are_nested_and_finished_trainings_are_read(
    parts: tuple[ak.Array, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = run(parts, tmp_path, fractions=[0.25, 0.5], seeds=[1, 2])
    assert [(row.name, row.jets, len(row.runs)) for row in first.rows] == [
        (name, jets, 2) for jets in (100, 200) for name in SHORT
    ]
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(files) == 12

    def never(*args: object, **options: object) -> None:
        raise AssertionError("a finished training was trained again")

    monkeypatch.setattr("pcgnn.training.comparison.fit", never)
    again = run(parts, tmp_path, fractions=[0.25, 0.5], seeds=[1, 2])
    assert without_clock(again.to_dict()) == without_clock(first.to_dict())
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")} == files


def without_clock(content: dict[str, object]) -> dict[str, object]:
    """Without the speed of making inputs, which is measured each time."""
    return {
        **content,
        "rows": [{k: v for k, v in row.items() if k != "input_speed"} for row in content["rows"]],
    }


def test_fractions_of_the_same_number_of_jets_are_one(
    parts: tuple[ak.Array, ...], tmp_path: Path
) -> None:
    found = run(
        parts, tmp_path, taggers={"trees": SHORT["trees"]}, fractions=[0.999, 1.0, 0.5, 0.5004]
    )
    assert [row.jets for row in found.rows] == [200, 400]


def test_trees_are_what_fit_trees_gives_on_the_test_part(
    parts: tuple[ak.Array, ...], tmp_path: Path
) -> None:
    found = run(parts, tmp_path, taggers={"trees": SHORT["trees"]}, seeds=[7])
    definition = pcgnn.FeatureDefinition.from_dict(
        {**pcgnn.FeatureDefinition.parse("high-level").to_dict(), "jet_axis": "particles"}
    )
    train, val, test = (
        pcgnn.ParticleClouds.from_awkward(p, features=definition, target="is_top") for p in parts
    )
    trees = pcgnn.fit_trees(train, val, rounds=20, seed=7)
    report = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(trees, test))
    assert found.rows[0].values["auc"] == report.auc.value
    kept = tmp_path / "trees" / "400-seed7" / "trees.json"
    again = pcgnn.metrics.tagging_report(test.y, pcgnn.predict(kept, test))
    assert again.auc.value == report.auc.value


def test_one_class_of_several_is_the_signal(tmp_path: Path) -> None:
    jets = pcgnn.read_root(
        pcgnn.datasets.bundled("jets-pf"), particles="part_*", event=["label"], entry_stop=1200
    )
    parts = (jets[:600], jets[600:800], jets[800:])
    options = {"taggers": {"trees": SHORT["trees"]}, "target": "label"}
    with pytest.raises(ConfigError, match="which one is the signal"):
        run(parts, tmp_path, **options)
    with pytest.raises(ConfigError, match="no class"):
        run(parts, tmp_path, **options, signal="W")
    with pytest.raises(ConfigError, match="exclude each other"):
        run(parts, tmp_path, **{**options, "target": {"a": "label == 1", "b": "n_particles > 40"}})
    assert not list(tmp_path.iterdir())
    found = run(parts, tmp_path, **options, signal="label 1")
    run_ = found.runs[0]
    assert found.rows[0].values["auc"] == run_.report.of("label 1").auc.value > 0.9
    assert "label 1 against the rest" in str(found)


def test_an_interrupted_comparison_goes_on(
    parts: tuple[ak.Array, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(parts, tmp_path / "whole")
    real = pcgnn.training.comparison.fit

    def dies(model: object, *args: object, **options: object) -> object:
        if model.name == "dense":
            raise KeyboardInterrupt
        return real(model, *args, **options)

    monkeypatch.setattr("pcgnn.training.comparison.fit", dies)
    with pytest.raises(KeyboardInterrupt):
        run(parts, tmp_path / "cut")
    monkeypatch.undo()
    again = run(parts, tmp_path / "cut")
    for a, b in zip(again.rows, whole.rows, strict=True):
        assert a.values == b.values


def test_other_recipes_and_other_data_are_noticed(
    parts: tuple[ak.Array, ...], tmp_path: Path
) -> None:
    taggers = {"pfn": SHORT["pfn"]}
    run(parts, tmp_path, taggers=taggers)
    with pytest.raises(ConfigError, match="another recipe"):
        run(parts, tmp_path, taggers=taggers, epochs=1)
    with pytest.raises(ConfigError, match="other data"):
        run((parts[0], parts[1], parts[2][:-1]), tmp_path, taggers=taggers)
    with pytest.raises(ConfigError, match="other data"):
        run((parts[0], parts[1][:-1], parts[2]), tmp_path, taggers=taggers)
    path = next(tmp_path.rglob("result.json"))
    path.write_text(path.read_text()[:40])
    with pytest.raises(ConfigError, match="cannot be read"):
        run(parts, tmp_path, taggers=taggers)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"taggers": ["nonsense"]}, "no recipe"),
        ({"taggers": {"../x": SHORT["pfn"]}}, "folder"),
        ({"fractions": [0.0]}, "fractions"),
        ({"fractions": [1.5]}, "fractions"),
        ({"seeds": []}, "empty"),
        ({"taggers": {"a": Recipe("pfn", arguments={"x": 1}, fit={"epochs": 1})}}, "argument"),
        ({"taggers": {"a": Recipe("pfn", fit={"epochs": 1, "learning_rate": 1})}}, "learning_rate"),
        ({"taggers": {"a": Recipe("pfn", fit={"epochs": 1, "seed": 1})}}, "seed"),
        ({"taggers": {"a": Recipe("trees", "high-level", fit={"epochs": 1})}}, "epochs"),
        ({"taggers": {"a": Recipe("pfn", "high-level", fit={"epochs": 1})}}, "on particles"),
        ({"taggers": {"a": Recipe("dense", fit={"epochs": 1})}}, "one row per graph"),
        ({"taggers": {"a": Recipe("trees")}}, "one row per graph"),
    ],
)
def test_wrong_options_are_found_before_any_training(
    parts: tuple[ak.Array, ...], tmp_path: Path, options: dict[str, object], match: str
) -> None:
    with pytest.raises(ConfigError, match=match):
        run(parts, tmp_path / "new", **options)
    assert not (tmp_path / "new").exists()


def test_every_recipe_names_a_model_and_its_features() -> None:
    for name in list_recipes():
        recipe = default_recipe(name)
        features = pcgnn.FeatureDefinition.parse(recipe.features)
        if recipe.model != "trees":
            assert recipe.model in pcgnn.list_models("classification")
        assert len(features) > 0
        assert parse_recipes({name: {}})[name] == recipe
    assert parse_recipes({"x": {"model": "pfn", "fit": {"epochs": 2}}})["x"].fit["lr"] == 3e-3
    with pytest.raises(ConfigError, match="no mapping"):
        parse_recipes({"x": {"models": "pfn"}})
    with pytest.raises(ConfigError, match="epochs"):
        Recipe("pfn")


def test_operations_are_those_of_the_matrix_products(parts: tuple[ak.Array, ...]) -> None:
    clouds = pcgnn.ParticleClouds.from_awkward(parts[0], features="high-level", target="is_top")
    count = len(clouds.features)
    model = pcgnn.create_model("dense", features=count, widths=[30, 20])
    task = ClassificationTask(model, features=clouds.features)
    wanted = 2 * (count * 30 + 30 * 20 + 20 * 2)
    assert flops_per_graph(task, clouds) == wanted


def test_measuring_the_speed_leaves_the_weights(parts: tuple[ak.Array, ...]) -> None:
    clouds = pcgnn.ParticleClouds.from_awkward(parts[0], features="particlenet", target="is_top")
    model = pcgnn.create_model("particlenet-lite", features=7)
    task = ClassificationTask(model, features=clouds.features)
    before = {name: value.clone() for name, value in task.state_dict().items()}
    training = jets_per_second(task, clouds, training=True, batch_size=32)
    scoring = jets_per_second(task, clouds, training=False, batch_size=32)
    assert np.isfinite([training, scoring]).all()
    assert scoring > training > 0
    after = task.state_dict()
    assert all((after[name] == value).all() for name, value in before.items())
    start = time.process_time()
    for _ in range(4):
        batch = clouds.batch(np.arange(32))
        task.batch_loss(batch)[0].backward()
    by_hand = 4 * 32 / (time.process_time() - start)
    assert by_hand / 3 < training < by_hand * 3


def test_the_command_writes_table_and_figures(tmp_path: Path) -> None:
    from pcgnn.cli import main

    recipes = tmp_path / "recipes.yaml"
    recipes.write_text("quick:\n  model: dense\n  fit: {epochs: 1}\n")
    words = ["compare", "quick", "--recipes", str(recipes), "--output", str(tmp_path / "out")]
    words += ["--fractions", "0.05", "0.1", "--no-progress"]
    assert main(words) == 0
    content = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert [row["training_jets"] for row in content["rows"]] == [303, 606]
    assert content["test_jets"] == 4000
    names = {path.name for path in (tmp_path / "out").glob("*")}
    assert {"comparison.txt", "comparison.md", "roc.png", "auc_against_jets.png"} <= names
    assert main([*words[:-1], "--epochs", "2", "--no-progress"]) == 2


def test_the_command_scores_with_the_trees_of_a_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import uproot

    from pcgnn.cli import main

    jets = pcgnn.datasets.bundled("jets-pf")
    words = ["compare", "trees", "--files", str(jets), "--cut", "(label < 2) & (jet_pt < 575)"]
    words += ["--target", "is_top", "--split-column", "split", "--output", str(tmp_path / "out")]
    assert main([*words, "--no-progress"]) == 0, capsys.readouterr().err
    trees = next((tmp_path / "out").rglob("trees.json"))
    words = ["predict", "--checkpoint", str(trees), "--files", str(jets)]
    assert main([*words, "--output", str(tmp_path / "scores.root"), "--no-cut"]) == 0
    with uproot.open(tmp_path / "scores.root") as file:
        signal = file["jets"]["score_is_top"].array(library="np")
    truth = pcgnn.read_root(jets, particles="part_*", event=["label"]).label
    assert signal[np.asarray(truth) == 1].mean() > signal[np.asarray(truth) == 0].mean() + 0.5


@pytest.mark.parametrize("name", [n for n in list_recipes() if n not in ("trees", "lgatr")])
def test_operations_of_every_tagger_can_be_counted(parts: tuple[ak.Array, ...], name: str) -> None:
    recipe = default_recipe(name)
    clouds = pcgnn.ParticleClouds.from_awkward(
        parts[0][:20], features=recipe.features, target="is_top"
    )
    model = pcgnn.create_model(recipe.model, features=len(clouds.features), **recipe.arguments)
    task = ClassificationTask(model, features=clouds.features)
    assert flops_per_graph(task, clouds) > 1000
    assert all(parameter.requires_grad for parameter in model.parameters())
