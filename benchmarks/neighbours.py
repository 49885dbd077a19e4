"""k nearest neighbours within jets, and neighbours within a radius in one large event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from benchmarks import peers
from benchmarks.dense import dense_knn, edges_to_table, neighbour_distances, tree_knn
from benchmarks.equality import Check, compare
from benchmarks.jets import TensorJets, typical_batch
from benchmarks.results import Table, timing_table
from benchmarks.timing import measure

SUBJECT = "k nearest neighbours (k = 16) of 256 jets; radius search in one large event"

K = 16
OURS = "pcgnn knn"


def spaces(jets: TensorJets) -> dict[str, Tensor]:
    """Coordinates of three kinds: (eta, phi), the seven inputs, 64 learned-like features."""
    generator = torch.Generator().manual_seed(4)
    mixing = torch.randn(7, 64, generator=generator)
    hidden = torch.tanh(jets.x @ mixing + torch.randn(64, generator=generator))
    return {"2-D (eta, phi)": jets.pos, "7-D (inputs)": jets.x, "64-D (hidden features)": hidden}


def variants(x: Tensor, jets: TensorJets) -> tuple[dict[str, Callable[[], Tensor]], dict[str, str]]:
    """Every way to find the neighbours, and the reason where one is missing."""
    from pcgnn.ops import SizePlan, knn

    plan, ptr = SizePlan.from_sizes(jets.sizes.numpy()), jets.ptr
    found: dict[str, Callable[[], Tensor]] = {
        OURS: lambda: knn(x, ptr, K, plan=plan),
        "pcgnn knn, backend tree": lambda: knn(x, ptr, K, plan=plan, backend="tree"),
        "dense padded distances + topk": lambda: dense_knn(x, ptr, K),
        "scipy cKDTree, one per jet": lambda: tree_knn(x, ptr, K),
    }
    absent: dict[str, str] = {}
    cluster = peers.torch_cluster()
    if isinstance(cluster, peers.Missing):
        absent["torch_cluster.knn_graph"] = str(cluster)
    else:
        graph = jets.graph()
        found["torch_cluster.knn_graph"] = lambda: cluster.knn_graph(x, K, graph, loop=False)
        found["pcgnn knn, backend torch-cluster"] = lambda: knn(
            x, ptr, K, plan=plan, backend="torch-cluster"
        )
    return found, absent


def _as_table(result: Tensor, nodes: int) -> Tensor:
    return edges_to_table(result, nodes, K) if result.shape[0] == 2 else result


def wrong_rows(ours: Mapping[str, Tensor], truth: Mapping[str, Tensor]) -> float:
    """Number of particles whose neighbour distances differ from the truth by more than 1e-6.

    Neighbours closer to each other in distance than float32 can tell may be exchanged.
    """
    a, b = ours["distances"], truth["distances"]
    same = torch.isclose(a, b, rtol=1e-6, atol=1e-6 * float(b[torch.isfinite(b)].mean()))
    return float((~same).any(dim=1).sum())


def check(name: str, x: Tensor, jets: TensorJets, result: Tensor) -> Check:
    """Distances of the neighbours found against brute force in float64."""
    nodes = x.shape[0]
    table = _as_table(result, nodes)
    wrong = table.clone()  # one neighbour exchanged for the last particle of the same jet
    row = int(jets.ptr[jets.num_jets // 2])
    stop = int(jets.ptr[jets.num_jets // 2 + 1])
    wrong[row, 0] = next(i for i in range(stop - 1, row, -1) if i not in table[row].tolist())
    truth = neighbour_distances(x, dense_knn(x.double(), jets.ptr, K))
    return compare(
        f"{name} against brute force in float64",
        {"distances": neighbour_distances(x, table)},
        {"distances": truth},
        tolerance=0.0,
        difference=wrong_rows,
        plant=lambda _ours: {"distances": neighbour_distances(x, wrong)},
        measure="particles with other neighbours:",
    )


def knn_tables(quick: bool) -> list[Table]:
    jets = typical_batch(64 if quick else 256)
    tables = []
    for name, x in spaces(jets).items():
        found, absent = variants(x, jets)
        tables.append(
            timing_table(
                f"{jets.num_jets} jets, {x.shape[0]:,} particles, {name}",
                measure(found, repeats=5 if quick else 15),
                ours=OURS,
                items=jets.num_jets,
                checks=[check(f"{key}, {name}", x, jets, f()) for key, f in found.items()],
                absent=absent,
                notes=["the particle itself excluded everywhere; sizes known on the host"],
            )
        )
    return tables


def radius_table(quick: bool) -> Table:
    """One event of many hits in three dimensions: all pairs within a radius."""
    from pcgnn.ops import radius

    hits = 5_000 if quick else 20_000
    x = torch.rand(hits, 3, generator=torch.Generator().manual_seed(5))
    reach = 0.045 * (20_000 / hits) ** (1 / 3)
    ptr = torch.tensor([0, hits])
    ours = "pcgnn radius"
    found: dict[str, Callable[[], Tensor]] = {ours: lambda: radius(x, ptr, reach)}
    absent: dict[str, str] = {}
    found["scipy cKDTree.query_pairs"] = lambda: _pairs(x, reach)
    cluster = peers.torch_cluster()
    if isinstance(cluster, peers.Missing):
        absent["torch_cluster.radius_graph"] = str(cluster)
    else:
        found["torch_cluster.radius_graph"] = lambda: cluster.radius_graph(
            x, reach, max_num_neighbors=512
        )
    truth = _sorted_edges(_brute(x, reach), hits)
    return timing_table(
        f"one event of {hits:,} hits, 3-D, all neighbours within a radius",
        measure(found, repeats=3 if quick else 9),
        ours=ours,
        items=hits,
        unit="hits",
        checks=[
            compare(
                f"edges of {name} against brute force in float64",
                {"edges": _sorted_edges(f(), hits)},
                {"edges": truth},
                tolerance=0.0,
                measure="relative difference of indices",
            )
            for name, f in found.items()
        ],
        absent=absent,
        notes=[f"{truth.numel() / hits:.1f} neighbours per hit on average"],
    )


def _pairs(x: Tensor, reach: float) -> Tensor:
    from scipy.spatial import cKDTree

    pairs = torch.from_numpy(cKDTree(x.numpy()).query_pairs(reach, output_type="ndarray")).t()
    return torch.cat([pairs, pairs.flip(0)], dim=1)


def _brute(x: Tensor, reach: float, rows: int = 2048) -> Tensor:
    exact, found = x.double(), []
    for start in range(0, len(exact), rows):
        block = exact[start : start + rows]
        inside = torch.cdist(block, exact, compute_mode="donot_use_mm_for_euclid_dist") <= reach
        inside[torch.arange(len(block)), start + torch.arange(len(block))] = False
        target, source = inside.nonzero(as_tuple=True)
        found.append(torch.stack([source, target + start]))
    return torch.cat(found, dim=1)


def _sorted_edges(edges: Tensor, hits: int) -> Tensor:
    return (edges[1] * hits + edges[0]).sort().values


def run(*, quick: bool, scratch: str) -> list[dict[str, Any]]:
    return [table.as_json() for table in [*knn_tables(quick), radius_table(quick)]]
