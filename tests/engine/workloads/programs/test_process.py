"""A program runs, is ended with all that it has started, and outlives nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from commands import ROOT

from pcsearch.engine.workloads.programs.follower import STDOUT, Follower
from pcsearch.engine.workloads.programs.process import ProgramEnd, ProgramProcess, stop_program
from pcsearch.engine.workloads.programs.rows import Rows


class Place:
    def __init__(self, work: Path) -> None:
        self.work = work
        self.output = work / "output.txt"

    def start(
        self, code: str, *words: str, grace: float = 60, source: Any = None
    ) -> ProgramProcess:
        command = list(words) or [sys.executable, "-u", "-c", code]
        return ProgramProcess(
            command,
            os.environ,
            self.work,
            self.output,
            grace,
            Rows(["loss"]),
            source or (lambda receive: Follower(self.output, STDOUT, receive)),
        )

    def printed(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def await_line(self, line: str) -> None:
        until(lambda: line in self.printed())


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_program_gets_the_signals_that_the_process_of_its_trial_does_not(place: Place) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = place.start("import os, signal; os.kill(os.getpid(), signal.SIGINT)")
    finally:
        signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert list(process.reports()) == []
    assert process.ended == ProgramEnd(-signal.SIGINT)


def test_its_reports_come_before_its_end(place: Place) -> None:
    process = place.start("for n in range(500): print('loss:', n)\nprint('done')")
    assert [made.values["loss"] for made in process.reports()] == list(range(500))
    assert process.ended == ProgramEnd(0)
    assert place.printed().endswith("loss: 499\ndone\n")


@pytest.mark.parametrize(
    ("code", "status"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", -9)]
)
def test_its_end_is_told(code: str, status: int, place: Place) -> None:
    process = place.start(code)
    assert list(process.reports()) == []
    assert process.ended == ProgramEnd(status)


def test_what_cannot_be_run_is_told(place: Place) -> None:
    process = place.start("", "no-such-program-here")
    assert list(process.reports()) == []
    assert process.ended is not None
    assert process.ended.error == "no-such-program-here: No such file or directory"


HANDLES = """
import pathlib, signal, sys, time
def end(*_):
    print("ending"); sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready")
time.sleep(600)
"""
IGNORES = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
child = subprocess.Popen(sleep, start_new_session=True)
print("child", child.pid, flush=True)
time.sleep(600)
"""


def test_sigterm_lets_it_end_by_itself(place: Place) -> None:
    process = place.start(HANDLES)
    place.await_line("ready")
    stop_program()
    assert process.ended == ProgramEnd(0)
    assert place.printed() == "ready\nending\n"


def test_one_that_has_ended_leaves_the_next_of_its_process_alone(place: Place) -> None:
    first = place.start("print('loss: 1')")
    assert list(first.reports())
    second = place.start(HANDLES)
    place.await_line("ready")
    first.stop()
    stop_program()
    assert second.ended == ProgramEnd(0)


def test_one_that_ignores_it_is_killed_with_what_it_has_started(place: Place) -> None:
    process = place.start(IGNORES, grace=0.3)
    until(lambda: place.printed().endswith("\n"))
    child = int(place.printed().split()[1])
    process.stop()
    assert process.ended == ProgramEnd(-signal.SIGKILL)
    until(lambda: not psutil.pid_exists(child))


def test_a_shell_hands_it_on(place: Place) -> None:
    (place.work / "run.sh").write_text(f"{sys.executable} -u -c '{HANDLES}'\n")
    process = place.start("", "sh", "run.sh")
    place.await_line("ready")
    process.stop()
    assert "ending" in place.printed()


FIRST_THREAD_ENDS = """
import ctypes, os, threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
print(os.getpid())
ctypes.CDLL(None).pthread_exit(None)
"""


