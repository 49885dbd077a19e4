"""Options of ``pcgnn predict`` for models on hits."""

from __future__ import annotations

import argparse

from pcgnn.errors import ConfigError

__all__ = ["add_tracking", "check_tracking"]


def add_tracking(parser: argparse.ArgumentParser) -> None:
    """Adds the options for models on hits."""
    group = parser.add_argument_group(
        "models on hits",
        "Graphs are built as in the training. Truth in the files is not looked at: hits that the "
        "training had selected by truth ('ideal') take part all the same, unless --ideal is given.",
    )
    group.add_argument(
        "--threshold", type=float, metavar="T",
        help="score from which an edge is kept; default: the one chosen on the validation part by "
        "pcgnn fit, which the checkpoint carries (pcgnn validate prints those for other "
        "efficiencies)",
    )  # fmt: skip
    group.add_argument(
        "--method", metavar="NAME",
        help="components (default), walkthrough; of condensation networks: condensation",
    )  # fmt: skip
    group.add_argument(
        "--radius", type=float, metavar="R",
        help="condensation: reach of the strongest hit of a track in the learned space; default: "
        "0.5",
    )  # fmt: skip
    group.add_argument(
        "--beta-min", type=float, metavar="B",
        help="condensation: smallest strength of a hit that gathers others; default: 0.1",
    )  # fmt: skip
    group.add_argument(
        "--min-hits", type=int, metavar="N", help="fewest hits of a track; default: 3"
    )
    group.add_argument(
        "--edges", metavar="FILE",
        help="also write all edges with their scores: edge_source, edge_target, edge_score per "
        "event (12 bytes per edge before compression, held in memory)",
    )  # fmt: skip
    group.add_argument(
        "--field", type=float, metavar="T",
        help="fit a helix to each track in this field along the beam (tesla) and write track_pt "
        "(GeV), track_eta, track_phi (rad), track_d0, track_z0 (mm), track_charge, track_chi2, "
        "track_ndf",
    )  # fmt: skip
    group.add_argument(
        "--resolution", type=float, nargs="+", metavar="MM",
        help="errors of the hits for that fit in mm: along the azimuth, the radius and z, or one "
        "for all; default: by volume of the ACTS Generic detector",
    )  # fmt: skip
    group.add_argument(
        "--ideal", action="store_true", default=None,
        help="select hits by truth as the training did; files without truth are refused",
    )  # fmt: skip


def check_tracking(found: argparse.Namespace, kind: str, of_graphs: bool) -> None:
    """Refuses options that mean nothing for a kind of model.

    Raises:
        ConfigError: naming the option.
    """
    of_jets = ("no_cut", "empty", "prefix", "batch_size")
    of_edges, of_condensation = ("threshold", "edges"), ("radius", "beta_min")
    of_tracks = (*of_edges, *of_condensation, "method", "min_hits", "field", "resolution")
    idle: tuple[str, ...]
    if of_graphs:
        idle, about = (*of_tracks, "ideal"), "scores jets"
    elif kind == "hits":
        idle, about = (*of_jets, *of_tracks), "scores hits"
    elif kind == "condensation":
        idle, about = (*of_jets, *of_edges), "condenses hits"
    else:
        idle, about = (*of_jets, *of_condensation), "finds tracks"
    for name in idle:
        if getattr(found, name) is not None:
            option = "--" + name.replace("_", "-")
            raise ConfigError(
                f"{option} has no meaning for this checkpoint, which {about}",
                file=found.checkpoint,
                remedy=f"leave {option} out",
            )
