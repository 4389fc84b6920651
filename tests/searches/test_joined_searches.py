"""Several drivers of one search that share nothing but a folder."""

from __future__ import annotations

import json
import re
from collections import Counter
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import yaml
from commands import events, hold, wait_for
from forking import finish, fork
from offline_runs import read_runs
from resuming import QUIET, Command

from pcsearch.engine.records.drivers.driver_directories import DRIVERS
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.storage.lock import locked, owner

pytestmark = pytest.mark.slow
GRID, COUNT = 9, 3
HOLD = "hold"
MODULE = """
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from ray import tune

def quick(config):
    for epoch in (1, 2):
        time.sleep(0.05)
        holds = [Path(config["folder"], name) for name in ("hold", f"hold {config['x']}")]
        while any(hold.exists() for hold in holds):
            time.sleep(0.02)
        with TemporaryDirectory() as made:
            Path(made, "x").write_text(str(config["x"]))
            report = {"loss": (config["x"] - 0.3) ** 2 + 1 / epoch}
            tune.report(report, checkpoint=tune.Checkpoint.from_directory(made))
"""
ONE = ("--max-concurrent", "1", "--cpus-per-trial", "0.5")
"""Three drivers fit on two CPUs."""


@pytest.fixture(scope="module")
def cpus() -> int:
    """As many as `ONE` says."""
    return 2


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the search, in a folder with a module of the user."""
    (tmp_path / "shared.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "here"


def write_sweep(folder: Path, method: str, **x: object) -> None:
    sweep = {
        "method": method,
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"x": x, "folder": {"value": str(folder)}},
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))


def starting(*more: str) -> tuple[str, ...]:
    trainable = ("--trainable", "shared:quick")
    return ("s.yaml", *trainable, "--name", "here", "--storage-path", ".", *QUIET, *more)


def directories(search: Path) -> list[Path]:
    return [search, *(search / DRIVERS).glob("[!.]*")]


def started(search: Path, *joining: tuple[str, ...]) -> list[ForkServerProcess]:
    """Drivers of which each has begun a trial, which waits until `hold` is removed."""
    folder, options = search.parent, (*ONE, "--num-samples", str(GRID))
    (folder / HOLD).touch()
    drivers = [fork(folder, *starting(*options))]
    for count, join in enumerate(((), *joining), 1):
        if count > 1:
            drivers.append(fork(folder, "--join", str(search), *ONE, *join))
        wait_for(
            lambda count=count: (
                sum(bool(events(d, "suggested")) for d in directories(search)) == count
            ),
            drivers[0],
        )
    return drivers


@pytest.mark.usefixtures("ray_here")
def test_three_drivers_of_which_one_is_killed_run_each_combination_once(search: Path) -> None:
    write_sweep(search.parent, "grid", values=list(range(GRID)))
    held = [hold(search.parent, x) for x in range(GRID)]
    *drivers, killed = started(search, (), ())
    (search.parent / HOLD).unlink()
    (place,) = (d for d in directories(search) if owner(d).startswith(f"process {killed.pid} "))
    # It has ended two trials, and is in its third.
    for count in (1, 2):
        held[events(place, "suggested")[-1]["number"] - 1].unlink()
        wait_for(lambda count=count: len(events(place, "ended")) == count, killed)
        wait_for(lambda count=count: len(events(place, "suggested")) == count + 1, killed)
    killed.kill()
    killed.join()
    for each in held:
        each.unlink(missing_ok=True)
    for driver in drivers:
        text = finish(driver, search.parent)
    trials = [trial for each in directories(search) for trial in read_history(each).trials]
    # The last to end has run what the killed one had left.
    ends = [trial.end for trial in trials if trial.end is not None]
    assert len(ends) == len(trials) == GRID + 1
    assert [end.elsewhere for end in ends].count(True) == 1
    here = [trial.number for trial in trials if trial.end and not trial.end.elsewhere]
    assert Counter(here) == Counter(range(1, GRID + 1))
    others = r"Other drivers have \d+ trials of it, the best of them trial \d+ \(loss "
    assert re.search(others + rf"[\d.]+\) in {search}", text)


@pytest.mark.usefixtures("ray_here")
def test_drivers_of_a_bayes_search_run_its_samples_together(search: Path) -> None:
    write_sweep(search.parent, "bayes", min=0.0, max=1.0)
    first, second = started(search, ("--count", str(COUNT)))
    (begun,) = events(search, "suggested")
    held = hold(search.parent, begun["point"]["x"])
    (search.parent / HOLD).unlink()
    finish(second, search.parent)
    held.unlink()
    finish(first, search.parent)
    own, other = (read_history(each).trials for each in directories(search))
    assert (len(own), len(other)) == (GRID - COUNT, COUNT)
    for place, trials in zip(directories(search), (own, other), strict=True):
        # Each has the best of its own trials.
        described = json.loads((place / "best" / "metrics.json").read_text(encoding="utf-8"))
        losses = {each.number: each.end.values[0] for each in trials if each.end is not None}
        assert described["value"] == losses[described["trial"]] == min(losses.values())
    assert {trial.number for trial in (*own, *other)} == set(range(1, GRID + 1))
    points = {tuple((trial.point or {}).values()) for trial in (*own, *other)}
    assert len(points) == GRID, "one that joins begins with points of its own"


PROGRAM = """
import argparse, time
from pathlib import Path
import wandb

