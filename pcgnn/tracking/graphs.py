"""Hit graphs: one PyG ``Data`` per event or sector, kept together with how they were made."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from pcgnn.errors import ConfigError, DataError
from pcgnn.tracking.scores import GraphScores

if TYPE_CHECKING:
    from pcgnn.metrics import EdgeReport

__all__ = ["HitGraph", "HitGraphs"]


class HitGraph(Data):  # type: ignore[misc]
    """The graph of the hits of an event, or of a sector of it.

    Attributes:
        x: r/1000 mm, phi/pi, z/1000 mm, shape (N, 3).
        pos: x, y, z in mm, (N, 3).
        edge_index: inner hit, outer hit, (2, E), sorted.
        edge_attr: dr/1000 mm, d_phi/pi, dz/1000 mm, dR, (E, 4).
        y: 1 for true edges, (E,), where there is truth.
        edge_mask: edges that count as signal or background, (E,); the others belong to particles
            below the pT floor.
        particle_id: particle of each hit, 0 for noise, (N,).
        pt: pT of that particle in GeV, 0 for noise, (N,).
        hit_y: 1 for hits of particles above the pT floor, 0 for others and noise, (N,).
        layer: number of the layer, (N,).
        hit_index: number of the hit in its event, (N,).
        event: number of the event in the array of hits, (1,).
        event_id: its id, (1,).
        true_edges: number of all true edges that count, whether in the graph or not, (1,).
        owned: hits that belong to this sector, (N,); only for sectors.
    """

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        # torch-geometric shifts whatever is called an index; this one counts hits of the event
        return 0 if key == "hit_index" else super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return 0 if key == "hit_index" else super().__cat_dim__(key, value, *args, **kwargs)


class HitGraphs(Sequence[HitGraph]):
    """Hit graphs made in one way.

    Attributes:
        default_batch_size: graphs per training batch where none is asked for.

    Args:
        graphs: the graphs.
        description: how they were made: cuts, truth definition, selections, features.
        provenance: where the hits come from.
        offsets: first hit of each event among all hits the graphs were made from, (events + 1,).
    """

    default_batch_size: ClassVar[int] = 1

    def __init__(
        self,
        graphs: Sequence[HitGraph],
        description: dict[str, Any],
        provenance: dict[str, Any],
        offsets: np.ndarray,
    ) -> None:
        self.graphs = list(graphs)
        self.description = description
        self.provenance = {**provenance, "graphs": description}
        self.offsets = np.asarray(offsets, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.graphs)

    @overload
    def __getitem__(self, index: int) -> HitGraph: ...
    @overload
    def __getitem__(self, index: slice) -> HitGraphs: ...
    def __getitem__(self, index: int | slice) -> HitGraph | HitGraphs:
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        return self.graphs[index]

    def __iter__(self) -> Iterator[HitGraph]:
        return iter(self.graphs)

    def take(self, indices: Sequence[int] | range | np.ndarray) -> HitGraphs:
        """Some of the graphs; the numbers of their hits stay those of all events."""
        chosen = [self.graphs[int(i)] for i in indices]
        return HitGraphs(chosen, self.description, self.provenance, self.offsets)

    def batch(self, indices: Any) -> Batch:
        """Some of the graphs as one PyG batch."""
        return Batch.from_data_list([self.graphs[int(i)] for i in np.atleast_1d(indices)])

    def data_hash(self) -> str:
        """A hash of all tensors, by which other graphs would be noticed."""
        digest = hashlib.sha256()
        for graph in self.graphs:
            for name in sorted(graph.keys()):
                value = graph[name]
                if isinstance(value, Tensor):
                    digest.update(
                        name.encode() + value.detach().cpu().contiguous().numpy().tobytes()
                    )
        return digest.hexdigest()

    @property
    def events(self) -> np.ndarray:
        """Numbers of the events these graphs are of, in the array of hits, sorted."""
        return np.unique(np.array([int(graph.event) for graph in self.graphs], dtype=np.int64))

    def compact(self) -> HitGraphs:
        """The same graphs as those of ``hits[graphs.events]``: events are numbered anew.

        Example:
            >>> test = graphs.split((0.8, 0.2))[1]  # doctest: +SKIP
            >>> test, test_hits = test.compact(), hits[test.events]  # doctest: +SKIP
        """
        events = self.events
        sizes = np.diff(self.offsets)[events]
        renumbered = []
        for graph in self.graphs:
            other = copy.copy(graph)
            other.event = torch.tensor([int(np.searchsorted(events, int(graph.event)))])
            renumbered.append(other)
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        return HitGraphs(renumbered, self.description, self.provenance, offsets)

    def split(self, parts: Sequence[int | float], *, seed: int = 0) -> tuple[HitGraphs, ...]:
        """Split by events: counts, or fractions of all events; sectors of an event stay together.

        Args:
            parts: numbers of events or fractions that sum to at most 1.
            seed: of the order in which events are drawn.

        Raises:
            ConfigError: more events than there are, or an empty part.
        """
        events = torch.stack([graph.event.reshape(()) for graph in self.graphs]).cpu().numpy()
        names = np.random.default_rng(seed).permutation(np.unique(events))
        if all(isinstance(part, (float, np.floating)) for part in parts):
            edges = np.round(np.cumsum(parts) * names.size).astype(int)
            counts = np.diff(edges, prepend=0)
        else:
            counts = np.asarray(parts)
        if counts.sum() > names.size or (counts < 1).any():
            raise ConfigError(
                f"{names.size} events cannot be split into {[int(c) for c in counts]}",
                remedy="give counts or fractions that leave no part empty",
            )
        stops = np.cumsum(counts)
        return tuple(
            self.take(np.flatnonzero(np.isin(events, names[stop - count : stop])))
            for stop, count in zip(stops, counts, strict=True)
        )

    @property
    def sizes(self) -> np.ndarray:
        """Hits of each graph, (graphs,)."""
        return np.array([graph.x.shape[0] for graph in self.graphs], dtype=np.int64)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of x."""
        return tuple(self.description["features"])

    @property
    def num_edges(self) -> int:
        """Edges of all graphs."""
        return sum(int(graph.edge_index.shape[1]) for graph in self.graphs)

    @property
    def num_nodes(self) -> int:
        """Hits of all graphs."""
        return sum(int(graph.x.shape[0]) for graph in self.graphs)

    def edges(self) -> Tensor:
        """Edges of all graphs as pairs of hits counted over all events, (2, E)."""
        parts = []
        for graph in self.graphs:
            first = int(self.offsets[int(graph.event)])
            parts.append(graph.hit_index[graph.edge_index] + first)
        return torch.cat(parts, 1) if parts else torch.empty(2, 0, dtype=torch.long)

    def selected(self) -> np.ndarray:
        """Which of all hits of the events are part of a graph, (hits,)."""
        chosen = np.zeros(int(self.offsets[-1]), dtype=bool)
        for graph in self.graphs:
            chosen[graph.hit_index.cpu().numpy() + self.offsets[int(graph.event)]] = True
        return chosen

    def filter(self, scores: Any, threshold: float) -> HitGraphs:
        """Keep the edges above a score, with all hits.

        The number of all true edges stays what it was, so that reports of the graphs that are left
        count what was lost here as lost in construction. Of undirected graphs an edge stays in both
        directions if the mean of its two scores passes.

        Args:
            scores: what :func:`pcgnn.predict` returns for these graphs.
            threshold: edges with ``score >= threshold`` are kept.

        Raises:
            ConfigError: the threshold is not finite.
            DataError: scores of other graphs, or scores that are not finite.

        Example:
            >>> graphs = graphs.filter(pcgnn.predict(filter_result, graphs), 0.05)  # doctest: +SKIP
        """
        if not np.isfinite(threshold):
            raise ConfigError(f"threshold = {threshold!r} must be a finite number")
        found = GraphScores.of(scores, [int(graph.edge_index.shape[1]) for graph in self.graphs])
        if not np.isfinite(found.values).all():
            raise DataError("some scores are NaN or infinite", remedy="look at the network")
        kept = []
        for number, graph in enumerate(self.graphs):
            score = torch.as_tensor(found[number])
            if self.description.get("undirected"):
                score = score.reshape(2, -1).mean(0).repeat(2)
            passed = (score >= threshold).to(graph.edge_index.device)
            other = copy.copy(graph)
            other.edge_index = graph.edge_index[:, passed]
            for name in ("edge_attr", "y", "edge_mask"):
                if name in graph:
                    other[name] = graph[name][passed]
            kept.append(other)
        description = dict(self.description)
        description["edges"] = f"{description['edges']}; score >= {threshold:g}"
        description["filters"] = [*description.get("filters", []), float(threshold)]
        return HitGraphs(kept, description, self.provenance, self.offsets)

    def report(self, scores: Any, *, threshold: float = 0.5, level: float = 0.6827) -> EdgeReport:
        """Judge the edges: construction, classifier and cumulative efficiency, purity.

        Of undirected graphs each edge counts once, with the mean of its two scores.

        Args:
            scores: what :func:`pcgnn.predict` returns for these graphs.
            threshold: score from which an edge is kept.
            level: confidence level of the intervals.

        Raises:
            DataError: there is no truth, or the graphs are sectors, whose overlap counts twice.
        """
        from pcgnn.metrics import edge_report

        if any("y" not in graph for graph in self.graphs):
            raise DataError("the graphs have no truth", remedy="read the hits with their truth")
        if any("owned" in graph for graph in self.graphs):
            raise DataError("edges in the overlap of sectors count twice", remedy="merge_sectors")
        found = GraphScores.of(scores, [int(graph.edge_index.shape[1]) for graph in self.graphs])
        values = found.values
        truth, mask = ([graph[name] for graph in self.graphs] for name in ("y", "edge_mask"))
        true_edges = sum(int(graph.true_edges) for graph in self.graphs)
        if self.description.get("undirected"):
            values = np.concatenate([found[n].reshape(2, -1).mean(0) for n in range(len(self))])
            truth, mask = ([each.chunk(2)[0] for each in part] for part in (truth, mask))
            true_edges //= 2
        return edge_report(
            torch.cat(truth).cpu().numpy(),
            values,
            threshold=threshold,
            mask=torch.cat(mask).cpu().numpy(),
            true_edges=true_edges,
            truth=f"{self.description['truth']}; hits: {self.description['selection']}",
            level=level,
        )

    def __repr__(self) -> str:
        about = self.description
        lines = [
            f"HitGraphs({len(self)} graphs, {self.num_nodes:,} hits, {self.num_edges:,} edges)",
            f"  edges: {about['edges']}",
            f"  hits: {about['selection']}",
            f"  truth: {about['truth']}",
        ]
        return "\n".join(lines)
