"""Registers a search at W&B and restores its trials, so that a session can run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pcsearch.engine.execution.preparation import Cluster
from pcsearch.engine.execution.restore import RestoredTrial, restore
from pcsearch.engine.execution.run import Session
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.experiment.joining import directory_ledger
from pcsearch.engine.records.drivers.driver_directories import is_shared
from pcsearch.engine.records.journal.history import give_up
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Ledger
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.reports.listener import Listener
from pcsearch.sweeps.marking import for_one_driver
from pcsearch.tracking.callback import WandbCallback
from pcsearch.tracking.factory import make_callback, make_ledger, make_program_tracking
from pcsearch.tracking.ledger.sweep_ledger import SweepLedger
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.server.registration import (
    JOINED,
    SWEEP_ID,
    Registration,
    register_search,
    update_search,
)


@dataclass(frozen=True)
class TrackedSearch:
    """A search that can start on a cluster.

    Args:
        experiment: the search.
        registration: where its W&B runs go.
        sweep_ledger: says who has which trial of its W&B sweep; None where W&B is not asked.
        outcomes: of its trials.
        restored: the trials of earlier sessions.
        wandb: keeps its W&B runs.
    """

    experiment: Experiment
    registration: Registration
    sweep_ledger: SweepLedger | None
    outcomes: Outcomes
    restored: list[RestoredTrial]
    wandb: WandbCallback

    def session(self, cluster: Cluster, tell: Callable[[str], None]) -> Session:
        """What a session of it works with; its directory is locked.

        Args:
            cluster: to run on.
            tell: prints a line.

        Raises:
            PcsearchError: the record of the search is damaged.
        """
        return Session(
            self.experiment,
            self.restored,
            self.outcomes,
            cluster,
            self._ledger(tell),
            tell,
            make_program_tracking(self.experiment, self.registration),
            lambda: self._mark(tell),
        )

    def _mark(self, tell: Callable[[str], None]) -> None:
        """Let the sweep at W&B say that no other driver can join the search any more."""
        tracking = self.registration.tracking
        if self.registration.mode == "online" and tracking.get(SWEEP_ID):
            problem = update_search(for_one_driver(self.experiment.sweep), tracking)
            if problem:
                tell(problem)

    def _ledger(self, tell: Callable[[str], None]) -> Ledger | None:
        """That of the W&B sweep, or of the folder that drivers share."""
        # Nobody else can know which seed of which configuration is next.
        is_alone = self.experiment.replicates is not None
        if not self.registration.tracking.get(SWEEP_ID) and not is_alone:
            return directory_ledger(self.experiment, tell)
        return None if self.sweep_ledger is None else self.sweep_ledger.offers


def track(
    experiment: Experiment, tracking: dict[str, Any], mode: Mode, listener: Listener
) -> TrackedSearch:
    """Register a search at W&B, and see which of its trials are to be restored.

    Args:
        experiment: the search.
        tracking: its W&B settings, as in its record.
        mode: where its W&B runs go.
        listener: is told what the user should know.

    Raises:
        PcsearchError: the search has joined a W&B sweep, and the server does not answer.
    """
    has_begun = experiment.resumed or is_shared(experiment.directory.path)
    history = experiment.history
    is_changed = bool(history.edits or history.enqueued) and not tracking.get(JOINED)
    sweep, replicates = experiment.sweep, experiment.replicates
    if replicates is not None:
        sweep = replicates.marked(sweep)
    elif is_changed:
        sweep = for_one_driver(sweep)
    registration = register_search(sweep, tracking, mode, has_begun, is_changed)
    if registration.message:
        listener.say(registration.message)
    listener.warn(registration.problem)
    ledger = make_ledger(experiment, registration, listener.warn)
    listener.warn(*_given_up(experiment, registration, ledger))
    outcomes, damage = experiment.outcomes(), experiment.workload.damage
    restored = [restore(trial, damage) for trial in experiment.history.trials]
    listener.warn(*experiment.history.notes, *(each.note for each in restored))
    wandb = make_callback(experiment, outcomes, registration, listener.warn)
    return TrackedSearch(experiment, registration, ledger, outcomes, restored, wandb)


def _given_up(
    experiment: Experiment, registration: Registration, ledger: SweepLedger | None
) -> list[str]:
    """Give up the unfinished trials that other drivers have taken over; a line for each."""
    history = experiment.history
    if ledger is None:
        is_cut_off = registration.tracking.get(JOINED) and not experiment.over
        line = "Without W&B's server this driver does not know what others of the sweep run"
        return [f"{line}: trials may run twice"] if is_cut_off else []
    if not experiment.resumed:
        return []
    lost = ledger.begin({trial.id for trial in history.unfinished}, history.claims)
    for trial_id in lost:
        Journal(experiment.directory.path).add(give_up(history, trial_id))
    numbers = {trial.id: trial.number for trial in history.trials}
    return [f"trial {numbers[each]}: another driver runs it again" for each in lost]
