"""How long the command takes to begin: its help, a plan, and the first trial.

    python tests/benchmarks/start.py [--repetitions 5] [--json]

Whole processes, interleaved, medians; ``python -c pass`` beside them says what Python itself takes.
``trial`` is until the first trial's function is called, ``epoch`` until the first epoch of a PC
transformer on digits is reported; both with Ray started and W&B offline. A first round that warms
the disk's cache is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE = """
from pathlib import Path


def first(config):
    Path(config["folder"], "begun").touch()
    yield {"loss": 1.0}
"""
PCSEARCH = [sys.executable, "-m", "pcsearch"]


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    times: dict[str, list[float]] = {}
    for repetition in range(given.repetitions + 1):
        for name, seconds in once().items():
            times.setdefault(name, []).extend([seconds] if repetition else [])
    base = statistics.median(times["python"])
    for name, found in times.items():
        median = statistics.median(found)
        case = {"case": name, "seconds": round(median, 2), "times_python": round(median / base, 1)}
        print(json.dumps(case) if given.json else f"{name:8}{median:7.2f} s")
    return 0


def once() -> dict[str, float]:
    """Every case once."""
    quickstart = str(ROOT / "search_spaces" / "quickstart.yaml")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "made.py").write_text(MODULE)
        (folder / "s.yaml").write_text(
            f"method: grid\nparameters: {{folder: {{value: {folder}}}}}\n"
        )
        search = ["--num-samples", "1", "--storage-path", str(folder), "--name"]
        own = [*PCSEARCH, "s.yaml", "--trainable", "made:first", *search, "own"]
        model = [*PCSEARCH, quickstart, *search, "model", "--set", "epochs=1"]
        return {
            "python": until([sys.executable, "-c", "pass"], folder),
            "help": until([*PCSEARCH, "--help"], folder),
            "plan": until([*PCSEARCH, quickstart, "--plan"], folder),
            "trial": until(own, folder, "begun"),
            "epoch": until(model, folder, "model/*/result.json"),
        }


def until(command: list[str], folder: Path, pattern: str = "") -> float:
    """Seconds until a file is there that has something in it, or until the command has ended."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"}
    began = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        there = 0.0
        while process.poll() is None and not there:
            time.sleep(0.005)
            if pattern and any(folder.glob(pattern)):
                there = time.perf_counter() - began
        assert process.wait() == 0, command
    return there or time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
