"""The command that shows what a search has found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A search of six trials: three seeds of two sizes; one trial has failed."""
    searched = {"num_blocks": {"values": [0, 1]}, "seed": {"values": [1, 2, 3]}}
    trials = [ended([value]) for value in (0.5, 0.7, 0.6, 0.2, 0.3)]
    trials.append(ended([0.9], failed=True))
    write_experiment(tmp_path / "here", searched, trials)
    return tmp_path / "here"


def rows(text: str) -> list[list[str]]:
    """The words of the table's rows."""
    lines = [line.split() for line in text.splitlines()]
    return [words for words in lines if {"stopped", "failed"} & set(words[3:4])]


def test_the_table_has_the_best_trial_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", str(here)]) == 0
    out = capsys.readouterr().out
    assert [words[0] for words in rows(out)] == ["4", "5", "1", "3", "2", "6"]
    assert f"{here}: finished, 6 of 6 trials ended" in out
    assert "6 epochs, 0 s of trials in 0 s" in out
    assert "Importance of the parameters: 5 trials have a value; it takes 10" in out
    assert "trial 6 failed (0006_t6/error.txt)" in out


def test_trials_are_chosen_and_sorted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["results", str(here), "--where", "num_blocks=0", "--sort", "-trial", "--top", "2"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert [words[0] for words in rows(out)] == ["3", "2"]
    assert "and 1 more (--top 3 shows all)" in out
    assert main([*command[:2], "--where", "num_blocks=7"]) == 0
    assert "No trial fulfils the conditions." in capsys.readouterr().out
    assert main([*command, "--json"]) == 0
    assert [each["number"] for each in json.loads(capsys.readouterr().out)["trials"]] == [3, 2]


def test_seeds_are_one_row(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", str(here), "--by", "seed"]) == 0
    out = capsys.readouterr().out
    (header,) = [line.split() for line in out.splitlines() if "best_val_mse" in line]
    assert header == ["trials", "best_val_mse", "±", "num_blocks"]
    groups = [line.split() for line in out.splitlines() if "±" not in line and "0." in line]
    assert groups[:2] == [["2", "of", "3", "0.25", "0.07071", "1"], ["3", "0.6", "0.1", "0"]]


def test_a_program_gets_everything(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["results", f"file://{here}", "--json", "--by", "seed"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [each["number"] for each in document["trials"]] == [4, 5, 1, 3, 2, 6]
    assert document["trials"][0]["values"] == {"best_val_mse": 0.2}
    assert document["trials"][0]["config"]["num_blocks"] == 1
    assert document["groups"][0]["trials"] == [4, 5, 6]
    assert document["groups"][0]["count"] == 2
    assert (document["state"], document["epochs"]) == ("finished", 6)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere: no experiment is here (experiment.json is missing)"),
        (["here", "--where", "blocks"], "error: --where: 'blocks' is no condition"),
        (["here", "--where", "num_blocks<x"], "error: --where: 'num_blocks<x': < needs a number"),
        (["here", "--where", "sed=1"], "error: --where: there is no 'sed'; did you mean 'seed'?"),
        (["here", "--sort", "-epoch"], "error: --sort: there is no 'epoch'; did you mean 'epochs'"),
        (["here", "--by", "sed"], "error: --by: 'sed' is not searched; did you mean 'seed'?"),
        (["here", "--by", "seed", "--sort", "seed"], "error: --sort is for trials"),
        (["here/sweep.yaml"], "sweep.yaml: no experiment is here"),
        ([], "Usage"),
    ],
)
def test_mistakes(
    arguments: list[str],
    told: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(here.parent)
    assert main(["results", *arguments]) == 2
    assert told in capsys.readouterr().err
