"""The command that stops a search or its trials; `tests/searches` stops real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from heeding import heeding
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import Requests


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A search whose first trial has ended."""
    trials = [ended([0.5]), None, None]
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2, 3]}}, trials, num_samples=3)
    return tmp_path / "here"


def test_only_trials_that_run_are_asked_to_stop(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = ExperimentDirectory(here)
    requests = Requests(directory)
    with heeding(directory):
        assert main(["stop", str(here), "--trial", "1"]) == 0
        assert capsys.readouterr().out == "trial 1 has ended already\n"
        assert requests.names() == []
        assert main(["stop", str(here), "--trial", "4", "--trial", "2", "--trial", "5"]) == 2
        begun = "the trials that have begun are 1 to 3"
        assert capsys.readouterr().err.splitlines() == [
            f"error: --trial: there is no trial {number} in {here}; {begun}" for number in (4, 5)
        ]
        given = ("--trial", "3", "--trial", "1", "--trial", "2", "--trial", "3")
        assert main(["stop", str(here), *given]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "trial 1 has ended already"
    assert second.endswith(": each of the trials 2, 3 will stop after its epoch")
    (name,) = requests.names()
    assert requests.read(name).trials == [2, 3]


def test_it_waits_for_the_end_of_the_session(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = ExperimentDirectory(here)
    with heeding(directory, release_after=1):
        assert main(["stop", str(here)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(": has ended its session")
    assert second == f"The search can be resumed; resume it: python -m pcsearch --resume {here}"


def test_a_trial_has_a_number(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stop", str(here), "--trial", "0"]) == 2
    assert "--trial" in capsys.readouterr().err
