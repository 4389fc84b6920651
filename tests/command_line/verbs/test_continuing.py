"""The command that continues a paused search; `tests/searches` continues real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from heeding import heeding
from old_experiments import write_experiment

from pcsearch.command_line.cli import main
from pcsearch.engine.records.directory import ExperimentDirectory


def test_it_continues_what_was_paused_and_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    write_experiment(here, {"seed": {"values": [1, 2]}}, [None], num_samples=2)

    def said(verb: str) -> str:
        assert main([verb, str(here)]) == 0
        return capsys.readouterr().out

    not_paused = f"{here}: the search is not paused\n"
    assert said("continue") == not_paused
    said("pause")
    resume = f"python -m pcsearch --resume {here}\n"
    alone = f"Nobody runs the search, and it is no longer paused; resume it: {resume}"
    assert said("continue") == alone
    assert said("continue") == not_paused
    with heeding(ExperimentDirectory(here)):
        said("pause")
        assert said("continue").endswith(": new trials start\n")
