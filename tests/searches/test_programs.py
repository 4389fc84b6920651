"""Searches that run the programs of sweep files: of every kind, stopped, failing and killed."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from commands import events, finish, run, wait_for
from offline_runs import read_runs
from searching import reports, trial_folders

from pcsearch.command_line.cli import main

pytestmark = pytest.mark.slow

KINDS = """
import argparse, os, signal, sys, time
from pathlib import Path
parser = argparse.ArgumentParser()
parser.add_argument("--kind")
parser.add_argument("--optimizer")
kind = parser.parse_args().kind
kept = Path(os.environ["PCSEARCH_TRIAL_DIR"])
if kind == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if kind == "silent":
    sys.exit()
import wandb
run = wandb.init(project="of the script", config={"kind": "default", "own": 1})
assert wandb.config.kind == kind and run.config["optimizer"]["lr"] == 0.5, dict(wandb.config)
if kind == "raises":
    print("before it fails")
    wandb.log({"own": 1})
    raise ValueError("on purpose")
if kind == "mistyped":
    wandb.log({"los": 1})
elif kind == "summary":
    run.summary["loss"] = 0.25
elif kind == "fast":
    for n in range(10_000):
        wandb.log({"loss": n, "n": n} if n % 20 == 0 else {"n": n})
else:
    for epoch in range(1, 4):
        if kind == "goes on":
            state = kept / "state"
            if epoch <= int(state.read_text() if state.exists() else 0):
                continue
            wandb.log({"loss": 1 / epoch, "epoch": epoch})
            if epoch == 2 and not Path("went").exists():
                Path("went").touch()
                sys.exit(3)
            state.write_text(str(epoch))
            continue
        if kind == "twice" and epoch == 2 and not Path("tried").exists():
            Path("tried").touch()
            os._exit(3)
        wandb.log({"train": {"loss": 2 / epoch}})
        wandb.log({"loss": 1 / epoch, "picture": wandb.Html("<b>x</b>")})
"""
STOPPED = """
import os, signal, sys, time
from pathlib import Path
import wandb
kept = Path(os.environ["PCSEARCH_TRIAL_DIR"])
def end(*_):
    (kept / "ended").write_text("in good order")
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
wandb.init()
for epoch in range(1, 9):
    for _ in range(2):
        wandb.log({"loss": wandb.config.x + 1 / epoch, "epoch": epoch})
    # The first ones run to their ends. The others are stopped, and leave the time for it.
    time.sleep(10 if epoch > 1 and wandb.config.x > 2 else 0.2)
"""
FOREVER = """
import os, signal, subprocess, sys, time
import wandb
signal.signal(signal.SIGTERM, signal.SIG_IGN)
wandb.init()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", os.environ["MARK"]],
                 start_new_session=True)
for epoch in range(10_000):
    wandb.log({"loss": epoch})
    time.sleep(0.1)
"""
SCRIPT = """
import sys
import numpy as np
import wandb

def train():
    with wandb.init() as run:
        assert sys.argv[1:] == ["--base", "1"]
        for epoch in range(2):
            wandb.log({"loss": 1 + run.config.x / (epoch + 1)})

def main():
    wandb.login()
    wandb.init(project="of no trial")
    wandb.log({"loss": 100})
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"x": {"values": (1, np.int64(2), 3)}},
    }
    return wandb.sweep(sweep, project="mine")

if __name__ == "__main__":
    wandb.agent(main(), train, count=2)
    raise ValueError("after the agent")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, program: str, code: str, parameters: dict[str, Any], **more: Any) -> None:
    (folder / program).write_text(code)
    sweep = {
        "program": program,
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": parameters,
        **more,
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep, sort_keys=False))


def by(name: str, directory: Path) -> dict[Any, Path]:
    """The folders of the trials by the value of a parameter."""
    folders = trial_folders(directory)
    return {json.loads((each / "params.json").read_text())[name]: each for each in folders}


SEARCH = ["s.yaml", "--name", "here", "--storage-path", "."]


