"""What goes into a network: expressions over particle, jet and event quantities, as data."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pcgnn.data.checks import GRAPH, PARTICLE
from pcgnn.data.quantities import JET_AXIS_CHOICES
from pcgnn.errors import ConfigError
from pcgnn.io.expressions import Expression, compile_expression

__all__ = ["Feature", "FeatureDefinition"]

_POSITIONS = ("part_deta", "part_dphi")


@dataclass(frozen=True)
class Feature:
    """One input: clip((expression - shift) * scale).

    Args:
        name: its name in figures and error messages.
        expression: in the safe expression language.
        shift: subtracted.
        scale: multiplied with.
        clip: lowest and highest value, or one number c for -c to c.
        optional: left out where a particle field it needs does not exist.

    Example:
        >>> Feature("log_pt", "log(part_pt)", shift=1.7, scale=0.7, clip=5.0).clip
        (-5.0, 5.0)
    """

    name: str
    expression: str
    shift: float = 0.0
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    optional: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"a feature needs a name, got {self.name!r}")
        compile_expression(self.expression)
        for key in ("shift", "scale"):
            object.__setattr__(self, key, _finite(getattr(self, key), f"{key} of {self.name}"))
        object.__setattr__(self, "clip", _clip_range(self.clip, self.name))

    @property
    def compiled(self) -> Expression:
        """The parsed expression."""
        return compile_expression(self.expression)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; what has its default is left out."""
        result: dict[str, Any] = {"name": self.name, "expression": self.expression}
        if self.shift != 0.0:
            result["shift"] = self.shift
        if self.scale != 1.0:
            result["scale"] = self.scale
        if self.clip is not None:
            result["clip"] = list(self.clip)
        if self.optional:
            result["optional"] = True
        return result

    @classmethod
    def parse(cls, value: Any) -> Feature:
        """Accept a feature, an expression, or a mapping with the arguments of a feature.

        Raises:
            ConfigError: it is none of these.
            ExpressionError: the expression is not in the language.
        """
        if isinstance(value, Feature):
            return value
        if isinstance(value, str):
            return cls(value, value)
        if isinstance(value, Mapping):
            given = dict(value)
            unknown = sorted(set(given) - set(cls.__dataclass_fields__))
            if unknown or "expression" not in given:
                raise ConfigError(
                    f"a feature is described by expression and, if wanted, name, shift, scale, "
                    f"clip, optional; got {sorted(map(str, given))}"
                )
            given.setdefault("name", given["expression"])
            return cls(**given)
        raise ConfigError(f"a feature is an expression or a mapping, got {type(value).__name__}")


