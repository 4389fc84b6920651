"""The history of a search: what its earlier sessions have written into its directory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal import (
    FILE,
    Compared,
    Ended,
    Journal,
    Known,
    ReachedTarget,
    Retried,
    Suggested,
    Tracked,
)
from pcsearch.engine.records.report import ITERATION, flatten
from pcsearch.engine.storage.files import display_path, json_lines, last_json_line
from pcsearch.errors import PcsearchError

REPORTS = "result.json"


def folder_name(number: int, trial_id: str) -> str:
    """The name of a trial's folder."""
    return f"{number:04d}_{trial_id}"


def read_reports(folder: Path) -> Iterator[dict[str, Any]]:
    """The reports in a trial's folder, oldest first; none where there is no file of them."""
    return map(flatten, json_lines(folder / REPORTS))


@dataclass
class TrialHistory:
    """A trial as the journal and its own files tell it.

    Args:
        id: the trial's.
        number: from 1.
        point: what Optuna has chosen, None where the number says what the trial is.
        folder: in the experiment's directory.
        ended: how it has ended, None where it has not.
        stopped_at: the rung at which it was stopped for being worse than others.
        tracked: the last step of its W&B run, where that is complete.
    """

    id: str
    number: int
    point: Mapping[str, Any] | None
    folder: Path
    ended: Ended | None = None
    stopped_at: int | None = None
    tracked: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has come to its end."""
        if self.ended is not None:
            return True
        return self.stopped_at is not None and self.has_reported(self.stopped_at)

    def has_reported(self, epoch: int) -> bool:
        """Whether its reports go as far: a decision is written before the report it is about."""
        return int((self.last_report or {}).get(ITERATION) or 0) >= epoch

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.ended is not None and self.ended.failed

    @cached_property
    def reports(self) -> list[dict[str, Any]]:
        """Every report that it has made, oldest first."""
        return list(read_reports(self.folder))

    @cached_property
    def last_report(self) -> dict[str, Any] | None:
        """The newest report, None before the first."""
        line = last_json_line(self.folder / REPORTS)
        return None if line is None else flatten(line)


@dataclass
class History:
    """What the earlier sessions of a search have written.

    Args:
        trials: in the order of their numbers.
        compared: what happened at the rungs, in its order.
        reached: which trial has ended the search, None if none has.
        known: results of other searches that it started from.
    """

    trials: list[TrialHistory] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)
    reached: ReachedTarget | None = None
    known: list[Known] = field(default_factory=list)

    @property
    def unfinished(self) -> list[TrialHistory]:
        """The trials that have not come to their ends."""
        return [trial for trial in self.trials if not trial.over]

    @property
    def failed(self) -> list[TrialHistory]:
        """The trials that have failed."""
        return [trial for trial in self.trials if trial.failed]

    def is_over(self, cap: int) -> bool:
        """Whether nothing is left to do of a search of ``cap`` trials."""
        enough = len(self.trials) >= cap or self.reached is not None
        return enough and not self.unfinished


def read_history(directory: Path) -> History:
    """Read what an experiment's directory tells of its search."""
    history = History()
    trials: dict[str, TrialHistory] = {}
    for event in Journal(directory).events():
        if isinstance(event, Known):
            history.known.append(event)
        elif isinstance(event, Suggested):
            folder = directory / folder_name(event.number, event.trial)
            trials[event.trial] = TrialHistory(event.trial, event.number, event.point, folder)
        elif event.trial not in trials:
            raise _damaged(directory, f"it does not begin the trial {event.trial}")
        elif isinstance(event, Compared):
            history.compared.append(event)
            if event.stopped:
                trials[event.trial].stopped_at = event.rung
        elif isinstance(event, ReachedTarget):
            history.reached = event
        else:
            _note(trials[event.trial], event)
    history.trials = sorted(trials.values(), key=lambda trial: trial.number)
    _check(history, directory)
    reached = history.reached
    if reached is not None:
        if trials[reached.trial].has_reported(reached.epoch):
            _end_all(history, reached)
        else:
            # It will come to it again.
            history.reached = None
    return history


def _check(history: History, directory: Path) -> None:
    """See that a journal and the folders of the trials belong together."""
    numbers = [trial.number for trial in history.trials]
    if numbers != list(range(1, len(numbers) + 1)):
        raise _damaged(directory, "trials are missing in it")
    for trial in history.trials:
        if not re.fullmatch(r"\w+", trial.id) or trial.folder.is_symlink():
            raise _damaged(directory, f"trial {trial.number} is not in the directory")
    if not numbers:
        for folder in directory.glob("[0-9][0-9][0-9][0-9]*_*"):
            raise _damaged(directory, f"it does not know {folder.name}")


def _damaged(directory: Path, what: str) -> PcsearchError:
    return PcsearchError(
        f"{display_path(directory / FILE)}: the journal is damaged: {what}; put the file's copy of "
        "a backup in its place"
    )


def retry_failed(history: History) -> list[Retried]:
    """Make the failed trials of a history unfinished ones; the events for the journal."""
    events = [Retried(trial.id) for trial in history.failed]
    for trial, event in zip(history.failed, events, strict=True):
        _note(trial, event)
    return events


def _note(trial: TrialHistory, event: Ended | Retried | Tracked) -> None:
    match event:
        case Ended():
            # Its run, if there was one, has more to come.
            trial.ended, trial.tracked = event, None
        case Retried():
            trial.ended = trial.tracked = None
        case Tracked():
            trial.tracked = event.step


def _end_all(history: History, reached: ReachedTarget) -> None:
    """A search that was killed just when it reached its target is over all the same."""
    for trial in history.unfinished:
        trial.ended = Ended(trial.id, False, [], by_target=trial.id != reached.trial)
