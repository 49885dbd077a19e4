"""The data module of configurations for tracking: from hits in files to batches of hit graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pcgnn.errors import ConfigError, DataError
from pcgnn.training.datamodule import CloudData
from pcgnn.training.root_data import file_names

__all__ = ["HitData"]

# rad on either side of a sector: more than tracks of 1 GeV bend in the pixels
_OVERLAP = 0.05


class HitData(CloudData):
    """Reads hits, builds graphs, splits them by events; usable from a configuration.

    Args:
        files: files or globs that :func:`pcgnn.read_hits` reads. In a configuration of the command
            line ``bundled:tracks`` stands for the events that come with pcgnn.
        file_format: of the files; None finds out.
        mapping: names of the branches, see :func:`pcgnn.read_hits`.
        pt: pT floor in GeV, from which the cuts follow.
        table: of cuts, see :meth:`pcgnn.tracking.LayerPairCuts.for_pt`.
        cuts: the cuts themselves instead: arguments of :class:`pcgnn.tracking.LayerPairCuts`, or
            of the way of joining hits that ``edge_maker`` names.
        edge_maker: what joins hits, see :func:`pcgnn.tracking.edge_maker`.
        truth: which edges are true.
        low_pt: what edges of particles below the floor are.
        truth_selection: ``ideal`` removes noise and soft particles by their truth.
        one_hit_per_layer: keep one hit per particle and layer, by truth.
        undirected: every edge in both directions.
        features: inputs of the hits, "published", "helix" or names.
        edge_features: inputs of the edges, likewise; other than 4 must be told to the network
            (``arguments: {edge_features: 7}`` for "helix").
        split: fractions or numbers of events for training, validation, test.
        split_seed: seed of the split.
        val_files: files of the validation part, instead of a split.
        test_files: files of the test part, instead of a split.
        sectors: train on this many sectors in azimuth per event, each a graph of its own: more
            updates per event. Validation and test stay whole.
        batch_size: events, or sectors, per batch and process.
        seed: seed of the order.

    Raises:
        ConfigError: options that do not go together.

    Example:
        >>> data = HitData("hits.root", pt=1.0, split=[20, 5, 5])
        >>> data.setup("fit")  # doctest: +SKIP
    """

    def __init__(
        self,
        files: str | list[str],
        file_format: str | None = None,
        mapping: dict[str, Any] | None = None,
        pt: float | None = None,
        table: str = "generic",
        cuts: dict[str, Any] | None = None,
        edge_maker: str = "layer-pairs",
        truth: Literal["same_particle", "consecutive"] = "same_particle",
        low_pt: Literal["ignore", "background", "signal"] = "ignore",
        truth_selection: Literal["ideal"] | None = None,
        one_hit_per_layer: bool = False,
        undirected: bool = False,
        features: str | list[str] = "published",
        edge_features: str | list[str] = "published",
        split: list[float] | None = None,
        split_seed: int = 0,
        val_files: str | list[str] | None = None,
        test_files: str | list[str] | None = None,
        sectors: int = 1,
        batch_size: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, eval_batch_size=1, seed=seed)
        from pcgnn.tracking import EdgeMaker, LayerPairCuts
        from pcgnn.tracking import edge_maker as make_edges

        self.files, self.val_files, self.test_files = files, val_files, test_files
        self.read_options = {"format": file_format, "mapping": mapping}
        if cuts is None and edge_maker != LayerPairCuts.kind:
            raise ConfigError(
                f"edge_maker = {edge_maker!r} without its arguments", remedy="give them as cuts"
            )
        self.cuts: EdgeMaker = (
            LayerPairCuts.for_pt(1.0 if pt is None else pt, table)
            if cuts is None
            else make_edges(edge_maker, cuts)
        )
        self.graph_options: dict[str, Any] = {
            "pt_min": pt,
            "truth": truth,
            "low_pt": low_pt,
            "truth_selection": truth_selection,
            "one_hit_per_layer": one_hit_per_layer,
            "undirected": undirected,
            "features": features,
            "edge_features": edge_features,
        }
        if split is not None and (val_files is not None or test_files is not None):
            raise ConfigError(
                "a split and files of the parts are both given", remedy="choose one of the two"
            )
        if split is not None and len(split) not in (2, 3):
            raise ConfigError(
                f"split = {split} has {len(split)} parts",
                remedy="give training, validation and, if wanted, test",
            )
        if sectors < 1:
            raise ConfigError(f"sectors = {sectors} must be at least 1")
        self.split, self.split_seed, self.sectors = split, split_seed, sectors
        self._ready = False

    def setup(self, stage: str) -> None:
        """Reads, builds and splits once, whatever the stages."""
        self.load()
        super().setup(stage)

    def load(self) -> None:
        """Reads, builds and splits, once."""
        if not self._ready:
            self._load()
            self._ready = True

    def _load(self) -> None:
        graphs = self.graphs(self.files)
        if self.split is None:
            self.train = graphs
        else:
            whole = all(float(part).is_integer() for part in self.split) and sum(self.split) > 1
            sizes = [int(part) if whole else float(part) for part in self.split]
            parts = graphs.split(sizes, seed=self.split_seed)
            self.train, self.val, self.test = (*parts, None, None)[:3]
        if self.val_files is not None:
            self.val = self.graphs(self.val_files)
        if self.test_files is not None:
            self.test = self.graphs(self.test_files)
        if self.sectors > 1:
            from pcgnn.tracking import split_sectors

            self.train = split_sectors(self.train, phi=self.sectors, phi_overlap=_OVERLAP)

    def graphs(self, files: str | Sequence[str]) -> Any:
        """The graphs of some files, built with the options of this module."""
        from pcgnn.io import read_hits
        from pcgnn.tracking import build_graphs

        given: Mapping[str, Any] = {k: v for k, v in self.read_options.items() if v is not None}
        names = file_names(files)
        graphs = build_graphs(read_hits(names, **given), self.cuts, **self.graph_options)
        if graphs.num_edges == 0:
            raise DataError(
                f"no two of the {int(graphs.offsets[-1])} hits in {len(graphs)} events are joined "
                f"by: {self.cuts}",
                file=names[0] if len(names) == 1 else f"{len(names)} files",
                remedy="look at the hits with pcgnn inspect, and at layers and cuts",
            )
        return graphs
