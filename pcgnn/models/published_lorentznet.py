"""LorentzNet weights under the names of LorentzNet-release, the authors' code.

A file holds ``embedding``, ``LGEBs.{i}.phi_e.{0,1,3}``, ``.phi_h.{0,1,3}``, ``.phi_x.{0,2}`` (not
in the last block), ``.phi_m.0`` and ``graph_dec.{0,3}``, with or without ``module.`` in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from pcgnn.errors import CheckpointError, ConfigError
from pcgnn.models.lorentznet import LorentzNet
from pcgnn.models.published_state import load_renamed, rename

__all__ = ["from_published"]

_NAMES: tuple[tuple[str, str], ...] = (
    (r"embedding\.(.+)", r"embedding.\1"),
    (r"LGEBs\.(\d+)\.phi_e\.0\.(.+)", r"blocks.\1.edge_first.\2"),
    (r"LGEBs\.(\d+)\.phi_e\.1\.(.+)", r"blocks.\1.edge_norm.\2"),
    (r"LGEBs\.(\d+)\.phi_e\.3\.(.+)", r"blocks.\1.edge_second.\2"),
    (r"LGEBs\.(\d+)\.phi_m\.0\.(.+)", r"blocks.\1.gate.\2"),
    (r"LGEBs\.(\d+)\.phi_h\.0\.(.+)", r"blocks.\1.node_first.\2"),
    (r"LGEBs\.(\d+)\.phi_h\.1\.(.+)", r"blocks.\1.node_norm.\2"),
    (r"LGEBs\.(\d+)\.phi_h\.3\.(.+)", r"blocks.\1.node_second.\2"),
    (r"LGEBs\.(\d+)\.phi_x\.0\.(.+)", r"blocks.\1.step_hidden.\2"),
    (r"LGEBs\.(\d+)\.phi_x\.2\.(.+)", r"blocks.\1.step_out.\2"),
    (r"graph_dec\.(\d+)\.(.+)", r"classifier.\1.\2"),
)


def from_published(
    state: Mapping[str, Tensor],
    *,
    c_weight: float = 5e-3,
    readout: Literal["mean", "padded_mean"] = "mean",
    padded_length: int | None = None,
    beams: bool | None = None,
    dropout: float = 0.2,
) -> LorentzNet:
    """Make a LorentzNet from the state dict of LorentzNet-release.

    Args:
        state: the tensors by their published names.
        c_weight: size of the steps: 5e-3 in top tagging, 1e-3 in quark-gluon tagging.
        readout: "mean" over the particles, or "padded_mean" as the published code divides.
        padded_length: divisor of "padded_mean", beams counted; None takes the largest jet of each
            batch.
        beams: whether the two beams are among the particles; None takes two scalars for the
            masses of constituents and of beams, as in top tagging, and any other number for
            features of the particles (kinds of particles in quark-gluon tagging) without beams.
        dropout: in the classifier, used in further training only.

    Raises:
        CheckpointError: if keys are missing, not expected or of the wrong shape.
        ConfigError: a readout that the published network does not have.
    """
    if readout not in ("mean", "padded_mean"):
        raise ConfigError(f"readout = {readout!r}", remedy="choose 'mean' or 'padded_mean'")
    renamed = rename(
        state,
        _NAMES,
        model="LorentzNet",
        remedy="give the state dict of LorentzNet-release alone",
    )
    embedding, last = renamed.get("embedding.weight"), renamed.get("classifier.3.weight")
    if embedding is None or last is None or embedding.dim() != 2:
        raise CheckpointError("missing: embedding.weight or graph_dec.3.weight")
    blocks = 0
    while f"blocks.{blocks}.edge_first.weight" in renamed:
        blocks += 1
    if blocks == 0:
        raise CheckpointError("missing: LGEBs.0.phi_e.0.weight")
    hidden, scalars = embedding.shape
    beams = scalars == 2 if beams is None else beams
    masses = beams and scalars == 2
    model = LorentzNet(
        1 if masses else scalars - int(beams),
        last.size(0),
        hidden=hidden,
        blocks=blocks,
        c_weight=c_weight,
        dropout=dropout,
        beams=beams,
        mass=masses,
        use_features=not masses,
        readout=readout,
        padded_length=padded_length,
    )
    model.name = "lorentznet"
    load_renamed(model, renamed, name="LorentzNet")
    return model.eval()
