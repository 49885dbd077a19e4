"""From awkward records to clouds: layouts, features, leading particles, targets, refusals."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import torch
from cloud_makers import make_arrays, plain_features, records
from hypothesis import given, settings
from hypothesis import strategies as st

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import ConfigError, DataError, ExpressionError


def per_jet(arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    edges = np.cumsum([0, *arrays["n"]])
    return [
        plain_features(*(arrays[k][a:b].astype(np.float64) for k in ("px", "py", "pz", "E")))
        for a, b in pairwise(edges)
    ]


def test_particlenet_features_equal_the_plain_formula() -> None:
    arrays = make_arrays(40)
    clouds = ParticleClouds.from_awkward(records(arrays), dtype=torch.float64)
    expected = np.concatenate(per_jet(arrays))
    assert clouds.x is not None
    np.testing.assert_allclose(clouds.x.numpy(), expected, rtol=1e-11, atol=1e-11)
    # the clip and both hemispheres are exercised
    assert (np.abs(expected[:, :5]) == 5.0).any()
    eta = np.arcsinh(arrays["pz"] / np.hypot(arrays["px"], arrays["py"]))
    assert (eta < -0.5).any()
    assert (eta > 0.5).any()
    assert torch.equal(clouds.pos, clouds.x[:, 5:])
    p4 = np.stack([arrays[k] for k in ("E", "px", "py", "pz")], axis=1)
    assert np.array_equal(clouds.p4.numpy(), p4.astype(np.float64))
    single = ParticleClouds.from_awkward(records(arrays))
    assert single.x.dtype == torch.float32
    assert torch.equal(single.x, clouds.x.float())


def test_a_piece_border_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import pcgnn.data.evaluate as evaluate

    jets = records(make_arrays(50, seed=5))
    whole = ParticleClouds.from_awkward(jets, dtype=torch.float64)
    for piece in (1, 37, 200):
        monkeypatch.setattr(evaluate, "_PIECE", piece)
        cut = ParticleClouds.from_awkward(jets, dtype=torch.float64)
        assert torch.equal(whole.x, cut.x)


@pytest.mark.parametrize("how", ["slice", "mask", "index", "option", "concatenate", "zip"])
def test_any_layout_gives_the_same(how: str) -> None:
    arrays = make_arrays(30, seed=6)
    jets = records(arrays, event={"is_top": np.arange(30) % 2})
    wanted = np.arange(30)
    if how == "slice":
        jets, wanted = jets[7:22], wanted[7:22]
    elif how == "mask":
        keep = np.arange(30) % 3 != 0
        jets, wanted = jets[keep], wanted[keep]
    elif how == "index":
        wanted = np.array([5, 1, 1, 29, 0])
        jets = jets[wanted]
    elif how == "option":
        jets = ak.drop_none(jets.mask[np.arange(30) > 3], axis=0)
        wanted = wanted[4:]
    elif how == "concatenate":
        jets = ak.concatenate([jets[20:], jets[:20]])
        wanted = np.r_[20:30, 0:20]
    else:
        # particle by particle selection leaves gaps in the content
        jets = ak.with_field(jets, jets.particles[jets.particles.E > -1], "particles")
    clouds = ParticleClouds.from_awkward(jets, target="is_top", dtype=torch.float64)
    expected = np.concatenate([per_jet(arrays)[i] for i in wanted])
    np.testing.assert_allclose(clouds.x.numpy(), expected, rtol=1e-11, atol=1e-11)
    assert clouds.y.tolist() == [int(i) % 2 for i in wanted]
    assert clouds.sizes.tolist() == [int(arrays["n"][i]) for i in wanted]


def test_nothing_of_the_input_is_aliased() -> None:
    arrays = make_arrays(10, seed=7)
    jets = records(arrays, event={"value": np.arange(10.0)})
    clouds = ParticleClouds.from_awkward(jets, features="p4")
    for tensor in (clouds.x, clouds.p4, clouds.value, clouds.entry, clouds.ptr):
        tensor.zero_()
    assert ak.to_list(jets.value) == list(range(10))
    assert ak.to_list(jets.entry) == list(range(10))
    assert np.array_equal(ak.to_numpy(ak.flatten(jets.particles.px)), arrays["px"])
    assert ak.num(jets.particles, axis=1).to_list() == arrays["n"].tolist()


def test_other_coordinates_give_the_same_features() -> None:
    arrays = {k: v.astype(np.float64) for k, v in make_arrays(20, seed=8).items()}
    n = arrays["n"].astype(np.int64)
    px, py, pz, e = (arrays[k] for k in ("px", "py", "pz", "E"))
    pt, phi = np.hypot(px, py), np.arctan2(py, px)
    mass = np.sqrt(np.maximum(e**2 - px**2 - py**2 - pz**2, 0))
    eta = np.arcsinh(pz / pt)
    forms = [
        {"pt": pt, "eta": eta, "phi": phi, "mass": mass},
        {"pt": pt, "eta": eta, "phi": phi, "E": e},
        {"rho": pt, "theta": 2 * np.arctan(np.exp(-eta)), "phi": phi, "t": e},
        {"px": px, "py": py, "pz": pz, "mass": mass},
    ]
    expected = np.concatenate(per_jet({**arrays, "n": n}))
    for form in forms:
        jets = ak.zip({"particles": ak.unflatten(ak.zip(form), n)}, depth_limit=1)
        clouds = ParticleClouds.from_awkward(jets, dtype=torch.float64)
        np.testing.assert_allclose(clouds.x.numpy(), expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(clouds.p4[:, 1].numpy(), px, rtol=1e-9, atol=1e-9)


def test_jet_axis_from_columns_or_particles() -> None:
    arrays = make_arrays(15, seed=9)
    jet = {
        "jet_pt": np.full(15, 600.0),
        "jet_eta": np.linspace(-1, 1, 15),
        "jet_phi": np.linspace(-3, 3, 15),
        "jet_mass": np.full(15, 80.0),
    }
    with_columns = ParticleClouds.from_awkward(records(arrays, event=jet), dtype=torch.float64)
    assert with_columns.provenance["jet_axis"] == "columns"
    assert with_columns.features.jet_axis == "columns"
    graph = np.repeat(np.arange(15), arrays["n"])
    eta = np.arcsinh(
        arrays["pz"].astype(float) / np.hypot(*(arrays[k].astype(float) for k in ("px", "py")))
    )
    sign = np.where(jet["jet_eta"] >= 0, 1.0, -1.0)
    np.testing.assert_allclose(
        with_columns.x[:, 5].numpy(), ((eta - jet["jet_eta"][graph]) * sign[graph]), atol=1e-12
    )
    energy = np.sqrt((600.0 * np.cosh(jet["jet_eta"])) ** 2 + 80.0**2)
    log_rel = (np.log(arrays["E"].astype(float) / energy[graph]) + 4.7) * 0.7
    np.testing.assert_allclose(with_columns.x[:, 3].numpy(), np.clip(log_rel, -5, 5), atol=1e-12)
    # an incomplete set is not used
    del jet["jet_phi"]
    from_particles = ParticleClouds.from_awkward(records(arrays, event=jet), dtype=torch.float64)
    assert from_particles.provenance["jet_axis"] == "particles"
    np.testing.assert_allclose(
        from_particles.x.numpy(), np.concatenate(per_jet(arrays)), atol=1e-11
    )
    # a definition made on data with columns asks for them again
    with pytest.raises(DataError, match="jet_phi"):
        ParticleClouds.from_awkward(records(arrays, event=jet), features=with_columns.features)


def test_leading_particles_by_pt_with_ties_by_order() -> None:
    pt = np.array([1.0, 3.0, 2.0, 3.0, 2.0, 5.0, 4.0, 4.0, 4.0])
    arrays = {
        "n": np.array([5, 4]),
        "px": pt,
        "py": np.zeros(9),
        "pz": np.linspace(0.1, 0.9, 9),
        "E": 2 * pt,
    }
    jets = records(arrays, particle={"number": np.arange(9)})
    clouds = ParticleClouds.from_awkward(jets, max_particles=3, columns=["number"])
    assert clouds.number.tolist() == [1, 2, 3, 5, 6, 7]
    assert clouds.sizes.tolist() == [3, 3]
    # features are those with all particles: the axis is that of the whole jet
    whole = ParticleClouds.from_awkward(jets)
    assert torch.equal(clouds.x, whole.x[clouds.number])
    assert clouds.provenance["max_particles"] == 3
    assert len(ParticleClouds.from_awkward(jets, max_particles=5).x) == 9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), limit=st.integers(1, 12), rounded=st.booleans())
def test_leading_particles_equal_a_sort_per_jet(seed: int, limit: int, rounded: bool) -> None:
    arrays = make_arrays(12, seed=seed, largest=15)
    arrays["py"][:] = 0
    if rounded:
        # many ties; of one sign, since a jet whose momenta cancel has no axis
        arrays["px"] = np.round(np.abs(arrays["px"])) + 0.5
    total = int(arrays["n"].sum())
    jets = records(arrays, particle={"number": np.arange(total)})
    clouds = ParticleClouds.from_awkward(jets, features=["part_pt"], max_particles=limit)
    kept, edge = [], 0
    for n in arrays["n"]:
        pt = np.abs(arrays["px"][edge : edge + n].astype(np.float64))
        order = sorted(range(n), key=lambda i, pt=pt: (-pt[i], i))
        kept += sorted(edge + i for i in order[:limit])
        edge += n
    clouds_numbers = ParticleClouds.from_awkward(
        jets, features=["part_pt"], max_particles=limit, columns=["number"]
    ).number
    assert clouds_numbers.tolist() == kept
    assert clouds.num_particles == len(kept)


def test_custom_features_and_columns() -> None:
    arrays = make_arrays(8, seed=10)
    total = int(arrays["n"].sum())
    charge = np.arange(total) % 3 - 1
    jets = records(arrays, event={"mu": np.arange(8.0)}, particle={"charge": charge})
    clouds = ParticleClouds.from_awkward(
        jets,
        features=[
            "part_charge * part_pt",
            {"name": "share", "expression": "part_pt / sum(part_pt)", "scale": 2.0, "clip": 1.0},
            "n_particles",
            "where(part_charge == 0, mu, -1)",
            3,
        ][:4],
        columns=["part_charge"],
        dtype=torch.float64,
    )
    pt = np.hypot(arrays["px"].astype(float), arrays["py"].astype(float))
    graph = np.repeat(np.arange(8), arrays["n"])
    total_pt = np.bincount(graph, pt)
    expected = np.stack(
        [
            charge * pt,
            np.clip(2 * pt / total_pt[graph], -1, 1),
            arrays["n"][graph],
            np.where(charge == 0, graph, -1),
        ],
        axis=1,
    )
    np.testing.assert_allclose(clouds.x.numpy(), expected, rtol=1e-12)
    assert clouds.features.names[1] == "share"
    assert clouds.part_charge.tolist() == charge.tolist()
    assert clouds.levels["part_charge"] == "particle"


def test_targets() -> None:
    arrays = make_arrays(6, seed=11)
    total = int(arrays["n"].sum())
    jets = records(
        arrays,
        event={
            "flag": np.array([True, False, True, False, True, True]),
            "zero_one": np.array([0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
            "flavour": np.array([0, 1, 2, 3, 2, 1]),
            "mass": np.linspace(80, 173, 6),
            "label_a": np.array([1, 0, 0, 1, 0, 0]),
            "label_b": np.array([0, 1, 1, 0, 1, 1]),
        },
        particle={"from_top": np.arange(total) % 2},
    )

    def make(target: object, **options: object) -> ParticleClouds:
        return ParticleClouds.from_awkward(jets, target=target, **options)

    assert make("flag").y.tolist() == [1, 0, 1, 0, 1, 1]
    assert make("flag").classes == ("not flag", "flag")
    assert make("zero_one").y.dtype == torch.int64
    assert make("flavour").classes == ("flavour 0", "flavour 1", "flavour 2", "flavour 3")
    regression = make("mass")
    assert regression.classes == ()
    assert regression.y.dtype == torch.float32
    one_hot = make(["label_a", "label_b"])
    assert one_hot.y.tolist() == [0, 1, 1, 0, 1, 1]
    assert one_hot.classes == ("label_a", "label_b")
    node = make("from_top")
    assert node.levels["y"] == "particle"
    assert node.y.tolist() == [i % 2 for i in range(total)]
    assert make("flavour == 2").y.tolist() == [0, 0, 1, 0, 1, 0]
    assert make("sum(part_pt) > 0").y.tolist() == [1] * 6
    with pytest.raises(DataError, match=r"unknown label 3.*entry 3"):
        make("flavour", classes=["a", "b", "c"])
    with pytest.raises(DataError, match=r"no whole number.*entry 1"):
        make("mass", classes=["a", "b"])
    with pytest.raises(DataError, match="no column 'is_tpo'"):
        make("is_tpo")
    with pytest.raises(DataError, match=r"label_a, flag.*entry 0"):
        make(["label_a", "flag"])


def bad(change: str) -> ak.Array:
    arrays = make_arrays(9, seed=12)
    event: dict[str, np.ndarray] = {"is_top": np.arange(9) % 2, "w": np.ones(9)}
    edge = int(np.cumsum(arrays["n"])[5])  # first particle of jet 6
    if change == "nan":
        arrays["px"][edge] = np.nan
    elif change == "infinite energy":
        arrays["E"][edge] = np.inf
    elif change == "zero pt":
        arrays["px"][edge] = arrays["py"][edge] = 0
    elif change == "nan weight":
        event["w"][6] = np.nan
    elif change == "empty jet":
        arrays["n"] = np.r_[arrays["n"][:6], 0, arrays["n"][6:]]
        event = {"is_top": np.arange(10) % 2, "w": np.ones(10)}
    return records(arrays, event=event)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("nan", "nan"),
        ("infinite energy", "is inf"),
        ("zero pt", "-inf"),
        ("nan weight", "weight is nan"),
        ("empty jet", "no particles"),
    ],
)
def test_impossible_values_are_named_with_their_entry(change: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        ParticleClouds.from_awkward(bad(change), target="is_top", weight="w")
    assert caught.value.entry == 6
    assert "graph 6" in str(caught.value)


def test_negative_weights_are_fine() -> None:
    jets = records(make_arrays(3), event={"w": np.array([1.0, -0.5, 0.0])})
    assert ParticleClouds.from_awkward(jets, weight="w").weight.tolist() == [1.0, -0.5, 0.0]


def test_missing_values_and_wrong_shapes() -> None:
    arrays = make_arrays(4, seed=13)
    jets = records(arrays, event={"v": np.arange(4.0)})
    missing = ak.with_field(jets, ak.mask(jets.v, jets.v != 2), "v")
    with pytest.raises(DataError, match=r"v is missing.*entry 2"):
        ParticleClouds.from_awkward(missing)
    holes = ak.with_field(jets, ak.mask(jets.particles, np.array([1, 1, 1, 0], bool)), "particles")
    with pytest.raises(DataError, match=r"particles is missing.*entry 3"):
        ParticleClouds.from_awkward(holes)
    with pytest.raises(DataError, match="'particles' field"):
        ParticleClouds.from_awkward(jets.particles)
    with pytest.raises(DataError, match="'particles' field"):
        ParticleClouds.from_awkward([1, 2])
    with pytest.raises(DataError, match="no named fields"):
        ParticleClouds.from_awkward(ak.Array([{"particles": [1.0, 2.0]}]))
    with pytest.raises(DataError, match="one list of records"):
        ParticleClouds.from_awkward(ak.Array([{"particles": 1.0}]))
    strings = ak.with_field(jets, ak.Array(["a", "b", "c", "d"]), "name")
    assert "name" not in ParticleClouds.from_awkward(strings).columns
    with pytest.raises(DataError, match="not numeric"):
        ParticleClouds.from_awkward(strings, columns=["name"])
    no_momentum = ak.Array([{"particles": [{"charge": 1}]}])
    with pytest.raises(DataError, match="no field from which"):
        ParticleClouds.from_awkward(no_momentum)


def test_wrong_options() -> None:
    jets = records(make_arrays(3))
    with pytest.raises(ConfigError, match="unknown feature definition"):
        ParticleClouds.from_awkward(jets, features="particelnet")
    with pytest.raises(ExpressionError, match="part_ptt"):
        ParticleClouds.from_awkward(jets, features=["log(part_ptt)"])
    with pytest.raises(ExpressionError):
        ParticleClouds.from_awkward(jets, features=["__import__('os')"])
    with pytest.raises(ConfigError, match="max_particles"):
        ParticleClouds.from_awkward(jets, max_particles=0)
    with pytest.raises(ConfigError, match="dtype"):
        ParticleClouds.from_awkward(jets, dtype=torch.int32)
    with pytest.raises(ConfigError, match="list of names"):
        ParticleClouds.from_awkward(jets, columns="jet_pt")


def test_round_trip_to_awkward(clouds: ParticleClouds) -> None:
    jets = clouds.to_awkward()
    assert ak.num(jets.particles, axis=1).to_list() == clouds.sizes.tolist()
    assert jets.particles.pt.ndim == 2  # vector behaviour
    assert jets.attrs["pcgnn"]["tree"] == "jets"
    again = ParticleClouds.from_awkward(
        jets, target="label", weight="weight", classes=clouds.classes, dtype=torch.float64
    )
    assert again.weight is not None
    assert torch.allclose(again.weight, clouds.weight)
    assert torch.equal(again.x, clouds.x)
    assert torch.equal(again.p4, clouds.p4)
    assert torch.equal(again.y, clouds.y)
    assert torch.equal(again.moments, clouds.moments)


def test_arrays_joined_by_awkward_are_refused(tmp_path: Path) -> None:
    """Which file an entry is of is lost then; scores would go to the wrong file."""
    rng = np.random.default_rng(1)
    files = []
    for name in ("a", "b"):
        sizes = rng.integers(1, 5, 8)
        momenta = {k: rng.normal(size=sizes.sum()) for k in ("px", "py", "pz")}
        momenta["E"] = np.sqrt(sum(v**2 for v in momenta.values())) + 1
        jets = ak.Array({"particles": ak.unflatten(ak.zip(momenta), sizes)})
        files.append(pcgnn.write_root(tmp_path / f"{name}.root", jets))
    first, second = (pcgnn.read_root(file, particles="part_*") for file in files)
    with pytest.raises(DataError, match=r"16 jets, but only 8.*read_root\(\[a, b\]\)"):
        pcgnn.ParticleClouds.from_awkward(ak.concatenate([first, second]))
    assert len(pcgnn.ParticleClouds.from_awkward(pcgnn.read_root(files, particles="part_*"))) == 16
    assert len(pcgnn.ParticleClouds.from_awkward(first[2:5])) == 3


def test_weights_are_not_left_out_in_silence() -> None:
    jets = records(make_arrays(12, seed=3))
    weighted = ak.with_field(jets, np.arange(12) + 1.0, "weight")
    with pytest.raises(DataError, match=r'column of weights.*weight="weight"'):
        ParticleClouds.from_awkward(weighted)
    used = ParticleClouds.from_awkward(weighted, weight="weight")
    assert used.weight is not None
    assert used.weight.tolist() == list(range(1, 13))
    assert ParticleClouds.from_awkward(weighted, columns=[]).weight is None
