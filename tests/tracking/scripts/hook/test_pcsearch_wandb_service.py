"""An offline run has all of its rows, however its program is ended."""

from __future__ import annotations

import json
import socket
import sys
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import wandb
from hooked_programs import FOLDER, Programs
from offline_runs import read_runs
from wandb.sdk.lib.service import service_process

from pcsearch.engine.workloads.programs.follower import STDOUT, Follower
from pcsearch.engine.workloads.programs.process import ProgramProcess
from pcsearch.engine.workloads.programs.rows import Rows

if TYPE_CHECKING:
    import psutil

LOGS = """
import os, sys, time
import wandb
wandb.init(project="p", id="abc")
for n in range(8):
    wandb.log({"loss": n, "picture": wandb.Html("<p>x</p>")})
print("logged: 1", flush=True)
"""
ENDS = {
    "well": ("", 0),
    "by itself, at once": ("os._exit(0)", 1),
    "by SIGKILL": ("os.kill(os.getpid(), 9)", 1),
    "with its trial": ("time.sleep(600)", 1),
}


RANK = """
import signal, time, wandb
stops = []
signal.signal(signal.SIGTERM, lambda *_: stops.append(1))
wandb.init(project="p", id="abc")
wandb.log({"loss": 0})
print("logged: 1", flush=True)
while not stops:
    time.sleep(0.02)
for n in range(1, 4):
    time.sleep(0.5)
    wandb.log({"loss": n})
wandb.finish()
"""
LAUNCHERS = {
    "without W&B": "",
    # Then W&B's own process is that of the launcher.
    "with W&B's process": "import wandb; wandb.setup()",
}
LAUNCHER = """
import subprocess, sys
subprocess.Popen([sys.executable, "rank.py"]).wait()
"""


def of_this_test(folder: Path) -> list[psutil.Process]:
    """The processes of W&B's that run for programs in a folder."""
    # The tests with the oldest versions do without it.
    import psutil

    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("WANDB_DIR") == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def started(programs: Programs, code: str) -> ProgramProcess:
    work = programs.work
    return ProgramProcess(
        [sys.executable, "-c", code],
        programs.variables(work / "none") | {"PCSEARCH_FAREWELLS": str(work / "farewells")},
        work,
        work / "output.txt",
        60.0,
        Rows(["logged"]),
        lambda receive: Follower(work / "output.txt", STDOUT, receive),
    )


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module in this process, which stays as it is."""
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("PCSEARCH_FAREWELLS", str(tmp_path / "farewells"))
    # The test's end puts wandb's own one back.
    monkeypatch.setattr(service_process, "start", service_process.start)
    import_module("pcsearch_wandb_service")
    return sys.modules.pop("pcsearch_wandb_service")


@pytest.mark.oldest
def test_wandbs_process_is_started_apart_and_ends_at_the_message(
    service: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """service_process.start, .start_detached; .token.env_value; wandb_server_pb2.ServerRequest."""
    monkeypatch.setattr(service, "IDLE", "1h")
    assert [*signature(service_process.start).parameters] == ["settings"]
    theirs = service_process.start
    service.outlive()
    assert service_process.start is not theirs
    process = service_process.start(wandb.Settings(silent=True))
    asked = json.loads((tmp_path / "farewells").read_text())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(asked["address"])
        connection.sendall(bytes.fromhex(asked["data"]))
        assert process.join() == 0


@pytest.mark.oldest
def test_wandbs_client_starts_its_process_by_the_name_that_is_replaced(
    service: Any, tmp_path: Path
) -> None:
    """service_process.start, by its module."""
    wandb.teardown()
    service.outlive()
    wandb.setup(wandb.Settings(silent=True))
    wandb.teardown()
    assert (tmp_path / "farewells").exists()


@pytest.mark.parametrize("end", ENDS)
def test_a_program_that_is_ended_has_all_its_rows_in_its_run(end: str, programs: Programs) -> None:
    code, status = ENDS[end]
    work = programs.work
    process = started(programs, LOGS + code)
    reports = process.reports()
    next(reports)
    if end != "with its trial":
        assert list(reports) == []
    process.stop()
    assert process.ended is not None
    (run,) = read_runs(work)
    assert [row["loss"] for row in run.rows()] == list(range(8))
    assert (run.exit_code, run.id) == (status, "abc")
    assert len(list(run.directory.glob("files/media/html/*.html"))) == 8
    assert of_this_test(work) == []


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_process_of_the_program_that_outlives_its_launcher_ends_in_good_order(
    launcher: str, programs: Programs
) -> None:
    """The launcher ends at SIGTERM without a word; the other saves and logs for a while."""
    work = programs.work
    (work / "rank.py").write_text(RANK)
    process = started(programs, LAUNCHERS[launcher] + LAUNCHER)
    next(process.reports())
    process.stop()
    (run,) = read_runs(work)
    assert [row["loss"] for row in run.rows()] == list(range(4)), (work / "output.txt").read_text()
    assert run.exit_code == 0
    assert of_this_test(work) == []
