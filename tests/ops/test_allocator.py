from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from pcgnn.ops import tune_allocator

# a fresh process allocates, frees and allocates 64 MB many times and counts its page faults
COUNT_FAULTS = """
import resource, sys, torch
from pcgnn.ops import tune_allocator
if sys.argv[1] == "tuned":
    assert tune_allocator()
for _ in range(12):  # until the heap has grown to what the loop needs
    torch.ones(1 << 24)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    torch.ones(1 << 24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc's allocator")
def test_tuning_ends_the_page_faults_of_large_tensors() -> None:
    def faults(mode: str) -> int:
        command = [sys.executable, "-c", COUNT_FAULTS, mode]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert faults("tuned") < faults("default") / 10


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert tune_allocator() is False
