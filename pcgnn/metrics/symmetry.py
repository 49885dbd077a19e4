"""What a symmetry audit found: how far the outputs of a tagger move when its jets are moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pcgnn.errors import ConfigError

__all__ = ["SymmetryAudit", "SymmetryRow"]


@dataclass(frozen=True)
class SymmetryRow:
    """How far the outputs moved under one move.

    Attributes:
        move: name of the family.
        beams: "moved along" or "fixed" for a model that adds beams to its input, else "".
        size: of the move.
        median: median over the jets of the largest change of a logit.
        largest: the largest over all jets.
        score: mean absolute change of the probability of the last class.
    """

    move: str
    beams: str
    size: float
    median: float
    largest: float
    score: float


@dataclass(frozen=True)
class SymmetryAudit:
    """The audit of one model.

    Attributes:
        model: its name.
        precision: of the arithmetic.
        jets: number of jets.
        rows: one per move, treatment of beams and size.
        axes: what the sizes of each family are.
    """

    model: str
    precision: str
    jets: int
    rows: tuple[SymmetryRow, ...]
    axes: dict[str, str]

    def largest(self, move: str, *, beams: str | None = None) -> float:
        """Largest change of a logit under all sizes of a move.

        Args:
            move: name of the family.
            beams: "moved along" or "fixed"; None for any.

        Raises:
            ConfigError: there is no such row.
        """
        found = [r.largest for r in self.rows if r.move == move and beams in (None, r.beams)]
        if not found:
            raise ConfigError(
                f"no row of the move {move!r} with beams {beams!r}",
                remedy=f"there are {sorted({(r.move, r.beams) for r in self.rows})}",
            )
        return max(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "model": self.model,
            "precision": self.precision,
            "jets": self.jets,
            "axes": dict(self.axes),
            "rows": [dict(vars(row)) for row in self.rows],
        }

    def __str__(self) -> str:
        lines = [
            f"Symmetry audit of {self.model}: {self.jets:,} jets, {self.precision}",
            f"  {'move':<24}{'beams':<13}{'size':>10}   {'median':>9}  {'largest':>9}  "
            f"{'score':>9}",
            "  " + "-" * 80,
        ]
        lines += [
            f"  {r.move:<24}{r.beams:<13}{r.size:>10.3g}   {r.median:>9.2g}  {r.largest:>9.2g}  "
            f"{r.score:>9.2g}"
            for r in self.rows
        ]
        units = ", ".join(f"{move}: {axis}" for move, axis in self.axes.items())
        lines.append(f"  sizes   {units}")
        lines.append("  median and largest of the change of a logit, mean change of the score")
        return "\n".join(lines)
