"""pcgnn: graph networks for particle clouds and tracking in high-energy physics.

From a ROOT branch to a rejection factor in ten lines, and every line replaceable::

    import pcgnn

    jets = pcgnn.read_root("jets.root", particles="part_*", event=["jet_pt", "is_top"])
    clouds = pcgnn.ParticleClouds.from_awkward(jets, features="particlenet", target="is_top")
    train, val, test = clouds.split((0.6, 0.2, 0.2), seed=1)
    model = pcgnn.create_model("particlenet-lite", features=clouds.features, classes=2)
    result = pcgnn.fit(model, train, val, epochs=20)
    print(pcgnn.metrics.tagging_report(test.y, pcgnn.predict(result, test)))

Names are imported on first use, so that ``import pcgnn`` (and ``pcgnn --help``) stays fast.
"""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pcgnn import (
        data,
        datasets,
        errors,
        io,
        losses,
        metrics,
        models,
        nn,
        ops,
        plots,
        simulation,
        tracking,
        training,
    )
    from pcgnn.data import (
        BalancedLoader,
        CloudLoader,
        CloudStream,
        Feature,
        FeatureDefinition,
        ParticleClouds,
        Standardizer,
    )
    from pcgnn.errors import PcgnnError
    from pcgnn.io import (
        Prediction,
        RegressionPrediction,
        inspect,
        iterate_root,
        read_hepmass,
        read_hits,
        read_npz,
        read_root,
        read_toptag_hdf5,
        write_hits,
        write_root,
        write_scores,
        write_tracks,
    )
    from pcgnn.models import create_model, list_models, load_published
    from pcgnn.ops import tune_allocator
    from pcgnn.training import (
        FitResult,
        calibrate,
        compare,
        cross_validate,
        embed,
        ensemble,
        explain,
        fit,
        fit_trees,
        load_checkpoint,
        load_trees,
        lr_range_test,
        mass_study,
        predict,
        scan,
        symmetry_audit,
    )

__version__: str = metadata.version("pcgnn")

_SUBPACKAGES = (
    "data",
    "datasets",
    "errors",
    "io",
    "losses",
    "metrics",
    "models",
    "nn",
    "ops",
    "plots",
    "simulation",
    "tracking",
    "training",
)

_HOME = {
    "BalancedLoader": "data",
    "CloudLoader": "data",
    "CloudStream": "data",
    "Feature": "data",
    "FeatureDefinition": "data",
    "FitResult": "training",
    "ParticleClouds": "data",
    "PcgnnError": "errors",
    "Prediction": "io",
    "RegressionPrediction": "io",
    "Standardizer": "data",
    "calibrate": "training",
    "compare": "training",
    "create_model": "models",
    "embed": "training",
    "explain": "training",
    "cross_validate": "training",
    "ensemble": "training",
    "fit": "training",
    "fit_trees": "training",
    "inspect": "io",
    "iterate_root": "io",
    "list_models": "models",
    "load_checkpoint": "training",
    "load_published": "models",
    "load_trees": "training",
    "mass_study": "training",
    "lr_range_test": "training",
    "predict": "training",
    "read_hepmass": "io",
    "read_hits": "io",
    "read_npz": "io",
    "read_root": "io",
    "read_toptag_hdf5": "io",
    "scan": "training",
    "symmetry_audit": "training",
    "tune_allocator": "ops",
    "write_hits": "io",
    "write_root": "io",
    "write_scores": "io",
    "write_tracks": "io",
}

__all__ = [
    "BalancedLoader",
    "CloudLoader",
    "CloudStream",
    "Feature",
    "FeatureDefinition",
    "FitResult",
    "ParticleClouds",
    "PcgnnError",
    "Prediction",
    "RegressionPrediction",
    "Standardizer",
    "__version__",
    "calibrate",
    "compare",
    "create_model",
    "cross_validate",
    "data",
    "datasets",
    "embed",
    "ensemble",
    "errors",
    "explain",
    "fit",
    "fit_trees",
    "inspect",
    "io",
    "iterate_root",
    "list_models",
    "load_checkpoint",
    "load_published",
    "load_trees",
    "losses",
    "lr_range_test",
    "mass_study",
    "metrics",
    "models",
    "nn",
    "ops",
    "plots",
    "predict",
    "read_hepmass",
    "read_hits",
    "read_npz",
    "read_root",
    "read_toptag_hdf5",
    "scan",
    "simulation",
    "symmetry_audit",
    "tracking",
    "training",
    "tune_allocator",
    "write_hits",
    "write_root",
    "write_scores",
    "write_tracks",
]


def __getattr__(name: str) -> object:
    if name in _SUBPACKAGES:
        return import_module(f"pcgnn.{name}")
    if name in _HOME:
        value = getattr(import_module(f"pcgnn.{_HOME[name]}"), name)
        globals()[name] = value  # the next use finds it without coming here
        return value
    raise AttributeError(f"module 'pcgnn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
