"""Streaming an RNTuple gives the jets of the TTree with the same content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import uproot
from cloud_makers import make_arrays, write_root

from pcgnn.data import CloudStream

OPTIONS = {"tree": "jets", "particles": "part_*", "event": ["is_top"], "target": "is_top"}


@pytest.mark.parametrize("workers", [0, 1])
def test_rntuple_streams_like_a_tree(tmp_path: Path, workers: int) -> None:
    tree, ntuple = tmp_path / "tree.root", tmp_path / "ntuple.root"
    labels = np.arange(300) % 2
    write_root(tree, make_arrays(300, seed=4), labels, step=100)
    with uproot.open(tree) as source, uproot.recreate(ntuple) as out:
        content = source["jets"].arrays()
        names = [name for name in content.fields if not name.startswith("n")]
        out.mkrntuple("jets", {name: content[name] for name in names})
    found = []
    for path in (tree, ntuple):
        stream = CloudStream(
            [str(path)], batch_size=32, buffer_size=100, shuffle=False, workers=workers, **OPTIONS
        )
        found.append(list(stream))
    assert len(found[0]) == len(found[1]) == 10
    for one, other in zip(*found, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.p4, other.p4)
        assert torch.equal(one.y, other.y)
        assert torch.equal(one.entry, other.entry)
