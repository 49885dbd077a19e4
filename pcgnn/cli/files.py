"""Commands on files and lists: inspect, convert, download, models, configs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pcgnn.cli.options import Parser, add_reading, reading_options
from pcgnn.errors import ConfigError

__all__ = ["configs", "convert", "download", "inspect", "models"]


def inspect(words: Sequence[str]) -> int:
    """``pcgnn inspect FILE``."""
    parser = Parser("inspect", "Show trees, branches, types, counts and the particles found.")
    parser.add_argument("file", help="ROOT, HDF5 or npz file")
    parser.add_argument("--tree", help="only this tree")
    found = parser.parse_args(list(words))
    from pcgnn import io

    print(io.inspect(found.file, found.tree))
    return 0


def convert(words: Sequence[str]) -> int:
    """``pcgnn convert INPUT... OUTPUT``."""
    parser = Parser(
        "convert",
        "Convert ROOT, HDF5 or npz files to a ROOT file (OUTPUT ends in .root) or to "
        "particle clouds that are mapped into memory when opened (any other OUTPUT). With --hits: "
        "hits of tracking events (TrackML csv, ACTS csv, Parquet, ROOT) to a ROOT file.",
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    parser.add_argument("output", metavar="OUTPUT")
    add_reading(parser)
    group = parser.add_argument_group("clouds")
    group.add_argument("--features", default="particlenet", help="feature definition")
    group.add_argument("--target", help="column with the class")
    group.add_argument("--weight", help="column with the weight")
    group.add_argument("--max-particles", type=int, help="keep the leading ones by pT")
    parser.add_argument("--hits", action="store_true", help="the inputs hold tracking events")
    parser.add_argument("--output-tree", help="tree of a ROOT output; default: jets, or events")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    found = parser.parse_args(list(words))
    output = Path(found.output)
    if output.exists() and not found.overwrite:
        raise ConfigError("the output exists already", file=output, remedy="add --overwrite")
    if found.hits:
        return _convert_hits(found, output)
    from pcgnn.training.root_data import read_jets

    jets = read_jets(found.inputs, **reading_options(found))
    if output.suffix == ".root":
        from pcgnn.io import write_root

        write_root(output, jets, found.output_tree or "jets", overwrite=found.overwrite)
    else:
        from pcgnn.data import ParticleClouds

        clouds = ParticleClouds.from_awkward(
            jets,
            features=found.features,
            target=found.target,
            weight=found.weight,
            max_particles=found.max_particles,
        )
        clouds.save(output, overwrite=found.overwrite)
        print(clouds)
    print(f"{len(jets)} jets -> {output}")
    return 0


def _convert_hits(found: argparse.Namespace, output: Path) -> int:
    given = [name for name in _OF_JETS if getattr(found, name)]
    if given:
        option = "--" + given[0].replace("_", "-")
        raise ConfigError(f"{option} has no meaning with --hits", remedy=f"leave {option} out")
    if output.suffix != ".root":
        raise ConfigError("hits go to a ROOT file", file=output, remedy="let it end in .root")
    from pcgnn.io import read_hits, write_hits

    hits = read_hits(found.inputs, tree=found.tree)
    write_hits(output, hits, found.output_tree or "events", overwrite=found.overwrite)
    truth = "with truth" if hits.attrs["pcgnn"]["has_truth"] else "without truth"
    print(f"{len(hits)} events {truth} -> {output}")
    return 0


_OF_JETS = ("event", "cut", "derived", "target", "weight", "max_particles")


def download(words: Sequence[str]) -> int:
    """``pcgnn download NAME``."""
    parser = Parser("download", "Fetch a public data set, with checksum; goes on if interrupted.")
    parser.add_argument("name", help="name of the data set, e.g. toptag")
    parser.add_argument("folder", nargs="?", help="where to put the files")
    parser.add_argument("--files", nargs="+", metavar="FILE", help="only these files")
    parser.add_argument("--mirror", help="address of a folder that holds the same files")
    found = parser.parse_args(list(words))
    from pcgnn import datasets

    paths = datasets.download(found.name, found.folder, files=found.files, mirror=found.mirror)
    for path in paths:
        print(path)
    return 0


def models(words: Sequence[str]) -> int:
    """``pcgnn models``."""
    Parser("models", "List the models with their number of parameters.").parse_args(list(words))
    from pcgnn.models import create_model, list_models

    names = list_models()
    width = max(map(len, names))
    for name in names:
        model = create_model(name, features=7)
        count = sum(p.numel() for p in model.parameters())
        print(f"{name:<{width}}  {count:>9,} parameters with 7 features and 2 classes")
    return 0


def configs(words: Sequence[str]) -> int:
    """``pcgnn configs``."""
    Parser("configs", "List the configurations for -c.").parse_args(list(words))
    from pcgnn.cli.configs import list_configs

    for name in list_configs():
        print(name)
    return 0
