"""Files to awkward particle sets and back, with provenance; no torch anywhere."""

from pcgnn.io.anomaly import AnomalyScores
from pcgnn.io.atomic import atomic_path
from pcgnn.io.expressions import AwkwardBackend, Expression, compile_expression
from pcgnn.io.hepmass import HEPMASS_FEATURES, read_hepmass
from pcgnn.io.hits import read_hits, write_hits, write_tracks
from pcgnn.io.inspect import inspect
from pcgnn.io.npz import read_npz
from pcgnn.io.prediction import Prediction
from pcgnn.io.provenance import file_sha256, provenance_of
from pcgnn.io.regression_prediction import RegressionPrediction
from pcgnn.io.report import FileReport
from pcgnn.io.root import iterate_root, read_root
from pcgnn.io.scores import write_scores
from pcgnn.io.toptag import read_toptag_hdf5
from pcgnn.io.writing import write_root

__all__ = [
    "HEPMASS_FEATURES",
    "AnomalyScores",
    "AwkwardBackend",
    "Expression",
    "FileReport",
    "Prediction",
    "RegressionPrediction",
    "atomic_path",
    "compile_expression",
    "file_sha256",
    "inspect",
    "iterate_root",
    "provenance_of",
    "read_hepmass",
    "read_hits",
    "read_npz",
    "read_root",
    "read_toptag_hdf5",
    "write_hits",
    "write_root",
    "write_scores",
    "write_tracks",
]
