"""A search as a study of Optuna, read back by Optuna."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from made_findings import made_findings, made_trial
from optuna.trial import TrialState

from pcsearch.engine.results.findings import Findings
from pcsearch.engine.search.sampling import optuna_internals
from pcsearch.errors import PcsearchError
from pcsearch.exports import optuna_study
from pcsearch.exports.optuna_study import memory_study, write_study
from pcsearch.sweeps.distributions import base

TEXT = """\
method: bayes
metric: {name: loss, goal: GOAL}
parameters:
  rate: {distribution: log_uniform_values, min: 1.0e-5, max: 1.0}
  layers: {min: 1, max: 64}
  wide: {distribution: normal}
  same: {values: [1, 1.0, true]}
  lists: {values: [[1, 2], adam]}
  maybe: {values: [null, 7]}
  size: {values: [8, 16]}
"""


def config(rate: float, same: Any, lists: Any, size: int) -> dict[str, Any]:
    layers, wide = size // 2, -1.5
    return {
        "rate": rate,
        "layers": layers,
        "wide": wide,
        "same": same,
        "lists": lists,
        "size": size,
    }


def findings(folder: Path, goal: str = "minimize") -> Findings:
    return made_findings(
        TEXT.replace("GOAL", goal),
        [
            made_trial(1, config(1e-3, 1, [1, 2], 8), 0.5, folder=folder),
            made_trial(2, config(1e-2, 1.0, "adam", 16), 0.25, folder=folder),
            made_trial(3, config(0.1, True, "adam", 8), 0.9, status="stopped", folder=folder),
            made_trial(4, config(0.1, True, "adam", 8), None, status="failed", folder=folder),
            made_trial(5, config(0.1, 1, "adam", 8), 0.7, running=True, folder=folder),
            made_trial(6, {}, None, status="interrupted"),
        ],
    )


def test_a_database_has_all_trials_with_all_their_values(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    found = findings(tmp_path)
    write_study(found, found.trials, url, "here")
    study = optuna.load_study(study_name="here", storage=url)
    assert [trial.state for trial in study.trials] == [
        *(TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL),
        *(TrialState.RUNNING, TrialState.FAIL),
    ]
    assert study.best_value == 0.25
    first = study.trials[0]
    assert first.params == {
        "rate": 1e-3,
        "layers": 4,
        "wide": -1.5,
        "same": "1",
        "lists": "[1, 2]",
        "size": 8,
        "maybe": None,
    }
    assert [trial.params.get("same") for trial in study.trials] == [
        *("1", "1.0", "true", "true", "1", None)
    ]
    assert first.intermediate_values == {1: 4.5, 2: 3.5, 3: 2.5, 4: 1.5, 5: 0.5}
    assert first.user_attrs["id"] == "t1"
    assert first.duration is not None
    assert first.duration.total_seconds() == pytest.approx(10)
    assert first.distributions["rate"] == optuna.distributions.FloatDistribution(
        1e-5, 1.0, log=True
    )
    assert first.distributions["layers"] == optuna.distributions.IntDistribution(1, 64)
    assert study.metric_names == ["loss"]


def test_a_trial_without_a_report_began_when_its_values_were_written(tmp_path: Path) -> None:
    *_, last = findings(tmp_path).trials
    written = tmp_path / "written"
    written.mkdir()
    (written / "params.json").touch()
    os.utime(written / "params.json", (5000, 5000))
    trials = [
        *findings(tmp_path).trials[:2],
        replace(last, start=None, end=None, folder=written),
        replace(last, start=None, end=None, folder=tmp_path / "nowhere"),
    ]
    study = memory_study(made_findings(TEXT.replace("GOAL", "minimize"), trials))
    times = [each.datetime_start for each in study.trials]
    assert [each and each.timestamp() for each in times] == [1000, 2000, 5000, 1000]
    assert study.trials[2].datetime_complete == times[2]


def test_how_far_it_is_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna_study, "TELL_EVERY_S", 0.0)
    found, told = findings(tmp_path), list[str]()
    write_study(found, found.trials, f"sqlite:///{tmp_path}/study.db", "here", told.append)
    assert told == [f"{count} of 6 trials are read" for count in range(6)]


def test_a_new_sqlite_database_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        storage = optuna_study._storage(f"sqlite:///{tmp_path}/study.db")
        with storage.engine.connect() as connection:
            found.append(connection.exec_driver_sql("PRAGMA synchronous").scalar())
    off, full = 0, 2
    assert found == [off, full], "the second one may have a study of somebody else"


def test_a_study_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, url = findings(tmp_path), f"sqlite:///{tmp_path}/study.db"

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(optuna_internals, "_rows", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_study(found, found.trials, url, "here")
    assert optuna.get_all_study_names(url) == []
    write_study(found, found.trials, url, "here")
    assert optuna.get_all_study_names(url) == ["here"]


def test_a_database_that_fails_in_the_middle_is_told_and_has_no_part_of_a_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, url = findings(tmp_path), f"sqlite:///{tmp_path}/study.db"
    write_study(found, (), url, "other")
    connecting = optuna_study._connecting

    def full() -> Any:
        """Connects to the database on a disk that is full."""
        connect = connecting()

        def limited(*args: Any, **options: Any) -> Any:
            connection = connect(*args, **options)
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
            return connection

        return limited

    many = [replace(found.trials[0], reason="x" * 1000)] * 500
    with monkeypatch.context() as patched:
        patched.setattr(optuna_study, "_connecting", full)
        with pytest.raises(PcsearchError) as raised:
            write_study(found, many, url, "here")
    assert str(raised.value) == (
        "--optuna: the study cannot be written (OperationalError); see if the database answers "
        "and has room"
    )
    assert optuna.get_all_study_names(url) == ["other"]


def test_the_direction_is_that_of_the_metric(tmp_path: Path) -> None:
    found, url = findings(tmp_path, "maximize"), f"sqlite:///{tmp_path}/study.db"
    write_study(found, found.trials, url, "here")
    study = optuna.load_study(study_name="here", storage=url)
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_trial.number == 0


def test_of_several_metrics_each_trial_has_its_values_as_an_attribute(tmp_path: Path) -> None:
    text = (
        "method: custom\nscheduler: {engine: optuna}\n"
        "metrics: [{name: loss, goal: minimize}, {name: acc, goal: maximize}]\n"
        "parameters: {x: {min: 0.0, max: 1.0}}\n"
    )
    trials = [
        made_trial(1, {"x": 0.5}, 0.25, 0.9, folder=tmp_path),
        made_trial(2, {"x": 0.1}, 0.5, 0.75, status="stopped", folder=tmp_path),
        made_trial(3, {"x": 0.2}, None, None, status="diverged", folder=tmp_path),
    ]
    url = f"sqlite:///{tmp_path}/study.db"
    write_study(made_findings(text, trials), trials, url, "here")
    study = optuna.load_study(study_name="here", storage=url)
    assert [trial.user_attrs["values"] for trial in study.trials] == [
        {"loss": 0.25, "acc": 0.9},
        {"loss": 0.5, "acc": 0.75},
        {"loss": None, "acc": None},
    ]
    assert [trial.intermediate_values for trial in study.trials] == [{}, {}, {}]
    assert study.trials[0].values == [0.25, 0.9]


def test_a_long_list_of_values_is_looked_through_once_and_not_for_each_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "method: random\nmetric: {name: loss, goal: minimize}\nparameters:\n"
    text += f"  x: {{values: {[*range(1000)]}}}\n"
    trials = [made_trial(n, {"x": 5 * n}, n / 10, folder=tmp_path) for n in range(1, 101)]
    found = made_findings(text, trials)
    asked: list[str] = []
    written: list[str] = []

    def identity(value: Any) -> str:
        asked.append(repr(value))
        return asked[-1]

    def as_json(axis: Any) -> str:
        written.append(optuna.distributions.distribution_to_json(axis))
        return written[-1]

    monkeypatch.setattr(base, "identity", identity)
    monkeypatch.setattr(optuna_study, "identity", identity)
    monkeypatch.setattr(optuna_internals, "distribution_to_json", as_json)
    url = f"sqlite:///{tmp_path}/study.db"
    write_study(found, trials, url, "here")
    assert len(asked) < 3 * (1000 + len(trials))
    assert len(written) == 1
    study = optuna.load_study(study_name="here", storage=url)
    assert [trial.params["x"] for trial in study.trials] == [5 * n for n in range(1, 101)]


def test_a_database_that_cannot_be_used_is_told_without_its_password(tmp_path: Path) -> None:
    found, url = findings(tmp_path), f"sqlite:///{tmp_path}/study.db"
    write_study(found, found.trials, url, "here")
    with pytest.raises(PcsearchError, match="there is a study 'here' already"):
        write_study(found, found.trials, url, "here")
    with pytest.raises(PcsearchError) as raised:
        write_study(found, found.trials, "nosuch://user:secret@host/db", "here")
    assert "secret" not in str(raised.value)
    assert str(raised.value).startswith("--optuna: the database cannot be used")
