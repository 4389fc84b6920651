"""The history of a search: what its earlier sessions have written into its directory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal.changes import Edited
from pcsearch.engine.records.journal.events import (
    AlertSent,
    Compared,
    ReachedTarget,
    Replicate,
    Retried,
    RunCompleted,
    TrialEnded,
    WarmStartResult,
)
from pcsearch.engine.records.ledger import Claim
from pcsearch.engine.records.report import ITERATION, flatten
from pcsearch.engine.storage.files import json_lines, last_json_line

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
        heeded: how many requests of second terminals were heeded before it began, or last ended.
        place: in a search that was changed, the configuration of the newest sweep file that it
            is; None where it is none of them.
    """

    id: str
    number: int
    point: Mapping[str, Any] | None
    folder: Path
    end: TrialEnded | None = None
    stopped_at: int | None = None
    run_step: int | None = None
    replicate: Replicate | None = None
    config: Mapping[str, Any] | None = None
    edits: int = 0
    judged_after: int = 0
    heeded: int = 0
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
    def of_configuration(self) -> TrialHistory:
        """The same with the number of its configuration, for which seeds do not count."""
        assert self.replicate is not None, "the journal has it of each trial of such a search"
        return replace(self, number=self.replicate.configuration)

    @property
    def failed(self) -> bool:
        """Whether it has failed."""
        return self.end is not None and self.end.failed

    def apply(self, event: TrialEnded | Retried | RunCompleted) -> None:
        """Add what an event of the journal says of the trial."""
        match event:
            case TrialEnded():
                # A W&B run that was complete before lacks this end now.
                self.end, self.run_step = event, None
            case Retried():
                self.end = self.run_step = None
            case RunCompleted():
                self.run_step = event.step

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
        is_decided: whether nothing was left to run where seeds are replicates, and no trial began
            since.
        fresh: with how many fresh seeds its best configurations had run then, None if not known.
        samples: how many other runs the search could have at most then, None if not known.
        last_ended: the id of the trial that ended last, None before any has.
        edits: of the sweep file, oldest first.
        reached_after: how many of them were before the target was reached.
        enqueued: all configurations to try first, in the order of their numbers, from 0.
        taken: the numbers of those that trials have.
        left_out: the numbers of those of which nothing is left, by the newest sweep file.
        heeded: the names of the requests of second terminals that were heeded, in this order.
        is_race: whether seeds are replicates: its edits leave all configurations as they are.
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
    samples: int | None = None
    last_ended: str | None = None
    edits: list[Edited] = field(default_factory=list)
    reached_after: int = 0
    enqueued: list[dict[str, Any]] = field(default_factory=list)
    taken: set[int] = field(default_factory=set)
    left_out: set[int] = field(default_factory=set)
    heeded: list[str] = field(default_factory=list)
    is_race: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether it has had other configurations since it began: numbers say little then."""
        return bool(self.edits or self.enqueued) and not self.is_race

    @property
    def waiting(self) -> dict[int, dict[str, Any]]:
        """The enqueued configurations that no trial has, by their numbers."""
        gone = self.taken | self.left_out
        return {i: each for i, each in enumerate(self.enqueued) if i not in gone}

    @property
    def own(self) -> list[TrialHistory]:
        """The trials without those that other drivers run again."""
        return [trial for trial in self.trials if trial.end is None or not trial.end.elsewhere]

    @property
    def first_runs(self) -> list[TrialHistory]:
        """Where seeds are replicates, the first run of each configuration, with its number."""
        runs = [each for each in self.trials if each.replicate and not each.replicate.seed]
        return sorted((each.of_configuration for each in runs), key=lambda each: each.number)

    @property
    def unfinished(self) -> list[TrialHistory]:
        """The trials that have not ended."""
        return [trial for trial in self.trials if not trial.over]

    @property
    def failed(self) -> list[TrialHistory]:
        """The trials that have failed."""
        return [trial for trial in self.trials if trial.failed]

    def go_on(self) -> None:
        """Forget that the search was over: a trial of it begins, or is to be tried again."""
        self.alert, self.is_decided, self.fresh, self.samples = None, False, None, None

    def edit(self, event: Edited) -> None:
        """Add an edit of the sweep file: the search is open again, by what the file says now.

        There may be room again for what was left out.
        """
        self.left_out.clear()
        self.edits.append(event)
        self.alert, self.is_decided = None, False

    def is_over(self, cap: int) -> bool:
        """Whether a search of ``cap`` trials has nothing left to do."""
        enough = len(self.own) >= cap or self.reached is not None or self.is_decided
        return enough and not self.unfinished


def give_up(history: History, trial_id: str) -> TrialEnded:
    """End a trial of this driver that another driver runs again; return the journal's event."""
    trial = next(each for each in history.trials if each.id == trial_id)
    event = TrialEnded(trial_id, False, [], elsewhere=True)
    trial.apply(event)
    return event


def retry_failed(history: History) -> list[Retried]:
    """Make the failed trials of a history unfinished; return the events for the journal."""
    events = [Retried(trial.id) for trial in history.failed]
    for trial, event in zip(history.failed, events, strict=True):
        trial.apply(event)
        history.go_on()
    return events
