"""Feature definitions with one row per jet, and the observables of whole jets."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

import pcgnn
from pcgnn.data import Feature, FeatureDefinition, ParticleClouds
from pcgnn.data.shapes import available_shapes
from pcgnn.errors import BackendError, ConfigError, DataError
from pcgnn.ops import energy_correlators

try:
    import fastjet  # noqa: F401
except ImportError:
    HAS_FASTJET = False
else:
    HAS_FASTJET = True


@pytest.fixture(scope="module")
def jets() -> ak.Array:
    return pcgnn.read_root(
        pcgnn.datasets.bundled("toptag"), particles="part_*", event=["is_top"], entry_stop=300
    )


def made(jets: ak.Array, *features: Feature, **options: object) -> ParticleClouds:
    definition = FeatureDefinition("test", features, rows="graph")
    return ParticleClouds.from_awkward(jets, features=definition, target="is_top", **options)


def test_values_are_the_plain_formulas(jets: ak.Array) -> None:
    clouds = made(
        jets,
        Feature("mass", "axis_mass"),
        Feature("multiplicity", "n_particles"),
        Feature("dispersion", "sqrt(sum(part_pt**2)) / sum(part_pt)"),
        Feature("width", "sum(part_pt * part_dr) / sum(part_pt)", scale=10.0),
        Feature("constant", "2.5"),
    )
    assert clouds.x is not None
    assert clouds.x.shape == (300, 5)
    assert clouds.sizes.tolist() == [1] * 300
    fields = {
        name: ak.values_astype(jets.particles[name], "float64") for name in ["px", "py", "pz", "E"]
    }
    particles = ak.zip(fields, with_name="Momentum4D", behavior=jets.behavior)
    total = ak.sum(particles, axis=1)
    pt = particles.pt
    width = ak.sum(pt * particles.deltaR(total), axis=1) / ak.sum(pt, axis=1)
    wanted = [
        total.mass,
        ak.num(pt),
        np.sqrt(ak.sum(pt**2, axis=1)) / ak.sum(pt, axis=1),
        10 * width,
        np.full(300, 2.5),
    ]
    for column, values in enumerate(wanted):
        np.testing.assert_allclose(clouds.x[:, column], np.asarray(values), rtol=2e-5)
    assert clouds.p4 is not None
    assert clouds.pos is not None
    np.testing.assert_allclose(clouds.p4[:, 0], np.asarray(total.E), rtol=1e-6)
    np.testing.assert_allclose(clouds.pos[:, 0], np.asarray(total.eta), rtol=1e-5, atol=1e-6)
    assert np.array_equal(clouds.y, np.asarray(jets.is_top))


def test_observables_do_not_depend_on_how_jets_are_cut_into_pieces(jets: ak.Array) -> None:
    features = (Feature("e2", "shape_e2"), Feature("e3", "shape_e3 * 100"))
    together = made(jets, *features)
    apart = ParticleClouds.concatenate([made(jets[:100], *features), made(jets[100:], *features)])
    assert np.array_equal(together.x, apart.x)
    particles = ParticleClouds.from_awkward(jets, features="p4")
    direct = energy_correlators(particles.x, particles.ptr)
    np.testing.assert_allclose(together.x[:, 0], direct[:, 0], rtol=1e-5)
    np.testing.assert_allclose(together.x[:, 1], 100 * direct[:, 1], rtol=1e-5)


def test_particle_features_may_use_observables_of_their_jet(jets: ak.Array) -> None:
    clouds = ParticleClouds.from_awkward(jets, features=["part_pt", "shape_e2"])
    per_jet = made(jets, Feature("e2", "shape_e2"))
    assert np.array_equal(clouds.x[:, 1], np.repeat(per_jet.x[:, 0].numpy(), clouds.sizes))


def test_the_high_level_definition_tells_top_from_qcd(jets: ak.Array) -> None:
    clouds = ParticleClouds.from_awkward(jets, features="high-level", target="is_top")
    names = clouds.features.names
    assert {"mass", "multiplicity", "pt_dispersion", "e2", "d2"} <= set(names)
    assert ("tau32" in names) == HAS_FASTJET
    assert clouds.x.isfinite().all()
    mass = clouds.x[:, names.index("mass")]
    top = clouds.y == 1
    assert 150 < float(mass[top].median()) < 190
    assert float(mass[~top].median()) < 120
    if HAS_FASTJET:
        tau32 = clouds.x[:, names.index("tau32")]
        assert float(tau32[top].median()) < float(tau32[~top].median()) - 0.1


def plain_variables(p4: np.ndarray) -> dict[str, float]:
    """The variables of one jet, E, px, py, pz of its particles, written out."""
    total = p4.sum(0)
    pt, eta = np.hypot(p4[:, 1], p4[:, 2]), np.arcsinh(p4[:, 3] / np.hypot(p4[:, 1], p4[:, 2]))
    phi = np.arctan2(p4[:, 2], p4[:, 1])
    axis = (np.arcsinh(total[3] / np.hypot(*total[1:3])), np.arctan2(total[2], total[1]))

    def turn(angle: np.ndarray) -> np.ndarray:
        return (angle + np.pi) % (2 * np.pi) - np.pi

    z = pt / pt.sum()
    y = np.arctanh(p4[:, 3] / p4[:, 0])
    r = np.hypot(y[:, None] - y, turn(phi[:, None] - phi))
    e2 = 0.5 * np.einsum("i,j,ij", z, z, r)
    e3 = np.einsum("i,j,k,ij,jk,ik", z, z, z, r, r, r, optimize=True) / 6
    found = {
        "log_pt": np.log(np.hypot(*total[1:3])),
        "mass": np.sqrt(max(total[0] ** 2 - (total[1:] ** 2).sum(), 0)),
        "multiplicity": len(p4),
        "pt_dispersion": np.sqrt((pt**2).sum()) / pt.sum(),
        "width": (z * np.hypot(eta - axis[0], turn(phi - axis[1]))).sum(),
        "leading_share": pt.max() / pt.sum(),
        "e2": e2,
        "c2": e3 / e2**2,
        "d2": min(e3 / e2**3, 50),
    }
    return {name: float(value) for name, value in found.items()}


def test_every_variable_is_its_formula(jets: ak.Array) -> None:
    clouds = ParticleClouds.from_awkward(jets[:25], features="high-level")
    names = clouds.features.names
    rows = [dict(zip(names, row.tolist(), strict=True)) for row in clouds.x.double()]
    for row, particles in zip(rows, jets.particles[:25], strict=True):
        p4 = np.stack([np.asarray(particles[k], np.float64) for k in ("E", "px", "py", "pz")], 1)
        for name, value in plain_variables(p4).items():
            assert row[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name
        if HAS_FASTJET:
            for n in (1, 2, 3):
                ratio = row[f"tau{n + 1}"] / row[f"tau{n}"]
                assert row[f"tau{n + 1}{n}"] == pytest.approx(ratio, rel=1e-4)
            assert 0 <= row["softdrop_mass"] <= row["mass"] * (1 + 1e-6)


def test_jets_of_one_and_two_particles_are_finite() -> None:
    one = {"px": 3.0, "py": 1.0, "pz": 0.5, "E": 4.0}
    two = {"px": 2.0, "py": -1.0, "pz": 0.1, "E": 3.0}
    jets = ak.Array({"particles": [[one], [one, two], [one, one]]})
    clouds = ParticleClouds.from_awkward(jets, features="high-level")
    assert clouds.x.isfinite().all()


def test_predicting_from_a_definition_that_was_saved(jets: ak.Array) -> None:
    clouds = ParticleClouds.from_awkward(jets, features="high-level")
    again = FeatureDefinition.from_dict(clouds.features.to_dict())
    assert again == clouds.features
    assert "rows" not in FeatureDefinition.parse("particlenet").to_dict()
    other = ParticleClouds.from_awkward(jets, features=again)
    assert np.array_equal(other.x, clouds.x)


def test_what_has_one_value_per_particle_is_refused(jets: ak.Array) -> None:
    with pytest.raises(ConfigError, match="one value per particle"):
        made(jets, Feature("pt", "part_pt"))
    with pytest.raises(ConfigError, match="max_particles"):
        made(jets, Feature("n", "n_particles"), max_particles=10)
    with pytest.raises(DataError, match="one value per particle"):
        made(jets, Feature("n", "n_particles"), columns=["part_pt"])
    with pytest.raises(ConfigError, match="rows must be"):
        FeatureDefinition("bad", (Feature("n", "n_particles"),), rows="jets")


@pytest.mark.skipif(HAS_FASTJET, reason="fastjet is installed: nothing is missing")
def test_a_missing_package_is_named(jets: ak.Array) -> None:
    assert "shape_tau1" not in available_shapes()
    with pytest.raises(BackendError, match=r"pcgnn\[simulation\]"):
        made(jets, Feature("tau1", "shape_tau1"))
