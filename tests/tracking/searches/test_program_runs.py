"""The W&B runs of programs: those that W&B's own agent makes of the same sweep."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from online_searches import Folder, sync
from wandb_agents_command import AGENT
from wandb_server import Run, WandbServer

from pcsearch.engine.workloads.reported_values import STOPPED_BY_USER

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

PROGRAM = """
import argparse
import numpy as np
import wandb
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--depth", type=int)
parser.add_argument("--optimizer")
args = parser.parse_args()
# The sweep's values win: also where the program changes them, they are locked.
defaults = {"lr": 7.0, "optimizer": {"name": "of the script", "extra": 1}, "own": 1}
run = wandb.init(project="another", config=defaults, tags=["own"])
run.config.update({"lr": 8.0, "own": 2}, allow_val_change=True)
run.config.optimizer = {"name": "changed"}
run.config["new"] = {"deep": [1, None]}
assert wandb.config.optimizer["name"] == run.config["optimizer"]["name"] == "sgd", run.config
assert (run.config.lr, run.config.get("own")) == (args.lr, 2), run.config
assert "'momentum': 0.75" in args.optimizer, args
run.alert("begun", f"with {args.lr}")
artifact = wandb.Artifact(f"model-{args.lr}", type="model")
with artifact.new_file("weights.txt") as file:
    file.write(args.optimizer)
run.log_artifact(artifact)
wandb.log({"seen": run.config.optimizer["momentum"], "image": wandb.Image(np.zeros((4, 4, 3)))})
wandb.log({"table": wandb.Table(columns=["a"], data=[[1]])})
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
    "parameters": {
        "lr": {"values": [0.5, 0.25]},
        "depth": {"value": 2},
        "optimizer": {"parameters": {"name": {"value": "sgd"}, "momentum": {"values": [0.75]}}},
    },
}
MEDIA = ("html", "image", "table")
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
        kept = {k: v for k, v in values.items() if k not in (*OF_THE_CLIENT, *MEDIA)}
        return kept | {name: name in values for name in MEDIA}

    return {
        run.values["lr"]: {
            "config": run.values,
            "rows": [without(row) for row in run.rows],
            "summary": without(run.summary),
            "place": (run.entity, run.project),
            "state": run.exit_code,
            "media": sorted(name.split("/")[1] for name in run.uploads if "media/" in name),
            "tags": "own" in run.tags,
        }
        for run in runs
    }


def beside_runs(server: WandbServer) -> Counter[tuple[str, ...]]:
    """The models and alerts at the server."""
    models = Counter(
        (each.name, each.kind, each.state)
        for each in server.artifacts.all.values()
        if each.kind == "model"
    )
    return models + Counter((each["title"], each["text"]) for each in server.alerts)


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
    rows = expected[0.5]["rows"]
    assert [row["val/loss"] for row in rows if "val/loss" in row] == [1.0, 0.5, 1 / 3]
    assert rows[0]["seen"] == 0.75
    assert expected[0.5]["config"] == {
        "lr": 0.5,
        "depth": 2,
        "optimizer": {"name": "sgd", "extra": 1, "momentum": 0.75},
        "own": 2,
        "new": {"deep": [1, None]},
    }
    beside = beside_runs(server)
    assert len(beside) == sum(beside.values()) == 4
    place = ["--project", "pc", "--entity", "team", "--storage-path", "."]

    online = programs.command("p.yaml", "--name", "online", "--wandb", "online", *place)
    assert online.status == 0, online.err
    runs = own(server, of_agent)
    assert seen(runs) == expected
    assert beside_runs(server) - beside == beside
    printed = [path.read_text() for path in (programs.path / "online").glob("0*/output.txt")]
    assert all("Config item 'lr' was locked by 'sweep'" in text for text in printed)
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
    beside += beside
    model = ("model-0.5", "model", "COMMITTED")
    assert set(beside_runs(server) - beside) == {model, ("begun", "with 0.5")}


