"""The directory of a new search, and its record; clusters are prepared in `tests/searches`."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from searching import write_sweep

from pcsearch.engine.execution import preparation
from pcsearch.engine.execution.preparation import RECORDED_VERSIONS, locked_directory
from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.options import OF_ONE_SESSION, Options
from pcsearch.errors import PcsearchError

TRACKING = {"wandb": "offline", "project": "pc"}


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2, 3]}})
    options = Options(
        storage_path=tmp_path,
        name="here",
        address="10.0.0.1:6379",
        deadline=9.0,
        no_report=True,
        quiet=True,
        seed=5,
    )
    return new_experiment(sweep, options)


def record_of(experiment: Experiment) -> dict[str, Any]:
    file = experiment.directory.path / "experiment.json"
    record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return record


def test_the_directory_is_made_and_locked_until_the_block_ends(experiment: Experiment) -> None:
    directory = ExperimentDirectory(experiment.directory.path)
    with locked_directory(experiment, TRACKING):
        with pytest.raises(PcsearchError, match="the search is running"), directory.owned():
            pass
        assert directory.sweep.read_text(encoding="utf-8") == experiment.sweep.text
    with directory.owned():
        assert directory.record()["tracking"] == TRACKING


def test_the_record_has_what_lasts_longer_than_a_session(experiment: Experiment) -> None:
    with locked_directory(experiment, TRACKING):
        record = record_of(experiment)
    assert not {"storage_path", "name", *OF_ONE_SESSION} & record["options"].keys()
    assert record["options"]["seed"] == 5
    # The grid's size: what the file means may change, and the search stays as it was.
    assert record["options"]["num_samples"] == 3
    assert record["folder"] == str(Path.cwd())
    assert record["versions"].keys() == {"pcsearch", "python", *RECORDED_VERSIONS}
    again, tracking = resumed_experiment(experiment.directory, {})
    assert (again.sweep, again.cap, tracking) == (experiment.sweep, 3, TRACKING)


def test_the_directory_of_a_resumed_search_is_left_to_its_session(experiment: Experiment) -> None:
    with locked_directory(experiment, TRACKING):
        before = record_of(experiment)
    again, _ = resumed_experiment(experiment.directory, {})
    with again.directory.owned(), locked_directory(again, {"wandb": "online"}):
        assert record_of(experiment) == before


def test_what_tune_logs_is_silent_and_loud_again(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("ray.tune.anything")
    with preparation._silent_loggers():
        logger.error("in the terminal")
    logger.error("afterwards")
    assert "in the terminal" not in caplog.text
    assert logging.getLogger("ray.tune").level != logging.CRITICAL
