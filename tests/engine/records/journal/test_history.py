"""The trials of earlier sessions, and what is done with them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from histories import history_of

from pcsearch.engine.records.journal.events import (
    Decided,
    Retried,
    RunCompleted,
    Suggested,
    TrialEnded,
)
from pcsearch.engine.records.journal.history import (
    TrialHistory,
    folder_name,
    read_reports,
    retry_failed,
)
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history


def test_failed_trials_are_tried_again_when_asked(tmp_path: Path) -> None:
    history = history_of(
        tmp_path, Suggested("a", 1), TrialEnded("a", True, [None]), RunCompleted("a", 4)
    )
    assert history.is_over(1)
    assert retry_failed(history) == [Retried("a")]
    assert not history.is_over(1)
    assert retry_failed(history) == []
    Journal(tmp_path).add(Retried("a"))
    again = read_history(tmp_path)
    assert replace(again.trials[0]) == replace(history.trials[0])
    assert again.trials[0].run_step is None


def test_a_race_with_a_run_that_is_tried_again_is_not_decided(tmp_path: Path) -> None:
    history = history_of(tmp_path, Suggested("a", 1), TrialEnded("a", True, [None]), Decided(2, 20))
    assert (history.is_decided, history.fresh, history.samples) == (True, 2, 20)
    retry_failed(history)
    Journal(tmp_path).add(Retried("a"))
    for each in (history, read_history(tmp_path)):
        assert (each.is_decided, each.fresh, each.samples) == (False, None, None)


def test_reports_are_those_of_the_trials_file(tmp_path: Path) -> None:
    history = history_of(tmp_path, Suggested("a", 1))
    assert (list(history.trials[0].reports), history.trials[0].last_report) == ([], None)
    folder = tmp_path / folder_name(1, "a")
    folder.mkdir()
    lines = [json.dumps({"epoch": epoch}) for epoch in (1, 2)]
    (folder / "result.json").write_text("\n".join(lines) + os.linesep + '{"epoch": 3, "lo')
    trial = read_history(tmp_path).trials[0]
    assert [report["epoch"] for report in trial.reports] == [1, 2]
    assert trial.last_report == {"epoch": 2}


def test_reports_of_a_file_are_those_that_are_whole(tmp_path: Path) -> None:
    assert list(read_reports(tmp_path)) == []
    text = '{"epoch": 1, "loss": NaN}\n{"epoch"\n7\n\n{"epoch": 2}\n{"epoch": 3, "lo'
    (tmp_path / "result.json").write_text(text)
    assert [report["epoch"] for report in read_reports(tmp_path)] == [1, 2]


def test_nested_reports_are_read_flat(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"epoch": 1, "val": {"loss": 0.5}}\n')
    trial = TrialHistory("a", 1, None, tmp_path)
    assert list(trial.reports) == [{"epoch": 1, "val/loss": 0.5}]
    assert trial.last_report == {"epoch": 1, "val/loss": 0.5}
