"""What a trial of a program costs: searches of a program that logs one value, and its driver.

    python tests/benchmarks/programs.py [--trials 1000] [--at-once 1] [--json]
    python tests/benchmarks/programs.py --busy [--json]
    python tests/benchmarks/programs.py --reports [--json]
    python tests/benchmarks/programs.py --gap [--turns 3] [--json]

The program alone before and after the search; and of the search the seconds from trial to trial
at its beginning and at its end, and the driver's memory after 100 trials and after all of them.
Or, of a search of programs that sleep for 20 to 40 seconds, the share of the time in which the
program of each of eight slots runs. Or how long a report of a program takes to the trial's file,
which the search writes when early termination and the screen have it, and what a call of
``wandb.log`` takes in the program, there and alone. Or
the time from the last line of a program to the first one of the next, in searches and, between
them, in loops that start the program: all that a search adds to a trial is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from engine import SLOTS, run, seconds, share_busy, write

PROGRAM = """
import wandb
wandb.init()
wandb.log({"loss": 1})
"""
SLEEPING = """
import time
began = time.time()
import wandb
run = wandb.init()
for epoch in range(5):
    time.sleep(4 + 4 * run.config.x)
    wandb.log({"loss": run.config.x})
with open("busy", "a") as file:
    file.write(f"{began} {time.time()}\\n")
"""
REPORTING = """
import json, time
import wandb
wandb.init()
calls, taken = [], []
for n in range(100):
    time.sleep(0.1)
    calls.append(time.time())
    began = time.perf_counter()
    wandb.log({"loss": n, "epoch": n})
    taken.append(time.perf_counter() - began)
with open("calls.json", "w") as file:
    json.dump([calls, taken], file)
"""
ENDING = """
import time
began = time.time()
import wandb
wandb.init()
wandb.log({"loss": 1})
wandb.finish()
with open("spans", "a") as file:
    file.write(f"{began} {time.time()}\\n")
"""
WINDOW, SETTLED = 50, 100
SLEEPERS = 48
ALONE = 5


def main() -> int:
    """Run the search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--busy", action="store_true", help="how busy the slots are")
    parser.add_argument("--reports", action="store_true", help="how long reports take")
    parser.add_argument("--gap", action="store_true", help="from one program to the next")
    parser.add_argument("--turns", type=int, default=3, help="of the loop and the search")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if given.busy:
            case = busy(folder)
        elif given.gap:
            case = gap(folder, given.turns)
        elif given.reports:
            case = reports(folder)
        else:
            case = many(folder, given.trials, given.at_once)
    if given.json:
        print(json.dumps(case))
    else:
        print("\n".join(f"{name:28}{value}" for name, value in case.items()))
    return 0


def many(folder: Path, trials: int, at_once: int) -> dict[str, Any]:
    """Time and memory a trial, early and late in a search."""
    (folder / "train.py").write_text(PROGRAM)
    write(folder, method="random", program="train.py")
    before = alone(folder)
    found = run(folder, "program", trials, "many", "--max-concurrent", str(at_once))
    after = alone(folder)
    started = sorted(file.stat().st_mtime for file in folder.glob("many/*/params.json"))
    assert len(list(folder.glob("many/*/result.json"))) == trials
    memory = [(at, size / 1000) for at, size in found["memory"] if at <= started[-1]]
    return {
        "trials": trials,
        "at_once": at_once,
        "s_alone_before": round(before, 2),
        "s_alone_after": round(after, 2),
        f"s_a_trial_at_{SETTLED}": round(
            (started[SETTLED] - started[SETTLED - WINDOW]) / WINDOW, 2
        ),
        f"s_a_trial_at_{trials}": round((started[-1] - started[-1 - WINDOW]) / WINDOW, 2),
        f"driver_mb_at_{SETTLED}": round(next(mb for at, mb in memory if at >= started[SETTLED])),
        f"driver_mb_at_{trials}": round(memory[-1][1]),
    }


def busy(folder: Path) -> dict[str, Any]:
    """The share of the time in which programs run, while trials are left to start."""
    (folder / "train.py").write_text(SLEEPING)
    write(folder, method="random", program="train.py")
    options = ["--cpus-per-trial", "0.25", "--max-concurrent", str(SLOTS)]
    run(folder, "program", SLEEPERS, "busy_slots", *options)
    spans = [tuple(map(float, line.split())) for line in (folder / "busy").read_text().splitlines()]
    assert len(spans) == SLEEPERS
    started = sorted(began for began, _ in spans)
    share = share_busy(spans, started[SLOTS - 1], started[-1])
    return {"slots": SLOTS, "trials": SLEEPERS, "busy": round(share, 3)}


def reports(folder: Path) -> dict[str, Any]:
    """The milliseconds of a report's way, and of a call."""
    (folder / "train.py").write_text(REPORTING)
    write(folder, method="random", program="train.py")
    alone(folder, 1)
    _, taken_alone = json.loads((folder / "calls.json").read_text())
    arrived: list[float] = []
    threading.Thread(target=follow, args=(folder, arrived), daemon=True).start()
    run(folder, "program", 1, "reports")
    calls, taken = json.loads((folder / "calls.json").read_text())
    ways = [came - called for came, called in zip(arrived, calls, strict=True)]
    return {
        "reports": len(ways),
        "ms_to_the_file_median": round(1000 * statistics.median(ways)),
        "ms_to_the_file_most": round(1000 * max(ways)),
        "ms_a_call_alone": round(1000 * statistics.median(taken_alone), 2),
        "ms_a_call": round(1000 * statistics.median(taken), 2),
    }


def gap(folder: Path, turns: int, programs: int = 8) -> dict[str, Any]:
    """The seconds from program to program, in a search and in a loop."""
    (folder / "train.py").write_text(ENDING)
    write(folder, method="random", program="train.py")
    spans = folder / "spans"

    def gaps() -> list[float]:
        found = [tuple(map(float, line.split())) for line in spans.read_text().splitlines()]
        spans.unlink()
        # The first ones wait for processes that stay.
        return [after[0] - before[1] for before, after in pairwise(found[1:])]

    searched, looped = [], []
    for turn in range(turns):
        alone(folder, programs)
        looped += gaps()
        run(folder, "program", programs, f"gap{turn}", "--max-concurrent", "1")
        searched += gaps()
    return {
        "gaps": len(searched),
        "s_in_a_loop": round(statistics.median(looped), 2),
        "s_in_a_search": round(statistics.median(searched), 2),
    }


def follow(folder: Path, arrived: list[float]) -> None:
    """Note when each line of the trial's file is there."""
    while True:
        for file in folder.glob("reports/*/result.json"):
            lines = file.read_bytes().count(b"\n")
            arrived += [time.time()] * (lines - len(arrived))
        time.sleep(0.01)


def alone(folder: Path, times: int = ALONE) -> float:
    """The seconds of the program without a search."""
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    return statistics.median(seconds([sys.executable, "train.py"], folder) for _ in range(times))


if __name__ == "__main__":
    sys.exit(main())
