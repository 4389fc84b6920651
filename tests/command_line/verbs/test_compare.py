"""The command that compares searches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main

SEARCHED = {"num_blocks": {"values": [0, 1]}, "seed": {"values": [1, 2, 3]}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two searches of six trials, of which the second is better and has not ended."""
    monkeypatch.chdir(tmp_path)
    for name, shift in (("one", 0.0), ("two", 0.5)):
        values = [1.0, 1.01, 1.02, 2.0, 2.01]
        trials = [ended([value - shift]) for value in values]
        last = [ended([2.0])] if name == "one" else [None]
        write_experiment(tmp_path / name, SEARCHED, [*trials, *last])
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_searches_are_beside_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "one", "two"]) == 0
    out = capsys.readouterr().out
    assert (
        "two is better than one by 0.5 (means 0.51 and 1.01): more than the spread over 3 and 3"
        in out
    )
    assert main(["compare", "one", "two", "--json", "--by", "num_blocks"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["state"] for each in document["searches"]] == ["finished", "interrupted"]
    assert [each["best"]["count"] for each in document["searches"]] == [2, 2]


def test_what_is_damaged_is_told_and_the_rest_is_compared(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (values,) = folder.glob("two/0001_*/params.json")
    values.write_text("{")
    assert main(["compare", "one", "two", "--html", "plot.html"]) == 0
    out, err = capsys.readouterr()
    assert "two is better than one" in out
    (note,) = err.splitlines()
    assert "params.json" in note
    assert "params.json" in Path("plot.html").read_text()
    assert main(["compare", "one", "two", "--json"]) == 0
    searches = json.loads(capsys.readouterr().out)["searches"]
    assert [len(each["notes"]) for each in searches] == [0, 1]


@pytest.mark.usefixtures("folder")
def test_the_best_values_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "one", "two", "--html", "plot.html"]) == 0
    assert len(Path("plot.html").read_text()) > 1_000_000
    assert main(["compare", "one", "two", "--html", "no/such/plot.html"]) == 2
    assert "--html: no/such/plot.html: cannot be written" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("places", "told"),
    [
        (["one"], "give two directories or more"),
        (["one", "two", "./one"], "/one: is given twice; give two searches"),
        (["one", "three"], "three: no experiment is here"),
        ([], "Usage"),
    ],
)
def test_mistakes(places: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *places]) == 2
    assert told in capsys.readouterr().err
