"""What the page costs a search that draws it: the same search with it and without.

    python tests/benchmarks/page.py [--trials 8] [--repetitions 3] [--json]

Whole searches of ``search_spaces/quickstart.yaml``, in turns, medians. ``seconds`` is the whole
command, its last drawing included; ``processor`` is that of the command and of the processes that
draw, without Ray's. ``until the results`` is how long the command takes to print its table of
trials: what the drawings cost the search itself.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "search_spaces" / "quickstart.yaml"


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cases: dict[str, tuple[str, ...]] = {"with": (), "without": ("--no-report",)}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in cases}
    for _ in range(given.repetitions):
        for name, options in cases.items():
            found[name].append(once(given.trials, options))
    medians = {
        name: {key: statistics.median(each[key] for each in runs) for key in runs[0]}
        for name, runs in found.items()
    }
    for key, value in medians["with"].items():
        without = medians["without"][key]
        case = {"case": key, "with": round(value, 1), "without": round(without, 1)}
        case["ratio"] = round(value / without, 3)
        print(json.dumps(case) if given.json else case)
    return 0


def once(trials: int, options: tuple[str, ...]) -> dict[str, float]:
    """One search: what it took, in seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pcsearch", str(QUICKSTART), "--seed", "1", *options]
        command += ["--num-samples", str(trials), "--storage-path", folder, "--wandb", "disabled"]
        before, began = _processor(), time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        environment.pop("PCSEARCH_NO_REPORT", None)
        with subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            results = time.perf_counter() - began
            process.stdout.read()
        assert process.returncode == 0, command
        return {
            "until the results": results,
            "seconds": time.perf_counter() - began,
            "processor": _processor() - before,
        }


def _processor() -> float:
    """The processor time of all processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
