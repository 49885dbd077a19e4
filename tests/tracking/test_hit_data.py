"""The data module of tracking configurations, and its command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pcgnn
from pcgnn.cli import main
from pcgnn.errors import ConfigError
from pcgnn.tracking import LayerPairCuts, build_graphs, merge_sectors
from pcgnn.training import HitData


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hits") / "toy.root"
    pcgnn.write_hits(path, pcgnn.simulation.simulate_toy(6, seed=3))
    return path


TOY = {"phi_slope_max": 2e-3, "z0_max": 150.0, "layers": "toy_barrel", "pt": 0.5}


def test_the_module_gives_the_graphs_that_python_gives(file: Path) -> None:
    data = HitData(str(file), cuts=TOY, pt=0.5, split=[3, 1, 2], split_seed=4)
    data.setup("fit")
    plain = build_graphs(pcgnn.read_hits(file), LayerPairCuts.from_dict(TOY))
    assert [len(part) for part in (data.train, data.val, data.test)] == [3, 1, 2]
    expected = {int(graph.event): graph for graph in plain}
    seen = []
    for part in (data.train, data.val, data.test):
        for graph in part:
            seen.append(int(graph.event))
            same = expected[int(graph.event)]
            assert np.array_equal(graph.edge_index.numpy(), same.edge_index.numpy())
            assert np.array_equal(graph.y.numpy(), same.y.numpy())
            assert same.edge_index.shape[1] > 0
    assert sorted(seen) == list(range(6))


def test_the_floor_of_the_cuts_is_that_of_the_truth(file: Path) -> None:
    """Without a floor of its own the truth has that of the cuts; one that is given wins."""
    for given, expected in ((None, 0.5), (1.0, 1.0)):
        data = HitData(str(file), cuts=TOY, pt=given, split=[3, 1, 2])
        data.setup("fit")
        assert data.train.description["pt_min"] == expected


def test_features_and_edge_makers_reach_the_graphs(file: Path) -> None:
    data = HitData(
        str(file),
        edge_maker="nearest",
        cuts={"k": 3, "space": ["eta", "phi"]},
        features="helix",
        edge_features=["z0", "dr"],
        split=[4, 2],
    )
    data.setup("fit")
    assert data.train[0].x.shape[1] == 4
    assert data.train[0].edge_attr.shape[1] == 2
    assert data.train.description["edge_maker"] == "nearest"
    with pytest.raises(ConfigError, match="without its arguments"):
        HitData(str(file), edge_maker="nearest")


def test_sectors_hold_all_edges_of_the_training_events(file: Path) -> None:
    options = {"cuts": TOY, "pt": 0.5, "split": [4, 2], "split_seed": 4}
    whole, cut = HitData(str(file), **options), HitData(str(file), sectors=8, **options)
    for data in (whole, cut):
        data.setup("fit")
    assert len(cut.train) == 8 * 4
    assert len(cut.val) == 2
    merged, _ = merge_sectors(cut.train)
    assert merged.num_edges == whole.train.num_edges
    assert sum(int(g.y.sum()) for g in merged) == sum(int(g.y.sum()) for g in whole.train)
    with pytest.raises(ConfigError, match="sectors = 0"):
        HitData(str(file), sectors=0)


def test_cuts_survive_a_round_trip() -> None:
    for cuts in (LayerPairCuts.for_pt(1.0), LayerPairCuts.from_dict(TOY)):
        again = LayerPairCuts.from_dict(cuts.to_dict())
        assert again.to_dict() == cuts.to_dict()
    with pytest.raises(ConfigError, match="'slope'"):
        LayerPairCuts.from_dict({"slope": 1.0})


def test_options_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="both given"):
        HitData("a.root", split=[0.5, 0.5], val_files="b.root")
    with pytest.raises(ConfigError, match="1 parts"):
        HitData("a.root", split=[1.0])


def test_a_named_configuration_trains_on_a_file(file: Path, tmp_path: Path) -> None:
    words = ["fit", "-c", "tracking/interaction-network", "--trainer.max_epochs", "1"]
    words += ["--run.directory", str(tmp_path / "run"), "--run.progress", "false"]
    words += [f"--data.init_args.files={file}", "--data.init_args.split=[3,1,2]"]
    words += ["--data.init_args.cuts={phi_slope_max: 2.0e-3, z0_max: 150.0, layers: toy_barrel}"]
    assert main(words) == 0
    task = pcgnn.load_checkpoint(tmp_path / "run" / "best.ckpt")
    assert task.kind == "edges"
    assert task.provenance["graphs"]["truth_selection"] == "ideal"
    graphs = build_graphs(pcgnn.read_hits(file), LayerPairCuts.from_dict(TOY))
    assert pcgnn.predict(task, graphs).values.size == graphs.num_edges