def test_one_whose_first_thread_has_ended_is_ended_too(place: Place) -> None:
    process = place.start(FIRST_THREAD_ENDS)
    place.await_line("\n")
    program = psutil.Process(int(place.printed()))
    until(lambda: program.status() == psutil.STATUS_ZOMBIE)
    process.stop()
    assert process.ended == ProgramEnd(-signal.SIGTERM)


RANK = """
import json, os, time
with open("/proc/self/stat") as file:
    started = int(file.read().rpartition(")")[2].split()[19])
with open(os.environ["PCSEARCH_FAREWELLS"], "a") as file:
    asked = {"asker": [os.getpid(), started], "address": "/nowhere", "data": "00"}
    file.write(json.dumps(asked) + "\\n")
print("rank", flush=True)
time.sleep(600)
"""


def test_what_begins_again_and_again_is_ended_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rank asks for a farewell, for which the end waits a moment, but once only."""
    monkeypatch.setenv("PCSEARCH_FAREWELLS", str(place.work / "farewells"))
    (place.work / "rank.py").write_text(RANK)
    loop = f"while :; do {sys.executable} -S rank.py; done"
    process = place.start("", "sh", "-c", f"({loop}) & sleep 1; echo loss: 1")
    assert [made.values["loss"] for made in process.reports()] == [1]
    assert process.ended == ProgramEnd(0)
    assert 1 <= place.printed().count("rank") < 10


def test_hundreds_that_have_ended_hold_nothing_up(place: Place) -> None:
    process = place.start("", "sh", "-c", "for i in $(seq 300); do (true &); done; echo loss: 1")
    begun = time.monotonic()
    assert len(list(process.reports())) == 1
    assert time.monotonic() - begun < 120


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_its_end_is_told_where_its_messages_cannot_be_read(place: Place) -> None:
    class Broken:
        def close(self) -> None:
            raise ValueError

    process = place.start("", source=lambda _: Broken())
    assert list(process.reports()) == []
    process.stop()
    assert process.ended == ProgramEnd(0)


def test_what_a_launcher_has_left_is_told_too(place: Place) -> None:
    launcher = f"import subprocess, sys\nsubprocess.call([sys.executable, '-u', '-c', {HANDLES!r}])"
    process = place.start(launcher)
    place.await_line("ready")
    process.stop()
    assert process.ended == ProgramEnd(-signal.SIGTERM)
    assert place.printed() == "ready\nending\n"


OWNER = f"""
import os, sys, time
from pathlib import Path
sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parents[3] / "helpers")!r}]
from pcsearch.engine.workloads.programs.follower import STDOUT, Follower
from pcsearch.engine.workloads.programs.process import ProgramProcess
from pcsearch.engine.workloads.programs.rows import Rows
folder, code = Path(sys.argv[1]), sys.argv[2]
ProgramProcess([sys.executable, "-u", "-c", code], dict(os.environ), folder, folder / "o", 0.3,
               Rows([]), lambda receive: Follower(folder / "o", "stdout", receive))
time.sleep(600)
"""


@pytest.mark.parametrize("killed", ["owner", "supervisor"])
def test_it_outlives_neither_its_trial_nor_its_supervisor(killed: str, temporary: Path) -> None:
    code = f"{IGNORES}# {temporary}"
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(temporary), code])
    try:
        output = temporary / "o"
        until(lambda: output.exists() and output.read_text().endswith("\n"))
        program = next(each for each in psutil.process_iter() if started(each, code))
        child = int(output.read_text().split()[1])
        supervisor = program.parent()
        assert supervisor is not None
        (owner if killed == "owner" else supervisor).kill()
        until(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)
        if killed == "owner":
            until(lambda: not psutil.pid_exists(child))
        else:
            psutil.Process(child).kill()
    finally:
        owner.kill()
        owner.wait()


def started(process: psutil.Process, code: str) -> bool:
    try:
        return process.cmdline()[1:] == ["-u", "-c", code]
    except psutil.Error:
        return False
