"""What would end in a wrong number or a lost run is refused before anything happens."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training_samples import PerGraph, separable, small_model

import pcgnn
from pcgnn.data import CloudLoader, CloudStream, FeatureDefinition, ParticleClouds
from pcgnn.errors import ConfigError, DataError, WriteError
from pcgnn.io import Prediction
from pcgnn.training import ClassificationTask
from pcgnn.training.loaders import evaluation_loader


def run(folder: Path, train: ParticleClouds, val: ParticleClouds, **options):  # type: ignore[no-untyped-def]
    return pcgnn.fit(PerGraph(), train, val, epochs=1, directory=folder, progress=False, **options)


@pytest.mark.parametrize("kind", ["regression", "two columns", "third class", "none"])
def test_targets_that_are_no_classes_are_refused_and_an_old_run_is_kept(
    tmp_path: Path, kind: str
) -> None:
    good = separable(40, 1)
    run(tmp_path / "run", good, good)
    before = {p.name: p.read_bytes() for p in (tmp_path / "run").glob("*.ckpt")}
    y = {
        "regression": good.y / 2,
        "two columns": torch.stack([good.y, good.y], 1),
        "third class": good.y * 2,
        "none": None,
    }[kind]
    bad = ParticleClouds(x=good.x, pos=good.pos, ptr=good.ptr, y=y)
    with pytest.raises(DataError, match=r"target|classes of the data run from 0 to 2"):
        run(tmp_path / "run", bad, good, overwrite=True)
    assert {p.name: p.read_bytes() for p in (tmp_path / "run").glob("*.ckpt")} == before


def test_a_run_without_its_last_checkpoint_is_not_begun_anew(tmp_path: Path) -> None:
    clouds = separable(40, 1)
    result = run(tmp_path / "run", clouds, clouds)
    kept = result.best_checkpoint.read_bytes()
    result.last_checkpoint.unlink()
    with pytest.raises(ConfigError, match=r"no last\.ckpt"):
        run(tmp_path / "run", clouds, clouds, resume=True)
    assert result.best_checkpoint.read_bytes() == kept


def test_a_monitor_that_is_no_number_is_not_called_best(tmp_path: Path) -> None:
    clouds = separable(40, 1)
    one_class = clouds[np.flatnonzero(clouds.y.numpy() == 1)]
    with pytest.raises(DataError, match="val_auc is not a number"):
        run(tmp_path / "run", clouds, one_class, monitor="val_auc")


def test_inputs_of_another_definition_are_not_scored() -> None:
    ours = FeatureDefinition.parse(["part_pt", "part_eta", "part_phi"])
    task = ClassificationTask(small_model(), features=ours)
    plain = separable(10, 1)

    def clouds(definition: FeatureDefinition) -> ParticleClouds:
        return ParticleClouds(x=plain.x, pos=plain.pos, ptr=plain.ptr, features=definition)

    assert len(pcgnn.predict(task, clouds(ours)).probabilities) == 10
    shifted = FeatureDefinition(
        "custom", (pcgnn.Feature("part_pt", "part_pt", shift=1.0), "part_eta", "part_phi")
    )
    other_axis = FeatureDefinition("custom", ours.features, jet_axis="particles")
    for definition in (shifted, other_axis):
        with pytest.raises(ConfigError, match="other inputs"):
            pcgnn.predict(task, clouds(definition))


def test_every_graph_is_scored_and_validated_whatever_the_loader_leaves_out() -> None:
    clouds = separable(23, 1)
    loader = CloudLoader(clouds, 5, drop_last=True)
    assert sum(batch.num_graphs for batch in loader) == 20
    batches = list(evaluation_loader(loader, batch_size=5))
    assert sum(batch.num_graphs for batch in batches) == 23


def test_a_stream_is_scored_whole_and_in_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    import awkward as ak
    import vector

    vector.register_awkward()
    sizes = rng.integers(1, 9, 61)
    count = int(sizes.sum())
    momenta = {name: rng.normal(size=count) for name in ("px", "py", "pz")}
    momenta["E"] = np.sqrt(sum(v**2 for v in momenta.values())) + 1
    particles = ak.unflatten(ak.zip(momenta, with_name="Momentum4D"), sizes)
    jets = ak.Array({"particles": particles, "label": rng.integers(0, 2, 61)})
    path = pcgnn.write_root(tmp_path / "jets.root", jets)
    options = {"particles": "part_*", "features": "particlenet", "batch_size": 8}
    stream = CloudStream([path], buffer_size=20, drop_last=True, shuffle=True, **options)
    task = ClassificationTask(
        pcgnn.create_model("particlenet-lite", features=stream.features), features=stream.features
    )
    passing = iter(stream)
    next(passing)
    for part in (stream, stream.shard(1, 3)):
        scores = pcgnn.predict(task, part)
        assert scores.entry.tolist() == list(range(61))


def test_scores_go_to_no_other_file(tmp_path: Path) -> None:
    bundled = pcgnn.datasets.bundled("toptag")
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "jets.root").write_bytes(bundled.read_bytes())
    first, second = (str(tmp_path / f / "jets.root") for f in ("first", "second"))
    scores = Prediction(
        probabilities=np.full((2, 2), 0.5),
        file=np.array([0, 1], np.int32),
        entry=np.array([3, 4]),
        files=(first, str(tmp_path / "other.root")),
        tree="jets",
        classes=("QCD", "top"),
    )
    # a file of the same name elsewhere, while the scored one is still there
    with pytest.raises(WriteError, match="not made from this file"):
        pcgnn.write_scores(tmp_path / "out.root", scores, like=second)
    # over another file that was scored
    (tmp_path / "other.root").write_bytes(b"data")
    with pytest.raises(WriteError, match="replace a file that was scored"):
        pcgnn.write_scores(tmp_path / "other.root", scores, like=first, overwrite=True)
    assert (tmp_path / "other.root").read_bytes() == b"data"
    # moved away from its old place it is found by its name
    (tmp_path / "first" / "jets.root").unlink()
    pcgnn.write_scores(tmp_path / "out.root", scores, like=second)
