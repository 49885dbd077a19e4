"""Axis labels: names of branches, columns and features -> symbols with units."""

from __future__ import annotations

__all__ = ["SIGNAL_EFFICIENCY", "axis_label", "feature_label", "typeset", "with_unit"]

SIGNAL_EFFICIENCY = r"Signal efficiency $\varepsilon_S$"
REJECTION = r"Background rejection $1/\varepsilon_B$"

_JET = {
    "jet_pt": (r"Jet $p_T$", "GeV"),
    "jet_eta": (r"Jet $\eta$", ""),
    "jet_phi": (r"Jet $\phi$", "rad"),
    "jet_mass": ("Jet mass", "GeV"),
    "jet_energy": ("Jet energy", "GeV"),
    "n_particles": ("Particles per jet", ""),
}

_TRACK = {  # quantities of true particles in track reports
    "pt": (r"Particle $p_T$", "GeV"),
    "eta": (r"Particle $\eta$", ""),
    "abs_eta": (r"Particle $|\eta|$", ""),
    "vertex_radius": ("Production radius", "mm"),
    "hits": ("Hits of the particle", ""),
}

# Keyed by expression, because that is what a feature is; its name is free.
_EXPRESSION = {
    "part_pt": (r"Particle $p_T$", "GeV"),
    "part_energy": (r"Particle energy", "GeV"),
    "part_px": (r"Particle $p_x$", "GeV"),
    "part_py": (r"Particle $p_y$", "GeV"),
    "part_pz": (r"Particle $p_z$", "GeV"),
    "part_mass": ("Particle mass", "GeV"),
    "part_eta": (r"Particle $\eta$", ""),
    "part_phi": (r"Particle $\phi$", "rad"),
    "part_deta": (r"$\Delta\eta\cdot\mathrm{sgn}(\eta_{\mathrm{jet}})$", ""),
    "part_dphi": (r"$\Delta\phi$", "rad"),
    "part_dr": (r"$\Delta R$ to the jet axis", ""),
    "part_charge": ("Particle charge", "$e$"),
    "log(part_pt)": (r"$\ln(p_T/\mathrm{GeV})$", ""),
    "log(part_energy)": (r"$\ln(E/\mathrm{GeV})$", ""),
    "log(part_pt / axis_pt)": (r"$\ln(p_T/p_T^{\mathrm{jet}})$", ""),
    "log(part_energy / axis_energy)": (r"$\ln(E/E^{\mathrm{jet}})$", ""),
}


def with_unit(label: str, unit: str) -> str:
    """A label with its unit in square brackets; none without a unit.

    Args:
        label: text or symbol.
        unit: for instance GeV, or an empty string.

    Example:
        >>> with_unit("Jet mass", "GeV")
        'Jet mass [GeV]'
    """
    return f"{label} [{unit}]" if unit else label


def typeset(words: str) -> str:
    r"""Cuts as reports print them, with the symbols of a figure.

    Args:
        words: for instance `pT >= 1 GeV, |eta| < 4`.

    Example:
        >>> typeset("pT >= 1 GeV, |eta| < 4")
        '$p_T$ $\\geq$ 1 GeV, $|\\eta|$ < 4'
    """
    for plain, symbol in (("pT", "$p_T$"), (">=", r"$\geq$"), ("|eta|", r"$|\eta|$")):
        words = words.replace(plain, symbol)
    return words


def axis_label(name: str, unit: str | None = None) -> str:
    """The label of a quantity: its symbol if it is known, otherwise its name.

    Args:
        name: name of a branch or column.
        unit: its unit; None takes the known one.

    Example:
        >>> axis_label("jet_mass")
        'Jet mass [GeV]'
        >>> axis_label("tau21")
        'tau21'
    """
    label, known = _JET.get(name) or _TRACK.get(name) or _EXPRESSION.get(name) or (name, "")
    return with_unit(label, known if unit is None else unit)


def feature_label(name: str, expression: str | None = None) -> str:
    r"""The label of a feature, recognised by its expression.

    Args:
        name: name of the feature, used if the expression is not known.
        expression: the expression without shift and scale.

    Example:
        >>> feature_label("dphi", "part_dphi")
        '$\\Delta\\phi$ [rad]'
    """
    label, unit = _EXPRESSION.get(expression or name, (name, ""))
    return with_unit(label, unit)
