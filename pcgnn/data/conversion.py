"""Between awkward records and clouds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import awkward as ak
import numpy as np
import torch

from pcgnn.data.arena import Arena
from pcgnn.data.checks import GRAPH, PARTICLE
from pcgnn.data.clouds import ParticleClouds
from pcgnn.data.evaluate import compute_features, leading, particle_pt, resolve_features
from pcgnn.data.features import FeatureDefinition
from pcgnn.data.records import FlatRecords, flatten_records
from pcgnn.data.targets import column_or_expression, make_target
from pcgnn.errors import ConfigError, DataError
from pcgnn.io.provenance import provenance_of

__all__ = ["CloudOptions", "clouds_from_awkward", "clouds_from_records", "clouds_to_awkward"]

_ORIGIN = ("file", "entry")
_MADE_HERE = ("x", "pos", "p4")
# torch has little arithmetic on wide unsigned integers; these hold all values seen in ntuples.
_SIGNED = {"uint16": np.int32, "uint32": np.int64, "uint64": np.int64}
_NUMPY_TYPES = {torch.float32: np.float32, torch.float64: np.float64, torch.float16: np.float16}


@dataclass(frozen=True)
class CloudOptions:
    """How records become clouds; see :meth:`pcgnn.data.ParticleClouds.from_awkward`."""

    features: Any = "particlenet"
    target: str | Sequence[str] | Mapping[str, str] | None = None
    weight: str | None = None
    max_particles: int | None = None
    columns: Sequence[str] | None = None
    classes: Sequence[str] | None = None
    dtype: torch.dtype = torch.float32
    p4: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values, by which other options would be noticed."""
        return {
            "features": json.loads(json.dumps(self.features.to_dict())),
            "target": _plain(self.target),
            "weight": self.weight,
            "max_particles": self.max_particles,
            "columns": _plain(self.columns),
            "classes": _plain(self.classes),
            "dtype": str(self.dtype),
            "p4": self.p4,
        }

    def __post_init__(self) -> None:
        if self.dtype not in _NUMPY_TYPES:
            raise ConfigError(f"dtype must be one of {list(_NUMPY_TYPES)}, got {self.dtype}")
        if self.max_particles is not None and self.max_particles < 1:
            raise ConfigError(f"max_particles must be at least 1, got {self.max_particles}")
        for name in ("columns", "classes"):
            if isinstance(getattr(self, name), str):
                raise ConfigError(f"{name} is a list of names, not one text")
        object.__setattr__(self, "features", FeatureDefinition.parse(self.features))
        if self.features.rows == GRAPH and self.max_particles is not None:
            raise ConfigError(
                f"max_particles = {self.max_particles}, but {self.features.name!r} has one row per "
                "jet, made of all its particles",
                remedy="leave max_particles out",
            )


def _plain(
    names: str | Sequence[str] | Mapping[str, str] | None,
) -> str | list[str] | dict[str, str] | None:
    if isinstance(names, Mapping):
        return {str(name): str(text) for name, text in names.items()}
    return names if names is None or isinstance(names, str) else [str(name) for name in names]


def clouds_from_awkward(jets: ak.Array, options: CloudOptions) -> ParticleClouds:
    """See :meth:`pcgnn.data.ParticleClouds.from_awkward`."""
    provenance = provenance_of(jets)
    kept = provenance.get("entries_kept")
    if isinstance(kept, int) and len(jets) > kept:
        # ak.concatenate keeps the attributes of the first array: whose entries the others are
        # could not be told any more.
        raise DataError(
            f"the array has {len(jets)} jets, but only {kept} were read with its provenance",
            branch="entry",
            remedy="read all files in one call, read_root([a, b]), or make clouds of each array "
            "and join those with ParticleClouds.concatenate",
        )
    return clouds_from_records(flatten_records(jets), options, provenance)


