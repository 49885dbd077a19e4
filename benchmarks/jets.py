"""Real jets for the benchmarks: the bundled sample, multiplied by symmetries where more are needed.

Everything here is plain numpy in float64, written without pcgnn, so that it can serve as the
independent computation the other paths are compared with.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = [
    "FEATURES",
    "Jets",
    "TensorJets",
    "fixed_size",
    "resampled",
    "sample",
    "tensors",
    "typical_batch",
]

SAMPLE = Path(__file__).parents[1] / "datasets" / "toptag" / "toptag_sample.root"
FEATURES = ("log_pt", "log_e", "log_ptrel", "log_erel", "delta_r", "delta_eta", "delta_phi")
JETS_PER_BASKET = 5_000

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Jets:
    """Jagged jets as flat columns: constituents (N,) in GeV, jets (G,)."""

    px: FloatArray
    py: FloatArray
    pz: FloatArray
    energy: FloatArray
    sizes: npt.NDArray[np.int64]
    jet_pt: FloatArray
    jet_eta: FloatArray
    jet_phi: FloatArray
    jet_mass: FloatArray
    is_top: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def ptr(self) -> npt.NDArray[np.int64]:
        """(G+1,) first constituent of each jet, and the end."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    def write_root(self, path: Path) -> None:
        """A TTree ``jets``, ZSTD, float32 columns, baskets of 5,000 jets."""
        import awkward as ak
        import uproot

        particle = {
            "part_px": self.px,
            "part_py": self.py,
            "part_pz": self.pz,
            "part_energy": self.energy,
        }
        jet = {
            "jet_pt": self.jet_pt,
            "jet_eta": self.jet_eta,
            "jet_phi": self.jet_phi,
            "jet_mass": self.jet_mass,
        }
        types = {**dict.fromkeys(particle, "var * float32"), **dict.fromkeys(jet, "float32")}
        ptr = self.ptr
        with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
            tree = file.mktree(
                "jets", {**types, "is_top": "int32"}, counter_name=lambda _name: "npart"
            )
            for start in range(0, len(self), JETS_PER_BASKET):
                stop = min(start + JETS_PER_BASKET, len(self))
                flat = slice(ptr[start], ptr[stop])
                tree.extend(
                    {
                        **{
                            name: ak.unflatten(
                                column[flat].astype(np.float32), self.sizes[start:stop]
                            )
                            for name, column in particle.items()
                        },
                        **{
                            name: column[start:stop].astype(np.float32)
                            for name, column in jet.items()
                        },
                        "is_top": self.is_top[start:stop],
                    }
                )

    def take(self, chosen: npt.NDArray[np.int64]) -> Jets:
        """The chosen jets, in that order."""
        sizes, ptr = self.sizes[chosen], self.ptr
        flat = np.repeat(ptr[chosen] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        flat += np.arange(len(flat))
        return Jets(
            *(column[flat] for column in (self.px, self.py, self.pz, self.energy)),
            sizes=sizes,
            **{
                name: getattr(self, name)[chosen]
                for name in ("jet_pt", "jet_eta", "jet_phi", "jet_mass", "is_top")
            },
        )

    def features(self) -> tuple[FloatArray, FloatArray]:
        """The seven published ParticleNet inputs (N, 7) and delta eta, delta phi (N, 2).

        Shifts, scales and clipping are the published ones.
        """
        own = np.repeat(np.arange(len(self)), self.sizes)
        jet_energy = np.sqrt(self.jet_mass**2 + (self.jet_pt * np.cosh(self.jet_eta)) ** 2)
        pt = np.hypot(self.px, self.py)
        side = np.where(self.jet_eta >= 0, 1.0, -1.0)
        deta = (np.arcsinh(self.pz / pt) - self.jet_eta[own]) * side[own]
        dphi = np.arctan2(self.py, self.px) - self.jet_phi[own]
        dphi = np.arctan2(np.sin(dphi), np.cos(dphi))
        columns = [
            (np.log(pt) - 1.7) * 0.7,
            (np.log(self.energy) - 2.0) * 0.7,
            (np.log(pt / self.jet_pt[own]) + 4.7) * 0.7,
            (np.log(self.energy / jet_energy[own]) + 4.7) * 0.7,
            (np.hypot(deta, dphi) - 0.2) * 4.0,
        ]
        clipped = [np.clip(column, -5.0, 5.0) for column in columns]
        return np.stack([*clipped, deta, dphi], axis=1), np.stack([deta, dphi], axis=1)


@functools.cache
def sample() -> Jets:
    """The bundled 12,055 real jets."""
    import uproot

    with uproot.open(SAMPLE) as file:
        columns = file["jets"].arrays(library="ak")
    import awkward as ak

    def flat(name: str) -> FloatArray:
        return np.asarray(ak.flatten(columns[name]), dtype=np.float64)

    def per_jet(name: str) -> FloatArray:
        return np.asarray(columns[name], dtype=np.float64)

    return Jets(
        px=flat("part_px"),
        py=flat("part_py"),
        pz=flat("part_pz"),
        energy=flat("part_energy"),
        sizes=np.asarray(ak.num(columns["part_px"]), dtype=np.int64),
        jet_pt=per_jet("jet_pt"),
        jet_eta=per_jet("jet_eta"),
        jet_phi=per_jet("jet_phi"),
        jet_mass=per_jet("jet_mass"),
        is_top=np.asarray(columns["is_top"], dtype=np.int32),
    )


def resampled(number: int, *, seed: int = 0, min_size: int = 1, max_size: int = 10_000) -> Jets:
    """Any number of jets: real ones drawn with replacement, each turned and boosted anew.

    A random turn in phi and a random boost along the beam keep every jet physical and make every
    copy different in its bytes, so that a compressor gains nothing from the repetition.

    Args:
        number: jets wanted.
        seed: of the draw.
        min_size: smallest number of constituents of the jets drawn from.
        max_size: largest.
    """
    rng = np.random.default_rng(seed)
    real = sample()
    allowed = np.flatnonzero((real.sizes >= min_size) & (real.sizes <= max_size))
    jets = real.take(rng.choice(allowed, number, replace=True))
    turn, boost = rng.uniform(-np.pi, np.pi, number), rng.uniform(-0.3, 0.3, number)
    own = np.repeat(np.arange(number), jets.sizes)
    cos, sin = np.cos(turn)[own], np.sin(turn)[own]
    cosh, sinh = np.cosh(boost)[own], np.sinh(boost)[own]
    phi = jets.jet_phi + turn
    return Jets(
        px=jets.px * cos - jets.py * sin,
        py=jets.px * sin + jets.py * cos,
        pz=jets.pz * cosh + jets.energy * sinh,
        energy=jets.energy * cosh + jets.pz * sinh,
        sizes=jets.sizes,
        jet_pt=jets.jet_pt,
        jet_eta=_boosted_eta(jets, boost),
        jet_phi=np.arctan2(np.sin(phi), np.cos(phi)),
        jet_mass=jets.jet_mass,
        is_top=jets.is_top,
    )


def _boosted_eta(jets: Jets, boost: FloatArray) -> FloatArray:
    """Pseudorapidity of the jet axis after the boost (a massive axis: not just eta + boost)."""
    pz = jets.jet_pt * np.sinh(jets.jet_eta)
    energy = np.sqrt(jets.jet_mass**2 + (jets.jet_pt * np.cosh(jets.jet_eta)) ** 2)
    return np.arcsinh((pz * np.cosh(boost) + energy * np.sinh(boost)) / jets.jet_pt)


@dataclass(frozen=True)
class TensorJets:
    """Jets ready for a network: x (N, 7), pos (N, 2), ptr (G+1), y (G)."""

    x: Tensor
    pos: Tensor
    ptr: Tensor
    y: Tensor

    @property
    def sizes(self) -> Tensor:
        """(G,) constituents of each jet."""
        return self.ptr[1:] - self.ptr[:-1]

    @property
    def num_jets(self) -> int:
        """Number of jets G."""
        return self.ptr.numel() - 1

    def graph(self) -> Tensor:
        """(N,) the jet of each constituent."""
        return torch.repeat_interleave(torch.arange(self.num_jets), self.sizes)

    def data_list(self) -> list:  # type: ignore[type-arg]
        """One torch_geometric Data per jet, the way one would write it by hand."""
        from torch_geometric.data import Data

        edges = self.ptr.tolist()
        return [
            Data(x=self.x[a:b], pos=self.pos[a:b], y=self.y[i : i + 1])
            for i, (a, b) in enumerate(pairwise(edges))
        ]

    def blurred(self, width: float = 0.01, *, seed: int = 0) -> TensorJets:
        """The same jets with coordinates smeared, so that no two constituents coincide.

        Most real jets hold constituents in one direction to within rounding. A network that drops
        the first hit of its search as the particle itself then drops the other one half of the
        time, so that two correct networks differ; comparisons need distinct coordinates.
        """
        noise = torch.randn(self.pos.shape, generator=_generator(seed), dtype=self.pos.dtype)
        return TensorJets(self.x, self.pos + width * noise, self.ptr, self.y)

    def padded(self, length: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Dense (G, 2, P), (G, 7, P) and mask (G, 1, P); P is the largest jet unless given."""
        length = int(self.sizes.max()) if length is None else length
        place = torch.arange(length)
        mask = place < self.sizes[:, None]
        source = (self.ptr[:-1, None] + place)[mask]
        points = self.pos.new_zeros(self.num_jets, length, self.pos.shape[1])
        features = self.x.new_zeros(self.num_jets, length, self.x.shape[1])
        points[mask], features[mask] = self.pos[source], self.x[source]
        return (
            points.transpose(1, 2).contiguous(),
            features.transpose(1, 2).contiguous(),
            mask[:, None],
        )


def tensors(jets: Jets, dtype: torch.dtype = torch.float32) -> TensorJets:
    """Features and coordinates of the jets as tensors."""
    x, pos = jets.features()
    return TensorJets(
        x=torch.from_numpy(x).to(dtype),
        pos=torch.from_numpy(pos).to(dtype),
        ptr=torch.from_numpy(jets.ptr),
        y=torch.from_numpy(jets.is_top.astype(np.int64)),
    )


def typical_batch(number: int) -> TensorJets:
    """A batch whose largest jet is as large as that of the median batch.

    What a padded network costs hangs on the largest jet; an odd batch would flatter or wrong it.
    """
    batches = sorted((resampled(number, seed=seed) for seed in range(15)), key=_largest)
    return tensors(batches[len(batches) // 2])


def _largest(jets: Jets) -> int:
    return int(jets.sizes.max())


def fixed_size(number: int, size: int, *, seed: int = 0) -> TensorJets:
    """Jets of exactly ``size`` constituents, drawn from the pool of all real constituents."""
    pool = tensors(sample())
    chosen = torch.from_numpy(
        np.random.default_rng(seed).integers(0, pool.x.shape[0], number * size)
    )
    return TensorJets(
        x=pool.x[chosen],
        pos=pool.pos[chosen] + 1e-4 * torch.randn(number * size, 2, generator=_generator(seed)),
        ptr=torch.arange(0, number * size + 1, size),
        y=pool.y[torch.arange(number) % pool.num_jets],
    )


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
