"""Which branches become particles: patterns, mappings, and the names experiments use."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from jet_files import make_columns, write_rntuple, write_tree

from pcgnn.errors import ConfigError, ReadError
from pcgnn.io import read_root
from pcgnn.io.branches import coordinate_of, find_particles
from pcgnn.io.tables import BranchTable, identifier

FLOATS = uproot.AsJagged(uproot.AsDtype(">f4"))
NUMBER = uproot.AsDtype(">f4")
STRING = uproot.AsStrings()
DELPHES = ["Jet/Jet.PT", "Jet/Jet.Eta", "Jet/Jet.Phi", "Jet/Jet.Mass"]


def table(**interpretations: Any) -> BranchTable:
    """A tree with the given keys, as uproot would show it."""
    return table_of(interpretations)


def table_of(interpretations: dict[str, Any]) -> BranchTable:
    branches = {
        key: SimpleNamespace(interpretation=value, typename="some type")
        for key, value in interpretations.items()
    }

    class Tree:
        branches: tuple[()] = ()

        def keys(self, recursive: bool) -> list[str]:
            return list(interpretations)

        def __getitem__(self, key: str) -> Any:
            return branches[key]

    return BranchTable(Tree(), "f.root", "t")


@pytest.mark.parametrize(
    ("name", "coordinate"),
    [
        ("px", "px"),
        ("Px", "px"),
        ("PY", "py"),
        ("momentum.z", "pz"),
        ("Momentum_X", "px"),
        ("E", "E"),
        ("e", "E"),
        ("Energy", "E"),
        ("PT", "pt"),
        ("Eta", "eta"),
        ("PHI", "phi"),
        ("m", "mass"),
        ("M", "mass"),
        ("Mass", "mass"),
        ("fCoordinates.fPt", "pt"),
        ("charge", None),
        ("etaErr", None),
        ("d0", None),
        ("x", None),
    ],
)
def test_coordinates_by_name(name: str, coordinate: str | None) -> None:
    assert coordinate_of(name) == coordinate


@pytest.mark.parametrize(
    ("pattern", "keys", "coordinates"),
    [
        ("part_*", ["part_px", "part_py", "part_pz", "part_energy"], "px py pz E"),
        ("part_*", ["part_px", "part_py", "part_pz", "part_mass"], "px py pz mass"),
        (
            "PFCands_*",
            ["PFCands_pt", "PFCands_eta", "PFCands_phi", "PFCands_mass"],
            "pt eta phi mass",
        ),
        ("trk_*", ["trk_pt", "trk_eta", "trk_phi", "trk_e"], "pt eta phi E"),
        ("Jet.*", ["Jet/Jet.PT", "Jet/Jet.Eta", "Jet/Jet.Phi", "Jet/Jet.Mass"], "pt eta phi mass"),
        (
            "Jet/Jet.*",
            ["Jet/Jet.PT", "Jet/Jet.Eta", "Jet/Jet.Phi", "Jet/Jet.Mass"],
            "pt eta phi mass",
        ),
        ("Jet/*", ["Jet/Jet.PT", "Jet/Jet.Eta", "Jet/Jet.Phi", "Jet/Jet.Mass"], "pt eta phi mass"),
        (
            "RP.*",
            ["RP/RP.momentum.x", "RP/RP.momentum.y", "RP/RP.momentum.z", "RP/RP.energy"],
            "px py pz E",
        ),
        ("*_cand", ["pt_cand", "eta_cand", "phi_cand", "m_cand"], "pt eta phi mass"),
    ],
)
def test_patterns(pattern: str, keys: list[str], coordinates: str) -> None:
    found = find_particles(table_of(dict.fromkeys(keys, FLOATS)), pattern)
    assert found.coordinates == tuple(coordinates.split())
    assert [branch.key for branch in found.fields.values()] == keys


def test_overcomplete_sets_take_the_first_and_record_the_rest() -> None:
    names = ("PT", "Eta", "Phi", "Mass", "Px", "Py", "Pz", "E", "Charge", "X", "T")
    found = find_particles(
        table_of({f"Particle/Particle.{name}": FLOATS for name in names}), "Particle.*"
    )
    assert list(found.fields) == ["px", "py", "pz", "E", "Charge", "X", "T"]
    assert set(found.redundant) == {"Particle.PT", "Particle.Eta", "Particle.Phi", "Particle.Mass"}


def test_fields_that_vector_would_take_for_coordinates_get_an_underscore(tmp_path: Path) -> None:
    columns = make_columns(4)
    columns["part_x"] = columns["part_d0"] * 100
    columns["part_t"] = columns["part_d0"] * 10
    jets = read_root(
        write_tree(tmp_path / "v.root", columns), particles="part_*", derived={"s": "sum(part_x)"}
    )
    assert {"x_", "t_"} <= set(jets.particles.fields)
    assert ak.array_equal(jets.particles.px, columns["part_px"])
    assert ak.array_equal(jets.particles.x, columns["part_px"])  # vector's own meaning of x
    np.testing.assert_allclose(jets.s, ak.sum(columns["part_x"], axis=1), rtol=1e-14)


def test_pattern_skips_and_records_what_are_no_particles() -> None:
    found = find_particles(
        table(
            part_px=FLOATS,
            part_py=FLOATS,
            part_pz=FLOATS,
            part_E=FLOATS,
            part_n=NUMBER,
            part_name=STRING,
        ),
        "part_*",
    )
    assert list(found.fields) == ["px", "py", "pz", "E"]
    assert found.skipped == ("part_n", "part_name")


def test_wrong_type_of_a_coordinate_is_an_error() -> None:
    with pytest.raises(ReadError, match="part_px") as error:
        find_particles(table(part_px=STRING, part_py=FLOATS), "part_*")
    assert error.value.branch == "part_px"


def test_mapping_names_the_fields(tmp_path: Path) -> None:
    columns = make_columns(6)
    file = write_tree(tmp_path / "m.root", columns)
    mapping = {
        "PX": "part_px",
        "momentum.y": "part_py",
        "pz": "part_pz",
        "energy": "part_energy",
        "q": "part_charge",
    }
    jets = read_root(file, particles=mapping)
    assert jets.particles.fields == ["px", "py", "pz", "E", "q"]
    assert ak.array_equal(jets.particles.q, columns["part_charge"])


def test_nanoaod_collection_with_its_counter(tmp_path: Path) -> None:
    columns = make_columns(6)
    pt = np.hypot(columns["part_px"], columns["part_py"])
    fields = {
        "pt": pt,
        "eta": np.arcsinh(columns["part_pz"] / pt),
        "phi": np.arctan2(columns["part_py"], columns["part_px"]),
        "mass": ak.zeros_like(pt),
        "charge": columns["part_charge"],
    }
    record = ak.zip(fields)
    with uproot.recreate(tmp_path / "nano.root") as file:
        file.mktree("Events", {"PFCands": record.type.content, "Jet": record.type.content})
        file["Events"].extend({"PFCands": record, "Jet": record[:, :1]})
    with uproot.open(f"{tmp_path}/nano.root:Events") as tree:
        assert "nPFCands" in tree
    jets = read_root(
        tmp_path / "nano.root", particles="PFCands_*", event="nPFCands", cut="max(Jet_pt) > 0"
    )
    assert jets.particles.fields == ["pt", "eta", "phi", "mass", "charge"]
    np.testing.assert_array_equal(jets.nPFCands, ak.num(jets.particles))
    assert ak.almost_equal(jets.particles.px, columns["part_px"], rtol=1e-5, atol=1e-5)


def test_edm4hep_in_an_rntuple(tmp_path: Path) -> None:
    columns = make_columns(40)
    momentum = ak.zip({k: columns[f"part_p{k}"] for k in "xyz"})
    particles = ak.zip(
        {
            "momentum": momentum,
            "energy": columns["part_energy"],
            "charge": columns["part_charge"],
            "referencePoint": ak.zip(dict.fromkeys("xyz", columns["part_d0"])),
        }
    )
    file = write_rntuple(tmp_path / "edm.root", {"RecoParticles": particles}, "events")
    for cut, expected in (("", slice(None)), ("sum(part_energy) > 100", None)):
        jets = read_root(file, particles="RecoParticles.*", cut=cut or None)
        fields = jets.particles.fields
        assert fields[:5] == ["px", "py", "pz", "E", "charge"]
        assert fields[5:] == ["referencePoint_x", "referencePoint_y", "referencePoint_z"]
        chosen = ak.sum(columns["part_energy"], axis=1) > 100 if expected is None else expected
        assert ak.array_equal(jets.particles.px, columns["part_px"][chosen])


def test_dotted_branches_in_a_ttree(tmp_path: Path) -> None:
    columns = make_columns(5)
    renamed = {f"Track.{k.upper()}": columns[f"part_{k}"] for k in ("px", "py", "pz")}
    renamed["Track.E"] = columns["part_energy"]
    file = write_tree(tmp_path / "dots.root", renamed)
    jets = read_root(file, particles="Track.*", cut="count(Track_PX > -999) == n_particles")
    assert len(jets) == 5
    assert ak.array_equal(jets.particles.E, columns["part_energy"])


@pytest.mark.parametrize("pattern", ["part_px", "*part*", "", "**"])
def test_a_pattern_has_one_star(pattern: str, jets_file: Path) -> None:
    with pytest.raises(ConfigError, match=r"one \*"):
        read_root(jets_file, particles=pattern)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["p_px", "p_py", "p_pz"], "recognised px, py, pz"),
        (["p_pt", "p_eta", "p_phi"], "recognised pt, eta, phi"),
        (["p_charge"], "recognised none"),
        (["p_px", "p_py", "p_pz", "p_E", "p_energy"], "p_E and p_energy"),
        (["p_pt", "p_PT", "p_eta", "p_phi", "p_m"], "p_pt and p_PT"),
        (["p_px", "p_py", "p_pz", "p_E", "p_a.b", "p_a_b"], "p_a.b and p_a_b"),
    ],
)
def test_missing_or_ambiguous_coordinates(keys: list[str], message: str) -> None:
    with pytest.raises(ReadError, match="mapping") as error:
        find_particles(table_of(dict.fromkeys(keys, FLOATS)), "p_*")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "expected"), [("Jet.PT", "Jet_PT"), ("a/b[3]", "a_b_3_"), ("1st", "_1st"), ("é", "_")]
)
def test_identifiers(name: str, expected: str) -> None:
    assert identifier(name) == expected


def test_ambiguous_names_in_expressions(tmp_path: Path) -> None:
    one = np.ones(3)
    file = write_tree(tmp_path / "amb.root", {"a.b": one, "a-b": 2 * one, "c": one})
    with pytest.raises(ReadError, match="several branches"):
        read_root(file, event="c", cut="a_b > 0")


def test_short_names_shared_by_two_folders_need_the_full_path() -> None:
    two = table_of({"A/PT": FLOATS, "B/PT": FLOATS})
    assert two.find("A/PT").key == "A/PT"
    with pytest.raises(ReadError, match="A/PT or B/PT"):
        two.find("PT")
