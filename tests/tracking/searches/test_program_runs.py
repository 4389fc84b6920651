"""The W&B runs of programs: those that W&B's own agent makes of the same sweep."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from online_searches import Folder, sync
from wandb_agents_command import AGENT
from wandb_server import Run, WandbServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

PROGRAM = """
import argparse
import wandb
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--depth", type=int)
args = parser.parse_args()
wandb.init(project="another", config=vars(args), tags=["own"])
wandb.define_metric("own_step")
for epoch in range(3):
    wandb.log({"train": {"loss": args.lr / 2}, "own_step": 10 * epoch}, commit=False)
    wandb.log({"val/loss": args.lr * args.depth / (epoch + 1), "html": wandb.Html("<p>x</p>")})
wandb.log({"end": True}, step=20)
wandb.run.summary["extra"] = {"deep": 5}
"""
SWEEP = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "val/loss", "goal": "minimize"},
    "parameters": {"lr": {"values": [0.5, 0.25]}, "depth": {"value": 2}},
}
OF_THE_CLIENT = ("_wandb", "_runtime", "_timestamp", "_step")


@pytest.fixture
def programs(folder: Folder) -> Folder:
    (folder.path / "train.py").write_text(PROGRAM)
    (folder.path / "p.yaml").write_text(yaml.safe_dump(SWEEP))
    return folder


def seen(runs: list[Run]) -> dict[float, dict[str, Any]]:
    """What the runs show, by their learning rates."""

    def without(values: dict[str, Any]) -> dict[str, Any]:
        # A file of a picture has a random name.
        kept = {k: v for k, v in values.items() if k not in (*OF_THE_CLIENT, "html")}
        return kept | {"html": "html" in values}

    return {
        run.values["lr"]: {
            "config": run.values,
            "rows": [without(row) for row in run.rows],
            "summary": without(run.summary),
            "place": (run.entity, run.project),
            "state": run.exit_code,
            "media": sum(name.startswith("media/html") for name in run.uploads),
        }
        for run in runs
    }


def by_agent(server: WandbServer, folder: Path) -> list[Run]:
    """W&B's own agent runs the sweep."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def wandb(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", AGENT, *arguments],
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=True,
            timeout=240,
        )
        return done.stdout + done.stderr

    found = re.search(r"wandb agent (\S+)", wandb("sweep", "-p", "pc", "-e", "team", "p.yaml"))
    assert found
    wandb("agent", found[1])
    return list(server.runs.values())


def own(server: WandbServer, known: list[Run]) -> list[Run]:
    return [run for run in server.runs.values() if run not in known]


def test_the_runs_are_those_of_the_agent_online_and_after_a_sync(
    programs: Folder, server: WandbServer
) -> None:
    of_agent = by_agent(server, programs.path)
    expected = seen(of_agent)
    assert sorted(expected) == [0.25, 0.5]
    assert [row["val/loss"] for row in expected[0.5]["rows"][:3]] == [1.0, 0.5, 1 / 3]
    place = ["--project", "pc", "--entity", "team", "--storage-path", "."]

    online = programs.command("p.yaml", "--name", "online", "--wandb", "online", *place)
    assert online.status == 0, online.err
    runs = own(server, of_agent)
    assert seen(runs) == expected
    (sweep,) = {run.sweep for run in runs}
    assert server.sweeps[str(sweep)].state == "FINISHED"
    assert {run.group for run in runs} == {"online"}
    assert all(set(run.tags) == {"own", "grid"} for run in runs)
    folders = {path.name for path in (programs.path / "online").glob("0*")}
    assert {run.display_name for run in runs} == folders
    assert "Upload it" not in online.out

    first = ("--name", "offline", "--wandb", "offline", "--num-samples", "1")
    offline = programs.command("p.yaml", *first, *place)
    assert offline.status == 0, offline.err
    assert len(server.runs) == 4
    sync(offline.out)
    assert seen(own(server, [*of_agent, *runs])) == {0.5: expected[0.5]}
