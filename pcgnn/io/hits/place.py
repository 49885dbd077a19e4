"""Where hits come from, so that errors name file, column and entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pcgnn.errors import ReadError

__all__ = ["MAPPING_EXAMPLE", "HitPlace"]

MAPPING_EXAMPLE = 'mapping={"hit": {"x": "name in the file"}}'


@dataclass(frozen=True)
class HitPlace:
    """One file, or the files of one event.

    Args:
        file: the file.
        tree: its tree.
        names: name in the file of a field, by collection and field.
        files: files of single collections where each has its own.
    """

    file: str
    tree: str | None = None
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def error(
        self,
        problem: str,
        collection: str,
        column: str | None = None,
        *,
        entry: int | None = None,
        remedy: str | None = None,
    ) -> ReadError:
        """Make an error about a collection or one of its fields."""
        branch = None if column is None else self.names.get((collection, column), column)
        return ReadError(
            problem,
            file=self.files.get(collection, self.file),
            tree=self.tree,
            branch=branch,
            entry=entry,
            remedy=remedy,
        )

    def missing(self, collection: str, column: str, known: object) -> ReadError:
        """Make the error about a column that is not there."""
        listed = ", ".join(map(str, known)) if isinstance(known, list | tuple | dict) else known
        inner = f'{{"{collection}": {{"{column}": "..."}}}}'
        known_collection = collection in ("hit", "particle")
        example = inner if known_collection else f'{{"tracks": {inner}}}'
        return self.error(
            f"{collection} has no such column; there are: {listed or 'none'}",
            collection,
            column,
            remedy=f"name it, for example mapping={example}",
        )
