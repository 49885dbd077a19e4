"""Run one function of a benchmark in a process of its own.

A process of its own is needed where the allocator is tuned (that cannot be undone), and where the
peak memory of one variant is wanted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

__all__ = ["ALLOCATORS", "call"]

ROOT = Path(__file__).parents[1]
ALLOCATORS = ("default", "tuned")


def call(function: str, allocator: str = "default", /, **arguments: Any) -> Any:
    """Call ``package.module:function(**arguments)`` in a new process and return its JSON result.

    Args:
        function: where the function is; its arguments and its result are plain JSON.
        allocator: "default", or "tuned" to call ``pcgnn.tune_allocator`` first.
        **arguments: passed on.

    Raises:
        RuntimeError: the process failed; its error output has been shown.
    """
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    )
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.children", function, str(output)]
        command += ["--allocator", allocator, "--arguments", json.dumps(arguments)]
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode or not output.exists():
            raise RuntimeError(f"{function} ended with status {done.returncode}")
        return json.loads(output.read_text())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("function")
    parser.add_argument("output", type=Path)
    parser.add_argument("--allocator", choices=ALLOCATORS, default="default")
    parser.add_argument("--arguments", type=json.loads, default={})
    options = parser.parse_args()
    if options.allocator == "tuned":
        from pcgnn.ops.allocator import tune_allocator

        if not tune_allocator():
            raise SystemExit("this system's allocator cannot be tuned (glibc only)")
    module, _, name = options.function.partition(":")
    result = getattr(importlib.import_module(module), name)(**options.arguments)
    options.output.write_text(json.dumps(result))


if __name__ == "__main__":
    main()
