"""W&B's own agent runs the sweep files, against a stand-in for W&B's server."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from searching import TINY
from wandb_agents_command import AGENT
from wandb_server import Sweep, WandbServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
NESTED = {
    "program": "pcsearch.train",
    "command": ["${env}", "${interpreter}", "-m", "${program}", "--compile=off", "${args}"],
    "method": "grid",
    "metric": {"name": "best_val_mse", "goal": "minimize"},
    "parameters": {
        **{name: {"value": value} for name, value in TINY.items() if name != "epochs"},
        "training": {
            "parameters": {
                "epochs": {"value": 100_000},
                "use_noise": {"value": False},
                "linear_probe_h_lr": {"value": None},
            }
        },
    },
}


class Wandb:
    """W&B's command in a folder, with pcsearch beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[subprocess.Popen[str]] = []
        binaries = Path(sys.executable).parent
        self._environment = os.environ | {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", AGENT, *arguments],
            cwd=self.folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._processes.append(process)
        return process

    def sweep(self, file: Path) -> str:
        """Create a sweep; the address to give to an agent."""
        process = self.start("sweep", "-p", "pc", "-e", "team", str(file))
        out, _ = process.communicate(timeout=240)
        address = re.search(r"wandb agent (\S+)", out)
        assert address, out
        return address[1]

    def end(self) -> None:
        """End what a failed test has left: an agent ends its run at the second signal."""
        for process in self._processes:
            while process.poll() is None:
                process.send_signal(signal.SIGINT)
                time.sleep(1)


@pytest.fixture
def wandb_command(tmp_path: Path) -> Iterator[Wandb]:
    command = Wandb(tmp_path)
    yield command
    command.end()


def test_an_agent_runs_a_file_of_the_project_with_every_metric(
    server: WandbServer, wandb_command: Wandb
) -> None:
    file = ROOT / "search_spaces" / "development.yaml"
    address = wandb_command.sweep(file)
    agent = wandb_command.start("agent", "--count", "1", address)
    out, _ = agent.communicate(timeout=240)
    assert agent.returncode == 0, out
    (run,) = server.runs.values()
    (sweep,) = server.sweeps.values()
    assert (run.entity, run.project, run.sweep) == ("team", "pc", sweep.name)
    # W&B gives the name, and the sweep the values.
    assert run.display_name == "swift-sweep-1"
    searched = yaml.safe_load(file.read_text())["parameters"]
    assert {"num_blocks": 1, "seed": 10}.items() <= run.values.items()
    assert searched.keys() <= run.values.keys()
    assert run.values["mlp_ratio"] == 4.0
    assert [row["epoch"] for row in run.rows if "epoch" in row] == [1, 2, 3, 4, 5], out
    assert "ValMetrics/Pretext/full_mse" in run.rows[4]
    assert "Summary/VodeEnergy_Trends_table" in run.rows[-1]
    assert run.summary["best_val_mse"] == run.rows[4]["best_val_mse"]
    assert run.summary["trial_status"] == "finished"
    assert run.exit_code == 0
    (folder,) = (wandb_command.folder / "pcsearch_train").iterdir()
    assert folder.name.endswith(f"_{run.name}")


def test_an_agent_passes_nested_and_boolean_parameters_and_stops_a_run(
    server: WandbServer, wandb_command: Wandb
) -> None:
    server.sweeps["nested"] = Sweep("team", "pc", "nested", yaml.safe_dump(NESTED))
    agent = wandb_command.start("agent", "team/pc/nested")
    end = time.monotonic() + 240
    while not any(run.rows for run in server.runs.values()):
        assert agent.poll() is None, agent.communicate()
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
    (run,) = server.runs.values()
    # As W&B does for early termination.
    server.agents.stops.add(run.name)
    out, _ = agent.communicate(timeout=240)
    assert agent.returncode == 0, out
    assert (run.values["training"]["epochs"], run.values["epochs"]) == (100_000, 100_000)
    assert (run.values["use_noise"], run.values["linear_probe_h_lr"]) == (False, None)
    assert (run.summary["trial_status"], run.exit_code) == ("stopped by hand", 0)