parser = argparse.ArgumentParser()
parser.add_argument("--x", type=int)
parser.add_argument("--folder")
given = parser.parse_args()
wandb.init(config=vars(given))
for epoch in (1, 2):
    while Path(given.folder, "hold").exists():
        time.sleep(0.02)
    wandb.log({"loss": (wandb.config.x - 1) ** 2 + 1 / epoch})
"""


@pytest.mark.usefixtures("ray_here")
def test_drivers_run_a_program_together_and_each_trial_is_one_run(search: Path) -> None:
    folder = search.parent
    write_sweep(folder, "grid", values=[0, 1, 2, 3])
    text = (folder / "s.yaml").read_text(encoding="utf-8")
    (folder / "s.yaml").write_text(f"program: train.py\n{text}", encoding="utf-8")
    (folder / "train.py").write_text(PROGRAM, encoding="utf-8")
    (folder / HOLD).touch()
    first = fork(folder, "s.yaml", "--name", "here", "--storage-path", ".", *ONE)
    wait_for(lambda: events(search, "suggested"), first)
    second = fork(folder, "--join", str(search), *ONE)
    wait_for(lambda: any(events(each, "suggested") for each in directories(search)[1:]), second)
    (folder / HOLD).unlink()
    for driver in (first, second):
        finish(driver, folder)
    trials = [trial for each in directories(search) for trial in read_history(each).trials]
    assert sorted(trial.number for trial in trials) == [1, 2, 3, 4]
    ends = {trial.id: trial.end.values[0] for trial in trials if trial.end is not None}
    assert sorted(ends.values()) == [0.5, 1.5, 1.5, 4.5]
    runs = [run for each in directories(search) for run in read_runs(each)]
    assert {run.id: run.rows()[-1]["loss"] for run in runs} == ends
    assert [len(run.rows()) for run in runs] == [2] * 4
    assert {run.exit_code for run in runs} == {0}


def test_a_driver_joins_only_what_is_running_with_options_that_are_free(
    search: Path, command: Command
) -> None:
    folder = search.parent
    write_sweep(folder, "grid", values=[0.1])
    assert command(*starting())[0] == 0

    def refusal(*options: str) -> str:
        status, _, err = command("--join", *options)
        assert status == 2
        return err

    assert refusal("here") == (
        f"error: --join: nobody runs the search {search}; resume it: "
        f"python -m pcsearch --resume {search}\n"
    )
    (search / ".owner").write_text("process 7 on node1")
    assert "(its process 7 on node1 was killed; if it is running" in refusal("here")
    assert refusal("here", "--seed", "3", "--name", "mine").splitlines() == [
        f"error: --join: {option} cannot change where a driver joins; leave it out"
        for option in ("--name", "--seed")
    ]
    assert "s3://bucket/here is an address" in refusal("s3://bucket/here")
    record = search / "experiment.json"
    record.write_text(
        record.read_text().replace('"tracking": {', '"tracking": {"sweep_id": "abc", ')
    )
    with locked(search):
        assert "the search is a W&B sweep; join it with --sweep-id" in refusal("here")
