"""The command that cleans an experiment; `tests/tracking/searches` cleans whole searches."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A search of which one trial has failed, and one is not finished; each has a checkpoint."""
    directory = tmp_path / "here"
    trials = [ended([0.5]), ended([0.9], failed=True), None]
    write_experiment(directory, {"seed": {"values": [1, 2, 3]}}, trials, num_samples=3)
    for number in (1, 2, 3):
        state = directory / f"000{number}_t{number}" / "checkpoint_000000" / "state"
        state.parent.mkdir(parents=True)
        state.write_bytes(bytes(1_000_000))
    return directory


def left(here: Path) -> list[str]:
    return sorted(path.parent.name for path in here.glob("*/checkpoint_*"))


LINE = "trial 2, failed after epoch 1: 1 checkpoint (1.0 MB)\n"


@pytest.mark.parametrize("answer", ["n", "", "perhaps"])
def test_nothing_is_removed_without_a_yes(
    answer: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n"))
    assert main(["clean", str(here)]) == 0
    question = "Remove this of this trial? [y/N] "
    assert capsys.readouterr().out == f"{LINE}{question}nothing was removed\n"
    assert len(left(here)) == 3


def test_what_is_listed_is_removed_and_the_results_stay(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = {file: file.read_bytes() for file in here.rglob("*.json*")}
    assert main(["clean", str(here), "--dry-run"]) == 0
    assert capsys.readouterr().out == LINE
    assert len(left(here)) == 3
    assert main(["clean", f"file://{here}", "--yes"]) == 0
    assert capsys.readouterr().out == f"{LINE}removed: 1 checkpoint (1.0 MB)\n"
    assert left(here) == ["0001_t1", "0003_t3"]
    assert {file: file.read_bytes() for file in here.rglob("*.json*")} == results
    assert main(["clean", str(here), "--yes"]) == 0
    assert capsys.readouterr().out == f"{here}: nothing to remove\n"


def test_only_what_is_asked_for_is_removed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", str(here), "--stopped", "--yes"]) == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert len(left(here)) == 3


def test_a_search_of_a_function_that_no_command_can_import_is_cleaned_too(here: Path) -> None:
    file = here / "experiment.json"
    record = json.loads(file.read_text())
    record["options"]["trainable"] = "__main__:train"
    file.write_text(json.dumps(record))
    assert main(["clean", str(here), "--yes"]) == 0
    assert left(here) == ["0001_t1", "0003_t3"]


def test_what_is_no_experiment_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["clean", str(tmp_path / "nowhere")]) == 2
    assert "no experiment is here" in capsys.readouterr().err
    assert main(["clean"]) == 2
