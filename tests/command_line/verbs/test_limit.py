"""The command that limits a running search; `tests/searches` limits real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from heeding import heeding
from old_experiments import write_experiment

from pcsearch.command_line.cli import main
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import Requests


@pytest.mark.parametrize("wrong", [(), ("--max-concurrent", "0"), ("--max-concurrent", "many")])
def test_a_limit_is_a_number_from_1(
    wrong: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["limit", str(tmp_path), *wrong]) == 2
    err = capsys.readouterr().err
    assert (err.count("\n"), "--max-concurrent" in err) == (1, True)


def test_it_asks_those_that_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = tmp_path / "here"
    write_experiment(here, {"seed": {"values": [1, 2]}}, [None], num_samples=2)
    directory = ExperimentDirectory(here)
    with heeding(directory):
        assert main(["limit", str(here), "--max-concurrent", "4"]) == 0
    assert capsys.readouterr().out.endswith(": --max-concurrent is now 4\n")
    (name,) = Requests(directory).names()
    assert Requests(directory).read(name).max_concurrent == 4
