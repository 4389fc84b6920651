"""A try waits for the program of the try before, but not for ever."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcsearch.engine.workloads.programs.turns import turn


def test_a_turn_lasts_as_long_as_a_process_that_has_got_it(tmp_path: Path) -> None:
    with turn(tmp_path, 0) as held:
        code = "import sys; sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=[held]
        )
    message = "the program of the try before has not ended in 0.2 s"
    with pytest.raises(TimeoutError, match=message), turn(tmp_path, 0.2):
        pass
    assert process.stdin is not None
    process.stdin.close()
    begun = time.monotonic()
    with turn(tmp_path, 600):
        assert time.monotonic() - begun < 300
        assert process.wait() == 0


def test_the_lock_of_another_machine_which_may_have_died_is_not_waited_for_longer(
    tmp_path: Path,
) -> None:
    with turn(tmp_path, 0) as held:
        os.truncate(held, 0)
        os.pwrite(held, b"another", 0)
        begun = time.monotonic()
        with turn(tmp_path, 0.2):
            assert time.monotonic() - begun >= 0.2


def test_nothing_waits_where_the_file_system_knows_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    begun = time.monotonic()
    with turn(tmp_path, 600):
        assert time.monotonic() - begun < 300
