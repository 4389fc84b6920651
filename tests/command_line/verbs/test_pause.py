"""The command that pauses a search; `tests/searches` pauses real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from heeding import heeding
from old_experiments import write_experiment

from pcsearch.command_line.cli import main
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import Requests, pausing


def test_it_pauses_a_search_that_runs_or_will_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    write_experiment(here, {"seed": {"values": [1, 2]}}, [None], num_samples=2)
    continues = f"To continue it: python -m pcsearch continue {here}\n"
    assert main(["pause", str(here)]) == 0
    alone = "Nobody runs the search; when it is resumed, it is paused\n"
    assert capsys.readouterr().out == alone + continues
    with heeding(ExperimentDirectory(here)):
        assert main(["pause", str(here)]) == 0
    out = capsys.readouterr().out
    assert out.endswith(f": no new trial starts; running trials are not affected\n{continues}")
    requests = Requests(ExperimentDirectory(here))
    asked = pausing(requests, requests.names())
    assert asked is not None
    assert " on " in asked.by
