"""What W&B costs a whole search: the same search online and without W&B, in turns.

    python tests/benchmarks/online.py [--trials 200] [--reports 5] [--at-once 16] [--turns 3]

The server is the tests' stand-in, in this process; the search is the command, in a process of its
own. Its trials report at once, so that nearly all of the time is that of the engine and of W&B.
Prints a line for each search: seconds a trial in all (from the command's start to its end, the wait
for W&B included), and the rows that the server lacks at the end. The last line has the ratio.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "helpers"))

from wandb_server import KEY, WandbServer, running  # noqa: E402 - it is not installed

MODULE = """
def report(config):
    for epoch in range(1, config["reports"] + 1):
        yield {"loss": config["x"] / epoch, **{f"metric/{i}": i / epoch for i in range(20)}}
"""


def main() -> int:
    """Run the searches in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--reports", type=int, default=5)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    seconds: dict[str, list[float]] = {"disabled": [], "online": []}
    for _ in range(given.turns):
        for mode, taken in seconds.items():
            with tempfile.TemporaryDirectory() as folder, running() as server:
                taken.append(search(Path(folder), server, mode, given) / given.trials)
                lost = given.trials * given.reports - rows(server) if mode == "online" else 0
            print(f"{mode:10}{taken[-1]:8.3f} s a trial{lost:6} rows lost", flush=True)
    disabled, online = (statistics.median(taken) for taken in seconds.values())
    print(
        f"medians: {disabled:.3f} s without W&B, {online:.3f} s online, {online / disabled:.2f} x"
    )
    return 0


def search(folder: Path, server: WandbServer, mode: str, given: argparse.Namespace) -> float:
    """Run a search; how many seconds it took."""
    (folder / "benchmarked.py").write_text(MODULE)
    parameters = {
        "x": {"values": list(range(1, given.trials + 1))},
        "reports": {"value": given.reports},
    }
    metric = {"name": "loss", "goal": "minimize"}
    text = yaml.safe_dump({"method": "grid", "metric": metric, "parameters": parameters})
    (folder / "s.yaml").write_text(text)
    cpus = (os.cpu_count() or 1) / given.at_once
    command = [sys.executable, "-m", "pcsearch", "s.yaml", "--trainable", "benchmarked:report"]
    command += ["--cpus-per-trial", str(cpus), "--max-concurrent", str(given.at_once)]
    command += ["--wandb", mode, "--storage-path", str(folder / "results")]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "WANDB_API_KEY": KEY,
        "WANDB_BASE_URL": server.url,
    }
    environment.pop("WANDB_MODE", None)
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def rows(server: WandbServer) -> int:
    """How many of the reports the server has; one that it has twice counts once."""
    return sum(
        len({row["loss"] for row in run.rows if "loss" in row}) for run in server.runs.values()
    )


if __name__ == "__main__":
    sys.exit(main())
