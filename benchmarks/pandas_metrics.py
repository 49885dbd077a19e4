"""Track metrics as one writes them with pandas, where the public packages are not there."""

from __future__ import annotations

from typing import Any

__all__ = ["double_majority", "trackml_score"]


def _pairs(hits: Any) -> Any:
    """One row per pair of a track and a particle: shared hits, the largest per track marked."""
    pairs = hits.groupby(["track", "particle_id"], as_index=False).agg(
        shared=("weight", "size"), weight=("weight", "sum")
    )
    pairs["size"] = pairs.groupby("track")["shared"].transform("sum")
    pairs["total"] = pairs["particle_id"].map(hits["particle_id"].value_counts())
    # of equal numbers the smallest id, noise (0) before all others
    return pairs.sort_values(["track", "shared", "particle_id"], ascending=[True, False, True])


def double_majority(hits: Any, *, pt_min: float, eta_max: float) -> dict[str, int]:
    """Particles, tracks that count and tracks that match, by the rule "double majority".

    Args:
        hits: data frame with particle_id, track (-1 for none), pt, eta, reconstructable, weight.
        pt_min: lowest pT in GeV.
        eta_max: largest |eta|.
    """
    best = _pairs(hits).groupby("track", as_index=False).first()
    best = best[(best["track"] >= 0) & (best["size"] >= 3)]
    particles = hits.groupby("particle_id")[["pt", "eta", "reconstructable"]].first()
    chosen = particles["pt"] >= pt_min
    chosen &= (particles["eta"].abs() < eta_max) & particles["reconstructable"]
    counted = best[best["particle_id"].map(chosen)]
    matched = (2 * counted["shared"] > counted["size"]) & (2 * counted["shared"] > counted["total"])
    return {
        "particles": int(chosen.sum()),
        "tracks": len(counted),
        "matched": int(matched.sum()),
    }


def trackml_score(hits: Any) -> float:
    """The TrackML score from given weights.

    Args:
        hits: data frame with particle_id, track (-1 for none), weight.
    """
    best = _pairs(hits).groupby("track", as_index=False).first()
    good = (best["track"] >= 0) & (best["particle_id"] > 0)
    good &= (2 * best["shared"] > best["size"]) & (2 * best["shared"] > best["total"])
    return float(best.loc[good, "weight"].sum() / hits["weight"].sum())
