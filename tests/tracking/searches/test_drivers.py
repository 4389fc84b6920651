"""Several drivers on one W&B sweep, and a sweep that is paused, stopped and cancelled at W&B."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import events, wait_for
from forking import finish, fork
from online_searches import Found
from online_searches import wait_for as until
from wandb_server import KEY, Run, Sweep, WandbServer

from pcsearch.command_line.cli import main
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.tracking.ledger import sweep_ledger, terms

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]


@pytest.fixture(scope="module")
def cpus() -> int:
    """Three drivers run a trial each at the same time."""
    return 3


MODULE = """
import time
from pathlib import Path

def quick(config):
    for epoch in (1, 2):
        time.sleep(0.1)
        while epoch == 2 and Path(__file__).with_name("hold").exists():
            time.sleep(0.02)
        yield {"loss": config["x"] / epoch}
"""
COMMANDS = """
import sys
from wandb.cli.cli import cli

for line in sys.stdin:
    cli(line.split(), standalone_mode=False)
    print("done", flush=True)
"""
KINDS = ("claimed", "released")
ADDRESS = "team/pc/abc"
UNNAMED_S = 100.0


class Drivers:
    """Where the drivers are, with a sweep at W&B."""

    def __init__(self, path: Path, server: WandbServer, capfd: pytest.CaptureFixture[str]) -> None:
        self.path, self.server, self.capfd = path, server, capfd
        (path / "drivers_mine.py").write_text(MODULE)
        self.hold = path / "hold"

    def sweep(self, method: str = "grid", **more: Any) -> Sweep:
        metric = {"name": "loss", "goal": "minimize"}
        text = yaml.safe_dump({"method": method, "metric": metric, **more})
        sweep = self.server.sweeps["abc"] = Sweep("team", "pc", "abc", text)
        return sweep

    def run(self, *options: str, joins: bool = True) -> Found:
        """A driver in this process."""
        self.capfd.readouterr()
        common = ("--trainable", "drivers_mine:quick", "--storage-path", str(self.path))
        join = ("--sweep-id", ADDRESS, *common) if joins else ()
        status = main([*join, *options])
        out, err = self.capfd.readouterr()
        return Found(status, out, err)

    def values(self, name: str = "x") -> list[Any]:
        """The values of the runs that have finished."""
        runs = self.server.runs.values()
        return [run.values[name] for run in runs if run.exit_code == 0]

    def during(self, actions: Callable[[], None], *options: str, joins: bool = True) -> Found:
        """A driver in this process, and what happens meanwhile."""
        errors: list[BaseException] = []

        def act() -> None:
            try:
                actions()
            except BaseException as error:
                errors.append(error)
                self.hold.unlink(missing_ok=True)

        thread = threading.Thread(target=act)
        thread.start()
        found = self.run(*options, joins=joins)
        thread.join()
        assert not errors, (errors, found)
        return found

    def has_begun(self, x: float) -> bool:
        """Whether W&B has a report of a run."""
        runs = self.server.runs.values()
        return any(run.lines for run in runs if run.values.get("x") == x)

    def polled(self) -> None:
        """Wait until the driver has asked for the state of the sweep, and has had time to act."""
        before = self.server.count("GetSweep")
        until(lambda: self.server.count("GetSweep") > before + 1)


@pytest.fixture
def folder(
    server: WandbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Drivers:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep_ledger, "POLL_S", 0.3)
    monkeypatch.setattr(sweep_ledger, "WAIT_POLL_S", 0.3)
    return Drivers(tmp_path, server, capfd)


@pytest.fixture
def at_w_and_b(server: WandbServer) -> Iterator[Callable[[str], None]]:
    """W&B's own command changes the sweep, in one process: each would take seconds to start."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMANDS],
        env=os.environ | {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        given, printed = process.stdin, process.stdout
        assert given is not None
        assert printed is not None

        def change(how: str) -> None:
            print("sweep", how, ADDRESS, file=given, flush=True)
            assert printed.readline() == "done\n"

        yield change


def marks_of_unfinished(directory: Path) -> dict[str, str]:
    """By their runs' ids, the marks of a driver's claims that it has not given back."""
    claimed, released = (events(directory, kind) for kind in KINDS)
    given_back = {event["trial"] for event in released}
    return {each["trial"]: each["mark"] for each in claimed if each["trial"] not in given_back}


def is_of(run: Run, group: str, mark: str) -> bool:
    """Whether a run is that of a driver, which may have been killed before it named the run.

    Two drivers may have claimed it; one that lives names it within seconds.
    """
    if run.group is not None or run.exit_code is not None:
        return run.group == group and run.exit_code is None
    if "_claimed_" in (run.display_name or ""):
        return run.display_name == mark
    return time.monotonic() - run.heard_at > UNNAMED_S


def test_three_drivers_of_which_two_are_killed_run_each_combination_once(
    folder: Drivers, server: WandbServer
) -> None:
    sweep = folder.sweep(parameters={"x": {"values": list(range(1, 21))}})
    environment = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url, "WANDB_MODE": "online"}
    join = ("--sweep-id", ADDRESS, "--trainable", "drivers_mine:quick", "--storage-path", ".")
    drivers = {}
    for name in ("resumed", "lost", "whole"):
        place = folder.path / name
        place.mkdir()
        (place / "drivers_mine.py").write_text(MODULE)
        (place / "hold").touch()
        options = (*join, "--name", name, "--max-concurrent", "1")
        drivers[name] = fork(place, *options, environment=environment)

    def runs_of(group: str) -> list[Run]:
        return [run for run in server.runs.values() if run.group == group]

    for name, driver in drivers.items():
        wait_for(lambda name=name: runs_of(name), driver)
    # One at a time: else a driver that is slower than the others finds nothing left.
    for name in ("resumed", "lost"):
        (folder.path / name / "hold").unlink()
        wait_for(lambda name=name: len(runs_of(name)) > 2, drivers[name])
        drivers[name].kill()
        drivers.pop(name).join()
    (folder.path / "whole" / "hold").unlink()
    place = folder.path / "resumed"
    drivers["resumed"] = fork(place, "--resume", "resumed", environment=environment)
    until(lambda: len(server.runs) > 12)
    # W&B finds the runs of the lost driver to be crashed while the others still go on or wait.
    marks = marks_of_unfinished(folder.path / "lost" / "lost")
    while any(driver.is_alive() for driver in drivers.values()):
        for run in list(server.runs.values()):
            if run.name in marks and is_of(run, "lost", marks[run.name]):
                server.sweep_runs.crash(run)
        time.sleep(0.1)
    for name, driver in drivers.items():
        finish(driver, folder.path / name)
    missing = {
        run.name: (server.sweep_runs.state_of(run), run.group, run.summary)
        for run in server.runs.values()
        if run.exit_code != 0
    }
    assert sorted(folder.values()) == list(range(1, 21)), missing
    assert sweep.state == "FINISHED"


