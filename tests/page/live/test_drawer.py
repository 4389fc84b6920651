"""The program that draws the page of a search once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT
from old_experiments import ended, write_experiment

from pcsearch.page.live.drawer import OVER

COMMAND = [sys.executable, "-m", "pcsearch.page.live.drawer"]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2]}}, [ended([0.5])] * 2)
    return tmp_path / "here"


def drawer(here: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, str(here), str(here), OVER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_search_that_cannot_be_read_is_told_on_a_line(here: Path) -> None:
    (here / "sweep.yaml").write_text("{")
    with drawer(here) as process:
        assert process.wait(240) == 1
        assert process.stderr is not None
        (line,) = process.stderr.read().splitlines()
    assert "sweep.yaml" in line
    assert not (here / "report.html").exists()


def test_without_its_session_it_ends_and_leaves_nothing(here: Path) -> None:
    before = sorted(here.iterdir())
    with drawer(here) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(240) == 1
    assert sorted(here.iterdir()) == before
