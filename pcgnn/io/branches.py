"""From branch names to particle fields: patterns, mappings and the coordinates hidden in names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pcgnn.errors import ConfigError, ReadError
from pcgnn.io.tables import Branch, BranchTable, identifier

__all__ = ["COORDINATES", "ParticleFields", "coordinate_of", "find_particles"]

COORDINATES: tuple[tuple[str, str, str, str], ...] = (
    ("px", "py", "pz", "E"),
    ("pt", "eta", "phi", "mass"),
    ("pt", "eta", "phi", "E"),
    ("px", "py", "pz", "mass"),
)
"""The sets of coordinates that make a four-vector; the first complete one is taken."""

_SYNONYMS: Mapping[str, str] = {
    name: coordinate
    for coordinate, names in {
        "px": ("px", "p_x", "momentum_x", "mom_x", "fp_fx", "fcoordinates_fx"),
        "py": ("py", "p_y", "momentum_y", "mom_y", "fp_fy", "fcoordinates_fy"),
        "pz": ("pz", "p_z", "momentum_z", "mom_z", "fp_fz", "fcoordinates_fz"),
        "E": ("e", "energy", "fe", "fcoordinates_ft"),
        "pt": ("pt", "p_t", "fcoordinates_fpt"),
        "eta": ("eta", "fcoordinates_feta"),
        "phi": ("phi", "fcoordinates_fphi"),
        "mass": ("m", "mass", "fcoordinates_fm"),
    }.items()
    for name in names
}

# As fields of a Momentum4D these would be taken for coordinates by vector.
_TAKEN_BY_VECTOR = frozenset(
    ("x", "y", "z", "t", "rho", "theta", "tau", "px", "py", "pz", "pt", "eta", "phi")
) | frozenset(("E", "e", "energy", "M", "m", "mass"))

# Of ROOT's TObject, the base of Delphes' classes; the bits even vary in their width.
_BOOKKEEPING = ("fUniqueID", "fBits")

_EXAMPLE = 'particles={"px": "branch", "py": "branch", "pz": "branch", "E": "branch"}'


@dataclass(frozen=True)
class ParticleFields:
    """Which branch gives which field of the particles.

    Args:
        fields: branch of each field, the four coordinates first.
        coordinates: the four coordinates, under vector's names.
        redundant: branches left out because the coordinates give them already.
        skipped: branches the pattern matched that do not hold one number per particle.
    """

    fields: Mapping[str, Branch]
    coordinates: tuple[str, str, str, str]
    redundant: tuple[str, ...]
    skipped: tuple[str, ...]


def coordinate_of(name: str) -> str | None:
    """Give the coordinate a name stands for under vector's name, None if for none.

    Example:
        >>> coordinate_of("Momentum.X"), coordinate_of("PT"), coordinate_of("charge")
        ('px', 'pt', None)
    """
    return _SYNONYMS.get(identifier(name).lower())


def find_particles(table: BranchTable, particles: str | Mapping[str, str]) -> ParticleFields:
    """Find the branches of the particles.

    Args:
        table: the tree's branches.
        particles: a pattern with one ``*`` (``part_*``, ``PFCands_*``, ``Jet.*``,
            ``ReconstructedParticles.*``), where what the ``*`` stands for names the field; or a
            mapping from field to branch name.

    Returns:
        The fields. A field that would pass for a coordinate of vector (``x``, ``t``...) gets a
        trailing underscore.

    Raises:
        ReadError: if nothing matches, a branch is missing or of the wrong type, two branches
            stand for the same coordinate, or no set of coordinates is complete.
        ConfigError: if the pattern or mapping makes no sense.
    """
    if isinstance(particles, Mapping):
        named = {str(field): table.find(branch) for field, branch in particles.items()}
        wrong = [branch for branch in named.values() if branch.level != "jagged"]
        if wrong:
            raise _wrong_type(table, wrong[0])
        return _assemble(table, list(named.items()), (), f"the mapping of {', '.join(named)}")
    if not isinstance(particles, str) or particles.count("*") != 1:
        raise ConfigError(
            f"particles={particles!r} is neither a pattern with one * nor a mapping",
            remedy='give for example particles="part_*"',
        )
    table.prepare(particles.partition("*")[0])
    matches = _match(particles, table.keys)
    if not matches:
        raise ReadError(
            f"no branch matches particles={particles!r}; there are: {table.some()}",
            file=table.file,
            tree=table.name,
            remedy=f"give another pattern or a mapping, {_EXAMPLE}",
        )
    good: list[tuple[str, Branch]] = []
    skipped: list[Branch] = []
    for field, key in matches:
        branch = table.branch(key)
        if branch.level == "jagged" and field not in _BOOKKEEPING:
            good.append((field, branch))
        elif branch.level == "unusable" and coordinate_of(field) and not _has_children(table, key):
            raise _wrong_type(table, branch)
        else:
            skipped.append(branch)
    names = tuple(branch.short for branch in skipped)
    if not good:
        raise _wrong_type(table, skipped[0])
    return _assemble(table, good, names, f"the pattern {particles!r}")


def _match(pattern: str, keys: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of field and key; the short name of a branch is tried before its full path."""
    before, _, after = pattern.partition("*")
    regex = re.compile(f"{re.escape(before)}(.+){re.escape(after)}")
    found = []
    for key in dict.fromkeys(keys):
        folder, _, short = key.rpartition("/")
        match = regex.fullmatch(short) or regex.fullmatch(key)
        if match:
            field = match[1].rpartition("/")[2]
            collection = folder.rpartition("/")[2] + "."
            found.append((field.removeprefix(collection) if folder else field, key))
    return found


