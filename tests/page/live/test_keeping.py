"""The page of a search, kept up to date while a session runs, and drawn at its end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT
from old_experiments import ended, write_experiment

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.ray_internals import ray_psutil
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.page.live import keeping
from pcsearch.page.live.drawer import LOWEST_PRIORITY, RUNNING
from pcsearch.page.live.keeping import kept_page, last_page


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine has all the time that it needs."""
    monkeypatch.setattr(keeping, "LONGEST_S", SECONDS)
    monkeypatch.setattr(keeping, "GRACE_S", SECONDS)


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    """A resumed search of two trials, of which one has ended."""
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2]}}, [ended([0.5]), None])
    return resumed_experiment(ExperimentDirectory(tmp_path / "here"), {})[0]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "here" / "report.html"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[Any]]:
    """The processes that were started."""
    processes: list[subprocess.Popen[Any]] = []

    class Noted(subprocess.Popen[Any]):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            processes.append(self)

    monkeypatch.setattr(keeping.subprocess, "Popen", Noted)
    return processes


SECONDS = 480.0
# Python runs it before the program: a drawing waits where there is a page already.
HOLDING = """
import os, time

def held(priority, nice=os.nice):
    nice(priority)
    while os.path.exists({page!r}):
        time.sleep(0.02)

os.nice = held
"""
SESSION = """
import sys, time
from pathlib import Path
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.page.live.drawer import RUNNING
from pcsearch.page.live.keeping import _drawing
experiment, _ = resumed_experiment(ExperimentDirectory(Path(sys.argv[1])), {})
with _drawing(experiment, RUNNING) as process:
    print(process.pid, flush=True)
    time.sleep(600)
"""
"""A session that has begun to draw."""


def last(experiment: Experiment) -> tuple[str | None, list[str], list[str]]:
    """Where the last page is, what is told meanwhile, and the warnings."""
    told: list[str] = []
    warnings: list[str] = []
    return last_page(experiment, told.append, warnings.append), told, warnings


def until(condition: Any) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def test_the_page_is_drawn_while_the_search_runs_and_a_drawing_ends_with_it(
    experiment: Experiment,
    page: Path,
    started: list[subprocess.Popen[Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert keeping.LEAST_PAUSE_S == 30, "as the pages say"
    monkeypatch.setattr(keeping, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(keeping, "PAUSE_SHARE", 0)
    (tmp_path / "sitecustomize.py").write_text(HOLDING.format(page=str(page)))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with kept_page(experiment):
        until(page.exists)
        until(lambda: len(started) == 2)
        second = started[1].pid
        assert os.getsid(second) == second, "Ctrl-C does not reach it"
        until(lambda: os.getpriority(os.PRIO_PROCESS, second) == LOWEST_PRIORITY)
    assert [process.poll() for process in started] == [0, 1]
    assert "page" not in [thread.name for thread in threading.enumerate()]
    assert ", running; drawn on " in page.read_text(encoding="utf-8")
    assert [file.name for file in page.parent.glob("*report*")] == [page.name]


def test_a_pause_is_many_times_as_long_as_the_drawing_before(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[float] = []

    @contextmanager
    def slow(_: Experiment, session: str) -> Iterator[subprocess.Popen[bytes]]:
        begun.append(time.monotonic())
        assert session == RUNNING
        with subprocess.Popen(["/bin/sleep", "0.2"]) as process:
            yield process

    monkeypatch.setattr(keeping, "_drawing", slow)
    monkeypatch.setattr(keeping, "LOOK_S", 0.01)
    monkeypatch.setattr(keeping, "LEAST_PAUSE_S", 0.0)
    monkeypatch.setattr(keeping, "PAUSE_SHARE", 4)
    with kept_page(experiment):
        until(lambda: len(begun) == 2)
    assert begun[1] - begun[0] > 0.2 * 5


def test_nothing_is_drawn_before_a_trial_has_a_result_nor_where_no_page_is_wanted(
    experiment: Experiment,
    page: Path,
    started: list[subprocess.Popen[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keeping, "LOOK_S", 0.1)
    silent = replace(experiment, options=replace(experiment.options, no_report=True))
    with kept_page(silent):
        assert "page" not in [thread.name for thread in threading.enumerate()]
    assert last(silent) == (None, [], [])
    (page.parent / "0001_t1" / "result.json").write_text("")
    with kept_page(experiment):
        time.sleep(2 * keeping.LOOK_S)
    assert started == []


def test_at_the_end_the_page_says_how_the_search_has_ended(
    experiment: Experiment, page: Path
) -> None:
    with experiment.directory.owned():
        assert last(experiment)[::2] == (str(page), [])
    assert ", interrupted; drawn on " in page.read_text(encoding="utf-8")


def test_the_page_of_a_driver_that_has_joined_is_that_of_the_search(
    experiment: Experiment, page: Path, tmp_path: Path
) -> None:
    write_experiment(tmp_path / "second", {"seed": {"values": [1, 2]}}, [ended([0.25])])
    (page.parent / "drivers").mkdir()
    directory = ExperimentDirectory(
        (tmp_path / "second").rename(page.parent / "drivers" / "second")
    )
    assert last(replace(experiment, directory=directory))[0] == str(page)
    assert "2 of 2 ended" in page.read_text(encoding="utf-8")
    assert f"--resume {tmp_path}/here<" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_drawn_costs_a_line(experiment: Experiment, page: Path) -> None:
    page.mkdir()
    place, _, warnings = last(experiment)
    assert place is None
    (warning,) = warnings
    assert warning.startswith("The page of the search is not drawn ([Errno 21] Is a directory")
    assert warning.endswith(f"this draws it: python -m pcsearch report {page.parent}")
    assert list(page.parent.glob(".report*")) == []


def test_ctrl_c_leaves_the_page_out(
    experiment: Experiment, started: list[subprocess.Popen[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "PATIENCE_S", 0.0)

    def interrupted(line: str) -> None:
        assert "Ctrl-C leaves it out" in line
        raise KeyboardInterrupt

    warnings: list[str] = []
    assert last_page(experiment, interrupted, warnings.append) is None
    assert "(its drawing was interrupted)" in warnings[0]
    assert started[0].poll() == 1


def has_ended(process: int) -> bool:
    psutil = ray_psutil()
    try:
        return bool(psutil.Process(process).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_drawing_ends_when_its_session_is_killed_and_leaves_nothing(page: Path) -> None:
    write_experiment(page.parent, {"seed": {"values": [1, 2]}}, [ended([0.5]), None])
    before = sorted(page.parent.iterdir())
    command = [sys.executable, "-c", SESSION, str(page.parent)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as session:
        assert session.stdout is not None
        drawing = int(session.stdout.readline())
        assert not has_ended(drawing)
        session.kill()
    until(lambda: has_ended(drawing))
    assert sorted(page.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("program", "told"),
    [("sleep", "it was not complete after 0 s"), ("no-such-python", "No such file or directory")],
)
def test_a_process_that_does_not_draw_it_is_no_obstacle(
    program: str,
    told: str,
    experiment: Experiment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleeping = tmp_path / "sleep"
    sleeping.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeping.chmod(0o755)
    for name in ("PATIENCE_S", "LONGEST_S", "GRACE_S"):
        monkeypatch.setattr(keeping, name, 0.0)
    monkeypatch.setattr(sys, "executable", str(tmp_path / program))
    place, _, warnings = last(experiment)
    assert place is None
    assert told in warnings[0]
