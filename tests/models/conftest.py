"""Every registered network, in double precision, with running statistics that are not trivial."""

from __future__ import annotations

import pytest
import torch
from model_inputs import FEATURES, collate, jets_for

from pcgnn.models import CloudModel, create_model, list_models


@pytest.fixture(params=list_models("classification"))
def model(request: pytest.FixtureRequest) -> CloudModel:
    torch.manual_seed(5)
    network = create_model(request.param, features=FEATURES, classes=3).double()
    with torch.no_grad():
        for _ in range(3):
            network(collate(jets_for(network, [40, 25, 60, 5])))
    return network.eval()
