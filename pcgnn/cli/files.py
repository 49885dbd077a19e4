"""Commands on files and lists: inspect, convert, download, models, configs."""

from __future__ import annotations

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
        "particle clouds that are mapped into memory when opened (any other OUTPUT).",
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    parser.add_argument("output", metavar="OUTPUT")
    add_reading(parser)
    group = parser.add_argument_group("clouds")
    group.add_argument("--features", default="particlenet", help="feature definition")
    group.add_argument("--target", help="column with the class")
    group.add_argument("--weight", help="column with the weight")
    group.add_argument("--max-particles", type=int, help="keep the leading ones by pT")
    parser.add_argument("--output-tree", default="jets", help="tree of a ROOT output")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing output")
    found = parser.parse_args(list(words))
    output = Path(found.output)
    if output.exists() and not found.overwrite:
        raise ConfigError("the output exists already", file=output, remedy="add --overwrite")
    from pcgnn.training.root_data import read_jets

    jets = read_jets(found.inputs, **reading_options(found))
    if output.suffix == ".root":
        from pcgnn.io import write_root

        write_root(output, jets, found.output_tree, overwrite=found.overwrite)
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
