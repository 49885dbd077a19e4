"""Temperature scaling on logits whose temperature is known, and on a trained network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from training_samples import PerGraph, separable

import pcgnn
from pcgnn.data import ParticleClouds
from pcgnn.errors import DataError
from pcgnn.metrics import calibration_report, tagging_report
from pcgnn.models import create_model
from pcgnn.training import ClassificationTask, EdgeClassificationTask, MultiLabelTask, calibrate
from pcgnn.training.calibration import fit_temperature


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_a_known_temperature_is_found(classes: int, temperature: float) -> None:
    rng = np.random.default_rng(classes)
    honest = rng.normal(size=(20000, classes)) * 2
    p = softmax(honest, axis=1)
    y = (p.cumsum(1) > rng.random((len(p), 1))).argmax(1)
    found, error = fit_temperature(honest * temperature + 7.0, y)
    assert abs(found - temperature) < 3 * error
    assert error < 0.03 * temperature
    weighted, _ = fit_temperature(honest * temperature, y, np.full(len(y), 2.5))
    assert weighted == pytest.approx(found, rel=1e-6)


def test_the_error_is_that_of_repeated_experiments() -> None:
    found, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(400, 3)) * 2
        y = (softmax(z, axis=1).cumsum(1) > rng.random((400, 1))).argmax(1)
        t, error = fit_temperature(2 * z, y)
        found.append(t)
        errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.3)
    assert np.mean(found) == pytest.approx(2.0, abs=0.06)


def overconfident() -> ClassificationTask:
    model = PerGraph()
    with torch.no_grad():
        model.linear.weight.copy_(torch.tensor([[0.0, 0, 0], [9.0, 1, 0]]))
        model.linear.bias.copy_(torch.tensor([0.0, -6.0]))
    return ClassificationTask(model, classes=("QCD", "top"))


def test_scores_become_probabilities_and_keep_their_order(tmp_path) -> None:
    task = overconfident()
    val, test = separable(1500, 1, shift=1.0), separable(1500, 2, shift=1.0)
    calibrated = calibrate(task, val)
    assert calibrated.temperature[0] > 2
    assert calibrated.loss_after < calibrated.loss_before
    before, after = pcgnn.predict(task, test), pcgnn.predict(calibrated, test)
    assert task.temperature is None
    reports = [tagging_report(test.y, scores) for scores in (before, after)]
    assert reports[1].auc.value == pytest.approx(reports[0].auc.value, abs=1e-6)
    assert reports[1].accuracy.value == reports[0].accuracy.value
    errors = [calibration_report(test.y, scores).ece.value for scores in (before, after)]
    assert errors[1] < 0.4 * errors[0]
    # by the formula
    with torch.no_grad():
        logits = task(test.batch(np.arange(len(test)))).double().numpy()
    np.testing.assert_allclose(
        after.probabilities, softmax(logits / calibrated.temperature[0], axis=1), rtol=1e-4
    )
    # a second calibration replaces the first
    again = calibrate(calibrated, val)
    assert again.temperature == calibrated.temperature
    assert "T = " in repr(again)


def test_it_is_kept_in_a_checkpoint(tmp_path) -> None:
    torch.manual_seed(0)
    task = ClassificationTask(create_model("pfn", features=3, phi=[8], f=[8]))
    data = separable(400, 1)
    with torch.no_grad():
        for parameter in task.network.f[-1].parameters():
            parameter.mul_(0.05)
    if pcgnn.metrics.tagging_report(data.y, pcgnn.predict(task, data)).auc.value < 0.5:
        with torch.no_grad():
            task.network.f[-1].linear.weight.neg_()
    calibrated = calibrate(task, data)
    path = tmp_path / "calibrated.ckpt"
    calibrated.save(path)
    scores = pcgnn.predict(path, data)
    assert np.array_equal(scores.probabilities, pcgnn.predict(calibrated, data).probabilities)
    assert not np.array_equal(scores.probabilities, pcgnn.predict(task, data).probabilities)
    again = pcgnn.load_checkpoint(path)
    assert again.temperature == calibrated.temperature
    # other weights need another temperature
    options = {"epochs": 1, "directory": tmp_path / "run", "progress": False}
    result = pcgnn.fit(None, data, data, task=again, **options)
    assert result.task.temperature is None


def test_each_label_gets_its_own_temperature() -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(4000, 2)) * 2
    y = (rng.random(z.shape) < 1 / (1 + np.exp(-z))).astype(np.int64)

    class Passed(torch.nn.Module):
        def forward(self, batch):
            return batch.x * batch.x.new_tensor([3.0, 0.5])

    clouds = ParticleClouds(x=torch.tensor(z), ptr=torch.arange(4001), y=torch.tensor(y))
    task = MultiLabelTask(Passed(), classes=["b", "lepton"])
    found = calibrate(task, clouds)
    assert found.temperature == pytest.approx([3.0, 0.5], rel=0.1)
    batch = clouds.batch(np.arange(10))
    expected = 1 / (1 + np.exp(-z[:10] * [3.0, 0.5] / found.temperature))
    np.testing.assert_allclose(found.task.scores(task(batch)).numpy(), expected)


def test_what_cannot_be_calibrated_is_refused() -> None:
    separated = np.array([[0.0, 1.0], [0.0, -1.0]])
    with pytest.raises(DataError, match="without exception"):
        fit_temperature(separated, np.array([1, 0]))
    with pytest.raises(DataError, match="no better than chance"):
        fit_temperature(separated, np.array([0, 1]))
    with pytest.raises(DataError, match="two classes"):
        fit_temperature(separated, np.array([1, 1]))
    with pytest.raises(pcgnn.PcgnnError, match="not calibrated"):
        calibrate(EdgeClassificationTask(PerGraph()), separable(5, 1))
