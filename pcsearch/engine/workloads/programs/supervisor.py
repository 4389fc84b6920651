"""Runs one program and outlives nobody: a small process between a trial's process and its program.

Ray may kill the process of a trial at any time, which then can end nothing. This one notices it,
because its standard input ends, and ends the program and all that the program has started. It
imports the standard library only, and no module of pcsearch: it starts in a few milliseconds.

The first line of standard input is a JSON object with ``command``, ``environment``, ``folder``,
``output`` (a file) and ``grace`` (seconds). Any more input, or its end, stops the program: SIGTERM,
and after the grace SIGKILL. A line of JSON on standard output tells the ``status`` as `Popen` has
it, or the ``error`` for which nothing could be started.

A process that works for the program, or for one that the program has started, may have to be told
of its end: into the file that the variable `FAREWELLS` names they write lines of JSON, each with
the ``asker`` (its process and the time of its start, as /proc has it), the ``address`` of a socket
(a path or a port of this machine) and the ``data`` that it gets (hexadecimal).
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

FAREWELLS = "PCSEARCH_FAREWELLS"
LEFT_S = 5.0
"""How long processes that the program has left may go on after its end."""
ANSWER_S = 2.0
"""How long a process may take to be told of it."""
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER: processes without a parent become children of this one."""
DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG: the signal that a process gets when its parent is killed."""
STARTED = 19
"""The place of the time of its start in what `_stat` gives of a process."""
SHELLS = ("sh", "bash", "dash", "ksh", "zsh")
"""A shell ends after SIGTERM only when the command that it waits for has ended."""


def main() -> None:
    """Run the program that standard input names, and tell how it has ended."""
    settings = json.loads(sys.stdin.buffer.readline())
    if os.fork():
        # Ray ends the children of a trial's process, and this one has to end its program first.
        os._exit(0)
    _control(SUBREAPER, 1)
    try:
        # The folder of the file may be removed while the program ends.
        farewells = open(settings["environment"].get(FAREWELLS) or os.devnull, "a+b")  # noqa: SIM115
        process = _started(settings)
    except OSError as error:
        _tell(error=f"{error.filename or settings['command'][0]}: {error.strerror}")
        return
    ended, is_ended = os.pipe()
    threading.Thread(target=_wait, args=(process, is_ended), daemon=True).start()
    stopped, grace = False, float(settings["grace"])
    if ended not in select.select([0, ended], [], [])[0]:
        stopped = True
        _stop(process, ended, grace)
    _end_others(grace if stopped else LEFT_S, Farewells(farewells))
    _tell(status=process.returncode)


def _wait(process: subprocess.Popen[bytes], is_ended: int) -> None:
    """Reap the child processes that end, until the program itself has ended."""
    with suppress(ChildProcessError):
        while process.returncode is None:
            ended, status = os.waitpid(-1, 0)
            if ended == process.pid:
                process.returncode = os.waitstatus_to_exitcode(status)
    os.close(is_ended)


def _started(settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    with open(settings["output"], "ab") as output:
        return subprocess.Popen(  # noqa: S603 - the user's own program
            settings["command"],
            env=settings["environment"],
            cwd=settings["folder"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_prepare,
        )


def _prepare() -> None:
    """Let the program end with this process, and get the signals that W&B's Stop button needs.

    Ray's processes block some, and one in the background of a shell (``nohup``) ignores SIGINT.
    """
    _control(DEATH_SIGNAL, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _control(option: int, value: int) -> None:
    """Call prctl, which Linux has."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _stop(process: subprocess.Popen[bytes], ended: int, grace: float) -> None:
    """Let the program end: W&B's agent sends SIGTERM to the program alone, too."""
    if _command(process.pid) in SHELLS:
        _signal_group(process.pid, signal.SIGTERM)
    else:
        _signal(process.pid, signal.SIGTERM)
    if select.select([ended], [], [], grace)[0]:
        # A launcher may have ended without a word to what it has launched. W&B's own process is not
        # in the group, and may still write.
        _signal_group(process.pid, signal.SIGTERM)
    else:
        _signal_group(process.pid, signal.SIGKILL)
        select.select([ended], [], [])


def _command(process: int) -> str:
    """The name of what a process runs, empty where that is not known."""
    # One whose first thread has ended runs nothing, and other threads of it may go on.
    with suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{process}/exe"))
    return ""


class Farewells:
    """Tells processes the end of those that they work for.

    Args:
        file: with the lines of those that ask for it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._told = file, set[str | int]()

    def say(self, *, to_all: bool = False) -> None:
        """Send each farewell once, when all that have asked for it are dead; or now, to all."""
        lines = self._left()
        data = {each["address"]: each["data"] for each in lines}
        lives = {each["address"] for each in lines if _lives(*each["asker"])}
        for address in data.keys() if to_all else data.keys() - lives:
            self._told.add(address)
            with suppress(OSError, ValueError):
                _send(address, bytes.fromhex(data[address]))

    def askers(self) -> list[int]:
        """The processes that live and have asked for a farewell."""
        return [each["asker"][0] for each in self._left() if _lives(*each["asker"])]

    def _left(self) -> list[dict[str, Any]]:
        """The farewells that were asked for and are not sent yet."""
        self._file.seek(0)
        asked: list[dict[str, Any]] = []
        for line in self._file.read().splitlines():
            with suppress(ValueError):
                asked.append(json.loads(line))
        return [each for each in asked if each["address"] not in self._told]


def _send(address: str | int, data: bytes) -> None:
    import socket

    place = ("localhost", address) if isinstance(address, int) else address
    with socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET) as connection:
        connection.settimeout(ANSWER_S)
        connection.connect(place)
        connection.sendall(data)


def _lives(process: int, started: int) -> bool:
    """Whether a process that was started then still runs."""
    fields = _stat(process)
    return len(fields) > STARTED and fields[0] != b"Z" and int(fields[STARTED]) == started


def _end_others(seconds: float, farewells: Farewells) -> None:
    """Wait for what the program has started, such as W&B's own process, and then kill it.

    Another process of the program may still log: W&B's process is told its end after it.
    """
    deadline, was_extended = time.monotonic() + seconds, False
    while not _all_have_ended():
        farewells.say()
        if time.monotonic() > deadline:
            askers = [] if was_extended else farewells.askers()
            for child in askers or _children():
                _signal(child, signal.SIGKILL)
            if askers:
                # Those that worked for them write what they have.
                was_extended, deadline = True, time.monotonic() + ANSWER_S
        time.sleep(0.01)
    farewells.say(to_all=True)


def _all_have_ended() -> bool:
    """Reap the child processes that have ended; whether none is left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return True
    return False


def _children() -> Iterator[int]:
    if not _has_proc():
        return
    for name in filter(str.isdigit, os.listdir("/proc")):
        fields = _stat(int(name))
        if fields and int(fields[1]) == os.getpid():
            yield int(name)


def _stat(process: int) -> list[bytes]:
    """What /proc says of a process, from its state on; nothing of one that is not there."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _has_proc() -> bool:
    return os.path.isdir("/proc/self")


def _signal_group(group: int, number: int) -> None:
    with suppress(OSError):
        os.killpg(group, number)


def _signal(process: int, number: int) -> None:
    with suppress(OSError):
        os.kill(process, number)


def _tell(**what: Any) -> None:
    # Nobody may be there any more.
    with suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
