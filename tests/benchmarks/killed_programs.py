"""Kills a search of programs on two nodes again and again: nothing is lost, doubled or left.

    python tests/benchmarks/killed_programs.py [--kills 20] [--seed 1] [--json]

In turn SIGKILL goes to a program, to the process of a trial, to the driver, which is resumed, and
to all of a node, in whose place another one joins. Each program goes on from what it has kept. At
the end every epoch has to be reported once, to be a row of the offline W&B run once, and no process
of the search may be left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import psutil
from offline_runs import read_runs
from ray_nodes import COMMAND, RayNodes, ray_nodes
from searching import reports, trial_folders

TRIALS, EPOCHS = 6, 40
PROGRAM = f"""
import os, time
from pathlib import Path
import wandb
kept = Path(os.environ["PCSEARCH_TRIAL_DIR"], "state")
wandb.init()
for epoch in range(int(kept.read_text()) + 1 if kept.exists() else 1, {EPOCHS} + 1):
    time.sleep(0.5)
    wandb.log({{"loss": wandb.config.x + 1 / epoch, "epoch": epoch}})
    kept.with_suffix(".new").write_text(str(epoch))
    kept.with_suffix(".new").replace(kept)
"""
SWEEP = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [float(n) for n in range(TRIALS)]}},
}
NEW = ["s.yaml", "--name", "here", "--storage-path", ".", "--wandb", "offline"]
NEW += ["--max-failures", "99", "--max-concurrent", "2", "--epoch-key", "epoch"]
PATIENCE_S = 300


class Killed:
    """A search that is killed.

    Args:
        cluster: with its head.
        folder: of the search.
        seed: of what is killed when.
    """

    def __init__(self, cluster: RayNodes, folder: Path, seed: int) -> None:
        self._cluster, self._folder = cluster, folder
        self._chance = random.Random(seed)
        self._node = cluster.start("--num-cpus=1")
        self.driver = self._driver()
        self.kills: Counter[str] = Counter()

    def _driver(self) -> subprocess.Popen[bytes]:
        begun = (self._folder / "here" / "experiment.json").exists()
        arguments = ["--resume", "here"] if begun else NEW
        with (self._folder / "output.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-c", COMMAND, *arguments, "--address", self._cluster.address],
                cwd=self._folder,
                env=self._cluster.environment,
                stdout=output,
                stderr=output,
            )

    def kill(self) -> bool:
        """Kill something, some time after a new report; whether the search still runs."""
        seen, end = self._size(), time.monotonic() + PATIENCE_S
        while self.driver.poll() is None and self._size() == seen:
            assert time.monotonic() < end, "no report comes"
            time.sleep(0.05)
        time.sleep(self._chance.uniform(0, 2))
        if self.driver.poll() is not None:
            return False
        kinds = (
            lambda: self._kill_one("program", "python train.py --x="),
            lambda: self._kill_one("trial", "ray::Impl"),
            self._kill_driver,
            self._kill_node,
        )
        kinds[self.kills.total() % len(kinds)]()
        return True

    def _size(self) -> int:
        return sum(file.stat().st_size for file in self._folder.glob("here/*/result.json"))

    def _kill_one(self, kind: str, words: str) -> None:
        found: list[int] = []
        while not found and self.driver.poll() is None:
            # The other kinds of kills may have left none for a while.
            found = [process.pid for process, line in self.processes() if words in line]
        if found:
            os.kill(self._chance.choice(found), signal.SIGKILL)
            self.kills[kind] += 1

    def _kill_driver(self) -> None:
        self.driver.kill()
        self.driver.wait()
        self.driver = self._driver()
        self.kills["driver"] += 1

    def _kill_node(self) -> None:
        self._cluster.kill(self._node)
        self._node = self._cluster.start("--num-cpus=1")
        self.kills["node"] += 1

    def processes(self) -> list[tuple[psutil.Process, str]]:
        """The processes that have the home of this cluster's user, with their words."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") == str(self._cluster.home):
                    found.append((process, " ".join(process.cmdline())))
            except psutil.Error:
                continue
        return found


def main() -> int:
    """Run the search."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "PCSEARCH_NO_REPORT": "1"}
    with tempfile.TemporaryDirectory() as made, ray_nodes() as cluster:
        case = killed(cluster, Path(made), given.kills, given.seed)
    print(json.dumps(case) if given.json else "\n".join(f"{k:28}{v}" for k, v in case.items()))
    return 0


def killed(cluster: RayNodes, folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kill a search so often, let it end, and check what there is of it."""
    (folder / "train.py").write_text(PROGRAM)
    (folder / "s.yaml").write_text(yaml.safe_dump(SWEEP))
    cluster.start("--num-cpus=1")
    search = Killed(cluster, folder, seed)
    while search.kills.total() < kills and search.kill():
        pass
    status = search.driver.wait()
    assert status == 0, (folder / "output.txt").read_text()
    expected = [*range(1, EPOCHS + 1)]
    trials = trial_folders(folder / "here")
    assert len(trials) == TRIALS
    for trial in trials:
        epochs = [each["epoch"] for each in reports(trial)]
        assert epochs == expected, (trial.name, epochs)
    rows: dict[str, list[int]] = {trial.name[5:]: [] for trial in trials}
    for run in (run for run in read_runs(folder / "here") if run.id):
        rows[run.id] += [row["epoch"] for row in run.rows()]
    for trial_id, epochs in rows.items():
        assert sorted(epochs) == expected, (trial_id, epochs)
    left = [line for _, line in search.processes() if "train.py" in line or "wandb" in line]
    assert left == []
    return {"kills": dict(search.kills), "trials": TRIALS, "reports": TRIALS * EPOCHS}


if __name__ == "__main__":
    sys.exit(main())
