"""Every registered network, in double precision, with running statistics that are not trivial."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from model_inputs import FEATURES, collate, jets_for

from pcgnn.models import CloudModel, create_model, list_models
from pcgnn.models.registry import MODELS


@pytest.fixture(params=list_models("classification"))
def model(request: pytest.FixtureRequest) -> CloudModel:
    requires = MODELS[request.param].requires
    if requires is not None and importlib.util.find_spec(requires) is None:
        pytest.skip(f"{request.param} needs the package {requires}, which is not installed")
    torch.manual_seed(5)
    network = create_model(request.param, features=FEATURES, classes=3).double()
    with torch.no_grad():
        for _ in range(3):
            network(collate(jets_for(network, [40, 25, 60, 5])))
    return network.eval()
