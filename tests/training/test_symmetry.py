"""Moves of jets do what they are called, and the audit sees which models notice."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
import pytest
import torch
import vector

import pcgnn
from pcgnn.errors import ConfigError, DataError
from pcgnn.metrics import SymmetryAudit
from pcgnn.models import CloudModel
from pcgnn.training.symmetry_moves import MOVES

vector.register_awkward()


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    """Real jets, whose constituents are massless to the rounding of float32."""
    return pcgnn.read_root(pcgnn.datasets.bundled("toptag"), particles="part_*", entry_stop=12)


@pytest.fixture(scope="module")
def momenta(jets: ak.Array) -> tuple[torch.Tensor, torch.Tensor]:
    from pcgnn.training.symmetry import _momenta

    return _momenta(jets)


def network(name: str, **options: Any) -> CloudModel:
    torch.manual_seed(0)
    model = pcgnn.create_model(name, features=7, **options)
    assert isinstance(model, CloudModel)
    return model


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.name)
def test_moves_conserve_what_they_should(move: Any, momenta: Any) -> None:
    p4, ptr = momenta
    mass = torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64)
    graphs = len(ptr) - 1

    def totals(values: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        parts = values.split(offsets.diff().tolist())
        return torch.stack([part.sum(0) for part in parts])

    before = totals(p4, ptr)
    for size in move.sizes:
        moved = move.apply(p4, ptr, size, torch.Generator().manual_seed(1))
        after = totals(moved.p4, moved.ptr)
        invariant = (after * after * mass).sum(1)
        added = moved.ptr.diff() - ptr.diff()
        if move.name == "soft emission":
            assert (added == 1).all()
            share = (after[:, 0] - before[:, 0]) / before[:, 0]
            torch.testing.assert_close(share, torch.full_like(share, size))
            continue
        if move.name == "collinear splitting":
            assert (added == 1).all()
            torch.testing.assert_close(after[:, 0], before[:, 0])
            # what is lost along the parent is of second order in the angle
            lost = (after[:, 1:] - before[:, 1:]).norm(dim=1) / before[:, 0]
            assert (lost < size**2 + 1e-12).all()
            continue
        assert (added == 0).all()
        torch.testing.assert_close(invariant, (before * before * mass).sum(1), rtol=1e-9, atol=1e-6)
        if move.name == "permutation":
            torch.testing.assert_close(after, before)
            assert sorted(moved.origin.tolist()) == list(range(len(p4)))
            assert (moved.origin != torch.arange(len(p4))).any()
        else:
            assert moved.frame is not None
            torch.testing.assert_close(moved.p4, p4 @ moved.frame.t())
            gamma = 1.0
            if move.name == "boost":
                gamma = (1 - size**2) ** -0.5
            elif move.name == "boost along the beam":
                gamma = np.cosh(size)
            assert float(moved.frame[0, 0]) == pytest.approx(gamma)
    assert graphs == 12


def test_lorentznet_moves_with_its_beams_and_particlenet_does_not(jets: ak.Array) -> None:
    audit = pcgnn.symmetry_audit(network("lorentznet", hidden=16, blocks=3), jets)
    for move in ("rotation about the beam", "boost along the beam", "boost"):
        assert audit.largest(move, beams="moved along") < 1e-8
        assert audit.largest(move, beams="fixed") >= audit.largest(move, beams="moved along")
    # fixed beams are left alone by rotations about them alone
    assert audit.largest("rotation about the beam", beams="fixed") < 1e-8
    assert audit.largest("boost", beams="fixed") > 1e-6
    assert audit.largest("permutation") == 0
    other = pcgnn.symmetry_audit(network("particlenet-lite"), jets)
    assert other.largest("permutation") == 0
    assert other.largest("rotation about the beam") < 1e-8
    assert other.largest("boost") > 1e-4
    assert {row.beams for row in other.rows} == {""}


def test_float32_moves_by_its_rounding(jets: ak.Array) -> None:
    model = network("lorentznet", hidden=16, blocks=3)
    exact = pcgnn.symmetry_audit(model, jets[:6])
    rounded = pcgnn.symmetry_audit(model, jets[:6], precision="float32")
    found = rounded.largest("boost", beams="moved along")
    assert 1e-9 < found < 0.1
    assert found > 10 * exact.largest("boost", beams="moved along")


def test_an_infrared_safe_model_is_told_from_one_that_is_not(jets: ak.Array) -> None:
    """A sum of energies does not see a collinear splitting; a multiplicity does."""

    class Shares(CloudModel):
        needs = frozenset({"p4"})

        def __init__(self, count: bool) -> None:
            super().__init__()
            self.config, self.count = {}, count

        def logits(self, cloud: Any) -> torch.Tensor:
            weight = torch.ones_like(cloud.p4[:, 0]) if self.count else cloud.p4[:, 0] / 1000
            graph = torch.repeat_interleave(torch.arange(len(cloud.ptr) - 1), cloud.ptr.diff())
            total = weight.new_zeros(len(cloud.ptr) - 1).index_add(0, graph, weight)
            return torch.stack([total, -total], 1)

    safe, unsafe = (pcgnn.symmetry_audit(Shares(count), jets) for count in (False, True))
    assert safe.largest("collinear splitting") < 1e-12
    soft = [row.largest for row in safe.rows if row.move == "soft emission"]
    assert soft[0] < 1e-4 < soft[-1]
    assert unsafe.largest("collinear splitting") == 1
    assert all(row.median == 1 for row in unsafe.rows if row.move == "soft emission")


def test_the_model_is_left_as_it_was(jets: ak.Array) -> None:
    model = network("lorentznet", hidden=8, blocks=2).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pcgnn.symmetry_audit(model, jets[:5], moves=MOVES[-3:])
    assert model.training
    assert model.frame is None
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_trained_result_brings_its_features(jets: ak.Array, tmp_path: Any) -> None:
    event = ["jet_pt", "jet_eta", "jet_phi", "jet_mass", "is_top"]
    read = pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=event, entry_stop=60
    )
    clouds = pcgnn.ParticleClouds.from_awkward(
        read, features=["log(part_pt)", "part_deta", "part_dphi"], target="is_top"
    )
    model = pcgnn.create_model("particlenet-lite", features=clouds.features)
    result = pcgnn.fit(model, clouds, epochs=1, directory=tmp_path / "run", progress=False)
    for source in (result, result.best_checkpoint):
        audit = pcgnn.symmetry_audit(source, read[:5], moves=MOVES[:2])
        assert audit.largest("rotation about the beam") < 1e-8


def test_print_and_plain_values_agree(jets: ak.Array) -> None:
    audit = pcgnn.symmetry_audit(network("lorentznet", hidden=8, blocks=2), jets[:5])
    assert isinstance(audit, SymmetryAudit)
    text = str(audit)
    assert "lorentznet: 5 jets, float64" in text
    assert text.count("moved along") == text.count("fixed") == 3 + 4 + 5
    assert [row["largest"] for row in audit.to_dict()["rows"]] == [r.largest for r in audit.rows]
    figure = pcgnn.plots.symmetry(audit)
    assert [ax.get_title().lower() for ax in figure.axes] == [move.name for move in MOVES]


def test_what_cannot_be_audited_is_refused(jets: ak.Array) -> None:
    with pytest.raises(ConfigError, match="precision"):
        pcgnn.symmetry_audit(network("lorentznet", hidden=16, blocks=3), jets, precision="half")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="no jets"):
        pcgnn.symmetry_audit(network("lorentznet", hidden=16, blocks=3), jets[:0])
    with pytest.raises(ConfigError, match="cannot predict"):
        pcgnn.symmetry_audit(object(), jets)
    audit = pcgnn.symmetry_audit(network("lorentznet", hidden=8), jets[:2], moves=MOVES[:1])
    with pytest.raises(ConfigError, match="no row of the move 'squeeze'"):
        audit.largest("squeeze")
    with pytest.raises(DataError, match="no symmetry audit"):
        pcgnn.plots.symmetry([])
