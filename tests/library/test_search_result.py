"""What a search has found, read from its directory; `test_searches.py` has a whole search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from old_experiments import ended, write_experiment
from trained_models import model_of

import pcsearch
from pcsearch.engine.records.kept_model import METRICS_FILE
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.errors import PcsearchError
from pcsearch.pc.model_file import write_model

MOMENTUM = {"hidden_momentum": {"values": [0.1, 0.2]}}


@pytest.fixture
def experiment(tmp_path: Path) -> Path:
    write_experiment(tmp_path / "here", MOMENTUM, [ended([2.0, 1.5, 1.0]), ended([0.9, 0.7, 0.5])])
    return tmp_path / "here"


def test_a_search_is_read_and_not_changed(experiment: Path) -> None:
    before = {path: path.read_bytes() for path in experiment.rglob("*") if path.is_file()}
    result = pcsearch.open_search(f"file://{experiment}")
    assert (result.directory, result.state) == (str(experiment), "finished")
    assert result.sweep.metric is not None
    best = result.best
    assert best is not None
    assert (best.number, best.metrics, best.epochs) == (2, {"best_val_mse": 0.5}, 3)
    assert best.config["hidden_momentum"] == 0.2
    assert best.folder == best.model == str(experiment / "0002_t2")
    assert result.trials["best_val_mse"].tolist() == [1.0, 0.5]
    assert result.trials["folder"][1] == best.folder
    assert result.study.best_value == 0.5
    assert result.study.trials[0].intermediate_values == {1: 2.0, 2: 1.5, 3: 1.0}
    assert repr(result).startswith(f"<SearchResult {experiment}: finished, ")
    page = result.report(experiment.parent / "page.html", anonymous=True)
    assert page.read_text(encoding="utf-8").startswith("<!")
    assert {path: path.read_bytes() for path in experiment.rglob("*") if path.is_file()} == before


def test_the_best_model_is_the_copy_that_is_kept(experiment: Path) -> None:
    write_model(experiment / "best", model_of())
    about = {"trial": 2, "trial_id": "t2", "metric": "best_val_mse", "value": 0.5}
    (experiment / "best" / METRICS_FILE).write_text(json.dumps(about))
    best = pcsearch.open_search(experiment).best
    assert best is not None
    assert best.model == str(experiment / "best")
    assert best.load_model("cpu").config.hidden_size == 16
    # A copy of another trial's model is not that of the best.
    (experiment / "best" / METRICS_FILE).write_text(json.dumps({**about, "trial_id": "t1"}))
    other = pcsearch.open_search(experiment).best
    assert other is not None
    with pytest.raises(PcsearchError, match=r"0002_t2: no model of a PC transformer is here"):
        other.load_model()


def test_of_the_models_of_several_drivers_the_best_counts_by_the_models_own_metric(
    tmp_path: Path,
) -> None:
    """The sweep file has no metric."""
    folder = tmp_path / "here"
    write_experiment(folder, MOMENTUM, [ended([2.0]), ended([1.5])], metric=None)
    assert pcsearch.open_search(folder).sweep.metric is None
    for number, place in enumerate((folder, folder / "drivers" / "one_1"), start=1):
        about = {"trial": number, "trial_id": f"t{number}", "value": 2.5 - number / 2}
        (place / "best").mkdir(parents=True)
        kept = {"metric": "best_val_mse", **about}
        (place / "best" / METRICS_FILE).write_text(json.dumps(kept))
    best = pcsearch.open_search(folder).best
    assert best is not None
    assert best.model == str(folder / "drivers" / "one_1" / "best")


def test_damage_is_told_and_what_is_no_experiment_is_a_line(experiment: Path) -> None:
    with (experiment / "journal.jsonl").open("a", encoding="utf-8") as file:
        file.write("{torn")
    (experiment / "0001_t1" / "params.json").write_text("{")
    damaged = pcsearch.open_search(experiment)
    assert len(damaged.trials) == 2
    assert any("0001_t1" in note for note in damaged.notes)
    (experiment / RECORD_FILE).write_text("{")
    with pytest.raises(PcsearchError, match=r"experiment\.json: cannot be read"):
        pcsearch.open_search(experiment)
    with pytest.raises(PcsearchError, match=r"nosuch: "):
        pcsearch.open_search(experiment / "nosuch")
    write_experiment(experiment.parent / "empty", MOMENTUM, [])
    empty = pcsearch.open_search(experiment.parent / "empty")
    assert (empty.best, empty.state, len(empty.trials)) == (None, "interrupted", 0)
