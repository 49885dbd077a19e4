"""Tracking events: files of several formats to awkward records of hits and back."""

from pcgnn.io.hits.discovery import Format
from pcgnn.io.hits.options import HitMapping, Truth
from pcgnn.io.hits.reading import read_hits
from pcgnn.io.hits.track_writing import write_tracks
from pcgnn.io.hits.writing import write_hits

__all__ = ["Format", "HitMapping", "Truth", "read_hits", "write_hits", "write_tracks"]
