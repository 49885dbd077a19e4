"""The feature definitions that have a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pcgnn.data.features import Feature, FeatureDefinition
from pcgnn.errors import ConfigError

__all__ = ["feature_definition", "list_definitions"]

# Shifts, scales and clips of the first five are the published ones (ParticleNet, arXiv:1902.08570,
# and the top-tagging configuration of weaver-core); Δη and Δφ go in as they are.
_KINEMATICS = (
    Feature("log_pt", "log(part_pt)", 1.7, 0.7, (-5.0, 5.0)),
    Feature("log_energy", "log(part_energy)", 2.0, 0.7, (-5.0, 5.0)),
    Feature("log_pt_rel", "log(part_pt / axis_pt)", -4.7, 0.7, (-5.0, 5.0)),
    Feature("log_energy_rel", "log(part_energy / axis_energy)", -4.7, 0.7, (-5.0, 5.0)),
    Feature("dr", "part_dr", 0.2, 4.0, (-5.0, 5.0)),
)
_ANGLES = (Feature("deta", "part_deta"), Feature("dphi", "part_dphi"))

# Fields in which ntuples keep the PDG identity of a particle.
_PDG_FIELDS = ("pdgId", "pdg_id", "pdg", "pid", "PID")


def _where_present(
    name: str, *expressions: str, clip: tuple[float, float] | None = None
) -> tuple[Feature, ...]:
    return tuple(Feature(name, expression, clip=clip, optional=True) for expression in expressions)


def _identity(flag: str, condition: str) -> tuple[Feature, ...]:
    """A particle-type flag: the branch of that name, otherwise from the PDG code."""
    codes = [condition.replace("ID", f"abs(part_{field})") for field in _PDG_FIELDS]
    return _where_present(flag, f"part_{flag}", *(f"where({code}, 1, 0)" for code in codes))


def _particlenet() -> FeatureDefinition:
    return FeatureDefinition("particlenet", (*_KINEMATICS, *_ANGLES))


def _particlenet_full() -> FeatureDefinition:
    # Order and treatment of the public JetClass configuration (arXiv:2202.03772): impact
    # parameters in mm through tanh, their errors clipped to 0 .. 1.
    return FeatureDefinition(
        "particlenet-full",
        (
            *_KINEMATICS,
            *_where_present("charge", "part_charge"),
            *_identity("isChargedHadron", "(ID == 211) | (ID == 321) | (ID == 2212)"),
            *_identity("isNeutralHadron", "(ID == 130) | (ID == 2112)"),
            *_identity("isPhoton", "ID == 22"),
            *_identity("isElectron", "ID == 11"),
            *_identity("isMuon", "ID == 13"),
            *_where_present("d0", "tanh(part_d0val)", "tanh(part_d0)"),
            *_where_present("d0err", "part_d0err", "part_d0Err", clip=(0.0, 1.0)),
            *_where_present("dz", "tanh(part_dzval)", "tanh(part_dz)"),
            *_where_present("dzerr", "part_dzerr", "part_dzErr", clip=(0.0, 1.0)),
            *_ANGLES,
        ),
    )


def _p4() -> FeatureDefinition:
    names = {"E": "part_energy", "px": "part_px", "py": "part_py", "pz": "part_pz"}
    return FeatureDefinition("p4", tuple(Feature(name, text) for name, text in names.items()))


def _calorimeter() -> FeatureDefinition:
    # the energy is that of the two calorimeters, see pcgnn.data.calorimeter_energies
    energy = "part_ecal + part_hcal"
    muon = f"(part_charge != 0) & ({energy} < 0.99 * part_p)"
    return FeatureDefinition(
        "calorimeter",
        (
            Feature("log_pt", "log(part_pt)", 1.7, 0.7, (-5.0, 5.0)),
            Feature(
                "log_energy",
                f"log(where({muon}, sqrt(part_p**2 + 0.01116), {energy}))",
                2.0,
                0.7,
                (-5.0, 5.0),
            ),
            Feature("log_pt_rel", "log(part_pt / axis_pt)", -4.7, 0.7, (-5.0, 5.0)),
            Feature("dr", "part_dr", 0.2, 4.0, (-5.0, 5.0)),
            Feature("ecal_share", f"part_ecal / ({energy})"),
            Feature("is_muon", f"where({muon}, 1, 0)"),
            Feature("charge", "part_charge"),
            *_where_present("d0", "tanh(part_d0)"),
            *_where_present("d0err", "part_d0err", clip=(0.0, 1.0)),
            *_where_present("dz", "tanh(part_dz)"),
            *_where_present("dzerr", "part_dzerr", clip=(0.0, 1.0)),
            *_ANGLES,
        ),
    )


def _high_level() -> FeatureDefinition:
    pt = "sum(part_pt)"
    return FeatureDefinition(
        "high-level",
        (
            Feature("log_pt", "log(axis_pt)"),
            Feature("mass", "axis_mass"),
            Feature("multiplicity", "n_particles"),
            Feature("pt_dispersion", f"sqrt(sum(part_pt**2)) / {pt}"),
            Feature("width", f"sum(part_pt * part_dr) / {pt}"),
            Feature("leading_share", f"max(part_pt) / {pt}"),
            Feature("e2", "shape_e2"),
            # of jets of one or two particles 0 instead of 0/0; D2 has a long tail
            Feature("c2", "shape_e3 / where(shape_e2 > 0, shape_e2**2, 1)", clip=(0, 50)),
            Feature("d2", "shape_e3 / where(shape_e2 > 0, shape_e2**3, 1)", clip=(0, 50)),
            *(Feature(f"tau{n}", f"shape_tau{n}", optional=True) for n in (1, 2, 3, 4)),
            *(
                Feature(
                    f"tau{n + 1}{n}",
                    f"shape_tau{n + 1} / where(shape_tau{n} > 0, shape_tau{n}, 1)",
                    clip=(0, 2),
                    optional=True,
                )
                for n in (1, 2, 3)
            ),
            Feature("softdrop_mass", "shape_softdrop_mass", optional=True),
        ),
        rows="graph",
    )


_NAMED: Mapping[str, Callable[[], FeatureDefinition]] = MappingProxyType(
    {
        "particlenet": _particlenet,
        "particlenet-full": _particlenet_full,
        "p4": _p4,
        "calorimeter": _calorimeter,
        "high-level": _high_level,
    }
)


def list_definitions() -> list[str]:
    """Names that ``features=`` accepts.

    Example:
        >>> list_definitions()
        ['calorimeter', 'high-level', 'p4', 'particlenet', 'particlenet-full']
    """
    return sorted(_NAMED)


def feature_definition(name: str) -> FeatureDefinition:
    """A feature definition by its name.

    - "particlenet": ln pT, ln E, ln(pT/pT_jet), ln(E/E_jet), ΔR, Δη sign(η_jet), Δφ, with the
      published shifts, scales and clips; pos = (Δη, Δφ).
    - "particlenet-full": the same plus charge, particle type and impact parameters, each where
      the particles have it.
    - "calorimeter": kinematics with the energy of two calorimeters, the share of the
      electromagnetic one, muons told by E/p (:func:`pcgnn.data.calorimeter_energies`), charge and,
      where known, impact parameters; needs part_ecal, part_hcal and part_charge.
    - "p4": E, px, py, pz in GeV as they are.
    - "high-level": one row per jet: pT, mass, multiplicity, pT dispersion, width, energy
      correlations, and with fastjet installed N-subjettiness and soft-drop mass.

    Raises:
        ConfigError: there is none of that name.

    Example:
        >>> len(feature_definition("particlenet"))
        7
    """
    if name not in _NAMED:
        raise ConfigError(
            f"unknown feature definition {name!r}, there are {list_definitions()}",
            remedy="a single expression goes into a list: features=[...]",
        )
    return _NAMED[name]()