STOPPED = """
import asyncio, time
import wandb
from wandb.sdk.lib import run_stopping
is_logged = []
checks = run_stopping._RunStopCheckerImpl.loop
async def loop(self):
    while not is_logged:
        await asyncio.sleep(0.05)
    await checks(self)
run_stopping._RunStopCheckerImpl.loop = loop
run_stopping._SLEEP = lambda _: asyncio.sleep(0.1)
wandb.init(config={"lr": 7.0}, settings=wandb.Settings(quiet=True))
wandb.log({"val/loss": 0.25})
is_logged.append(True)
time.sleep(600)
"""


def test_the_stop_button_stops_a_program_for_good(programs: Folder, server: WandbServer) -> None:
    (programs.path / "train.py").write_text(STOPPED)
    server.stop_pressed = True
    place = ["--project", "pc", "--entity", "team", "--storage-path", ".", "--num-samples", "1"]
    options = ["--name", "here", "--wandb", "online", "--grace", "120s"]
    done = programs.command("p.yaml", *options, *place)
    assert done.status == 0, done.err
    assert re.search(r"^ *1 .* stopped\b", done.out, re.MULTILINE)
    (report,) = (programs.path / "here").glob("0001*/result.json")
    (line,) = report.read_text().splitlines()
    assert STOPPED_BY_USER not in json.loads(line)
    (run,) = server.runs.values()
    assert [row["val/loss"] for row in run.rows] == [0.25]
    output = (report.parent / "output.txt").read_text()
    assert "KeyboardInterrupt" in output, output


def test_the_runs_of_a_configuration_are_a_group(programs: Folder, server: WandbServer) -> None:
    """As those of other searches with replicates, also for a program that calls wandb.init."""
    seeds = {"depth": {"values": [2, 3]}}
    sweep = SWEEP | {"replicates": "depth", "parameters": SWEEP["parameters"] | seeds}
    (programs.path / "p.yaml").write_text(yaml.safe_dump(sweep))
    place = ["--project", "pc", "--entity", "team", "--storage-path", ".", "--no-racing"]
    done = programs.command("p.yaml", "--name", "here", "--wandb", "online", *place)
    assert done.status == 0, done.err
    found = sorted((str(run.group), run.values["lr"]) for run in server.runs.values())
    assert found == [
        ("here, configuration 1", 0.5),
        ("here, configuration 1", 0.5),
        ("here, configuration 2", 0.25),
        ("here, configuration 2", 0.25),
    ]


RESUMED = """
import os, sys
from pathlib import Path
import wandb

kept = Path(os.environ["PCSEARCH_TRIAL_DIR"], "epoch")
first = int(kept.read_text()) + 1 if kept.exists() else 0
wandb.init(config={"first": first})
for epoch in range(first, 4):
    wandb.log({"epoch": epoch, "loss": 1 / (epoch + 1)})
    if epoch == 2 and not first:
        # Its last row is after what it has kept.
        wandb.finish()
        sys.exit(1)
    kept.write_text(str(epoch))
wandb.summary["done"] = True
"""


def test_two_tries_of_a_trial_are_synced_into_one_run_with_each_row_once(
    programs: Folder, server: WandbServer
) -> None:
    sweep = {**SWEEP, "metric": {"name": "loss"}, "parameters": {"lr": {"values": [0.5]}}}
    (programs.path / "p.yaml").write_text(yaml.safe_dump(sweep))
    (programs.path / "train.py").write_text(RESUMED)
    tries = ("--max-failures", "1", "--storage-path", ".", "--name", "here")
    search = programs.command("p.yaml", "--wandb", "offline", *tries)
    assert search.status == 0, search.err
    assert len(list((programs.path / "here" / "wandb").glob("offline-run-*"))) == 2
    sync(search.out)
    (run,) = server.runs.values()
    rows = [{k: v for k, v in row.items() if k not in OF_THE_CLIENT} for row in run.rows]
    assert rows == [{"epoch": epoch, "loss": 1 / (epoch + 1)} for epoch in range(4)]
    assert (run.summary["loss"], run.summary["done"], run.exit_code) == (0.25, True, 0)
