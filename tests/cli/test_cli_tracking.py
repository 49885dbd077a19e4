"""Tracking by the command line, from toy hits to tracks: fit, validate, test, predict."""

from __future__ import annotations

import copy
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch
import uproot
import yaml

import pcgnn
from pcgnn.cli import main
from pcgnn.tracking import HitGraphs, LayerPairCuts, build_graphs, find_tracks

CUTS = {"phi_slope_max": 2e-3, "z0_max": 150.0, "layers": "toy_barrel"}
EVENTS = 6
SPLIT = [3, 1, 2]


def config(file: Path, run: Path, **data: Any) -> dict[str, Any]:
    return {
        "seed_everything": 1,
        "tune_allocator": False,
        "model": {
            "class_path": "pcgnn.training.EdgeClassificationTask",
            "init_args": {"name": "interaction-network", "lr": 5e-3},
        },
        "data": {
            "class_path": "pcgnn.training.HitData",
            "init_args": {"files": str(file), "cuts": CUTS, "split": SPLIT, **data},
        },
        "trainer": {"max_epochs": 1, "accelerator": "cpu"},
        "run": {"directory": str(run), "progress": False},
    }


def write_config(path: Path, content: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump(content))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hits with truth, the same without, and two trained edge classifiers."""
    folder = tmp_path_factory.mktemp("tracking")
    hits = pcgnn.simulation.simulate_toy(EVENTS, seed=4)
    pcgnn.write_hits(folder / "hits.root", hits)
    plain = hits[["hit", "event_id"]]
    plain["hit"] = hits.hit[["x", "y", "z", "layer"]]
    pcgnn.write_hits(folder / "plain.root", plain)
    text = write_config(
        folder / "config.yaml", config(folder / "hits.root", folder / "run", pt=1.0)
    )
    assert main(["--debug", "fit", "-c", text]) == 0
    return folder


@pytest.fixture(scope="module")
def ideal(folder: Path) -> Path:
    """A checkpoint of Python, of graphs selected by truth."""
    graphs = build_graphs(
        pcgnn.read_hits(folder / "hits.root"),
        LayerPairCuts.from_dict(CUTS),
        pt_min=0.5,
        truth_selection="ideal",
        one_hit_per_layer=True,
    )
    model = pcgnn.create_model("interaction-network", features=graphs.features)
    directory = folder / "ideal"
    return pcgnn.fit(
        model, graphs, graphs, epochs=1, directory=directory, progress=False
    ).best_checkpoint


@pytest.fixture(autouse=True)
def _untouched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Commands may not change the allocator or the random state of the test process."""
    monkeypatch.setattr("pcgnn.ops.tune_allocator", lambda: False)
    monkeypatch.setenv("PL_GLOBAL_SEED", "0")
    monkeypatch.setenv("PL_SEED_WORKERS", "0")
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


def graphs_of(folder: Path, **options: Any) -> tuple[ak.Array, HitGraphs]:
    hits = pcgnn.read_hits(folder / "hits.root")
    return hits, build_graphs(hits, LayerPairCuts.from_dict(CUTS), pt_min=1.0, **options)


def plain_threshold(graphs: HitGraphs, scores: Any, efficiency: float) -> float:
    """The highest score that as large a share of the true edges reaches, by sorting."""
    y = np.concatenate([graph.y.numpy() for graph in graphs]) > 0.5
    mask = np.concatenate([graph.edge_mask.numpy() for graph in graphs])
    true = np.sort(scores.values[y & mask])[::-1]
    return float(true[int(np.ceil(efficiency * true.size)) - 1])


def kept(checkpoint: Path) -> Any:
    return torch.load(checkpoint, weights_only=True)["pcgnn"].get("threshold")


def written(path: Path) -> dict[str, Any]:
    with uproot.open(path) as file:
        (tree,) = file.values()
        return {name: tree[name].array(library="ak") for name in tree.keys()}  # noqa: SIM118


def flat(lists: ak.Array) -> np.ndarray:
    return ak.to_numpy(ak.flatten(lists))


