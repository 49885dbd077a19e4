"""The structure itself: validation, selection, batches, concatenation, the printed form."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from pcgnn.data import FeatureDefinition, ParticleClouds
from pcgnn.errors import ConfigError, DataError

PTR = torch.tensor([0, 2, 5, 6])


def test_from_tensors() -> None:
    clouds = ParticleClouds(
        x=np.arange(12.0).reshape(6, 2),
        ptr=PTR,
        y=[0, 1, 1],
        jet_pt=[1.0, 2.0, 3.0],
        charge=range(6),
    )
    assert len(clouds) == 3
    assert clouds.num_particles == 6
    assert clouds.sizes.tolist() == [2, 3, 1]
    assert clouds.pos is None
    assert clouds.levels == {"x": "particle", "y": "graph", "jet_pt": "graph", "charge": "particle"}
    assert sorted(clouds.columns) == ["charge", "jet_pt"]
    with pytest.raises(AttributeError, match="jet_pt"):
        _ = clouds.jet_ptt


def test_equal_numbers_of_graphs_and_particles() -> None:
    ptr = torch.arange(4)
    clouds = ParticleClouds(x=torch.ones(3, 1), ptr=ptr, a=torch.arange(3), b=torch.arange(3))
    assert clouds.levels["a"] == "graph"
    clouds = ParticleClouds(
        x=torch.ones(3, 1), ptr=ptr, a=torch.arange(3), levels={"a": "particle"}
    )
    assert clouds.levels["a"] == "particle"
    assert clouds[[0, 2]].levels["a"] == "particle"


def test_readonly_numpy_memory_is_copied() -> None:
    x = np.ones((6, 1))
    x.setflags(write=False)
    clouds = ParticleClouds(x=x, ptr=PTR)
    clouds.x.zero_()
    assert x.sum() == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ptr": torch.tensor([0, 2, 2, 6])}, "graph 1"),
        ({"ptr": torch.tensor([0, 3, 2, 6])}, "fall"),
        ({"ptr": torch.tensor([1, 2, 6])}, "start at 0"),
        ({"ptr": torch.tensor([0.0, 6.0])}, "int64"),
        ({"ptr": torch.tensor([0, 2, 5])}, "x has 6 rows"),
        ({"y": torch.zeros(4)}, "y has 4 rows"),
        ({"weight": torch.ones(6)}, "weight has 6 rows"),
        ({"pos": torch.zeros(3, 2)}, "pos has 3 rows"),
        ({"p4": torch.zeros(6, 3)}, "shape"),
        ({"x": torch.zeros(6)}, "shape"),
        ({"x": torch.tensor([[0.0]] * 4 + [[np.nan]] * 2)}, r"nan \(graph 1\)"),
        ({"pos": torch.full((6, 1), np.inf)}, "inf"),
        ({"weight": torch.tensor([1.0, np.nan, 1.0])}, r"weight is nan \(graph 1\)"),
        ({"y": torch.tensor([0.0, 1.0, np.nan])}, r"y is nan \(graph 2\)"),
        ({"y": torch.tensor([0, 1, 2]), "classes": ["a", "b"]}, r"unknown label 2.*graph 2"),
        ({"y": torch.tensor([0, -1, 1])}, "negative class number"),
        ({"y": torch.tensor([0.0, 1.0, 0.5]), "classes": ["a", "b"]}, "classes"),
        ({"batch": torch.zeros(3)}, "cannot be called 'batch'"),
        ({"plan": torch.zeros(3)}, "cannot be called 'plan'"),
        ({"hit_index": torch.zeros(3, 2)}, "last dimension"),
        ({"name": np.array(["a", "b", "c"])}, "no numeric column"),
        ({"levels": {"x": "jet"}}, "unknown level"),
    ],
)
def test_refusals(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ParticleClouds(**{"x": torch.ones(6, 1), "ptr": PTR, **arguments})


def test_errors_name_file_and_entry() -> None:
    with pytest.raises(DataError) as caught:
        ParticleClouds(
            x=torch.tensor([[0.0]] * 5 + [[np.nan]]),
            ptr=PTR,
            file=torch.tensor([0, 1, 1]),
            entry=torch.tensor([7, 8, 9]),
            provenance={"files": ["a.root", "b.root"]},
        )
    assert caught.value.file == "b.root"
    assert caught.value.entry == 9


def test_features_must_fit_x() -> None:
    with pytest.raises(ConfigError, match="1 columns"):
        ParticleClouds(
            x=torch.ones(6, 1), ptr=PTR, features=FeatureDefinition.parse(["part_pt", "part_eta"])
        )


def equal_data(a: Data, b: Data) -> None:
    assert set(a.keys()) == set(b.keys())
    for key in a.keys():  # noqa: SIM118 - Data is no mapping
        if isinstance(a[key], torch.Tensor):
            assert a[key].dtype == b[key].dtype
            assert torch.equal(a[key], b[key]), key
        else:
            assert a[key] == b[key], key


@settings(max_examples=30, deadline=None)
@given(
    data=st.data(),
    kind=st.sampled_from(["random", "range", "one"]),
    without=st.sampled_from([(), ("x",), ("x", "pos")]),
)
def test_batch_equals_pyg_collate(data: st.DataObject, kind: str, without: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, 20)
    n = int(sizes.sum())
    tensors = {
        "x": rng.normal(size=(n, 3)),
        "pos": rng.normal(size=(n, 2)),
        "p4": rng.normal(size=(n, 4)),
        "y": rng.integers(0, 2, 20),
        "weight": rng.normal(size=20),
        "moments": rng.normal(size=(20, 2)),
        "charge": rng.integers(-1, 2, n),
        "jet_index": np.arange(20),
    }
    for key in without:
        del tensors[key]
    clouds = ParticleClouds(ptr=np.concatenate([[0], np.cumsum(sizes)]), **tensors)
    if kind == "random":
        indices = data.draw(st.lists(st.integers(0, 19), min_size=1, max_size=12))
    elif kind == "range":
        start = data.draw(st.integers(0, 18))
        indices = list(range(start, data.draw(st.integers(start + 1, 20))))
    else:
        indices = [data.draw(st.integers(0, 19))]
    batch = clouds.batch(indices)
    singles = [clouds[i] for i in indices]
    # PyG would add node offsets to anything called '*index*': a jet's number is none
    plain = [copy.copy(single) for single in singles]
    for single in plain:
        del single.jet_index
    expected = Batch.from_data_list(plain)
    assert batch.jet_index.tolist() == indices
    assert set(batch.keys()) - {"plan", "jet_index"} == set(expected.keys())
    for key in expected.keys():  # noqa: SIM118
        got, want = batch[key], expected[key]
        assert torch.equal(got, want) if isinstance(want, torch.Tensor) else got == want
    assert batch.num_graphs == expected.num_graphs == len(indices)
    assert batch.num_nodes == expected.num_nodes
    for a, b in zip(batch.to_data_list(), singles, strict=True):
        equal_data(a, b)
    equal_data(batch[len(indices) - 1], singles[-1])
    assert np.array_equal(batch.plan.sizes, sizes[indices])
    assert batch.plan.total == batch.num_nodes


def test_batch_owns_its_memory_and_travels(clouds: ParticleClouds) -> None:
    before = clouds.x.clone()
    for indices in (slice(3, 9), [4, 1, 7]):
        clouds.batch(indices).x.zero_()
    clouds[4].x.zero_()
    assert torch.equal(clouds.x, before)
    batch = clouds.batch([4, 1, 7])
    moved = batch.to("cpu", torch.float32)
    assert moved.plan.sizes.tolist() == clouds.sizes[[4, 1, 7]].tolist()
    assert copy.copy(batch).plan is batch.plan
    assert pickle.loads(pickle.dumps(batch)).plan.total == batch.plan.total
    assert clouds.batch([-1]).ptr[-1] == clouds.sizes[-1]
    assert clouds.batch([]).num_graphs == 0


@pytest.mark.parametrize("index", [[60], [-61], [0.5], [[1]], np.ones(59, dtype=bool)])
def test_wrong_indices(clouds: ParticleClouds, index: object) -> None:
    with pytest.raises(DataError):
        clouds.batch(index)


def test_single_index(clouds: ParticleClouds) -> None:
    assert isinstance(clouds[3], Data)
    equal_data(clouds[-1], clouds[59])
    with pytest.raises(IndexError):
        _ = clouds[60]
    assert sum(item.num_nodes for item in clouds) == clouds.num_particles


@settings(max_examples=25, deadline=None)
@given(indices=st.lists(st.integers(-8, 7), max_size=10), as_mask=st.booleans())
def test_selection_equals_selecting_jets(indices: list[int], as_mask: bool) -> None:
    sizes = np.array([1, 4, 2, 7, 3, 1, 1, 5])
    owner = np.repeat(np.arange(8), sizes)
    clouds = ParticleClouds(
        x=owner[:, None].astype(float), ptr=np.r_[0, np.cumsum(sizes)], y=np.arange(8)
    )
    index: object = indices
    numbers = [i % 8 for i in indices]
    if as_mask:
        index = np.isin(np.arange(8), numbers)
        numbers = sorted(set(numbers))
    chosen = clouds[index]
    assert chosen.y.tolist() == numbers
    assert chosen.x[:, 0].tolist() == [float(i) for i in numbers for _ in range(sizes[i])]
    assert chosen.sizes.tolist() == [sizes[i] for i in numbers]


def test_slices_keep_everything(clouds: ParticleClouds) -> None:
    part = clouds[10:20]
    assert part.classes == clouds.classes
    assert part.features == clouds.features
    assert part.provenance == clouds.provenance
    assert part.entry.tolist() == list(range(10, 20))
    backwards = clouds[::-1]
    assert backwards.entry.tolist() == list(range(59, -1, -1))
    assert len(clouds[:0]) == 0


def test_concatenate_undoes_slicing(clouds: ParticleClouds) -> None:
    joined = ParticleClouds.concatenate([clouds[:7], clouds[7:8], clouds[8:]])
    assert joined.data_hash() == clouds.data_hash()
    assert joined.classes == clouds.classes
    with pytest.raises(DataError, match="nothing"):
        ParticleClouds.concatenate([])
    other = ParticleClouds(x=torch.ones(6, 1), ptr=PTR)
    with pytest.raises(DataError, match="different columns"):
        ParticleClouds.concatenate([clouds, other])
    with pytest.raises(DataError, match="x is"):
        ParticleClouds.concatenate([other, ParticleClouds(x=torch.ones(6, 2), ptr=PTR)])
    a, b = (ParticleClouds(ptr=PTR, y=[0, 1, 1], classes=c) for c in (["a", "b"], ["a", "c"]))
    with pytest.raises(DataError, match="different classes"):
        ParticleClouds.concatenate([a, b])


def test_concatenate_renumbers_files() -> None:
    def make(files: list[str], numbers: list[int]) -> ParticleClouds:
        return ParticleClouds(
            x=torch.ones(6, 1),
            ptr=PTR,
            file=torch.tensor(numbers, dtype=torch.int32),
            provenance={"files": files, "entries_read": 4, "entries_kept": 3},
        )

    joined = ParticleClouds.concatenate([make(["a", "b"], [0, 1, 1]), make(["b", "c"], [0, 0, 1])])
    assert joined.provenance["files"] == ["a", "b", "c"]
    assert joined.file.tolist() == [0, 1, 1, 1, 1, 2]
    assert joined.provenance["entries_read"] == 8
    assert joined.provenance["entries_kept"] == 6


def test_hash_sees_every_change(clouds: ParticleClouds) -> None:
    reference = clouds.data_hash()
    assert clouds.copy().data_hash() == reference
    for name in ("x", "y", "weight", "charge"):
        changed = clouds.copy()
        getattr(changed, name).view(-1)[5] += 1
        assert changed.data_hash() != reference
    assert clouds[:-1].data_hash() != reference


def test_repr_tells_everything(clouds: ParticleClouds) -> None:
    text = repr(clouds)
    n = clouds.num_particles
    weight = clouds.weight.numpy()
    for part in (
        "60 jets",
        f"{n:,} particles",
        f"mean {n / 60:.1f}, min {clouds.sizes.min()}, max {clouds.sizes.max()}",
        f"{n:,} x 7 float64  particlenet: log_pt",
        "part_deta, part_dphi",
        "u 20 (33.3%), d 20 (33.3%), s 20 (33.3%)",
        f"N_eff {weight.sum() ** 2 / (weight**2).sum():,.1f}",
        "per jet: label, moments, file, entry",
        "per particle: charge",
        "jets.root, tree jets, 65 entries read, 60 kept, jet axis from particles",
        f"{clouds.nbytes / 1000:.1f} kB",
    ):
        assert part in text, part
    assert repr(ParticleClouds(x=torch.ones(1, 1), ptr=torch.tensor([0, 1])))


def test_pickle(clouds: ParticleClouds) -> None:
    again = pickle.loads(pickle.dumps(clouds))
    assert again.data_hash() == clouds.data_hash()
    assert again.sizes.tolist() == clouds.sizes.tolist()
    assert again.classes == clouds.classes
