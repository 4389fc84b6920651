"""The command that enqueues configurations; `tests/searches` has real searches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from heeding import heeding
from old_experiments import write_experiment

from pcsearch.command_line.cli import main
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers import requests
from pcsearch.engine.records.drivers.requests import Requests


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ExperimentDirectory:
    """A search of four seeds, of which one trial has begun; the folder is the current one."""
    monkeypatch.chdir(tmp_path)
    write_experiment(tmp_path / "here", {"seed": {"values": [1, 2, 3, 4]}}, [None], num_samples=4)
    return ExperimentDirectory(tmp_path / "here")


def test_those_are_asked_that_run(
    here: ExperimentDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("points.csv").write_text("seed\n1\n3\n")
    assert main(["enqueue", "here", "points.csv"]) == 2
    assert "here: nobody runs the search; resume it: " in capsys.readouterr().err
    with heeding(here):
        assert main(["enqueue", "here", "points.csv"]) == 0
    shown = capsys.readouterr()
    assert shown.out.endswith(": configurations to try next: 1\n")
    assert "configurations to try first: 1 (left out: 1 had run already)" in shown.err
    (name,) = Requests(here).names()
    assert Requests(here).read(name).configs == [{"seed": 3}]


def test_what_the_search_says_is_told_and_not_what_was_asked(
    here: ExperimentDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("points.csv").write_text("seed\n3\n")
    with heeding(here, answer="nothing is enqueued: they are known"):
        assert main(["enqueue", "here", "points.csv"]) == 0
    assert capsys.readouterr().out.endswith(": nothing is enqueued: they are known\n")
    with heeding(here, problem="it is run by several drivers"):
        assert main(["enqueue", "here", "points.csv"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(r"error: process \d+ on .*: it is run by several drivers\n", shown.err)


def test_it_says_for_how_many_no_trial_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"seed": {"values": [1, 2, 3, 4]}}
    write_experiment(tmp_path / "here", values, [None], num_samples=2)
    Path("points.csv").write_text("seed\n3\n4\n")
    with heeding(ExperimentDirectory(tmp_path / "here")):
        assert main(["enqueue", "here", "points.csv"]) == 0
    told = capsys.readouterr().err
    assert "the search has 1 trial left for 2 enqueued configurations; --num-samples 3" in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[{seed: 5}]", "points.yaml:1:"),
        ("[{sed: 1}]", "did you mean 'seed'"),
        ("{", "points.yaml:1"),
    ],
)
def test_a_file_with_a_mistake_asks_for_nothing(
    text: str, problem: str, here: ExperimentDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("points.yaml").write_text(text)
    with heeding(here):
        assert main(["enqueue", "here", "points.yaml"]) == 2
    assert problem in capsys.readouterr().err
    assert Requests(here).names() == []


def test_what_is_too_long_for_a_request_is_told(
    here: ExperimentDirectory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(requests, "LONGEST", 20)
    Path("points.yaml").write_text("[{seed: 3}]")
    with heeding(here):
        assert main(["enqueue", "here", "points.yaml"]) == 2
    assert "give fewer configurations at a time" in capsys.readouterr().err
