"""The logarithm behind the entries of the Lorentz layer."""

from __future__ import annotations

import torch

from pcgnn.nn.lorentz_layer import signed_log


def test_the_logarithm_has_slope_one_at_zero_and_is_odd() -> None:
    x = torch.tensor([0.0, -0.0, 1e-9, -1e-9, 3.0, -3.0], dtype=torch.float64, requires_grad=True)
    out = signed_log(x)
    out.sum().backward()
    wanted = torch.sign(x.detach()) * x.detach().abs().log1p()
    torch.testing.assert_close(out.detach(), wanted)
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 1 / (1 + x.detach().abs()))
