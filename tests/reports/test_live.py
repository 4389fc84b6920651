"""A running search on the terminal, and in a file."""

from __future__ import annotations

import io
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from searching import write_sweep
from wandb_trials import FakeTrial

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.reports.live import LATEST, LiveReport, Running
from pcsearch.reports.results import duration

EPOCHS = 4
SEARCHED = {
    "peak_lr_hidden": {"values": [0.01, 0.02, 0.03]},
    "seed": {"values": [1, 2, 3, 4]},
    "epochs": {"value": EPOCHS},
}


class Shown:
    """A search of twelve trials, and what it shows.

    Args:
        folder: for its sweep file.
        terminal: whether it is shown on a terminal.
        resumed: whether the search has had earlier sessions.
    """

    def __init__(self, folder: Path, *, terminal: bool, resumed: bool = False) -> None:
        sweep = write_sweep(folder / "s.yaml", SEARCHED)
        experiment = new_experiment(sweep, Options(storage_path=folder, name="here"))
        experiment = replace(experiment, resumed=resumed)
        self.outcomes = experiment.outcomes()
        self.file = io.StringIO()
        console = Console(file=self.file, force_terminal=terminal, width=100, color_system=None)
        self.live = LiveReport(experiment, self.outcomes, console)

    def start(self, number: int, last_result: dict[str, Any] | None = None) -> Any:
        values = {"peak_lr_hidden": 0.01, "seed": number, "epochs": EPOCHS}
        self.outcomes.begin(f"t{number}", number, values)
        trial: Any = FakeTrial(f"t{number}", config=values, last_result=last_result or {})
        self.live.log_trial_start(trial)
        return trial

    def report(self, trial: Any, epoch: int, value: float | None = None) -> None:
        report = {"epoch": epoch, "best_val_mse": value}
        # The engine's trial takes in a report before the callbacks get it.
        self.outcomes.of(trial.trial_id).add(report)
        self.live.log_trial_result(0, trial, report)

    def end(self, trial: Any, error: str | None = None) -> None:
        self.outcomes.end(trial.trial_id, error)
        self.live.log_trial_end(trial, failed=error is not None)

    def table(self) -> list[list[str]]:
        """The cells of the live table, row by row."""
        console = Console(file=io.StringIO(), width=200)
        with console.capture() as captured:
            console.print(self.live.render())
        *lines, headline = captured.get().splitlines()
        assert headline == self.live.headline()
        return [line.split() for line in lines if re.match(r" +\d", line)]


def test_in_a_file_each_end_is_a_line(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=False)
    with shown.live.shown():
        one, two = shown.start(1), shown.start(2)
        shown.report(one, 1, 0.25)
        shown.report(one, EPOCHS, 0.123456)
        assert shown.file.getvalue() == ""
        shown.end(one)
        shown.end(two, "ValueError: no")
    first, second = shown.file.getvalue().splitlines()
    assert first.startswith(
        "trial 1 finished after epoch 4: best_val_mse 0.1235; 1 of 12 trials ended, 1 running; "
        "best so far 0.1235 (best_val_mse, trial 1); about "
    )
    assert second.startswith("trial 2 failed after epoch 0: best_val_mse -; 2 of 12 trials ended")


def test_the_table_has_the_running_trials_after_the_newest_that_ended(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=True)
    for number in range(1, LATEST + 2):
        trial = shown.start(number)
        shown.report(trial, EPOCHS, 1 / number)
        shown.end(trial)
    running = shown.start(LATEST + 2)
    shown.report(running, 2, 0.5)
    # An epoch without a validation keeps the value that is known.
    shown.report(running, 3)
    *ended, row = shown.table()
    assert [int(each[0]) for each in ended] == list(range(2, LATEST + 2))
    assert ended[0] == ["2", "0.5", "4", "0.01", "2", "finished"]
    assert row == ["10", "0.5", "3/4", "0.01", "10", "running"]
    assert shown.live.headline().startswith("9 of 12 trials ended, 1 running; best so far 0.1111 (")


def test_on_a_terminal_the_table_is_there_only_while_the_search_runs(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=True)
    with shown.live.shown():
        shown.end(shown.start(1))
        time.sleep(0.1)
    text = shown.file.getvalue()
    assert "1 of 12 trials ended" in text
    assert "trial 1 " not in text, "the lines are for files"


def test_trials_of_earlier_sessions_are_shown_once(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=True, resumed=True)
    for number in (1, 2):
        shown.outcomes.begin(f"t{number}", number, {"seed": number})
    shown.outcomes.end("t1")
    assert shown.table() == []
    trials: list[Any] = [FakeTrial("t1"), FakeTrial("t2")]
    for _ in range(2):
        shown.live.on_step_begin(0, trials)
    assert [row[0] for row in shown.table()] == ["1"]


def test_the_time_that_is_left_counts_parts_of_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown(tmp_path, terminal=True)
    now = [1000.0]
    monkeypatch.setattr("pcsearch.reports.live.time.monotonic", lambda: now[0])
    with shown.live.shown():
        one = shown.start(1)
        # An earlier session has trained the first half of the second trial.
        two = shown.start(2, {"epoch": 2})
        now[0] += 600
        assert "left" not in shown.live.headline(), "nothing is known before a trial has ended"
        shown.report(one, EPOCHS)
        shown.end(one)
        shown.report(two, 4)
        # One trial and a half in ten minutes; of twelve, two are done.
        assert shown.live.headline().endswith("; about 67 min left")


@pytest.mark.parametrize(
    ("epochs", "progress", "shares"), [(20, "5/20", (0.25, 0.1)), (None, "5", (0.0, 0.0))]
)
def test_the_progress_of_a_trial(
    epochs: int | None, progress: str, shares: tuple[float, float]
) -> None:
    running = Running(1, {}, epochs, 5, [], 2)
    assert (running.progress, (running.share, running.share_before)) == (progress, shares)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89.4, "89 s"), (90, "2 min"), (5340, "89 min"), (7500, "2 h 5 min")],
)
def test_a_time_span_is_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
