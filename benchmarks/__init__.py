"""Benchmarks of pcgnn against the tools of the field: ``python -m benchmarks [name ...]``.

Method: the variants of one comparison run interleaved in one process, so that whatever else the
machine does hits all of them alike. The first figure is the process CPU time on one thread, the
second the wall time on two. Every comparison first shows that the variants give the same result,
by a check that is itself shown to catch a planted error.
"""

from __future__ import annotations

SUBJECTS = (
    "data_root",
    "data_memory",
    "neighbours",
    "jet_images",
    "balanced_batches",
    "particlenet",
    "lorentznet",
    "memory",
    "scaling",
    "hit_graphs",
    "interaction_network",
    "track_building",
    "track_metrics",
    "full_event",
    "hit_scaling",
)

__all__ = ["SUBJECTS"]