def clouds_from_records(
    records: FlatRecords,
    options: CloudOptions,
    provenance: Mapping[str, Any],
    arena: Arena | None = None,
) -> ParticleClouds:
    """Turn flat records into clouds.

    Args:
        records: the flat columns; they are not changed, and nothing of them is aliased.
        options: what to make of them.
        provenance: where they come from.
        arena: where x, pos and p4 are put; new memory by default.

    Raises:
        DataError: an empty jet, a missing column, a NaN or infinity, an unknown label.
        ExpressionError: an expression is not in the safe language.
    """
    asked = options.features
    if records.bare:
        asked = _of_events(asked, options.max_particles, records)
    else:
        _refuse_empty(records)
    dtype = _NUMPY_TYPES[options.dtype]
    definition = resolve_features(asked, records)
    p4 = options.p4 and not records.bare
    flat = compute_features(definition, records, p4=p4, dtype=dtype, arena=arena)
    found: dict[str, np.ndarray | None] = {"x": flat.x, "pos": flat.pos, "p4": flat.p4}
    levels = dict.fromkeys(found, PARTICLE)
    one_row = definition.rows == GRAPH
    names: tuple[str, ...] | None = None
    if options.target is not None:
        target = make_target(options.target, records, options.classes, definition.jet_axis)
        found["y"], levels["y"], names = target
        if target.values.dtype.kind == "f":
            found["y"] = target.values.astype(dtype)
    if options.weight is None and options.columns is None and "weight" in records.event:
        raise DataError(
            "the array has a column of weights, which would be left out",
            branch="weight",
            remedy='pass weight="weight" to use it, or name the columns to keep with columns=',
        )
    if options.weight is not None:
        found["weight"] = _weight(options.weight, records, definition.jet_axis)
        levels["weight"] = GRAPH
    for name, array, level in _extra_columns(records, options.columns):
        found[name], levels[name] = array, level
    arrays = {name: array for name, array in found.items() if array is not None}
    offsets = records.offsets
    if one_row:
        _refuse_particles(levels)
        offsets = np.arange(offsets.size, dtype=offsets.dtype)
    elif options.max_particles is not None:
        rows = leading(particle_pt(records), offsets, options.max_particles)
        if rows is not None:
            arrays = {k: a[rows] if levels[k] == PARTICLE else a for k, a in arrays.items()}
            offsets = np.zeros_like(offsets)
            np.cumsum(np.minimum(records.sizes, options.max_particles), out=offsets[1:])
    own = {name: a if name in _MADE_HERE else _owned(a) for name, a in arrays.items()}
    return ParticleClouds._computed(
        offsets.copy(),
        own,
        finite=_MADE_HERE if flat.finite else (),
        features=definition,
        classes=names,
        provenance=_provenance(provenance, definition, options),
        levels={name: levels[name] for name in arrays},
    )


def _of_events(
    definition: FeatureDefinition, max_particles: int | None, records: FlatRecords
) -> FeatureDefinition:
    """The definition for events without particles: one row each."""
    result = definition.of_events()
    needed = sorted(name for name in result.needs if _is_of_particles(name, records.event))
    if max_particles is not None:
        needed.append(f"max_particles = {max_particles}")
    if needed:
        raise DataError(
            f"the features {definition.name!r} use {needed[0]}, but the array has no 'particles' "
            f"field; it has {', '.join(sorted(records.event))}",
            branch="particles",
            remedy='read particles (particles="part_*"), or give features of event columns',
        )
    return result


def _is_of_particles(name: str, event: Mapping[str, Any]) -> bool:
    return name not in event and name.startswith(("part_", "axis_", "shape_", "n_particles"))


def _refuse_empty(records: FlatRecords) -> None:
    empty = records.sizes == 0
    if not empty.any():
        return
    graph = int(np.argmax(empty))
    entries = records.event.get("entry")
    raise DataError(
        f"{int(empty.sum())} of {empty.size} jets have no particles, the first is graph {graph}",
        branch="particles",
        entry=None if entries is None else int(entries[graph]),
        remedy='drop them with cut="n_particles > 0" when reading',
    )


