"""What the command does that starts no search, and its status; `tests/searches` runs the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from searching import write_sweep
from wandb_server import WandbServer

from pcsearch.command_line.cli import main
from pcsearch.command_line.commands import _status
from pcsearch.engine.execution.interruption import Reason
from pcsearch.engine.execution.run import SessionResult
from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.system.exits import DONE, INTERRUPTED, SOME_FAILED

MOMENTUM = {"hidden_momentum": {"values": [0.1, 0.2]}}


def test_a_plan_is_text_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = str(write_sweep(tmp_path / "s.yaml", MOMENTUM))
    assert main([sweep, "--plan", "--draw", "1"]) == 0
    assert "trial 1: {hidden_momentum: 0.1}" in capsys.readouterr().out
    assert main([sweep, "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 2


def trial(number: int, status: Status, value: float | None = 0.5) -> TrialResult:
    return TrialResult(
        number, f"t{number}", f"000{number}_t{number}", {"seed": number}, status, 9, (value,), 1.0
    )


@pytest.mark.parametrize(
    ("statuses", "reason", "status"),
    [
        (["finished", "stopped", "diverged"], "", DONE),
        (["finished", "failed"], "", SOME_FAILED),
        (["failed"], "hopeless", SOME_FAILED),
        (["failed", "interrupted"], "signal", INTERRUPTED),
        (["failed", "interrupted"], "time", DONE),
    ],
)
def test_the_status_is_of_the_search_unless_the_session_was_ended(
    statuses: list[Status], reason: Reason, status: int
) -> None:
    trials = tuple(trial(number, each) for number, each in enumerate(statuses, start=1))
    assert _status(SessionResult(trials, reason)) == status


def test_a_sweep_is_registered_and_its_id_printed_alone(
    user_server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", MOMENTUM)
    assert main([str(sweep), "--create-only", "--project", "pc", "--entity", "lab"]) == 0
    (registered,) = user_server.sweeps.values()
    assert registered.config == sweep.read_text(encoding="utf-8")
    out, err = capsys.readouterr()
    assert out == f"{registered.name}\n"
    assert err == f"W&B sweep: {user_server.url}/lab/pc/sweeps/{registered.name}\n"

    user_server.refusals["UpsertSweep"] = "permission denied"
    assert main([str(sweep), "--create-only"]) == 2
    assert capsys.readouterr().err == (
        "error: --create-only: W&B did not register the sweep: permission denied\n"
    )
