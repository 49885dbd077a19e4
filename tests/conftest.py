"""Options and switches of the whole test suite."""

from __future__ import annotations

import importlib.util
import os

import pytest
from hypothesis import settings

# CI draws the same examples every time; everybody else's runs look further.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-accel",
        action="store_true",
        help="fail, instead of skipping, where torch-cluster or torch-scatter is not installed",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = [
        name for name in ("torch_cluster", "torch_scatter") if not importlib.util.find_spec(name)
    ]
    if not missing:
        return
    if config.getoption("--require-accel"):
        raise pytest.UsageError(f"--require-accel, but not installed: {', '.join(missing)}")
    reason = f"optional backends not installed: {', '.join(missing)} (make test-accel)"
    for item in items:
        if "accel" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=reason))
