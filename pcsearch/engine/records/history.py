"""The history of a search: what its earlier sessions have written into its directory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pcsearch.engine.records.changes import Edited, Enqueued
from pcsearch.engine.records.journal import (
    AlertSent,
    Claimed,
    Compared,
    Decided,
    Ended,
    Event,
    Heeded,
    Journal,
    ReachedTarget,
    Released,
    Replicate,
    Retried,
    RunCompleted,
    Suggested,
    WarmStartResult,
    is_same_configuration,
)
from pcsearch.engine.records.journal_checks import check_folders, damaged, trial_folders
from pcsearch.engine.records.ledger import Claim
from pcsearch.engine.records.report import ITERATION, flatten
from pcsearch.engine.storage.files import json_lines, last_json_line
from pcsearch.sweeps.distributions.base import identity

REPORTS = "result.json"
VALUES_FILE = "params.json"
"""Has a trial's values; Tune's name for it."""


def folder_name(number: int, trial_id: str) -> str:
    """The name of a trial's folder."""
    return f"{number:04d}_{trial_id}"


def read_reports(folder: Path, words: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """The reports in a trial's folder, oldest first; none where there is no file of them.

    Args:
        folder: the trial's.
        words: where there are any, only reports in whose text one of them stands are read.
    """
    return map(flatten, json_lines(folder / REPORTS, words))


@dataclass
class TrialHistory:
    """A trial of earlier sessions, by the journal and the trial's own files.

    Args:
        id: the trial's id.
        number: from 1, in the order of suggestion.
        point: the values that Optuna chose, None where the number or ``config`` gives them.
        folder: the trial's folder in the experiment's directory.
        end: how it has ended, None where it has not.
        stopped_at: the epoch at which it was stopped for being worse than others.
        run_step: the last step of its W&B run where that run is complete, else None.
        replicate: of which configuration it is a run; None where seeds are no replicates.
        config: its configuration, where neither the number nor the point gives it.
        edits: how many edits of the sweep file were before it.
        judged_after: how many were before its end.
        place: in a search that was changed, the configuration of the newest sweep file that it
            is; None where it is none of them.
    """

    id: str
    number: int
    point: Mapping[str, Any] | None
    folder: Path
    end: Ended | None = None
    stopped_at: int | None = None
    run_step: int | None = None
    replicate: Replicate | None = None
    config: Mapping[str, Any] | None = None
    edits: int = 0
    judged_after: int = 0
    place: Mapping[str, Any] | None = None

    @property
    def is_outside(self) -> bool:
        """Whether an edit of the sweep file has left it outside of what is searched."""
        return self.config is not None and self.place is None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        if self.end is not None:
            return True
        return self.stopped_at is not None and self.has_reported(self.stopped_at)

    def has_reported(self, epoch: int) -> bool:
        """Whether it has a report of this epoch or a later one.

        The journal gets a decision before ``result.json`` gets the report that it is about, so a
        kill can leave the decision without the report.
        """
        return int((self.last_report or {}).get(ITERATION) or 0) >= epoch

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.end is not None and self.end.failed

    @property
    def reports(self) -> Iterator[dict[str, Any]]:
        """All its reports, oldest first. They are read from its file each time, and not kept."""
        return read_reports(self.folder)

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
        comparisons: of trials at rungs, in the order in which they were made.
        reached: which trial reached the target and so ended the search, None if none did.
        warm_start: the results of other searches that it started from.
        alert: that the user was told the end of the search, None where it is not told, or the
            search was extended since.
        claims: those whose trials have not been suggested, of a search that other drivers share.
        is_shared: whether its numbers were claimed: other drivers may have those between them.
        notes: a line for each trial whose results are damaged.
        is_decided: whether the search ended before its cap, and no trial began since.
        fresh: with how many fresh seeds its best configurations had run then, None if not known.
        edits: of the sweep file, oldest first.
        reached_after: how many of them were before the target was reached.
        enqueued: all configurations to try first, in the order of their numbers, from 0.
        taken: the numbers of those that trials have.
    """

    trials: list[TrialHistory] = field(default_factory=list)
    comparisons: list[Compared] = field(default_factory=list)
    reached: ReachedTarget | None = None
    warm_start: list[WarmStartResult] = field(default_factory=list)
    alert: AlertSent | None = None
    claims: list[Claim] = field(default_factory=list)
    is_shared: bool = False
    notes: list[str] = field(default_factory=list)
    is_decided: bool = False
    fresh: int | None = None
    edits: list[Edited] = field(default_factory=list)
    reached_after: int = 0
    enqueued: list[dict[str, Any]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)

    @property
    def is_changed(self) -> bool:
        """Whether it was edited, or had configurations to try: numbers say little then."""
        return bool(self.edits or self.enqueued)

    @property
    def waiting(self) -> dict[int, dict[str, Any]]:
        """The enqueued configurations that no trial has, by their numbers."""
        return {i: each for i, each in enumerate(self.enqueued) if i not in self.taken}

    @property
    def own(self) -> list[TrialHistory]:
        """The trials without those that other drivers run again."""
        return [trial for trial in self.trials if trial.end is None or not trial.end.elsewhere]

    @property
    def unfinished(self) -> list[TrialHistory]:
        """The trials that have not ended."""
        return [trial for trial in self.trials if not trial.over]

    @property
    def failed(self) -> list[TrialHistory]:
        """The trials that have failed."""
        return [trial for trial in self.trials if trial.failed]

    def is_over(self, cap: int) -> bool:
        """Whether a search of ``cap`` trials has nothing left to do."""
        enough = len(self.own) >= cap or self.reached is not None or self.is_decided
        return enough and not self.unfinished


def read_history(directory: Path) -> History:
    """Read the history of a search from an experiment's directory.

    Raises:
        PcsearchError: the journal is damaged, or does not belong to the trials' folders.
    """
    # Before the journal: a trial that starts meanwhile is in the journal first.
    folders = trial_folders(directory, VALUES_FILE)
    replay = _Replay(directory)
    for event in Journal(directory).events():
        replay.add(event)
    history = replay.history()
    begun = [(trial.number, trial.folder) for trial in history.trials]
    check_folders(directory, begun, folders, is_shared=history.is_shared)
    _follow_target(history)
    _reopen_damaged(history)
    return history


class _Replay:
    """Makes a history of the events of a journal, one after the other.

    Args:
        directory: the experiment's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._history = History()
        self._trials: dict[str, TrialHistory] = {}
        self._claims: dict[str, Claim] = {}

    def history(self) -> History:
        """The history by the events so far."""
        self._history.trials = sorted(self._trials.values(), key=lambda trial: trial.number)
        self._history.claims = list(self._claims.values())
        return self._history

    def add(self, event: Event) -> None:
        """Add what an event says.

        Raises:
            PcsearchError: it is about a trial that has not begun.
        """
        history = self._history
        match event:
            case Decided():
                history.is_decided, history.fresh = True, event.fresh
            case Edited():
                history.edits.append(event)
                history.alert = None
            case Enqueued():
                # A line that could not be sent to an address may be there twice.
                known = set(map(identity, history.enqueued))
                history.enqueued += [each for each in event.configs if identity(each) not in known]
            case WarmStartResult():
                history.warm_start.append(event)
            case AlertSent():
                history.alert = event
            case Heeded():
                # What it has done is in the record, or in the ends of trials.
                pass
            case Claimed():
                self._claims[event.trial] = Claim(event.number, event.trial, event.mark)
                history.is_shared = True
            case Released():
                self._claims.pop(event.trial, None)
            case Suggested():
                self._begin(event)
            case _:
                self._follow(event)

    def _begin(self, event: Suggested) -> None:
        history = self._history
        history.alert, history.is_decided = None, False
        self._claims.pop(event.trial, None)
        self._trials[event.trial] = TrialHistory(
            event.trial,
            event.number,
            event.point,
            self._directory / folder_name(event.number, event.trial),
            replicate=event.replicate,
            config=event.config,
            edits=len(history.edits),
        )
        if event.enqueued is not None:
            history.taken.add(event.enqueued)

    def _follow(self, event: Compared | ReachedTarget | Ended | Retried | RunCompleted) -> None:
        """Add what an event says of a trial that has begun."""
        history, trial = self._history, self._trials.get(event.trial)
        if trial is None:
            raise damaged(self._directory, f"it does not begin the trial {event.trial}")
        match event:
            case Compared():
                history.comparisons.append(event)
                if event.stopped:
                    trial.stopped_at = event.stopped_at
            case ReachedTarget():
                history.reached, history.reached_after = event, len(history.edits)
            case Ended():
                trial.judged_after = len(history.edits)
                _apply(trial, event)
            case Retried():
                history.alert, history.is_decided = None, False
                _apply(trial, event)
            case RunCompleted():
                _apply(trial, event)


def _follow_target(history: History) -> None:
    """End a search that has reached its target, if the report that says so is there."""
    reached = history.reached
    if reached is None:
        return
    trial = next(each for each in history.trials if each.id == reached.trial)
    if trial.has_reported(reached.epoch):
        _end_all(history, reached)
    else:
        # The report is lost: the trial is restored, and reaches the target once more.
        history.reached = None


def _reopen_damaged(history: History) -> None:
    """Make trials unfinished whose files lack reports that the journal knows of."""
    for trial in history.trials:
        end = trial.end
        if end is None or end.failed or end.elsewhere or trial.has_reported(end.reports):
            continue
        found = int((trial.last_report or {}).get(ITERATION) or 0)
        line = (
            f"trial {trial.number}: {trial.folder / REPORTS} has {found} of {end.reports} reports"
        )
        if end.by_hand or end.by_target:
            history.notes.append(f"{line}; it was stopped, and stays so")
            continue
        history.notes.append(f"{line}; the trial is run again from there")
        trial.end = trial.run_step = None


def give_up(history: History, trial_id: str) -> Ended:
    """End a trial of this driver that another driver runs again; return the journal's event."""
    trial = next(each for each in history.trials if each.id == trial_id)
    event = Ended(trial_id, False, [], elsewhere=True)
    _apply(trial, event)
    return event


def retry_failed(history: History) -> list[Retried]:
    """Make the failed trials of a history unfinished; return the events for the journal."""
    events = [Retried(trial.id) for trial in history.failed]
    for trial, event in zip(history.failed, events, strict=True):
        _apply(trial, event)
    return events


def _apply(trial: TrialHistory, event: Ended | Retried | RunCompleted) -> None:
    match event:
        case Ended():
            # A W&B run that was complete before lacks this end now.
            trial.end, trial.run_step = event, None
        case Retried():
            trial.end = trial.run_step = None
        case RunCompleted():
            trial.run_step = event.step


def _end_all(history: History, reached: ReachedTarget) -> None:
    """End the other trials of a search that was killed just when it reached its target."""
    winner = next(each for each in history.trials if each.id == reached.trial)
    for trial in history.unfinished:
        # An edit lets a search go on: trials that begin then do not end with an older target.
        if trial.edits > history.reached_after:
            continue
        has_reached = trial is winner or is_same_configuration(trial.replicate, winner.replicate)
        trial.end = Ended(trial.id, False, [], by_target=not has_reached)