@pytest.mark.usefixtures("ray_here")
def test_programs_of_every_kind(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kinds = ["plain", "summary", "twice", "goes on", "raises", "killed", "silent", "mistyped"]
    kinds += ["fast"]
    nested = {"parameters": {"lr": {"value": 0.5}}}
    write(folder, "train.py", KINDS, {"kind": {"values": kinds}, "optimizer": nested})
    assert main([*SEARCH, "--max-failures", "1", "--wandb", "offline"]) == 1
    shown = capfd.readouterr()
    trials = by("kind", folder / "here")
    losses = {kind: [each["loss"] for each in reports(trials[kind])] for kind in kinds}
    assert losses.pop("summary") == [0.25]
    assert losses.pop("fast") == [*range(0, 10_000, 20)]
    assert losses.pop("plain") == losses.pop("twice") == losses.pop("goes on") == [1, 1 / 2, 1 / 3]
    assert not any(losses.values())
    assert [each["train.loss"] for each in reports(trials["plain"])] == [2, 1, 2 / 3]
    messages = {
        "raises": "the program failed with exit status 1: ValueError: on purpose",
        "killed": "the program crashed: SIGKILL ended it",
        "silent": "the program has ended, and logged nothing to W&B",
        "mistyped": "without the metric 'loss'; nearest is 'los'",
    }
    for kind, message in messages.items():
        assert message in (trials[kind] / "error.txt").read_text(), kind
        assert message in shown.out, kind
    assert "ValueError: on purpose" in (trials["raises"] / "output.txt").read_text()
    assert "Traceback" not in shown.out + shown.err
    runs = {run.id: run for run in read_runs(folder / "here")}
    plain = runs[trials["plain"].name[5:]]
    assert (plain.name, plain.group, plain.project) == (trials["plain"].name, "here", "pcsearch")
    assert plain.config["kind"] == "plain"
    assert plain.config["own"] == 1
    assert [row["loss"] for row in plain.rows() if "loss" in row] == [1, 1 / 2, 1 / 3]
    assert plain.exit_code == 0
    assert plain.tags == ["grid"]
    # The earlier try of a program that started anew has left no rows.
    # One that goes on has them once.
    for kind in ("twice", "goes on"):
        tries = [run for run in read_runs(folder / "here") if run.id == trials[kind].name[5:]]
        rows = [row for run in tries for row in run.rows()]
        assert [row["loss"] for row in rows if "loss" in row] == [1, 1 / 2, 1 / 3], kind
    fast = runs[trials["fast"].name[5:]]
    assert [row["n"] for row in fast.rows()] == [*range(10_000)]
    begun = ("plain", "summary", "twice", "goes on", "fast", "raises", "mistyped")
    assert runs.keys() == {trials[kind].name[5:] for kind in begun}
    assert runs[trials["raises"].name[5:]].exit_code == 1


@pytest.mark.usefixtures("ray_here")
def test_a_program_that_is_stopped_early_ends_at_once_and_in_good_order(folder: Path) -> None:
    early = {"type": "hyperband", "min_iter": 2, "eta": 2}
    write(folder, "train.py", STOPPED, {"x": {"values": [*range(7)]}}, early_terminate=early)
    options = ["--max-concurrent", "1", "--epoch-key", "epoch", "--wandb", "disabled"]
    assert main([*SEARCH, *options]) == 0
    trials = by("x", folder / "here")
    ended = {x: (trials[x] / "files" / "ended").exists() for x in trials}
    assert sum(ended.values()) >= 2
    assert {x: len(reports(trials[x])) < 16 for x in trials} == ended
    compared = events(folder / "here", "compared")
    assert {each["epoch"] for each in compared if each["rung"] == 2} >= {3}
    assert not (folder / "here" / "wandb").exists()


@pytest.mark.usefixtures("ray_here")
@pytest.mark.parametrize("source", ["stdout", "metrics.csv"])
def test_programs_without_wandb(source: str, folder: Path) -> None:
    """Of any language; the values come through the environment's words. The second fails once."""
    code = 'test -n "$PCSEARCH_TRIAL_DIR" || exit 9\nx=${2#x=}\n'
    code += "test $x = 6 && test ! -e tried && touch tried && x=9\n"
    code += "for n in 1 2 3; do\n  test $x$n = 93 && exit 3\n  "
    code += {
        "stdout": 'echo "epoch $n: loss=0.$x$n"\n',
        "metrics.csv": "[ $n = 1 ] && echo loss,n > metrics.csv\n  echo 0.$x$n,$n >> metrics.csv\n",
    }[source]
    command = ["sh", "${program}", "${envvar:UNSET}", "${args_no_hyphens}"]
    write(folder, "run.sh", code + "done\n", {"x": {"values": [5, 6]}}, command=command)
    options = ["--metrics-from", source, "--max-concurrent", "1", "--wandb", "offline"]
    assert main([*SEARCH, *options]) == 0
    assert (folder / "tried").exists()
    trials = by("x", folder / "here")
    found = {x: [each["loss"] for each in reports(trials[x])] for x in trials}
    assert found == {5: [0.51, 0.52, 0.53], 6: [0.61, 0.62, 0.63]}
    (kept,) = [run for run in read_runs(folder / "here") if run.id == trials[5].name[5:]]
    assert [row["loss"] for row in kept.rows() if "loss" in row] == [0.51, 0.52, 0.53]


@pytest.mark.usefixtures("ray_here", "folder")
def test_a_script_that_makes_its_sweep_is_run_and_resumed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    Path("script.py").write_text(SCRIPT)
    options = ["--storage-path", ".", "--name", "here", "--wandb", "offline"]
    assert main(["run", "script.py", *options, "--", "--base", "1"]) == 0, capfd.readouterr()
    assert main(["--resume", "here", "--num-samples", "3"]) == 0, capfd.readouterr()
    trials = by("x", Path("here"))
    found = {x: [each["loss"] for each in reports(trials[x])] for x in trials}
    assert found == {1: [2, 1.5], 2: [3, 2], 3: [4, 2.5]}
    runs = read_runs(Path("here"))
    assert {run.project for run in runs} == {"mine"}
    assert sorted(run.config["x"] for run in runs) == [1, 2, 3]
    assert all(len([row for row in run.rows() if "loss" in row]) == 2 for run in runs)


def test_nothing_outlives_a_search_that_is_interrupted_or_killed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    mark = f"mark-{temporary.name}"
    monkeypatch.setenv("MARK", mark)
    write(folder, "train.py", FOREVER, {"x": {"values": [1, 2]}})

    def marked() -> list[int]:
        found = []
        for process in psutil.process_iter():
            try:
                variables = process.environ()
            except psutil.Error:
                continue
            if process.pid != os.getpid() and variables.get("PCSEARCH_TRIAL_DIR", "").startswith(
                str(folder)
            ):
                found.append(process.pid)
        return found

    options = ["--grace", "1s", "--wandb", "offline", "--max-concurrent", "1"]
    process = run(folder, *SEARCH, *options)
    log = folder / "here"
    wait_for(lambda: any(each.stat().st_size for each in log.glob("*/result.json")), process)
    assert len(marked()) >= 2
    process.send_signal(2)
    status, out, err = finish(process)
    assert status == 130, out + err
    wait(lambda: not marked())
    process = run(folder, "--resume", "here")
    wait_for(lambda: marked(), process)
    process.kill()
    process.communicate()
    wait(lambda: not marked())


def wait(condition: Any) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
