"""Real searches that a second terminal pauses, limits and stops while they run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from commands import events, wait_for
from forking import OUTPUT, fork
from resuming import QUIET, START, Command, check_histories, write

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.driver_directories import DRIVERS
from pcsearch.engine.records.drivers.requests import FOLDER, Request, Requests

pytestmark = pytest.mark.slow
MODULE = '''
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from ray import tune

def counted(config):
    """Epochs until the test ends the trial, with a checkpoint after each."""
    first, checkpoint = 1, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            first = int(Path(folder, "epoch").read_text()) + 1
    for epoch in range(first, 10**6):
        time.sleep(0.1)
        ends = {Path(config["folder"], name) for name in ("end", f"end{config['x']:g}")}
        with TemporaryDirectory(dir=config["folder"]) as folder:
            Path(folder, "epoch").write_text(str(epoch))
            report = {"loss": config["x"] + 1 / epoch}
            tune.report(report, checkpoint=tune.Checkpoint.from_directory(folder))
        if any(end.exists() for end in ends):
            return
'''
OPTIONS = (*QUIET, "--cpus-per-trial", "0.25")
ONE = ("--max-concurrent", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a module whose trials end when the test says it."""
    (tmp_path / "counted.py").write_text(MODULE)
    write(tmp_path, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def count(directory: Path, name: str) -> int:
    return len(events(directory, name))


def heard(folder: Path) -> str:
    """What the drivers have printed."""
    return (folder / OUTPUT).read_text(encoding="utf-8")


@pytest.mark.usefixtures("ray_here")
def test_a_second_terminal_limits_stops_pauses_and_continues_a_search(
    folder: Path, command: Command
) -> None:
    here = folder / "here"
    assert command("stop", "here")[0] == 2
    driver = fork(folder, *START, *OPTIONS, *ONE)
    wait_for(lambda: count(here, "suggested") == 1, driver)
    limit_and_stop_a_trial(here, driver, command)
    pause(folder, driver, command)
    driver.kill()
    driver.join()
    (folder / "end").unlink()
    assert "(its process" in command("stop", "here")[2]

    # It comes too late for one session, and does not end the next.
    Requests(ExperimentDirectory(here)).add(Request("stop", "ann on here"))
    driver = fork(folder, "--resume", "here")
    wait_for(lambda: "The search is paused (by " in heard(folder), driver)
    enqueue_and_continue(folder, driver, command)
    stop(here, driver, command)
    check_what_was_told(folder)

    (folder / "end").touch()
    status, out, _ = command("--resume", "here")
    assert status == 0
    assert "stopped" in out
    ends = events(here, "ended")
    assert [end["by_hand"] for end in ends] == [True, *[False] * 5]
    check_histories(here)
    values = [json.loads(file.read_text())["x"] for file in sorted(here.glob("0*/params.json"))]
    assert values == [1.0, 2.0, 3.0, 4.0, 6.0, 5.0]


def limit_and_stop_a_trial(here: Path, driver: ForkServerProcess, command: Command) -> None:
    """Three trials run at once, of which the second is stopped; the fourth begins."""
    status, out, _ = command("limit", "here", "--max-concurrent", "3")
    assert (status, out.partition(": ")[2]) == (0, "--max-concurrent is now 3\n")
    wait_for(lambda: count(here, "suggested") == 3, driver)

    status, _, err = command("stop", "here", "--trial", "2", "--trial", "9")
    problem = (
        f"error: --trial: there is no trial 9 in {here}; the trials that have begun are 1 to 3"
    )
    assert (status, err) == (2, f"{problem}\n")
    status, out, _ = command("stop", "here", "--trial", "2")
    assert (status, out.partition(": ")[2]) == (0, "trial 2 will stop after its epoch\n")
    wait_for(lambda: count(here, "suggested") == 4, driver)
    (stopped,) = events(here, "ended")
    assert (stopped["trial"], stopped["by_hand"]) == (events(here, "suggested")[1]["trial"], True)
    assert command("stop", "here", "--trial", "2")[:2] == (0, "trial 2 has ended already\n")


def pause(folder: Path, driver: ForkServerProcess, command: Command) -> None:
    """The trials that run come to their ends, and no other begins."""
    here = folder / "here"
    status, out, _ = command("pause", str(here / "."))
    resumes = f"To continue it: python -m pcsearch continue {here}"
    assert (status, out.splitlines()[-1]) == (0, resumes)
    (here / FOLDER / "0099_01234567.json").write_text("{")
    (folder / "end").touch()
    wait_for(lambda: count(here, "ended") == 4, driver)
    wait_for(lambda: "the request is damaged, and is ignored" in heard(folder), driver)
    assert count(here, "suggested") == 4, "one that is paused starts none"


def enqueue_and_continue(folder: Path, driver: ForkServerProcess, command: Command) -> None:
    """A configuration that is enqueued while the search is paused comes before the others."""
    here = folder / "here"
    (folder / "points.yaml").write_text("[{x: 6.0}]")
    status, out, _ = command("enqueue", "here", "points.yaml")
    assert (status, out.partition(": ")[2]) == (0, "configurations to try next: 1\n")
    assert "left out: 1 enqueued already" in command("enqueue", "here", "points.yaml")[2]
    (folder / "points.yaml").write_text("[{x: 7.0}]")
    status, _, err = command("enqueue", "here", "points.yaml")
    assert (status, "points.yaml:1" in err) == (2, True), err
    status, out, _ = command("continue", "here")
    assert (status, out.partition(": ")[2]) == (0, "new trials start\n")
    # The resumed search has kept its limit of three.
    wait_for(lambda: count(here, "suggested") == 6, driver)
    assert command("continue", "here")[:2] == (0, f"{here}: the search is not paused\n")


def stop(here: Path, driver: ForkServerProcess, command: Command) -> None:
    """The session ends as after Ctrl-C; its trials have checkpoints."""
    wait_for(lambda: len(list(here.glob("000[56]_*/checkpoint_*"))) >= 2, driver)
    status, out, _ = command("stop", "here")
    assert status == 0
    assert out == (
        f"{out.partition(': ')[0]}: has ended its session\n"
        f"The search can be resumed; resume it: python -m pcsearch --resume {here}\n"
    )
    driver.join(120)
    assert driver.exitcode == 130


def check_what_was_told(folder: Path) -> None:
    """The drivers have told everything that was asked of them."""
    said = heard(folder)
    for line in (
        r": configurations to try next: 1\n",
        r" has set --max-concurrent to 3; trials that run go on\n",
        r" has stopped trial 2; its epoch ends first\n",
        r" has paused the search; no new trial starts until python -m pcsearch continue ",
        r" has continued the search; new trials start\n",
        r" has stopped the search: running trials are interrupted\n",
        r"Resume it: python -m pcsearch --resume ",
    ):
        assert re.search(line, said), line


@pytest.mark.usefixtures("ray_here")
def test_all_drivers_of_a_shared_search_heed_a_request(folder: Path, command: Command) -> None:
    here = folder / "here"
    drivers = [fork(folder, *START, *OPTIONS, *ONE)]
    wait_for(lambda: count(here, "suggested") == 1, drivers[0])
    drivers.append(fork(folder, "--join", "here", *ONE))

    def joined(condition: Callable[[Path], bool]) -> bool:
        return any(map(condition, (here / DRIVERS).glob("[!.]*")))

    wait_for(lambda: joined(lambda each: count(each, "suggested") == 1), drivers[1])
    assert len(command("pause", "here")[1].splitlines()) == 3
    (folder / "end").touch()
    wait_for(lambda: count(here, "ended") == 1, drivers[0])
    wait_for(lambda: joined(lambda each: count(each, "ended") == 1), drivers[1])
    (folder / "end").unlink()
    assert len(command("continue", "here")[1].splitlines()) == 2
    wait_for(lambda: count(here, "suggested") == 2, drivers[0])
    wait_for(lambda: joined(lambda each: count(each, "suggested") == 2), drivers[1])
    (place,) = (here / DRIVERS).glob("[!.]*")
    assert len(command("stop", str(place))[1].splitlines()) == 3
    for driver in drivers:
        driver.join(120)
        assert driver.exitcode == 130
