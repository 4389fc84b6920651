"""A running search on the terminal, and in a file."""

from __future__ import annotations

import errno
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

from pcsearch.engine.cluster.usage import Usage
from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.reports import live
from pcsearch.reports.live import LiveReport
from pcsearch.reports.notes import Notes
from pcsearch.tracking.runs.context import RunsState

EPOCHS = 4
SEARCHED = {
    "peak_lr_hidden": {"values": [0.01, 0.02, 0.03]},
    "seed": {"values": [1, 2, 3, 4]},
    "epochs": {"value": EPOCHS},
}
RESOURCES = {"CPU": 4.0}


class Shown:
    """A search of twelve trials, and what it shows.

    Args:
        folder: for its sweep file.
        terminal: whether it is shown on a terminal.
        resumed: whether the search has had earlier sessions.
        options: of the command.
    """

    def __init__(
        self, folder: Path, *, terminal: bool, resumed: bool = False, **options: bool
    ) -> None:
        sweep = write_sweep(folder / "s.yaml", SEARCHED)
        experiment = new_experiment(sweep, Options(storage_path=folder, name="here", **options))
        experiment = replace(experiment, resumed=resumed)
        self.outcomes = experiment.outcomes()
        self.file = io.StringIO()
        self.notes = Notes(experiment.options.quiet)
        self.notes.console = Console(
            file=self.file, force_terminal=terminal, width=100, height=30, color_system=None
        )
        self.live = LiveReport(
            experiment,
            self.outcomes,
            self.notes,
            lambda: RunsState("offline", 0, is_cut_off=False),
            Usage(lambda: RESOURCES, lambda: {"CPU": 1.0}),
        )

    def start(self, number: int, last_result: dict[str, Any] | None = None) -> Any:
        values = {"peak_lr_hidden": 0.01, "seed": number, "epochs": EPOCHS}
        self.outcomes.begin(f"t{number}", number, values)
        trial: Any = FakeTrial(f"t{number}", config=values, last_result=last_result or {})
        self.live.log_trial_start(trial)
        return trial

    def report(self, trial: Any, epoch: int, value: Any = None) -> None:
        report = {"epoch": epoch, "best_val_mse": value}
        # The engine's trial takes in a report before the callbacks get it.
        self.outcomes.of(trial.trial_id).add(report)
        self.live.log_trial_result(0, trial, report)

    def end(self, trial: Any, error: str | None = None) -> None:
        self.outcomes.end(trial.trial_id, error)
        self.live.log_trial_end(trial, failed=error is not None)

    def run(self) -> str:
        """Run two trials of which one fails; returns what is printed."""
        with self.live.shown():
            one, two = self.start(1), self.start(2)
            self.report(one, 1, 0.25)
            self.report(one, EPOCHS, 0.123456)
            self.report(two, 1, "much")
            self.end(one)
            self.end(two, "ValueError: no")
        return self.file.getvalue()


WARNING = "trial 2 reports best_val_mse as text: 'much'"


def test_in_a_file_each_end_is_a_line(tmp_path: Path) -> None:
    warning, first, second = Shown(tmp_path, terminal=False).run().splitlines()
    assert warning == WARNING
    assert first.startswith(
        "trial 1 finished after epoch 4: best_val_mse 0.1235; 1 of 12 trials ended, 1 running; "
        "best so far 0.1235 (best_val_mse, trial 1); about "
    )
    assert second.startswith("trial 2 failed after epoch 1: best_val_mse -; 2 of 12 trials ended")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_quiet_session_shows_warnings_only(tmp_path: Path, terminal: bool) -> None:
    assert Shown(tmp_path, terminal=terminal, quiet=True).run() == f"{WARNING}\n"


@pytest.mark.parametrize("terminal", [False, True])
def test_a_verbose_session_has_a_line_for_each_report(tmp_path: Path, terminal: bool) -> None:
    text = Shown(tmp_path, terminal=terminal, verbose=True).run()
    lines = [line for line in text.splitlines() if re.search(r"^(.*K)?trial \d epoch ", line)]
    assert [line[line.index("trial") :] for line in lines] == [
        "trial 1 epoch 1: best_val_mse 0.25",
        "trial 1 epoch 4: best_val_mse 0.1235",
        "trial 2 epoch 1: best_val_mse -",
    ]


def test_in_a_file_a_summary_comes_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live.SUMMARY_EVERY_S == 60
    monkeypatch.setattr(live, "SUMMARY_EVERY_S", 0.02)
    shown = Shown(tmp_path, terminal=False)
    with shown.live.shown():
        trial = shown.start(1)
        shown.report(trial, 2, 0.5)
        end = time.monotonic() + 30
        while "3 of 4 CPUs" not in shown.file.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
    assert shown.file.getvalue().splitlines()[-1] == (
        "0 of 12 trials ended, 1 running; 2 epochs; 3 of 4 CPUs in use; W&B: offline"
    )


def test_on_a_terminal_the_screen_is_there_only_while_the_search_runs(tmp_path: Path) -> None:
    text = Shown(tmp_path, terminal=True).run()
    assert "0 of 12 ended, 0 running" in text
    assert "trial 1 finished" not in text, "the lines are for files"
    # A warning stays above the screen, and the screen has it too.
    assert len(re.findall(rf"{WARNING}\n", text)) >= 1
    assert f"warning {WARNING}" in text
    assert text.endswith("\x1b[1A\x1b[2K")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    text = Shown(tmp_path, terminal=True).run()
    assert "trial 1 finished after epoch 4" in text
    assert "\x1b" not in text


def test_trials_of_earlier_sessions_are_shown_once(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=True, resumed=True)
    for number in (1, 2):
        shown.outcomes.begin(f"t{number}", number, {"seed": number})
    shown.outcomes.end("t1")
    assert shown.live.view().latest == ()
    trials: list[Any] = [FakeTrial("t1"), FakeTrial("t2")]
    for _ in range(2):
        shown.live.on_step_begin(0, trials)
    assert [row.number for row in shown.live.view().latest] == [1]


def test_a_restored_trial_begins_where_it_was(tmp_path: Path) -> None:
    shown = Shown(tmp_path, terminal=True)
    shown.start(1, {"epoch": 2})
    assert [row.epochs for row in shown.live.view().running] == ["2/4"]


def test_a_terminal_that_cannot_be_written_ends_no_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown(tmp_path, terminal=False, verbose=True)

    def full(_: str) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(shown.file, "write", full)
    shown.run()
    assert shown.file.getvalue() == ""
    assert [row.number for row in shown.live.view().latest] == [1, 2]