def _assemble(
    table: BranchTable, found: Sequence[tuple[str, Branch]], skipped: tuple[str, ...], source: str
) -> ParticleFields:
    for _, branch in found:
        if branch.key in table.duplicates:
            table.find(branch.key)  # raises, naming the branch
    kinematic: dict[str, list[Branch]] = defaultdict(list)
    others: dict[str, list[Branch]] = defaultdict(list)
    for field, branch in found:
        coordinate = coordinate_of(field)
        if coordinate:
            kinematic[coordinate].append(branch)
        else:
            name = identifier(field)
            others[f"{name}_" if name in _TAKEN_BY_VECTOR else name].append(branch)
    chosen = _choose(table, kinematic, source, [field for field, _ in found])
    fields = {coordinate: kinematic[coordinate][0] for coordinate in chosen}
    for name, branches in others.items():
        if len(branches) > 1:
            raise table.error(
                f"{branches[0].short} and {branches[1].short} would both be the field {name!r}",
                branches[0].key,
                "name the fields with a mapping",
            )
        fields[name] = branches[0]
    redundant = [b.short for c, branches in kinematic.items() if c not in chosen for b in branches]
    return ParticleFields(fields, chosen, tuple(redundant), skipped)


def _choose(
    table: BranchTable, kinematic: Mapping[str, Sequence[Branch]], source: str, found: list[str]
) -> tuple[str, str, str, str]:
    for coordinates in COORDINATES:
        if not all(coordinate in kinematic for coordinate in coordinates):
            continue
        for coordinate in coordinates:
            if len(kinematic[coordinate]) > 1:
                names = [branch.short for branch in kinematic[coordinate]]
                raise table.error(
                    f"{' and '.join(names)} could each be the particles' {coordinate}",
                    names[0],
                    f"say which with a mapping, {_EXAMPLE}",
                )
        return coordinates
    sets = "; ".join(", ".join(coordinates) for coordinates in COORDINATES)
    recognised = ", ".join(kinematic) or "none"
    raise ReadError(
        f"{source} gives no complete four-vector: recognised {recognised} among "
        f"{', '.join(found[:20])}, needed is one of {sets}",
        file=table.file,
        tree=table.name,
        remedy=f"say which branch is which with a mapping, {_EXAMPLE}",
    )


def _has_children(table: BranchTable, key: str) -> bool:
    return any(other.startswith((f"{key}/", f"{key}.")) for other in table.keys)


def _wrong_type(table: BranchTable, branch: Branch) -> ReadError:
    what = {
        "event": "one value per entry",
        "jagged": "one number per particle",
        "unusable": "no plain numbers",
    }[branch.level]
    return table.error(
        f"a particle branch holds one number per particle, this one holds {what} "
        f"({branch.type_name})",
        branch.key,
        "leave it out with an explicit mapping",
    )
