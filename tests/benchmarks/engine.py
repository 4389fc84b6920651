"""What the engine adds to each trial: whole searches of trials that do nothing.

    python tests/benchmarks/engine.py [--trials 100] [--many 1200] [--repetitions 3] [--json]

``trial``: searches of 3 epochs with W&B offline, whole processes, in turns with Tune and its own
W&B callback, medians. Tune's is what two trials take, and for each of the others what one of ten
more adds. ``many``: one long search, its time and memory a trial early and late (``--many 5000``
takes three minutes more). ``slots``: ASHA on eight slots with sleeping trials of unequal length,
and which share of the time the slots are busy. ``resume``: a search of 1,000 trials is gone on
with, until its next trial has ended. Prints a table, and with --json a line a case.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MODULE = """
import time
from pathlib import Path
from ray import tune


def nothing(config):
    for epoch in range(3):
        tune.report({"loss": config["x"] / (epoch + 1)})


def sleeps(config):
    for epoch in range(9):
        began = time.time()
        time.sleep(0.3 + config["x"])
        with Path(config["folder"], "busy").open("a") as file:
            file.write(f"{began} {time.time()}\\n")
        tune.report({"loss": config["x"]})
"""
RAW = """
import os, sys
os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", RAY_USAGE_STATS_ENABLED="0")
from ray import tune
from ray.air.integrations.wandb import WandbLoggerCallback
from made import nothing
tuner = tune.Tuner(
    nothing,
    param_space={"x": tune.uniform(0, 1)},
    tune_config=tune.TuneConfig(num_samples=int(sys.argv[1])),
    run_config=tune.RunConfig(
        storage_path=os.path.abspath("raw"),
        callbacks=[WandbLoggerCallback(project="raw")],
        verbose=0,
    ),
)
assert len(tuner.fit()) == int(sys.argv[1])
"""
SLOTS = 8


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--many", type=int, default=1200)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "made.py").write_text(MODULE)
        (folder / "raw.py").write_text(RAW)
        for measure in (
            lambda: trial(folder, given.trials, given.repetitions),
            lambda: many(folder, given.many),
            lambda: slots(folder),
            lambda: resume(folder),
        ):
            case = measure()
            if given.json:
                print(json.dumps(case), flush=True)
            else:
                name = case.pop("case")
                texts = (f"{key} {value}" for key, value in case.items())
                print(f"{name:8}" + "  ".join(texts), flush=True)
    return 0


def trial(folder: Path, trials: int, repetitions: int) -> dict[str, Any]:
    """Seconds a trial, whole processes."""
    write(folder, method="random")
    ours, few, more = [], [], []
    for repetition in range(repetitions):
        ours.append(run(folder, "made:nothing", trials, f"trial{repetition}")["seconds"])
        few.append(seconds([sys.executable, "raw.py", "2"], folder))
        more.append(seconds([sys.executable, "raw.py", "12"], folder))
    own, two, twelve = map(statistics.median, (ours, few, more))
    raw = (two + (twelve - two) / 10 * (trials - 2)) / trials
    return {
        "case": "trial",
        "trials": trials,
        "s_a_trial": round(own / trials, 3),
        "raw_tune_s_a_trial": round(raw, 2),
        "ratio": round(raw / own * trials, 1),
    }


def many(folder: Path, trials: int) -> dict[str, Any]:
    """Time and memory a trial, early and late in a search."""
    write(folder, method="random")
    found = run(folder, "made:nothing", trials, "many")
    started = sorted(file.stat().st_mtime for file in folder.glob("many/*/params.json"))
    window, early = 100, min(500, trials // 3)
    first = (started[early] - started[early - window]) / window
    last = (started[-1] - started[-1 - window]) / window
    grown = [(at, size) for at, size in found["memory"] if at >= started[window]]
    growth = (grown[-1][1] - grown[0][1]) / (trials - window)
    return {
        "case": "many",
        "trials": trials,
        f"s_a_trial_at_{early}": round(first, 3),
        f"s_a_trial_at_{trials}": round(last, 3),
        "ratio": round(last / first, 2),
        "driver_kb_a_trial": round(growth, 1),
    }


def slots(folder: Path) -> dict[str, Any]:
    """The share of the time in which ASHA's slots are busy, while trials are left to start."""
    rungs = {"type": "hyperband", "min_iter": 2, "eta": 2}
    write(folder, method="random", early_terminate=rungs)
    options = ["--cpus-per-trial", "0.25", "--max-concurrent", str(SLOTS)]
    run(folder, "made:sleeps", 60, "slots", *options)
    lines = (folder / "busy").read_text().splitlines()
    spans = [tuple(map(float, line.split())) for line in lines]
    started = sorted(file.stat().st_mtime for file in folder.glob("slots/*/params.json"))
    # All slots are taken when the last of the first trials is under way.
    busy = share_busy(spans, started[SLOTS - 1] + 1, started[-1])
    return {"case": "slots", "slots": SLOTS, "busy": round(busy, 3)}