def test_drivers_run_their_counts_and_run_cap_together_and_learn_from_each_other(
    folder: Drivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[OtherResult] = []
    learn = BayesSearcher.learn

    def spy(self: BayesSearcher, results: Sequence[OtherResult]) -> None:
        learned.extend(results)
        learn(self, results)
        assert len(self.study.trials) >= len(learned)

    monkeypatch.setattr(BayesSearcher, "learn", spy)
    sweep = folder.sweep("bayes", run_cap=5, parameters={"x": {"min": 1.0, "max": 2.0}})
    first = folder.run("--count", "2")
    assert (first.status, sweep.state) == (0, "RUNNING"), first.err
    known = set(folder.values())
    assert (len(known), learned) == (2, [])
    # The address of the sweep's page, as a browser shows it.
    page = f"{folder.server.url}/team/pc/sweeps/abc?nw=nwuserme"
    common = ("--trainable", "drivers_mine:quick", "--storage-path", str(folder.path))
    second = folder.run("--sweep-id", page, "--num-samples", "4", *common, joins=False)
    assert (second.status, sweep.state) == (0, "FINISHED"), second.err
    assert len(set(folder.values())) == 5
    assert sorted(Counter(run.group for run in folder.server.runs.values()).values()) == [2, 3]
    assert {each.config["x"] for each in learned} == known
    assert all(each.values == [each.config["x"] / 2] for each in learned)


def test_a_sweep_is_paused_resumed_stopped_and_cancelled_at_w_and_b(
    folder: Drivers, server: WandbServer, at_w_and_b: Callable[[str], None]
) -> None:
    sweep = folder.sweep(parameters={"x": {"values": [1, 2, 3]}})
    folder.hold.touch()

    def pause_and_stop() -> None:
        until(lambda: folder.has_begun(1))
        assert sweep.state == "RUNNING"
        at_w_and_b("--pause")
        folder.polled()
        folder.hold.unlink()
        until(lambda: len(folder.values()) == 1)
        folder.polled()
        assert len(server.runs) == 1
        folder.hold.touch()
        at_w_and_b("--resume")
        until(lambda: folder.has_begun(2))
        at_w_and_b("--stop")
        folder.polled()
        folder.hold.unlink()

    done = folder.during(pause_and_stop, "--name", "here", "--max-concurrent", "1")
    assert done.status == 0, done.err
    assert sorted(folder.values()) == [1, 2]
    lines = [line for line in done.err.splitlines() if line.startswith("W&B: the sweep")]
    assert lines == [terms.LINES[access] for access in ("paused", "open", "closed")]
    assert f"Resume it: python -m pcsearch --resume {folder.path / 'here'}" in done.out
    refused = folder.run()
    assert refused.status == 2
    assert refused.err == (
        f"error: --sweep-id: W&B's sweep {ADDRESS} is finished, or was stopped; "
        f"wandb sweep --resume {ADDRESS} lets it run again\n"
    )

    def cancel() -> None:
        until(lambda: folder.has_begun(3))
        at_w_and_b("--cancel")

    # The user asks for it, and the sweep runs again.
    folder.hold.touch()
    ended = folder.during(cancel, "--resume", "here", joins=False)
    assert ended.status == 130, ended.err
    assert terms.LINES["cancelled"] in ended.err.splitlines()
    assert [*server.runs.values()][-1].summary["trial_status"] == "interrupted"
    refused = folder.run()
    assert (refused.status, "was cancelled" in refused.err) == (2, True)
    folder.hold.unlink()
    assert folder.run("--resume", "here", joins=False).status == 0
    assert (sorted(folder.values()), sweep.state) == ([1, 2, 3], "FINISHED")


def test_a_server_that_does_not_answer_neither_ends_nor_blocks_a_search(
    folder: Drivers, server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_ledger, "PATIENCE_S", 0.0)
    monkeypatch.setattr(sweep_ledger, "FRESH_S", 0.0)
    folder.sweep(parameters={"x": {"values": [1, 2, 3]}})
    folder.hold.touch()

    def refuse() -> None:
        until(lambda: folder.has_begun(1))
        server.refusals |= dict.fromkeys(("GetSweep", "Runs"), "try again later")
        folder.hold.unlink()

    done = folder.during(refuse, "--max-concurrent", "1")
    assert done.status == 0, done.err
    assert sorted(folder.values()) == [1, 2, 3]
    assert done.err.count("the server does not say which trials other drivers run") == 1
