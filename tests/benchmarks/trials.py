"""What trials take of a machine: two side by side against one, and the memory of each.

    python tests/benchmarks/trials.py [--repetitions 2] [--batch-sizes 200 1000] [--json]

Whole searches of the CIFAR configuration with 6 blocks, on synthetic images, a processor a trial.
``pair``: images a second after the first epoch, of a trial alone and of two on two processors, in
turns. ``start``: from when a trial is made to when its first epoch begins, in a process of its own
and in one that an earlier trial has left. ``memory``: the greatest resident memory of a trial's
process, batch size by batch size. Prints a table, and with --json a line a case.
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
from typing import Any

import ray  # noqa: F401 - it makes its own psutil known
import yaml

import psutil  # isort: skip

ROOT = Path(__file__).parents[2]
IMAGES, EPOCHS = 600, 3
PARAMETERS = {
    "config": "6block",
    "dataset": "synthetic",
    "image_shape": [3, 32, 32],
    "patch_size": 4,
    "train_subset": IMAGES,
    "validation_subset": 200,
    "epochs": EPOCHS,
}


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for case in [*pair(given.repetitions), *map(memory, given.batch_sizes)]:
        if given.json:
            print(json.dumps(case))
        else:
            name = case.pop("case")
            print(f"{name:8}" + "  ".join(f"{key} {value}" for key, value in case.items()))
    return 0


def pair(repetitions: int) -> list[dict[str, Any]]:
    """The throughputs, and how long trials take to begin."""
    alone, together, fresh, reused = [], [], [], []
    for _ in range(repetitions):
        one, two = search(2, at_once=1), search(2, at_once=2)
        alone += [rate(trial) for trial in one["trials"]]
        together.append(sum(rate(trial) for trial in two["trials"]))
        fresh.append(start(one["trials"][0]))
        reused.append(start(one["trials"][1]))
    before, after = statistics.median(alone), statistics.median(together)
    return [
        {
            "case": "pair",
            "images_per_second_alone": round(before, 1),
            "images_per_second_together": round(after, 1),
            "ratio": round(after / before, 2),
        },
        {
            "case": "start",
            "s_in_a_process_of_its_own": round(statistics.median(fresh), 2),
            "s_in_one_of_an_earlier_trial": round(statistics.median(reused), 2),
        },
    ]


def memory(batch_size: int) -> dict[str, Any]:
    """The most that a trial takes."""
    images = max(IMAGES, batch_size)
    found = search(1, at_once=1, batch_size=batch_size, train_subset=images, epochs=1)
    return {"case": "memory", "batch_size": batch_size, "peak_gb": round(found["peak"] / 1e9, 2)}


def rate(reports: list[dict[str, Any]]) -> float:
    """Images a second of a trial, after its first epoch."""
    return IMAGES * (len(reports) - 1) / sum(report["time_this_iter_s"] for report in reports[1:])


def start(reports: list[dict[str, Any]]) -> float:
    """Seconds from when a trial is made to when its first epoch begins."""
    first = reports[0]
    return float(first["reported"] - first["time_this_iter_s"] - first["made"])


def search(trials: int, at_once: int, **parameters: Any) -> dict[str, Any]:
    """Run a search; its trials' reports, and the most memory in bytes that one of them had."""
    values = {name: {"value": value} for name, value in (PARAMETERS | parameters).items()}
    values["seed"] = {"values": list(range(trials))}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "s.yaml").write_text(yaml.safe_dump({"method": "grid", "parameters": values}))
        command = [sys.executable, "-m", "pcsearch", "s.yaml", "--max-concurrent", str(at_once)]
        with subprocess.Popen(
            [*command, "--storage-path", made, "--name", "search"],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            peak = 0
            made_at: dict[str, float] = {}
            reported_at: dict[Path, float] = {}
            while process.poll() is None:
                for trial, at in suggested(folder / "search" / "journal.jsonl"):
                    made_at.setdefault(trial, at)
                for file in folder.glob("search/*/result.json"):
                    if (status := file.stat()).st_size:
                        reported_at.setdefault(file, status.st_mtime)
                peak = max([peak, *map(resident, workers(process.pid))])
                time.sleep(0.2)
            assert process.returncode == 0, "the search has failed"
        found = []
        for file in sorted(folder.glob("search/*/result.json")):
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            times = {"made": made_at[lines[0]["trial_id"]], "reported": reported_at[file]}
            found.append([line | times for line in lines])
        return {"trials": found, "peak": peak}


def suggested(journal: Path) -> list[tuple[str, float]]:
    """The ids of the trials that a search has made so far, and when the last of them was."""
    if not journal.exists():
        return []
    at = journal.stat().st_mtime
    # The last line may be on its way.
    events = [json.loads(line) for line in journal.read_text().split("\n")[:-1]]
    return [(event["trial"], at) for event in events if "number" in event]


def workers(driver: int) -> list[psutil.Process]:
    """The processes of a search in which Ray runs trials."""
    try:
        below = psutil.Process(driver).children(recursive=True)
    except psutil.Error:
        return []
    return [process for process in below if process.name().startswith("ray::")]


def resident(process: psutil.Process) -> int:
    """The memory in bytes that a process has."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    sys.exit(main())
