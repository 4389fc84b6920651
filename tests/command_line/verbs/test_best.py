"""The command that shows the best of a search, and its model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main


@pytest.fixture
def here(tmp_path: Path) -> Path:
    searched = {"num_blocks": {"values": [0, 1]}, "seed": {"values": [7]}}
    write_experiment(tmp_path / "here", searched, [ended([0.5]), ended([0.25])])
    return tmp_path / "here"


def test_the_best_configuration_is_shown(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", str(here)]) == 0
    out = capsys.readouterr().out
    assert "trial 2 (t2), best_val_mse 0.25" in out
    assert "num_blocks: 1\n" in out
    assert "model" not in out


@pytest.mark.parametrize("trainable", [None, "mine:train"])
def test_the_model_that_is_kept_is_named_with_its_trial(
    trainable: str | None, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It may be of another trial: one that failed later, or has a checkpoint at its best epoch."""
    record = json.loads((here / "experiment.json").read_text())
    record["options"]["trainable"] = trainable
    (here / "experiment.json").write_text(json.dumps(record))
    (here / "best").mkdir()
    described = {"trial": 1, "trial_id": "t1", "metric": "best_val_mse", "goal": "minimize"}
    described["value"] = 0.5
    (here / "best" / "metrics.json").write_text(json.dumps(described))
    assert main(["best", str(here)]) == 0
    out = capsys.readouterr().out
    assert f"The best model, of trial 1 (best_val_mse 0.5), lies in {here}/best\n" in out
    is_transformer = trainable is None
    assert (f"python -m pcsearch.train --from {here}/best" in out) is is_transformer
    assert main(["best", f"file://{here}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] == {**described, "place": f"{here}/best"}


def test_of_a_shared_search_the_best_model_of_any_driver_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = here / "drivers" / "other_1234"
    other.mkdir(parents=True)
    for name in ("sweep.yaml", "experiment.json"):
        shutil.copy(here / name, other)
    (other / "journal.jsonl").touch()
    described = {"trial_id": "t1", "metric": "best_val_mse", "goal": "minimize"}
    for folder, trial, value in ((here, 1, 0.5), (other, 2, 0.25)):
        (folder / "best").mkdir()
        text = json.dumps({**described, "trial": trial, "value": value})
        (folder / "best" / "metrics.json").write_text(text)
    assert main(["best", str(here)]) == 0
    out = capsys.readouterr().out
    assert f"The best model, of trial 2 (best_val_mse 0.25), lies in {other}/best\n" in out


def test_the_best_trial_is_there_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["best", f"file://{here}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["model"] is None
    assert [each["number"] for each in document["trials"]] == [2]
    assert document["trials"][0]["config"]["num_blocks"] == 1


def test_without_a_value_there_is_no_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_experiment(tmp_path / "none", {"seed": {"values": [1]}}, [None])
    assert main(["best", str(tmp_path / "none")]) == 0
    assert "No trial has a value; there is no best configuration." in capsys.readouterr().out
    assert main(["best", str(tmp_path / "nowhere")]) == 2
    assert "no experiment is here" in capsys.readouterr().err
