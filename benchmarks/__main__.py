"""Run the benchmarks: ``python -m benchmarks [name ...] [--quick] [--json DIR]``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import SUBJECTS, children, results
from benchmarks.machine import machine_info
from benchmarks.timing import CPU_ONLY

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent / "README.md"
MARKS = (
    "<!-- results: written by python -m benchmarks --readme -->\n",
    "<!-- end of results -->\n",
)


def run_subject(name: str, *, quick: bool, allocators: list[str]) -> dict[str, Any]:
    """Run one subject under each allocator, each in a process of its own."""
    module = importlib.import_module(f"benchmarks.{name}")
    runs = []
    with tempfile.TemporaryDirectory(prefix="pcgnn-benchmarks-") as scratch:
        for allocator in allocators:
            load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
            arguments: dict[str, Any] = {"quick": quick, "scratch": scratch}
            if "allocator" in inspect.signature(module.run).parameters:
                arguments["allocator"] = allocator  # starts processes of its own
            tables = children.call(f"benchmarks.{name}:run", allocator, **arguments)
            runs.append({"allocator": allocator, "load_at_start": load, "tables": tables})
    return {
        "schema": results.SCHEMA,
        "benchmark": name,
        "subject": module.SUBJECT,
        "quick": quick,
        "machine": machine_info(),
        "runs": runs,
    }


def readme_with_results(text: str, folder: Path = RESULTS) -> str:
    """The README with its tables replaced by those of the JSON files in ``folder``."""
    head, _, rest = text.partition(MARKS[0])
    _, _, tail = rest.partition(MARKS[1])
    found = [results.read(path) for name in SUBJECTS if (path := folder / f"{name}.json").exists()]
    parts: list[str] = []
    for result, before in zip(found, [None, *found], strict=False):
        if before is None or _machine_lines(result["machine"]) != _machine_lines(before["machine"]):
            parts.append(_machine_lines(result["machine"]))
        parts.append(results.render(result))
    return head + MARKS[0] + "\n" + "\n".join(parts) + "\n" + MARKS[1] + tail


def _machine_lines(machine: dict[str, Any]) -> str:
    versions = {**machine["versions"], **machine["peers"]}
    return (
        f"Machine: {machine['cores']} cores of {machine['cpu']} "
        f"({machine['vector_instructions']}), {machine['memory_gb']} GB, {machine['libc']}, "
        f"Python {machine['python']}; "
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + ".\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="small samples, few repeats")
    parser.add_argument("--json", type=Path, metavar="DIR", help="where the JSON files go")
    parser.add_argument(
        "--allocator", choices=[*children.ALLOCATORS, "both"], default="both", help="of memory"
    )
    parser.add_argument(
        "--cpu-only", action="store_true", help="leave out the wall time: for a busy machine"
    )
    parser.add_argument(
        "--readme", action="store_true", help="run nothing, renew the tables in the README"
    )
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(SUBJECTS))
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are: {', '.join(SUBJECTS)}")
    if options.readme:
        README.write_text(readme_with_results(README.read_text()))
        return 0
    if options.cpu_only:
        os.environ[CPU_ONLY] = "1"
    # a quick run must not replace the figures of a full one unless told to
    folder = options.json or (RESULTS / "quick" if options.quick else RESULTS)
    chosen = list(children.ALLOCATORS) if options.allocator == "both" else [options.allocator]
    bad: list[str] = []
    for name in options.names or SUBJECTS:
        result = run_subject(name, quick=options.quick, allocators=chosen)
        path = results.write(result, folder)
        if hasattr(module := importlib.import_module(f"benchmarks.{name}"), "draw"):
            module.draw(result, path.with_suffix(".png"))
        print(results.render(result), f"written: {path}", sep="\n", flush=True)
        bad += results.failures(result)
    for line in bad:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
