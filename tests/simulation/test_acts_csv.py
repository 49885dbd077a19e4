"""The files of ACTS against a plain reading of the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from acts_makers import barcode, write_csv

from pcgnn.errors import BackendError
from pcgnn.simulation.acts_csv import read_event

# (barcode, pdg, charge): a prompt pion, a photon without hits, an electron from a conversion
PARTICLES = [
    ((2, 0, 9, 0, 0), 211, 1),
    ((1, 3, 4, 0, 0), 22, 0),
    ((1, 3, 4, 1, 2), -11, 1),
]
SURFACES = [(8, 2, 17), (8, 4, 901), (255, 4095, 2**20 - 1), (9, 14, 3)]
# (owner's barcode, order along it) of each simulated hit; the last owner was not written
SIMULATED = [
    (PARTICLES[0][0], 1),
    (PARTICLES[2][0], 0),
    (PARTICLES[0][0], 0),
    (PARTICLES[2][0], 5),
    ((7, 0, 1, 0, 0), 2),
]
# measurement -> simulated hits: the second is a cluster of two particles
LINKS = [(0, 2), (1, 3), (1, 0), (2, 1), (3, 4)]
TRACKS = [
    ("[1,0,2,]", "vp=1|vs=3|p=4|g=1|sp=2", 1.5),
    ("[3,]", "vp=8|vs=0|p=1|g=0|sp=0", 2.5),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prefix = "event000000042-"
    write_csv(
        tmp_path / f"{prefix}particles_simulated.csv",
        [
            {
                **barcode(code),
                "particle_type": pdg,
                "process": 0,
                **{name: row + i / 8 for i, name in enumerate(("vx", "vy", "vz", "vt"))},
                **{name: 10 * row + i / 8 for i, name in enumerate(("px", "py", "pz", "m"))},
                "q": charge,
            }
            for row, (code, pdg, charge) in enumerate(PARTICLES)
        ],
    )
    write_csv(
        tmp_path / f"{prefix}hits.csv",
        [
            {**barcode(code), **dict.fromkeys(("tx", "ty", "tz", "tpx", "tpy", "tpz"), row)}
            | {"index": order}
            for row, (code, order) in enumerate(SIMULATED)
        ],
    )
    write_csv(
        tmp_path / f"{prefix}measurements.csv",
        [
            {
                "measurement_id": row,
                "geometry_id": volume << 56 | layer << 36 | module << 8,
                **{f"global_{axis}": row + i / 4 for i, axis in enumerate("xyz")},
            }
            for row, (volume, layer, module) in enumerate(SURFACES)
        ],
    )
    write_csv(
        tmp_path / f"{prefix}measurement-simhit-map.csv",
        [{"measurement_id": m, "hit_id": h} for m, h in LINKS],
    )
    write_csv(
        tmp_path / f"{prefix}tracks_ckf.csv",
        [
            {"particleId": owner, "pT": pt, "eta": -pt, "phi": 0.5}
            | {"truthMatchProbability": 0.75, "Measurements_ID": hits}
            for hits, owner, pt in TRACKS
        ],
    )
    return tmp_path


def test_particles_are_sorted_by_barcode(folder: Path) -> None:
    particle = read_event(folder, 42).particle
    rows = sorted(range(3), key=lambda row: PARTICLES[row][0])
    assert particle["pdg"].tolist() == [PARTICLES[row][1] for row in rows]
    assert particle["charge"].tolist() == [PARTICLES[row][2] for row in rows]
    assert particle["vertex"].tolist() == [PARTICLES[row][0][0] for row in rows]
    assert particle["secondary"].tolist() == [PARTICLES[row][0][1] for row in rows]
    assert particle["generation"].tolist() == [PARTICLES[row][0][3] for row in rows]
    assert particle["vy"].tolist() == [row + 1 / 8 for row in rows]
    assert particle["pz"].tolist() == [10 * row + 2 / 8 for row in rows]
    assert particle["mass"].tolist() == [10 * row + 3 / 8 for row in rows]


def test_hits_know_surface_and_particle(folder: Path) -> None:
    hit = read_event(folder, 42, truth_positions=True).hit
    assert list(zip(hit["volume"], hit["layer"].astype(int), hit["module"], strict=True))[:2] == [
        (8, 2, 17),
        (8, 4, 901),
    ]
    assert hit["module"].tolist() == [module for _, _, module in SURFACES]
    assert hit["y"].tolist() == [0.25, 1.25, 2.25, 3.25]
    identity = {code: row + 1 for row, code in enumerate(sorted(c for c, _, _ in PARTICLES))}
    first: dict[int, int] = {}
    shared: dict[int, int] = {}
    for measurement, simulated in LINKS:  # plainly
        first.setdefault(measurement, simulated)
        shared[measurement] = shared.get(measurement, 0) + 1
    owners = [SIMULATED[first[m]] for m in range(4)]
    assert hit["particle_id"].tolist() == [identity.get(code, 0) for code, _ in owners]
    assert hit["order"].tolist() == [order for _, order in owners]
    assert hit["nsim"].tolist() == [shared[m] for m in range(4)]
    assert hit["tpz"].tolist() == [first[m] for m in range(4)]


def test_true_positions_only_when_wanted(folder: Path) -> None:
    assert "tx" not in read_event(folder, 42).hit


def test_tracks(folder: Path) -> None:
    ckf = read_event(folder, 42, ["ckf"]).tracks["ckf"]
    assert ckf.hits.tolist() == [1, 0, 2, 3]
    assert ckf.counts.tolist() == [3, 1]
    assert ckf.columns["particle_id"].tolist() == [2, 0]  # second by barcode; unknown
    assert ckf.columns["pt"].tolist() == [1.5, 2.5]
    assert ckf.columns["eta"].tolist() == [-1.5, -2.5]


def test_no_tracks_in_an_event(folder: Path) -> None:
    path = folder / "event000000042-tracks_ckf.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    ckf = read_event(folder, 42, ["ckf"]).tracks["ckf"]
    assert len(ckf.hits) == len(ckf.counts) == len(ckf.columns["particle_id"]) == 0


def damaged(name: str, change: Any, folder: Path) -> Path:
    path = folder / f"event000000042-{name}.csv"
    path.write_text(change(path.read_text()))
    return path


def test_missing_file_or_column(folder: Path) -> None:
    with pytest.raises(BackendError, match=r"did not write.*event000000043-particles"):
        read_event(folder, 43)
    with pytest.raises(BackendError, match=r"no tracks.*tracks_ambi"):
        read_event(folder, 42, ["ambi"])
    damaged("measurements", lambda text: text.replace("global_y", "y"), folder)
    with pytest.raises(BackendError, match=r"no column global_y.*pcgnn\[simulation\]"):
        read_event(folder, 42)


def test_measurement_without_a_hit(folder: Path) -> None:
    damaged("measurement-simhit-map", lambda text: text.replace("3,4\n", ""), folder)
    with pytest.raises(BackendError, match="4 measurements, 3 of them"):
        read_event(folder, 42)


def test_barcode_that_does_not_fit(folder: Path) -> None:
    damaged("hits", lambda text: text.replace("7,0,1,0,0", "7,0,1048576,0,0"), folder)
    with pytest.raises(BackendError, match="more than 1048575 in particle_id_part"):
        read_event(folder, 42)