def test_fit_keeps_the_threshold_of_the_validation_part(folder: Path) -> None:
    checkpoint = folder / "run" / "best.ckpt"
    _, graphs = graphs_of(folder)
    val = graphs.split(SPLIT, seed=0)[1]
    scores = pcgnn.predict(checkpoint, val)
    found = kept(checkpoint)
    assert found["value"] == plain_threshold(val, scores, 0.98)
    assert found["wanted_efficiency"] == 0.98
    assert found["events"] == 1
    assert found["efficiency"]["value"] >= 0.98
    report = val.report(scores, threshold=found["value"])
    assert found["purity"]["passed"] == report.kept_true
    assert found["purity"]["total"] == report.kept_true + report.kept_false
    assert kept(folder / "run" / "last.ckpt") is None


def test_validate_prints_the_threshold_for_an_efficiency(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, graphs = graphs_of(folder)
    val = graphs.split(SPLIT, seed=0)[1]
    scores = pcgnn.predict(folder / "run" / "best.ckpt", val)
    for efficiency in (0.98, 0.6):
        words = ["-c", str(folder / "config.yaml"), "--efficiency", str(efficiency)]
        assert main(["--debug", "validate", *words]) == 0
        text = capsys.readouterr().out
        assert "val_loss" in text
        assert "Edge report" in text
        printed = re.search(r"--threshold (\S+)", text)
        assert printed is not None
        assert float(printed[1]) == plain_threshold(val, scores, efficiency)


def test_test_reports_edges_and_tracks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits, graphs = graphs_of(folder)
    _, val, test = graphs.split(SPLIT, seed=0)
    checkpoint = folder / "run" / "best.ckpt"
    threshold = plain_threshold(val, pcgnn.predict(checkpoint, val), 0.9)
    hits, test = hits[test.events], test.compact()
    scores = pcgnn.predict(checkpoint, test)
    tracks = find_tracks(test, scores, hits=hits, method="walkthrough", threshold=threshold)
    words = ["--efficiency", "0.9", "--method", "walkthrough"]
    assert main(["--debug", "test", "-c", str(folder / "config.yaml"), *words]) == 0
    text = capsys.readouterr().out
    assert str(test.report(scores, threshold=threshold)) in text
    report = pcgnn.metrics.track_report(hits, tracks, rule="double_majority", pt_min=1.0)
    assert str(report) in text
    assert "on 1 validation events" in text


def test_predicted_tracks_are_those_of_python(folder: Path, tmp_path: Path) -> None:
    checkpoint = folder / "run" / "best.ckpt"
    hits, graphs = graphs_of(folder)
    scores = pcgnn.predict(checkpoint, graphs)
    words = ["predict", "--checkpoint", str(checkpoint), "--files", str(folder / "hits.root")]
    edges = tmp_path / "edges.root"
    for method, threshold in (("components", None), ("walkthrough", 0.4)):
        output = tmp_path / f"{method}.root"
        more = ["--method", method, "--output", str(output), "--edges", str(edges), "--overwrite"]
        more += [] if threshold is None else ["--threshold", str(threshold)]
        assert main([*words, *more]) == 0
        cut = kept(checkpoint)["value"] if threshold is None else threshold
        expected = find_tracks(graphs, scores, hits=hits, method=method, threshold=cut)
        found = written(output)
        assert ak.num(found["hit_track"]).tolist() == ak.num(hits.hit.x).tolist()
        assert np.array_equal(flat(found["hit_track"]), expected)
        assert (expected >= 0).any()
        assert found["event_id"].tolist() == hits.event_id.tolist()
    lists = written(edges)
    assert ak.num(lists["edge_score"]).tolist() == [g.edge_index.shape[1] for g in graphs]
    assert np.array_equal(flat(lists["edge_score"]), scores.values)
    ends = np.concatenate([graph.hit_index[graph.edge_index].numpy() for graph in graphs], 1)
    assert np.array_equal(flat(lists["edge_source"]), ends[0])
    assert np.array_equal(flat(lists["edge_target"]), ends[1])


def test_helices_are_written_if_a_field_is_given(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt"), "--threshold", "0.5"]
    words += ["--files", str(folder / "hits.root"), "--output", str(tmp_path / "found.root")]
    assert main([*words, "--field", "0"]) == 2
    assert "bends no track" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main([*words, "--field", "2.0"]) == 2
    assert "no volume" in capsys.readouterr().err
    assert main([*words, "--resolution", "0.1"]) == 2
    assert "give --field" in capsys.readouterr().err
    resolution = (0.01, 0.0, 0.1)
    words += ["--resolution", *map(str, resolution)]
    assert main([*words, "--field", "2.0"]) == 0
    found = written(tmp_path / "found.root")
    hits = pcgnn.read_hits(folder / "hits.root")
    fitted = pcgnn.tracking.fit_tracks(
        hits, flat(found["hit_track"]), field=2.0, resolution=resolution
    )
    assert ak.num(found["track_pt"]).tolist() == ak.num(fitted.pt).tolist()
    assert len(flat(fitted.pt)) > 10
    for name in ("pt", "eta", "phi", "d0", "z0", "charge"):
        assert np.array_equal(flat(found[f"track_{name}"]), flat(fitted[name]), equal_nan=True)


def test_truth_is_not_needed_and_not_looked_at(folder: Path, tmp_path: Path) -> None:
    words = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt")]
    words += ["--files", str(folder / "hits.root"), str(folder / "plain.root")]
    assert main([*words, "--output", str(tmp_path / "{stem}_tracks.root")]) == 0
    ours, theirs = (written(tmp_path / f"{name}_tracks.root") for name in ("hits", "plain"))
    assert ours.keys() == theirs.keys()
    assert all(ak.array_equal(ours[name], theirs[name]) for name in ours)


def test_blocks_of_events_change_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt")]
    words += ["--files", str(folder / "plain.root")]
    assert main([*words, "--output", str(tmp_path / "whole.root")]) == 0
    monkeypatch.setattr("pcgnn.cli.track_finding._BLOCK", 1)
    assert main([*words, "--output", str(tmp_path / "single.root")]) == 0
    whole, single = written(tmp_path / "whole.root"), written(tmp_path / "single.root")
    assert all(ak.array_equal(whole[name], single[name]) for name in whole)


def test_selection_by_truth_is_said_and_only_made_if_asked_for(
    folder: Path, ideal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "--checkpoint", str(ideal), "--threshold", "0.3"]
    words += ["--files", str(folder / "hits.root"), "--edges", str(tmp_path / "edges.root")]
    words += ["--overwrite"]
    sizes = {}
    for more in ([], ["--ideal"]):
        assert main([*words, "--output", str(tmp_path / "a.root"), *more]) == 0
        note = capsys.readouterr().err
        assert "TRUTH-SELECTED" in note
        assert ("do not hold" in note) is not bool(more)
        counts = ak.num(written(tmp_path / "edges.root")["edge_score"])
        _, graphs = graphs_of(folder)
        if more:
            hits = pcgnn.read_hits(folder / "hits.root")
            cuts = LayerPairCuts.from_dict(CUTS)
            graphs = build_graphs(
                hits, cuts, pt_min=0.5, truth_selection="ideal", one_hit_per_layer=True
            )
        assert counts.tolist() == [graph.edge_index.shape[1] for graph in graphs]
        sizes[bool(more)] = int(ak.sum(counts))
    assert sizes[True] < sizes[False]
    words[words.index(str(folder / "hits.root"))] = str(folder / "plain.root")
    (tmp_path / "a.root").unlink()
    assert main([*words, "--output", str(tmp_path / "a.root"), "--ideal"]) == 2
    assert "truth" in capsys.readouterr().err
    assert not (tmp_path / "a.root").exists()


def test_events_with_few_hits_keep_their_place(folder: Path, tmp_path: Path) -> None:
    """No hit, one hit, hits on no layer of the graphs only: entries stay those of the input."""
    hits = pcgnn.read_hits(folder / "plain.root", truth=False)
    number, event = ak.local_index(hits.hit.x), ak.local_index(hits.hit.x, axis=0)
    off = hits.hit.layer > 9  # the disks
    keep = (event > 2) | ((event == 1) & (number == 0)) | ((event == 2) & off)
    assert ak.sum(off[2]) > 3
    thinned = hits[["hit", "event_id"]]
    thinned["hit"] = hits.hit[keep]
    pcgnn.write_hits(tmp_path / "few.root", thinned)
    words = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt")]
    words += ["--files", str(tmp_path / "few.root"), "--output", str(tmp_path / "found.root")]
    assert main(words) == 0
    found = written(tmp_path / "found.root")
    sizes = ak.num(thinned.hit.x).tolist()
    assert sizes[:2] == [0, 1]
    assert ak.num(found["hit_track"]).tolist() == sizes
    assert ak.all(found["hit_track"][:3] == -1)
    assert ak.any(found["hit_track"][3:] >= 0)


def test_models_on_hits_score_hits(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = config(folder / "hits.root", tmp_path / "run")
    content["model"]["class_path"] = "pcgnn.training.HitClassificationTask"
    content["model"]["init_args"] |= {
        "name": "hit-network",
        "arguments": {"latent": 8, "steps": 1},
    }
    text = write_config(tmp_path / "config.yaml", content)
    assert main(["--debug", "fit", "-c", text]) == 0
    assert main(["--debug", "test", "-c", text]) == 0
    assert "wanted hits" in capsys.readouterr().out
    checkpoint = tmp_path / "run" / "best.ckpt"
    words = ["predict", "--checkpoint", str(checkpoint), "--files", str(folder / "plain.root")]
    words += ["--output", str(tmp_path / "scores.root")]
    assert main([*words, "--threshold", "0.5"]) == 2
    assert "--threshold has no meaning" in capsys.readouterr().err
    assert main(words) == 0
    _, graphs = graphs_of(folder)
    scores = flat(written(tmp_path / "scores.root")["hit_score"])
    inside = graphs.selected()
    assert np.isnan(scores[~inside]).all()
    assert (~inside).any()
    assert np.array_equal(scores[inside], pcgnn.predict(checkpoint, graphs).values)


def test_condensation_networks_give_tracks(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = config(folder / "hits.root", tmp_path / "run")
    content["model"]["class_path"] = "pcgnn.training.CondensationTask"
    content["model"]["init_args"] |= {
        "name": "condensation-network",
        "arguments": {"latent": 8, "steps": 1, "dimensions": 2},
    }
    text = write_config(tmp_path / "config.yaml", content)
    assert main(["--debug", "fit", "-c", text]) == 0
    checkpoint, output = tmp_path / "run" / "best.ckpt", tmp_path / "tracks.root"
    words = ["predict", "--checkpoint", str(checkpoint), "--files", str(folder / "plain.root")]
    words += ["--output", str(output), "--overwrite"]
    capsys.readouterr()
    for option, value in (("--threshold", "0.5"), ("--edges", str(tmp_path / "edges.root"))):
        assert main([*words, option, value]) == 2
        assert f"{option} has no meaning" in capsys.readouterr().err
    assert main([*words, "--method", "walkthrough"]) == 2
    assert "choose one of ['condensation']" in capsys.readouterr().err
    assert main([*words, "--radius", "0"]) == 2
    assert "radius" in capsys.readouterr().err
    assert not output.exists()
    hits, graphs = graphs_of(folder)
    outputs = pcgnn.predict(checkpoint, graphs)
    beta = outputs.values[:, 0]
    few = float(np.quantile(beta, 0.9))
    for more, options in (
        ([], {}),
        (["--radius", "0.05", "--beta-min", str(few)], {"radius": 0.05, "beta_min": few}),
    ):
        assert main([*words, *more]) == 0
        found = flat(written(output)["hit_track"])
        expected = find_tracks(graphs, outputs, hits=hits, method="condensation", **options)
        assert np.array_equal(found, expected)
        assert (expected >= 0).any()
    other = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt"), *words[3:]]
    assert main([*other, "--beta-min", "0.1"]) == 2
    assert "--beta-min has no meaning" in capsys.readouterr().err


def test_resuming_may_ask_for_another_efficiency(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder / "run", run)
    first = kept(run / "best.ckpt")["value"]
    more = ["--run.directory", str(run), "--run.resume", "true", "--efficiency", "0.5"]
    assert main(["--debug", "fit", "-c", str(folder / "config.yaml"), *more]) == 0
    assert kept(run / "best.ckpt")["wanted_efficiency"] == 0.5
    assert kept(run / "best.ckpt")["value"] > first


def test_several_files_and_outputs(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt")]
    two = ["--files", str(folder / "hits.root"), str(folder / "plain.root")]
    assert main([*words, *two, "--output", str(tmp_path / "x.root")]) == 2
    assert "{stem}" in capsys.readouterr().err
    same = ["--files", str(folder / "hits.root"), str(folder / "hits.root")]
    assert main([*words, *same, "--output", str(tmp_path / "{stem}.root")]) == 2
    assert "several inputs would give the same output" in capsys.readouterr().err
    (tmp_path / "plain.root").write_bytes(b"precious")
    assert main([*words, *two, "--output", str(tmp_path / "{stem}.root")]) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["plain.root"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--method", "magic"], "no method 'magic'"),
        (["--threshold", "nan"], "not a number"),
        (["--threshold", "high"], "--threshold"),
        (["--min-hits", "0"], "min_hits = 0"),
        (["--batch-size", "3"], "--batch-size has no meaning"),
        (["--no-cut"], "--no-cut has no meaning"),
        (["--tree", "jets"], "jets"),
        (["--files", "nowhere.root"], "nowhere.root"),
        (["--edges", "nofolder/edges.root"], "folder of the output"),
    ],
)
def test_mistakes_are_one_message(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    words = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt")]
    words += ["--files", str(folder / "hits.root"), "--output", str(tmp_path / "x.root")]
    assert main([*words, *more]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pcgnn: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_without_threshold_asks_for_one(
    folder: Path, ideal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["predict", "--checkpoint", str(ideal), "--files", str(folder / "hits.root")]
    assert main([*words, "--output", str(tmp_path / "x.root")]) == 2
    assert "carries no threshold" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_efficiency_that_cannot_be_is_refused_before_the_training(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = config(folder / "hits.root", tmp_path / "run") | {"efficiency": 1.2}
    assert main(["fit", "-c", write_config(tmp_path / "config.yaml", content)]) == 2
    assert "efficiency = 1.2" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def spoilt(path: Path, case: str) -> None:
    """Three toy events with one thing wrong."""
    hits = pcgnn.simulation.simulate_toy(3, seed=4)
    fields = {name: hits.hit[name] for name in ("x", "y", "z", "layer", "particle_id")}
    particles = hits.particle
    if case == "no z":
        del fields["z"]
    elif case == "no layer":
        del fields["layer"]
    elif case == "NaN":
        place = (ak.local_index(fields["x"], axis=0) == 1) & (ak.local_index(fields["x"]) == 7)
        fields["x"] = ak.where(place, np.nan, fields["x"])
    elif case == "other layers":
        fields["layer"] = fields["layer"] + 500
    elif case == "hit twice":
        fields["hit_id"] = ak.local_index(fields["x"]) // 2
    elif case == "beam axis":
        fields["x"], fields["y"] = fields["x"] * 0, fields["y"] * 0
    elif case == "truth of another event":
        particles = particles[[1, 2, 0]]
    elif case == "no hits at all":
        fields = {name: values[:, :0] for name, values in fields.items()}
    columns = {f"hit_{name}": values for name, values in fields.items()}
    if case != "no particles":
        for name in ("particle_id", "px", "py", "pz"):
            columns[f"particle_{name}"] = particles[name]
    with uproot.recreate(path) as file:
        types = {name: values.type.content for name, values in columns.items()}
        file.mktree("events", types, counter_name=lambda name: f"n_{name}")
        file["events"].extend(columns)


BAD: dict[str, tuple[str, str | None]] = {
    "no z": ("branch 'z'", "branch 'z'"),
    "no layer": ("entry 0.*mapping", "entry 0.*mapping"),
    "NaN": ("hit 7 has no finite x.*entry 1", "hit 7 has no finite x.*entry 1"),
    "other layers": ("none of the .* layers=", "none of the .* layers="),
    "hit twice": ("hit ids are there twice.*entry 0", "hit ids are there twice.*entry 0"),
    "beam axis": ("hit 0 lies on the beam axis.*entry 0", "hit 0 lies on the beam axis.*entry 0"),
    "truth of another event": ("do(es)? not have.*entry", None),
    "no particles": ("name particles but there are none", None),
    "no hits at all": ("no two of the 0 hits", None),
}
"""What training and prediction say; None where there is nothing wrong without truth."""


@pytest.mark.parametrize("case", BAD)
def test_bad_hits_are_one_message_with_file_and_place(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    file = tmp_path / "bad.root"
    spoilt(file, case)
    content = config(file, tmp_path / "run", split=[1, 1, 1])
    train = ["fit", "-c", write_config(tmp_path / "config.yaml", content)]
    infer = ["predict", "--checkpoint", str(folder / "run" / "best.ckpt"), "--files", str(file)]
    infer += ["--output", str(tmp_path / "found.root")]
    for words, message in zip((train, infer), BAD[case], strict=True):
        code = main(words)
        captured = capsys.readouterr()
        if message is None:
            assert code == 0
            assert ak.num(written(tmp_path / "found.root")["hit_track"], axis=0) == 3
            continue
        assert code == 2
        assert captured.err.startswith("pcgnn: error: ")
        assert re.search(message, captured.err), captured.err
        assert str(file) in captured.err
        assert captured.err.count("\n") == 1
        assert not (tmp_path / "run").exists()
        assert not (tmp_path / "found.root").exists()


def test_inspect_recognises_hits(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits = pcgnn.read_hits(folder / "hits.root")
    report = pcgnn.inspect(folder / "hits.root")
    counts = ak.num(hits.hit.x)
    (tree,) = report.trees
    assert tree.hits is not None
    assert set(tree.hits.fields) == set(hits.hit.fields)
    assert set(tree.hits.particles) == set(hits.particle.fields)
    assert (tree.hits.smallest, tree.hits.largest) == (min(counts), max(counts))
    assert tree.hits.mean == pytest.approx(ak.mean(counts))
    assert report.suggestion == f"read_hits({str(folder / 'hits.root')!r})"
    assert main(["inspect", str(folder / "plain.root")]) == 0
    text = capsys.readouterr().out
    assert "no truth" in text
    assert "read_hits(" in text
    assert main(["inspect", str(pcgnn.datasets.bundled("tracks"))]) == 0
    assert "selected by truth" in capsys.readouterr().out


def test_inspect_says_who_reads_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "event000000001-hits.csv").write_text("hit_id,x,y,z\n")
    assert main(["inspect", str(tmp_path / "event000000001-hits.csv")]) == 2
    assert "pcgnn.read_hits" in capsys.readouterr().err


def test_convert_hits_of_csv_to_root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["1,10,20,30,8,2,5", "2,11,22,33,8,4,6"]
    header = "hit_id,x,y,z,volume_id,layer_id,module_id"
    (tmp_path / "event000000009-hits.csv").write_text("\n".join([header, *rows, ""]))
    output = tmp_path / "out.root"
    words = ["convert", "--hits", str(tmp_path / "event000000009"), str(output)]
    assert main([*words, "--cut", "x > 1"]) == 2
    assert "--cut has no meaning" in capsys.readouterr().err
    assert main(words) == 0
    assert "1 events without truth" in capsys.readouterr().out
    hits = pcgnn.read_hits(output)
    assert hits.event_id.tolist() == [9]
    assert hits.hit.y.tolist() == [[20, 22]]
    assert hits.hit.layer.tolist() == [[2, 4]]
    assert main(words) == 2
    assert "add --overwrite" in capsys.readouterr().err


HOSTILE: dict[str, tuple[str, Any]] = {
    "class in cuts": ("data/cuts", {"class_path": "evil_module.Cuts"}),
    "class deep in cuts": ("data/cuts", {"layers": {"class_path": "os.system"}}),
    "class in the mapping": ("data/mapping", {"hit": {"class_path": "evil_module.X"}}),
    "call as layers": ("data/cuts", {"layers": "__import__('os').mkdir('executed')"}),
    "call as truth": ("data/truth", "__import__('os').mkdir('executed')"),
    "call as table": ("data/table", "__import__('os').mkdir('executed')"),
    "other data class": ("data_class", "evil_module.HitData"),
    "other task": ("model_class", "evil_module.Task"),
    "network as text": ("model/network", "subprocess.Popen"),
    "call as network": ("model/name", "__import__('os').mkdir('executed')"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_tracking_configurations(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    case: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    place, value = HOSTILE[case]
    content = copy.deepcopy(config(folder / "hits.root", tmp_path / "run"))
    section, _, name = place.replace("_class", "/class_path").partition("/")
    if name == "class_path":
        content[section]["class_path"] = value
    else:
        content[section]["init_args"][name] = value
        if name == "table":
            del content["data"]["init_args"]["cuts"]
    loaded = set(sys.modules)
    assert main(["fit", "-c", write_config(tmp_path / "config.yaml", content)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("pcgnn: error: ")
    assert "Traceback" not in captured.err
    assert "evil_module" not in set(sys.modules) - loaded
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


def test_test_takes_the_kept_threshold_as_predict_does(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["test", "-c", str(folder / "config.yaml")]
    assert main(words) == 0
    value = kept(folder / "run" / "best.ckpt")["value"]
    assert f"threshold {value:.6g}: kept in the checkpoint" in capsys.readouterr().out
    assert main([*words, "--efficiency", "0.7"]) == 0
    _, graphs = graphs_of(folder)
    val = graphs.split(SPLIT, seed=0)[1]
    scores = pcgnn.predict(folder / "run" / "best.ckpt", val)
    wanted = plain_threshold(val, scores, 0.7)
    assert f"threshold {wanted:.6g}: chosen for an efficiency of 0.7" in capsys.readouterr().out


def test_condensation_is_tested_with_options_chosen_on_validation(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = config(folder / "hits.root", tmp_path / "run", pt=1.0)
    arguments = {"latent": 8, "steps": 1, "dimensions": 2, "edge_features": 4}
    content["model"] = {
        "class_path": "pcgnn.training.CondensationTask",
        "init_args": {"name": "condensation-network", "arguments": arguments, "lr": 5e-3},
    }
    text = write_config(tmp_path / "config.yaml", content)
    assert main(["fit", "-c", text]) == 0
    capsys.readouterr()
    assert main(["test", "-c", text]) == 0
    printed = capsys.readouterr().out
    found = re.search(r"radius ([\d.]+), beta_min ([\d.]+): double_majority", printed)
    assert found is not None
    hits, graphs = graphs_of(folder)
    checkpoint = tmp_path / "run" / "best.ckpt"
    efficiency = {}
    for part in graphs.split(SPLIT, seed=0)[1:]:
        mine, part = hits[part.events], part.compact()
        for radius in (0.2, 0.35, 0.5, 0.7):
            for strength in (0.05, 0.1):
                tracks = find_tracks(
                    part,
                    pcgnn.predict(checkpoint, part),
                    hits=mine,
                    method="condensation",
                    radius=radius,
                    beta_min=strength,
                )
                report = pcgnn.metrics.track_report(
                    mine, tracks, rule="double_majority", pt_min=1.0
                )
                efficiency.setdefault((radius, strength), []).append(report.efficiency)
    chosen = float(found[1]), float(found[2])
    assert efficiency[chosen][0].value == max(each[0].value for each in efficiency.values())
    assert efficiency[chosen][1].counts in printed
