"""Reads the history of a search from its journal, and repairs what a kill left unfinished there.

A kill can leave an event in the journal without the report that it is about.
"""

from __future__ import annotations

from pathlib import Path

from pcsearch.engine.records.journal.changes import Edited, Enqueued, LeftOut
from pcsearch.engine.records.journal.events import (
    AlertSent,
    Claimed,
    Compared,
    Decided,
    Event,
    Heeded,
    ReachedTarget,
    Released,
    Retried,
    RunCompleted,
    Suggested,
    TrialEnded,
    WarmStartResult,
    is_same_configuration,
)
from pcsearch.engine.records.journal.history import (
    REPORTS,
    VALUES_FILE,
    History,
    TrialHistory,
    folder_name,
)
from pcsearch.engine.records.journal.journal_checks import check_folders, damaged, trial_folders
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Claim
from pcsearch.engine.records.report import ITERATION
from pcsearch.sweeps.distributions.base import identity


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
                history.samples = event.samples
            case Edited():
                history.edit(event)
            case Enqueued():
                # A line that could not be sent to an address may be there twice.
                known = set(map(identity, history.enqueued))
                history.enqueued += [each for each in event.configs if identity(each) not in known]
            case LeftOut():
                history.left_out.add(event.enqueued)
            case WarmStartResult():
                history.warm_start.append(event)
            case AlertSent():
                history.alert = event
            case Heeded():
                history.heeded.append(event.request)
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
        history.go_on()
        self._claims.pop(event.trial, None)
        self._trials[event.trial] = TrialHistory(
            event.trial,
            event.number,
            event.point,
            self._directory / folder_name(event.number, event.trial),
            replicate=event.replicate,
            config=event.config,
            edits=len(history.edits),
            heeded=len(history.heeded),
        )
        if event.enqueued is not None:
            history.taken.add(event.enqueued)

    def _follow(
        self, event: Compared | ReachedTarget | TrialEnded | Retried | RunCompleted
    ) -> None:
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
            case TrialEnded():
                trial.judged_after, trial.heeded = len(history.edits), len(history.heeded)
                history.last_ended = trial.id
                trial.apply(event)
            case Retried():
                history.go_on()
                trial.apply(event)
            case RunCompleted():
                trial.apply(event)


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


def _end_all(history: History, reached: ReachedTarget) -> None:
    """End the other trials of a search that was killed just when it reached its target."""
    winner = next(each for each in history.trials if each.id == reached.trial)
    for trial in history.unfinished:
        # An edit lets a search go on: trials that begin then do not end with an older target.
        if trial.edits > history.reached_after:
            continue
        has_reached = trial is winner or is_same_configuration(trial.replicate, winner.replicate)
        trial.end = TrialEnded(trial.id, False, [], by_target=not has_reached)
