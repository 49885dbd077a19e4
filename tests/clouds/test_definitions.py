"""Feature definitions: the named ones, user-given ones, plain values."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from cloud_makers import make_arrays, records

from pcgnn.data import (
    Feature,
    FeatureDefinition,
    ParticleClouds,
    feature_definition,
    list_definitions,
)
from pcgnn.errors import ConfigError, ExpressionError


def test_particlenet_has_the_published_numbers() -> None:
    definition = feature_definition("particlenet")
    assert len(definition) == 7
    assert [f.shift for f in definition] == [1.7, 2.0, -4.7, -4.7, 0.2, 0.0, 0.0]
    assert [f.scale for f in definition] == [0.7, 0.7, 0.7, 0.7, 4.0, 1.0, 1.0]
    assert [f.clip for f in definition] == [(-5.0, 5.0)] * 5 + [None] * 2
    assert definition.pos == ("part_deta", "part_dphi")


@pytest.mark.parametrize("name", list_definitions())
def test_plain_values_restore_a_definition(name: str) -> None:
    definition = feature_definition(name)
    again = FeatureDefinition.from_dict(json.loads(json.dumps(definition.to_dict())))
    assert again == definition
    assert hash(again) == hash(definition)
    assert FeatureDefinition.parse(definition.to_dict()) == definition


def full(particle: dict[str, np.ndarray]) -> ParticleClouds:
    return ParticleClouds.from_awkward(
        records(make_arrays(12, seed=30), particle=particle),
        features="particlenet-full",
        dtype=torch.float64,
    )


def test_full_takes_what_is_present() -> None:
    total = int(make_arrays(12, seed=30)["n"].sum())
    rng = np.random.default_rng(0)
    plain = full({})
    assert plain.features.names == feature_definition("particlenet").names
    d0, err = rng.normal(0, 2, total), rng.uniform(0, 3, total)
    flags = {f"is{k}": rng.integers(0, 2, total) for k in ("Photon", "Muon")}
    clouds = full({"d0val": d0, "d0err": err, "charge": rng.integers(-1, 2, total), **flags})
    names = clouds.features.names
    assert names == (
        *("log_pt", "log_energy", "log_pt_rel", "log_energy_rel", "dr"),
        *("charge", "isPhoton", "isMuon", "d0", "d0err", "deta", "dphi"),
    )
    column = {name: clouds.x[:, i].numpy() for i, name in enumerate(names)}
    np.testing.assert_allclose(column["d0"], np.tanh(d0), rtol=1e-12)
    np.testing.assert_allclose(column["d0err"], np.clip(err, 0, 1), rtol=1e-12)
    assert np.array_equal(column["isMuon"], flags["isMuon"])
    # the settled definition asks for exactly these fields afterwards
    assert not any(feature.optional for feature in clouds.features)
    with pytest.raises(ExpressionError, match="part_charge"):
        ParticleClouds.from_awkward(records(make_arrays(5)), features=clouds.features)


def test_particle_type_from_pdg_codes() -> None:
    total = int(make_arrays(12, seed=30)["n"].sum())
    codes = np.resize([211, -321, 2212, 130, -2112, 22, -11, 13, 0], total)
    clouds = full({"pdgId": codes})
    index = clouds.features.names.index
    kinds = {
        "isChargedHadron": (211, 321, 2212),
        "isNeutralHadron": (130, 2112),
        "isPhoton": (22,),
        "isElectron": (11,),
        "isMuon": (13,),
    }
    for name, members in kinds.items():
        expected = np.isin(np.abs(codes), members)
        assert np.array_equal(clouds.x[:, index(name)].numpy(), expected.astype(float)), name


def test_p4_definition() -> None:
    clouds = ParticleClouds.from_awkward(records(make_arrays(4)), features="p4")
    assert torch.equal(clouds.x, clouds.p4)
    assert clouds.features.names == ("E", "px", "py", "pz")
    assert clouds.pos.shape == (clouds.num_particles, 2)


def test_definitions_without_pos_or_features() -> None:
    jets = records(make_arrays(4))
    only_pos = FeatureDefinition("only-pos", (), pos=("part_eta", "part_phi"))
    clouds = ParticleClouds.from_awkward(jets, features=only_pos)
    assert clouds.x is None
    assert clouds.pos.shape[1] == 2
    no_pos = FeatureDefinition("no-pos", ("part_pt",), pos=())
    assert ParticleClouds.from_awkward(jets, features=no_pos, p4=False).pos is None


def test_needs_and_text() -> None:
    definition = FeatureDefinition.parse(
        [{"name": "a", "expression": "log(part_pt) * mu", "shift": 1, "clip": [0, 2]}]
    )
    assert definition.needs == {"part_pt", "mu", "part_deta", "part_dphi"}
    assert "a = log(part_pt) * mu, minus 1, times 1, clipped to 0 .. 2" in str(definition)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a"},
        {"expression": "part_pt", "shfit": 1},
        {"expression": "part_pt", "clip": 0},
        {"expression": "part_pt", "clip": [2, 1]},
        {"expression": "part_pt", "clip": "x"},
        {"expression": "part_pt", "scale": "big"},
        {"expression": "part_pt", "shift": float("nan")},
        {"expression": "part_pt", "name": ""},
        7,
    ],
)
def test_wrong_features(wrong: object) -> None:
    with pytest.raises(ConfigError):
        Feature.parse(wrong)


def test_wrong_definitions() -> None:
    with pytest.raises(ConfigError, match="two features"):
        FeatureDefinition.parse(["part_pt", "part_pt"])
    with pytest.raises(ConfigError, match="jet_axis"):
        FeatureDefinition("a", ("part_pt",), jet_axis="beam")
    with pytest.raises(ConfigError, match="pos"):
        FeatureDefinition("a", ("part_pt",), pos="part_eta")
    with pytest.raises(ConfigError):
        FeatureDefinition.from_dict({"features": ["part_pt"], "extra": 1})
    with pytest.raises(ConfigError):
        FeatureDefinition.parse(3)
    with pytest.raises(ExpressionError):
        FeatureDefinition.parse(["part_pt +"])