@dataclass(frozen=True)
class FeatureDefinition:
    """The inputs of a network and the coordinates for its neighbour search.

    Args:
        name: for example "particlenet".
        features: the inputs in order.
        pos: expressions of the coordinates.
        jet_axis: "columns" (jet_pt, jet_eta, jet_phi and jet_mass or jet_energy), "particles"
            (their sum, before ``max_particles``) or "auto": columns if they are all there. Clouds
            record which one was used, so that later files are treated alike.
        rows: "particle", or "graph" for one row per jet: every input is then one number per jet
            (``jet_pt``, ``sum(part_pt)``, ``shape_e2``), and ``pos`` is by default the axis.

    Example:
        >>> definition = FeatureDefinition.parse(["log(part_pt)", "part_dr"])
        >>> len(definition), definition.names
        (2, ('log(part_pt)', 'part_dr'))
    """

    name: str
    features: tuple[Feature, ...]
    pos: tuple[str, ...] = _POSITIONS
    jet_axis: str = "auto"
    rows: str = PARTICLE

    def __post_init__(self) -> None:
        if self.rows not in (PARTICLE, GRAPH):
            raise ConfigError(f"rows must be {PARTICLE!r} or {GRAPH!r}, got {self.rows!r}")
        if self.rows == GRAPH and self.pos == _POSITIONS:
            object.__setattr__(self, "pos", ("axis_eta", "axis_phi"))
        features = tuple(Feature.parse(feature) for feature in self.features)
        object.__setattr__(self, "features", features)
        given: Any = self.pos
        if isinstance(given, str):
            raise ConfigError("pos is a list of expressions, not one text")
        object.__setattr__(self, "pos", tuple(given))
        for expression in self.pos:
            compile_expression(expression)
        if self.jet_axis not in JET_AXIS_CHOICES:
            raise ConfigError(f"jet_axis must be one of {JET_AXIS_CHOICES}, got {self.jet_axis!r}")
        names = tuple(feature.name for feature in features)
        required = [feature.name for feature in features if not feature.optional]
        twice = sorted({name for name in required if names.count(name) > 1})
        if twice:
            raise ConfigError(f"two features have the name {twice[0]!r}", branch=twice[0])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(feature.name for feature in self.features)

    @property
    def needs(self) -> frozenset[str]:
        """Names of all quantities that inputs and coordinates are computed from."""
        parts = [feature.compiled.names for feature in self.features]
        parts += [compile_expression(expression).names for expression in self.pos]
        return frozenset().union(*parts)

    def __len__(self) -> int:
        return len(self.features)

    def __iter__(self) -> Iterator[Feature]:
        return iter(self.features)

    @classmethod
    def parse(cls, value: Any) -> FeatureDefinition:
        """Accept a definition, the name of one, a mapping, or a list of features.

        Raises:
            ConfigError: an unknown name, or something else.
            ExpressionError: an expression is not in the language.
        """
        if isinstance(value, FeatureDefinition):
            return value
        if isinstance(value, str):
            from pcgnn.data.definitions import feature_definition

            return feature_definition(value)
        if isinstance(value, Mapping):
            return cls.from_dict(value)
        if isinstance(value, Iterable):
            return cls("custom", tuple(Feature.parse(item) for item in value))
        raise ConfigError(
            f"features are a name, a list of expressions or a mapping, got {type(value).__name__}"
        )

    def resolve(self, available: Collection[str], jet_axis: str | None = None) -> FeatureDefinition:
        """Settle what depends on the data: optional features and the jet axis.

        An optional feature stays if all quantities it needs are available and no earlier feature
        has its name; alternatives are thus written one after the other.

        Args:
            available: names of the quantities there are.
            jet_axis: "columns" or "particles".
        """
        kept: list[Feature] = []
        taken: set[str] = set()
        for feature in self.features:
            if feature.optional:
                missing = any(name not in available for name in feature.compiled.names)
                if missing or feature.name in taken:
                    continue
            taken.add(feature.name)
            kept.append(replace(feature, optional=False))
        return replace(self, features=tuple(kept), jet_axis=jet_axis or self.jet_axis)

    def of_events(self) -> FeatureDefinition:
        """The same inputs with one row per event, for events without particles."""
        particle = self.pos in (_POSITIONS, ("axis_eta", "axis_phi"))
        return replace(self, rows=GRAPH, pos=() if particle else self.pos)

    def resolves_to(self, other: FeatureDefinition) -> bool:
        """Whether ``other`` is what this definition may become on some data.

        Args:
            other: a definition of which everything is settled.

        Example:
            >>> charge = {"expression": "part_q", "optional": True}
            >>> whole = FeatureDefinition.parse([charge, "part_pt"])
            >>> whole.resolves_to(whole.resolve(["part_pt"], "particles"))
            True
        """
        settled = [replace(feature, optional=False) for feature in self.features]
        required = [f for f, own in zip(settled, self.features, strict=True) if not own.optional]
        return (
            all(feature in settled for feature in other.features)
            and all(feature in other.features for feature in required)
            and (self.pos, self.rows) == (other.pos, other.rows)
            and self.jet_axis in ("auto", other.jet_axis)
        )

    def check_width(self, width: int) -> None:
        """Raise a ConfigError unless ``width`` is the number of inputs."""
        if width != len(self):
            raise ConfigError(
                f"x has {width} columns but the definition {self.name!r} has {len(self)} features"
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for configurations and checkpoints."""
        result: dict[str, Any] = {
            "name": self.name,
            "features": [feature.to_dict() for feature in self.features],
            "pos": list(self.pos),
            "jet_axis": self.jet_axis,
        }
        # left out at its default: what was written before there was a choice stays the same
        if self.rows != PARTICLE:
            result["rows"] = self.rows
        return result

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> FeatureDefinition:
        """Inverse of :meth:`to_dict`; only ``features`` has to be given.

        Raises:
            ConfigError: unknown or missing keys.
        """
        unknown = sorted(set(value) - {"name", "features", "pos", "jet_axis", "rows"})
        features = value.get("features")
        if unknown or not isinstance(features, Sequence) or isinstance(features, str):
            raise ConfigError(
                f"a feature definition is described by features (a list), name, pos, jet_axis and "
                f"rows; got {sorted(map(str, value))}"
            )
        return cls(
            name=str(value.get("name", "custom")),
            features=tuple(Feature.parse(item) for item in features),
            pos=value.get("pos", _POSITIONS),
            jet_axis=str(value.get("jet_axis", "auto")),
            rows=str(value.get("rows", PARTICLE)),
        )

    def __str__(self) -> str:
        each = "" if self.rows == PARTICLE else " of each jet"
        lines = [f"{self.name}: {len(self)} features{each}, pos = ({', '.join(self.pos)})"]
        for feature in self.features:
            text = f"  {feature.name} = {feature.expression}"
            if feature.shift != 0.0 or feature.scale != 1.0:
                text += f", minus {feature.shift:g}, times {feature.scale:g}"
            if feature.clip is not None:
                text += f", clipped to {feature.clip[0]:g} .. {feature.clip[1]:g}"
            lines.append(text + (", where present" if feature.optional else ""))
        return "\n".join(lines)


def _finite(value: Any, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{what} must be a finite number, got {value!r}")
    return number


def _clip_range(value: Any, name: str) -> tuple[float, float] | None:
    if value is None:
        return None
    if isinstance(value, (int, float)):
        value = (-value, value)
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        raise ConfigError(f"clip of {name} is one number or two, got {value!r}")
    low, high = (_finite(bound, f"clip of {name}") for bound in value)
    if low >= high:
        raise ConfigError(f"clip of {name} runs from {low} to {high}")
    return low, high
