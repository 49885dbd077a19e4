"""The vocabulary of particle and jet quantities, computed when first asked for and once only.

What an expression may name: ``part_px part_py part_pz part_energy part_pt part_eta part_phi
part_mass part_p`` and ``part_<any other particle field>``; ``n_particles``; the jet axis
``axis_px ... axis_mass``; ``part_deta part_dphi part_dr`` with respect to it; every event column
under its own name. These names always mean the quantities defined here, also where a file has a
branch of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from pcgnn.data.flat import Flat, FlatBackend
from pcgnn.data.program import Tracer
from pcgnn.errors import DataError

__all__ = ["JET_AXIS_CHOICES", "Quantities", "choose_jet_axis"]

JET_AXIS_CHOICES = ("auto", "columns", "particles")

# Names that vector gives the same coordinate; the first one present is taken.
_SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "px": ("px", "x"),
        "py": ("py", "y"),
        "pz": ("pz", "z"),
        "pt": ("pt", "rho"),
        "phi": ("phi",),
        "eta": ("eta",),
        "theta": ("theta",),
        "energy": ("energy", "E", "e", "t"),
        "mass": ("mass", "M", "m", "tau"),
    }
)
_DERIVED = frozenset({"p", "deta", "dphi", "dr"})
_AXIS = ("px", "py", "pz", "energy", "pt", "eta", "phi", "mass")


def choose_jet_axis(wanted: str, event: Mapping[str, Any]) -> str:
    """Decide where the jet axis comes from.

    Args:
        wanted: "columns", "particles" or "auto": columns if jet_pt, jet_eta, jet_phi and one of
            jet_mass and jet_energy are there, the sum of the particles otherwise.
        event: the event columns.

    Returns:
        "columns" or "particles".

    Raises:
        DataError: columns are wanted but incomplete.
    """
    missing = [name for name in ("jet_pt", "jet_eta", "jet_phi") if name not in event]
    if "jet_mass" not in event and "jet_energy" not in event:
        missing.append("jet_mass (or jet_energy)")
    if wanted == "particles" or (wanted == "auto" and missing):
        return "particles"
    if missing:
        raise DataError(
            f"the jet axis is to come from event columns but {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing",
            branch=missing[0],
            remedy='read these columns, or take the axis of the particles (jet_axis="particles")',
        )
    return "columns"


class Quantities(Mapping[str, Any]):
    """Lazy mapping from names to :class:`~pcgnn.data.flat.Flat` values.

    Args:
        backend: how to compute.
        particles: particle fields by name, (N,) each, kinematics under vector's names.
        event: event columns by name, (G, ...) each.
        sizes: particles per jet, (G,).
        jet_axis: "columns" or "particles", see :func:`choose_jet_axis`.
    """

    def __init__(
        self,
        backend: FlatBackend | Tracer,
        particles: Mapping[str, Any],
        event: Mapping[str, Any],
        sizes: Any,
        jet_axis: str,
    ) -> None:
        self._backend = backend
        self._particles = particles
        self._event = event
        self._cache: dict[str, Any] = {"n_particles": backend.event(backend.number(sizes))}
        self._jet_axis = jet_axis

    def __getitem__(self, name: str) -> Any:
        if name not in self._cache:
            self._cache[name] = self._compute(name)
        return self._cache[name]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        return name in self._cache or name in self._event or self._knows(name)

    def __iter__(self) -> Iterator[str]:
        yield "n_particles"
        yield from (f"axis_{name}" for name in _AXIS)
        yield from (f"part_{name}" for name in (*_AXIS, *sorted(_DERIVED)))
        standard = {name for names in _SYNONYMS.values() for name in names}
        yield from (f"part_{name}" for name in self._particles if name not in standard)
        yield from self._event

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _knows(self, name: str) -> bool:
        prefix, _, rest = name.partition("_")
        if prefix == "axis":
            return rest in _AXIS
        return prefix == "part" and (rest in _AXIS or rest in _DERIVED or rest in self._particles)

    def _compute(self, name: str) -> Any:
        prefix, _, rest = name.partition("_")
        if prefix == "axis" and rest in _AXIS:
            return self._axis(rest)
        if prefix == "part" and rest in _DERIVED:
            return getattr(self, f"_part_{rest}")()
        if prefix == "part" and rest in _AXIS:
            return self._kinematic(rest)
        if prefix == "part" and rest in self._particles:
            return self._backend.particle(self._backend.number(self._particles[rest]))
        if name in self._event:
            return self._backend.event(self._event[name])
        raise KeyError(name)

    def _call(self, name: str, *args: Any) -> Any:
        return self._backend.call(name, *args)

    def _field(self, quantity: str) -> Flat | None:
        """A coordinate as the file has it."""
        for name in _SYNONYMS[quantity]:
            if name in self._particles:
                return self._backend.particle(self._backend.number(self._particles[name]))
        return None

    def _kinematic(self, quantity: str) -> Any:
        stored = self._field(quantity)
        return stored if stored is not None else _FROM_OTHERS[quantity](self)

    def _need(self, quantity: str, *stored: str) -> None:
        """Stop where a coordinate would have to be computed from itself."""
        if not any(name in self._particles for key in stored for name in _SYNONYMS[key]):
            raise DataError(
                f"particles have no field from which part_{quantity} follows, only "
                f"{sorted(self._particles)}",
                branch="particles",
                remedy="read px, py, pz, E or pt, eta, phi and mass or E of the particles",
            )

    def _px(self) -> Any:
        self._need("px", "pt")
        return self._call("multiply", self["part_pt"], self._call("cos", self["part_phi"]))

    def _py(self) -> Any:
        self._need("py", "pt")
        return self._call("multiply", self["part_pt"], self._call("sin", self["part_phi"]))

    def _pz(self) -> Any:
        self._need("pz", "eta", "theta")
        return self._call("multiply", self["part_pt"], self._call("sinh", self["part_eta"]))

    def _pt(self) -> Any:
        self._need("pt", "px")
        return self._length(self["part_px"], self["part_py"])

    def _phi(self) -> Any:
        self._need("phi", "px")
        return self._call("atan2", self["part_py"], self["part_px"])

    def _eta(self) -> Any:
        theta = self._field("theta")
        if theta is not None:  # eta = -ln tan(theta / 2)
            half = self._call("tan", self._call("multiply", theta, 0.5))
            return self._call("negative", self._call("log", half))
        self._need("eta", "pz")
        return self._call("asinh", self._call("divide", self["part_pz"], self["part_pt"]))

    def _energy(self) -> Any:
        self._need("energy", "mass")
        return self._length(self["part_p"], self["part_mass"])

    def _mass(self) -> Any:
        self._need("mass", "energy")
        return self._signed_mass(self["part_energy"], self["part_p"])

    def _part_p(self) -> Any:
        if self._field("pz") is not None:
            return self._length(self["part_pt"], self["part_pz"])
        return self._call("multiply", self["part_pt"], self._call("cosh", self["part_eta"]))

    def _length(self, a: Any, b: Any) -> Any:
        """sqrt(a^2 + b^2); momenta are far from where double precision would overflow."""
        squares = self._call("multiply", a, a), self._call("multiply", b, b)
        return self._call("sqrt", self._call("add", *squares))

    def _signed_mass(self, energy: Any, p: Any) -> Any:
        """sqrt(E^2 - p^2), with the sign of the root's argument as vector has it."""
        # (E - p)(E + p) loses less to cancellation than the difference of squares.
        square = self._call(
            "multiply", self._call("subtract", energy, p), self._call("add", energy, p)
        )
        root = self._call("sqrt", self._call("abs", square))
        return self._call("multiply", self._call("sign", square), root)

    def _axis(self, quantity: str) -> Any:
        if self._jet_axis == "columns":
            return self._axis_from_columns(quantity)
        if quantity in ("px", "py", "pz", "energy"):
            return self._backend.reduce("sum", self[f"part_{quantity}"])
        if quantity == "pt":
            return self._length(self["axis_px"], self["axis_py"])
        if quantity == "phi":
            return self._call("atan2", self["axis_py"], self["axis_px"])
        if quantity == "eta":
            return self._call("asinh", self._call("divide", self["axis_pz"], self["axis_pt"]))
        momentum = self._length(self["axis_pt"], self["axis_pz"])
        return self._signed_mass(self["axis_energy"], momentum)

    def _axis_from_columns(self, quantity: str) -> Any:
        if quantity in ("pt", "eta", "phi"):
            return self._column(f"jet_{quantity}")
        if quantity in ("px", "py"):
            angle = self._call("cos" if quantity == "px" else "sin", self["axis_phi"])
            return self._call("multiply", self["axis_pt"], angle)
        if quantity == "pz":
            return self._call("multiply", self["axis_pt"], self._call("sinh", self["axis_eta"]))
        if f"jet_{quantity}" in self._event:
            return self._column(f"jet_{quantity}")
        momentum = self._length(self["axis_pt"], self["axis_pz"])
        if quantity == "energy":
            return self._length(momentum, self["axis_mass"])
        return self._signed_mass(self["axis_energy"], momentum)

    def _column(self, name: str) -> Flat:
        return self._backend.event(self._backend.number(self._event[name]))

    def _part_deta(self) -> Any:
        forward = self._call("greater_equal", self["axis_eta"], 0.0)
        sign = self._call("where", forward, 1.0, -1.0)
        difference = self._call("subtract", self["part_eta"], self["axis_eta"])
        return self._call("multiply", difference, sign)

    def _part_dphi(self) -> Any:
        return self._call("delta_phi", self["part_phi"], self["axis_phi"])

    def _part_dr(self) -> Any:
        return self._length(self["part_deta"], self["part_dphi"])


_FROM_OTHERS: Mapping[str, Callable[[Quantities], Any]] = MappingProxyType(
    {
        "px": Quantities._px,
        "py": Quantities._py,
        "pz": Quantities._pz,
        "pt": Quantities._pt,
        "phi": Quantities._phi,
        "eta": Quantities._eta,
        "energy": Quantities._energy,
        "mass": Quantities._mass,
    }
)
