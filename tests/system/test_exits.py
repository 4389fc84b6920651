"""How a command ends: its exit status, and what it says on standard error."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.exits import INTERRUPTED, LONGEST_PROBLEM, MOST_PROBLEMS, WRONG, exit_status

MANY = PcsearchError([Problem(f"is wrong {number}") for number in range(MOST_PROBLEMS + 3)])


def ending(function: Callable[[], Any]) -> int:
    """The exit status of a command that calls a function."""
    return exit_status(click.Command("it", callback=function), [])


def raising(error: BaseException) -> int:
    def fail() -> None:
        raise error

    return ending(fail)


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1), (130, 130)])
def test_the_status_is_what_the_command_returns(returned: int | None, status: int) -> None:
    assert ending(lambda: returned) == status


@pytest.mark.parametrize(
    ("error", "status", "lines"),
    [
        (PcsearchError("the file is gone"), WRONG, ["error: the file is gone"]),
        (
            PcsearchError([Problem("is wrong", "s.yaml:1:2", "metric"), Problem("so is this")]),
            WRONG,
            ["error: s.yaml:1:2: metric: is wrong", "error: so is this"],
        ),
        (click.UsageError("no such option"), WRONG, ["error: no such option (--help tells more)"]),
        # click ends the line of the terminal's ^C first.
        (KeyboardInterrupt(), INTERRUPTED, ["", "interrupted"]),
        (SystemExit(signal.SIGTERM), INTERRUPTED, ["interrupted"]),
    ],
)
def test_an_error_is_lines_and_a_status(
    error: BaseException, status: int, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert raising(error) == status
    out, err = capsys.readouterr()
    assert (out, err.splitlines()) == ("", lines)


def test_of_very_many_problems_the_rest_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(MANY) == WRONG
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_PROBLEMS + 1
    assert lines[-1] == "error: and 3 more problems"


@pytest.mark.parametrize("error", [SystemExit(7), ValueError("a mistake of ours")])
def test_what_is_no_mistake_of_the_user_is_passed_on(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        raising(error)
    assert caught.value is error


@pytest.mark.usefixtures("heeded_hangup")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_like_ctrl_c_and_only_while_the_command_runs(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    assert ending(lambda: os.kill(os.getpid(), number)) == INTERRUPTED
    assert signal.getsignal(number) is before


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ending(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_very_long_problem_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    for error in (PcsearchError("x" * 10**6), click.UsageError("x" * 10**6)):
        assert raising(error) == WRONG
        err = capsys.readouterr().err
        assert len(err) < LONGEST_PROBLEM + 200
        assert f"xxx... ({10**6 - LONGEST_PROBLEM} more characters)" in err


@pytest.mark.parametrize("length", [1, 10**6])
def test_results_that_a_full_disk_does_not_take_are_told(
    length: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert ending(lambda: print("x" * length)) == WRONG
    assert capsys.readouterr().err == "error: standard output: No space left on device\n"
