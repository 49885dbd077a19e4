"""``pcgnn simulate``: tracking events to a ROOT file by the command line."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from pcgnn.cli import main
from pcgnn.cli.simulate import SAMPLES
from pcgnn.io import read_hits, read_root
from pcgnn.simulation import acts_backend, simulate_toy

SIZE = {
    "jets": "--jets",
    "resonance": "--collisions",
    "softdrop": "--jets",
    "stop": "--collisions",
}
"""All others count events."""
HAS_EXTRA = all(importlib.util.find_spec(name) for name in ("pythia8mc", "acts"))


def toy(path: Path, *words: str) -> ak.Array:
    assert main(["simulate", "toy-tracks", str(path), "--events", "3", *words]) == 0
    return read_hits(path)


def same(ours: ak.Array, theirs: ak.Array) -> bool:
    return all(
        ak.array_equal(ours[name], theirs[name], equal_nan=True)
        for name in ("hit", "particle", "event_id")
    )


def test_toy_events_are_those_of_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hits = toy(tmp_path / "a.root", "--seed", "5", "--pile-up", "2", "--noise", "0.2")
    made = simulate_toy(3, seed=5, pile_up=2.0, noise=0.2)
    for name in ("x", "y", "z", "layer", "particle_id"):
        assert ak.all(hits.hit[name] == made.hit[name])
    assert ak.all(hits.particle.pt == made.particle.pt)
    assert f"{len(ak.flatten(made.hit.x)) / 3:.0f} hits" in capsys.readouterr().out


def test_the_seed_decides(tmp_path: Path) -> None:
    first = toy(tmp_path / "a.root", "--seed", "5")
    assert same(first, toy(tmp_path / "b.root", "--seed", "5"))
    assert not same(first, toy(tmp_path / "c.root", "--seed", "6"))
    later = toy(tmp_path / "d.root", "--seed", "5", "--first-event", "1")
    assert later.event_id.tolist() == [1, 2, 3]
    assert ak.array_equal(first.hit.x[1:], later.hit.x[:2])


def test_options_of_the_toy_reach_it(tmp_path: Path) -> None:
    words = ["--efficiency", "1", "--noise", "0", "--no-scattering", "--resolution", "0"]
    hits = toy(
        tmp_path / "a.root", *words, "--pt-min", "1.5", "--eta-max", "1.0", "--field", "1e-6"
    )
    assert ak.min(hits.particle.pt) >= 1.5
    assert ak.max(abs(hits.particle.eta)) <= 1.0
    assert ak.all(hits.hit.particle_id > 0)
    # without field (but for a trace), scattering and errors the hits lie in the plane of phi
    index = hits.hit.particle_id - 1
    primary = hits.particle.secondary[index] == 0
    phi = hits.particle.phi[index][primary]
    x, y = hits.hit.x[primary], hits.hit.y[primary]
    vx, vy = hits.particle.vx[index][primary], hits.particle.vy[index][primary]
    aside = (x - vx) * np.sin(phi) - (y - vy) * np.cos(phi)
    assert ak.count(aside) > 100
    assert float(ak.max(abs(aside))) < 1e-2  # mm


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "toy-tracks"),
        (["trakcs"], "did you mean 'tracks'"),
        (["toy-tracks"], "required"),
        (["toy-tracks", "a.root"], "--events"),
        (["toy-tracks", "a.txt", "--events", "1"], "end in .root"),
        (["toy-tracks", "no/a.root", "--events", "1"], "folder of the output does not exist"),
        (["toy-tracks", "a.root", "--events", "0"], "events=0"),
        (["toy-tracks", "a.root", "--events", "many"], "--events"),
        (["toy-tracks", "a.root", "--events", "1", "--efficiency", "1.5"], "efficiency=1.5"),
        (["toy-tracks", "a.root", "--events", "1", "--pt-min", "-1"], "pt_min=-1"),
        (["toy-tracks", "a.root", "--events", "1", "--processes", "2"], "--processes"),
        (["tracks", "a.root", "--events", "1", "--digitisation", "magic"], "geometric"),
        (["tracks", "a.root", "--events", "1", "--inefficiency", "2"], "inefficiency=2"),
        (["tracks", "a.root", "--events", "1", "--noise", "1", "--reconstruction"], "after ACTS"),
        (["tracks", "a.root", "--events", "1", "--first-event", "-1"], "first_event=-1"),
        (["tracks", "a.root", "--events", "1", "--compression", "zip"], "zstd"),
        (["stop", "a.root"], "--collisions"),
        (["stop", "a.root", "--collisions", "9"], "collisions=9"),
        (["resonance", "a.root", "--collisions", "999", "--luminosity", "-1"], "luminosity=-1"),
        (["resonance", "a.root", "--collisions", "999", "--signal-share", "2"], "signal_share=2"),
        (["jets", "a.root"], "--jets"),
        (["jets", "a.root", "--jets", "0"], "jets=0"),
        (["jets", "a.root", "--jets", "9", "--classes", "top,wz"], "no jets of class 'wz'"),
        (["jets", "a.root", "--jets", "9", "--preset", "cms"], "pf, tower"),
        (["jets", "a.root", "--jets", "9", "--pt-min", "700"], "pt_max=650.0 must be above"),
    ],
)
def test_mistakes_are_one_message(
    words: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(["simulate", *words])
    captured = capsys.readouterr()
    if not words:
        assert code == 0
        assert all(name in captured.out for name in SAMPLES)
        return
    assert code == 2
    assert captured.err.startswith("pcgnn: error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sample", list(SAMPLES))
def test_an_output_is_not_replaced_unasked(
    sample: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.root"
    path.write_bytes(b"precious")
    assert main(["simulate", sample, str(path), SIZE.get(sample, "--events"), "1"]) == 2
    assert "add --overwrite" in capsys.readouterr().err
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize(
    "words",
    [["tracks", "--events", "1"], ["jets", "--jets", "1"], ["stop", "--collisions", "999"]],
)
def test_the_missing_extra_is_named(
    words: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)  # the import then fails
    acts_backend.load_acts.cache_clear()
    assert main(["simulate", *words, str(tmp_path / "a.root")]) == 2
    captured = capsys.readouterr()
    assert "pip install 'pcgnn[simulation]'" in captured.err
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sample", list(SAMPLES))
def test_help_needs_no_extra_and_states_units(
    sample: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pythia8mc", None)
    with pytest.raises(SystemExit) as left:
        main(["simulate", sample, "--help"])
    assert left.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "GeV" in text
    assert "--pile-up" in text or "--collisions" in text


@pytest.mark.skipif(not HAS_EXTRA, reason="pythia8mc and pyacts, extra [simulation], not installed")
def test_full_simulation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.root"
    words = ["simulate", "tracks", str(path), "--events", "1", "--pile-up", "0"]
    assert main([*words, "--truth-positions", "--no-progress", "--pt-min", "0.5"]) == 0
    assert "1 events" in capsys.readouterr().out
    hits = read_hits(path)
    assert len(hits) == 1
    assert len(hits.hit.x[0]) > 100
    primary = (hits.particle.generation == 0) & (hits.particle.secondary == 0)
    assert ak.any(primary)
    assert ak.min(hits.particle.pt[primary]) >= 0.5
    # a smeared hit lies within a few mm of where the particle was
    apart = np.hypot(hits.hit.x - hits.hit.tx, hits.hit.y - hits.hit.ty)
    assert float(ak.mean(apart)) < 5.0


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("pythia8mc", "fastjet")),
    reason="pythia8mc and fastjet, extra [simulation], not installed",
)
def test_jets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.root"
    words = ["simulate", "jets", str(path), "--jets", "6", "--classes", "b, light", "--seed", "3"]
    options = ["--preset", "tower", "--pt-min", "300", "--pt-max", "400", "--eta-max", "1.5"]
    more = ["--radius", "0.4", "--max-particles", "30", "--no-progress"]
    assert main([*words, *options, *more]) == 0
    assert "6 jets" in capsys.readouterr().out
    jets = read_root(path, particles="part_*", event=["jet_pt", "jet_eta", "is_b"])
    assert len(jets) == 6
    assert sum(jets.is_b) == 3
    assert ak.all((jets.jet_pt > 300) & (jets.jet_pt < 400) & (abs(jets.jet_eta) < 1.5))
    assert ak.all(ak.num(jets.particles.px) <= 30)
    apart = jets.particles.eta - jets.jet_eta
    assert float(ak.mean(abs(apart) < 0.4)) > 0.95
