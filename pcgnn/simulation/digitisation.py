"""How the Generic detector measures: the configuration files that ACTS reads.

Volumes of the Generic detector, as for TrackML: pixels 7, 8, 9; short strips 12, 13, 14; long
strips 16, 17, 18 (left endcap, barrel, right endcap). Odd one out: a strip measures both local
coordinates, the long one poorly, where a real detector pairs two strips at a small angle.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcgnn.simulation.acts_settings import Digitisation

__all__ = ["PIXEL_VOLUMES", "SENSORS", "Sensor", "write_digitisation", "write_seeding_layers"]


@dataclass(frozen=True)
class Sensor:
    """A kind of sensor.

    Args:
        volumes: the volumes it fills.
        pitch: size of a channel along both local coordinates, mm.
        channels: number of channels along both.
        thickness: mm.
    """

    volumes: tuple[int, int, int]
    pitch: tuple[float, float]
    channels: tuple[int, int]
    thickness: float


PIXEL_VOLUMES = (7, 8, 9)

SENSORS = (
    Sensor(PIXEL_VOLUMES, (0.05, 0.05), (2000, 2000), 0.15),
    Sensor((12, 13, 14), (0.08, 1.2), (2500, 300), 0.25),
    Sensor((16, 17, 18), (0.12, 10.8), (2500, 40), 0.25),
)

# Pixel layers with seeds, (volume, layer): the barrel and the four disks next to it.
_SEEDING = tuple(
    (volume, layer)
    for volume, layers in ((8, (2, 4, 6, 8)), (9, (2, 4, 6, 8)), (7, (14, 12, 10, 8)))
    for layer in layers
)


def write_digitisation(path: Path, kind: Digitisation) -> Path:
    """Write the digitisation of ACTS.

    "smearing" moves the true local position by normal numbers of width pitch / sqrt(12).
    "geometric" finds the channels that a particle crosses, merges neighbouring ones to clusters
    and takes the mean weighted by charge, so that close particles may share one hit.
    """
    value = _smearing if kind == "smearing" else _geometric
    entries = [
        {"volume": volume, "value": value(sensor)}
        for sensor in SENSORS
        for volume in sensor.volumes
    ]
    header = {"format-version": 0, "value-identifier": "digitization-configuration"}
    path.write_text(json.dumps({"acts-geometry-hierarchy-map": header, "entries": entries}))
    return path


def write_seeding_layers(path: Path) -> Path:
    """Write the layers on which ACTS makes its seeds."""
    path.write_text(json.dumps([{"volume": v, "layer": layer} for v, layer in _SEEDING]))
    return path


def _smearing(sensor: Sensor) -> dict[str, Any]:
    return {
        "smearing": [
            {"index": index, "mean": 0.0, "stddev": pitch / math.sqrt(12), "type": "Gauss"}
            for index, pitch in enumerate(sensor.pitch)
        ]
    }


def _geometric(sensor: Sensor) -> dict[str, Any]:
    axes = [
        {
            "bins": count,
            "min": -count * pitch / 2,
            "max": count * pitch / 2,
            "option": "open",
            "type": "equidistant",
            "value": name,
        }
        for name, count, pitch in zip(("binX", "binY"), sensor.channels, sensor.pitch, strict=True)
    ]
    charge = {"mean": 0.0, "stddev": 0.01, "type": "Gauss"}
    return {
        "geometric": {
            "digital": False,
            "indices": [0, 1],
            "thickness": sensor.thickness,
            "threshold": 0.0,
            "charge-smearing": charge,
            "segmentation": {"binningdata": axes},
        }
    }