def _refuse_particles(levels: Mapping[str, str]) -> None:
    """With one row per jet, no column can have one value per particle."""
    wrong = [n for n, level in levels.items() if level == PARTICLE and n not in _MADE_HERE]
    if wrong:
        raise DataError(
            f"{wrong[0]} has one value per particle, but the features have one row per jet",
            branch=wrong[0],
            remedy="leave it out, or reduce it, for example sum(...)",
        )


def _weight(text: str, records: FlatRecords, jet_axis: str) -> np.ndarray:
    values, level = column_or_expression(text, records, jet_axis)
    if level != GRAPH or values.ndim != 1:
        raise DataError(f"the weight {text} has not one value per jet", branch=text)
    return values.astype(np.float64 if values.dtype == np.float64 else np.float32)


def _extra_columns(
    records: FlatRecords, wanted: Sequence[str] | None
) -> list[tuple[str, np.ndarray, str]]:
    names = list(records.event) if wanted is None else list(dict.fromkeys(wanted))
    names += [name for name in _ORIGIN if name in records.event and name not in names]
    reserved = {"x", "pos", "p4", "y", "weight"}
    result = []
    for name in names:
        if wanted is None and name in reserved:
            continue  # an event column of that name would take the place of the tensor
        if name in reserved:
            raise DataError(
                f"the column {name!r} would take the place of the tensor of that name",
                branch=name,
                remedy="read it under another name",
            )
        if name in records.event:
            result.append((name, records.event[name], GRAPH))
            continue
        values, level = column_or_expression(name, records, "particles")
        result.append((name, values, level))
    return result


def _owned(array: np.ndarray) -> np.ndarray:
    """A copy in a type torch can use; buffers of awkward arrays are never aliased."""
    wider = _SIGNED.get(array.dtype.name)
    if array.dtype.name == "uint64" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise DataError(f"a uint64 column holds {array.max()}, more than int64 can")
    if wider is not None:
        return array.astype(wider)
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array.copy()


def _provenance(
    source: Mapping[str, Any], definition: FeatureDefinition, options: CloudOptions
) -> dict[str, Any]:
    return {
        **source,
        "jet_axis": definition.jet_axis,
        "target": _plain(options.target),
        "weight": options.weight,
        "max_particles": options.max_particles,
    }


def clouds_to_awkward(clouds: ParticleClouds) -> ak.Array:
    """See :meth:`pcgnn.data.ParticleClouds.to_awkward`."""
    fields: dict[str, np.ndarray] = {}
    if clouds.p4 is not None:
        p4 = clouds.p4.numpy()
        fields |= {name: p4[:, i].copy() for i, name in enumerate(("E", "px", "py", "pz"))}
    definition = clouds.features
    for key, tensor in (("x", clouds.x), ("pos", clouds.pos)):
        if tensor is None:
            continue
        names = () if definition is None else definition.names if key == "x" else definition.pos
        for i in range(tensor.shape[1]):
            name = names[i] if i < len(names) else f"{key}{i}"
            fields.setdefault(name, tensor[:, i].numpy().copy())
    event: dict[str, np.ndarray] = {}
    for name, tensor in clouds.columns.items():
        where = event if clouds.levels[name] == GRAPH else fields
        where[name] = tensor.numpy().copy()
    for name, extra in (("y", clouds.y), ("weight", clouds.weight)):
        if extra is not None:
            where = event if clouds.levels[name] == GRAPH else fields
            where[name] = extra.numpy().copy()
    layout = ak.to_layout(ak.zip(fields, depth_limit=1))
    with_p4 = clouds.p4 is not None
    flat = ak.with_name(ak.Array(layout), "Momentum4D") if with_p4 else ak.Array(layout)
    particles = ak.unflatten(flat, clouds.sizes)
    jets = ak.zip({"particles": particles, **event}, depth_limit=1)
    if with_p4:
        import vector

        jets = ak.Array(jets, behavior=dict(vector.backends.awkward.behavior))
    jets.attrs["pcgnn"] = dict(clouds.provenance)
    return jets
