"""A plan and a session suggest the same, also where seeds are replicates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from edited_searches import EditedSearch, edited_searches

from pcsearch.command_line.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


@pytest.mark.parametrize(("method", "sampler"), [("random", "auto"), ("bayes", "tpe")])
def test_what_is_drawn_of_a_race_is_what_the_race_runs(
    method: str, sampler: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = {
        "method": method,
        "replicates": "seed",
        "parameters": {"x": {"min": 0.0, "max": 1.0}, "seed": {"values": [1, 2, 3]}},
    }
    search = EditedSearch(folder, sweep, sampler=sampler, num_samples=9, replicates="seed")
    search.session(5)
    assert main(["--plan", "--resume", "here", "--draw", "1", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    search.resume()
    assert search.session(1) == plan["configs"]