def share_busy(spans: Sequence[Sequence[float]], begin: float, end: float) -> float:
    """The share of the time of all slots in which something runs.

    Args:
        spans: the first and the last second of each thing that runs.
        begin: the second from which the time counts, in which all slots are taken.
        end: the second to which it counts.
    """
    busy = sum(max(0, min(b, end) - max(a, begin)) for a, b in spans)
    return busy / (end - begin) / SLOTS


def resume(folder: Path, trials: int = 1000) -> dict[str, Any]:
    """A search of many trials gone on with, by its journal and its trials' files."""
    write(folder, method="random")
    run(folder, "made:nothing", 1, "resume", "--wandb", "disabled")
    directory = folder / "resume"
    (first,) = directory.glob("0001_*")
    events = (directory / "journal.jsonl").read_text().splitlines()
    with (directory / "journal.jsonl").open("a") as journal:
        for number in range(2, trials + 1):
            own = directory / f"{number:04d}_{number:08x}"
            own.mkdir()
            for name in ("params.json", "result.json"):
                (own / name).write_bytes((first / name).read_bytes())
            for line in events:
                event = json.loads(line) | {"trial": f"{number:08x}"}
                event |= {"number": number} if "number" in event else {}
                journal.write(json.dumps(event) + "\n")
    command = [sys.executable, "-m", "pcsearch", "--resume", str(directory)]
    taken = seconds([*command, "--num-samples", str(trials + 1)], folder)
    assert len(list(directory.glob("*/result.json"))) == trials + 1
    return {"case": "resume", "trials": trials, "seconds": round(taken, 1)}


def write(folder: Path, **top: Any) -> None:
    parameters = {"x": {"min": 0.0, "max": 1.0}, "folder": {"value": str(folder)}}
    sweep = {"metric": {"name": "loss", "goal": "minimize"}, "parameters": parameters, **top}
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))


def run(folder: Path, target: str, trials: int, name: str, *more: str) -> dict[str, Any]:
    """Run a search; its seconds, and its driver's memory in kB by the time."""
    arguments = ["s.yaml", "--trainable", target, "--num-samples", str(trials), "--name", name]
    arguments += ["--storage-path", str(folder), "--seed", "1", *more]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "pcsearch", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        memory: list[tuple[float, float]] = []
        watcher = threading.Thread(target=watch, args=(process.pid, memory), daemon=True)
        watcher.start()
        assert process.wait() == 0, "the search has failed"
    return {"seconds": time.perf_counter() - began, "memory": memory}


def watch(pid: int, memory: list[tuple[float, float]]) -> None:
    """Note a process's memory twice a second, as long as it lives."""
    while True:
        try:
            text = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        sizes = [line for line in text.splitlines() if line.startswith("VmRSS")]
        if not sizes:
            return
        memory.append((time.time(), float(sizes[0].split()[1])))
        time.sleep(0.5)


def seconds(command: list[str], folder: Path) -> float:
    """How long a command takes."""
    began = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{folder}", "WANDB_MODE": "offline"}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
