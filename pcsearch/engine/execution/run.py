"""Runs a session of a search on Ray Tune: puts searcher, scheduler, callbacks and loop together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from ray import tune
from ray.tune.error import TuneError

from pcsearch.engine.cluster.resources import TrialSlots
from pcsearch.engine.execution.best_model import BestModel
from pcsearch.engine.execution.control import Control
from pcsearch.engine.execution.interruption import Interruption, Reason
from pcsearch.engine.execution.live_queue import LiveQueue
from pcsearch.engine.execution.loop import Place, run_trials
from pcsearch.engine.execution.outcome_journal import OutcomeJournal
from pcsearch.engine.execution.preparation import Cluster
from pcsearch.engine.execution.program_ends import ProgramEnds
from pcsearch.engine.execution.restore import RestoredTrial
from pcsearch.engine.execution.result_log import ResultLog
from pcsearch.engine.execution.trial import TrialContext
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.execution.watchdog import Watchdog
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal import Journal
from pcsearch.engine.records.ledger import Ledger
from pcsearch.engine.records.outcome import Outcomes
from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.search.asha import make_scheduler
from pcsearch.engine.search.learning_curves import LearningCurves, learning_curves
from pcsearch.engine.search.replicated import ReplicatedSearcher, replicated_searcher
from pcsearch.engine.search.searchers import BayesSearcher, PlannedSearcher, make_searcher
from pcsearch.engine.search.target import UntilTarget
from pcsearch.engine.storage.files import NO_STORAGE, StorageError
from pcsearch.engine.storage.store import error_line
from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.engine.workloads.workload import SearchContext
from pcsearch.errors import PcsearchError


@dataclass(frozen=True)
class SessionResult:
    """The results of a session of a search, and why it ended.

    Args:
        trials: the results of all trials of the search, in the order of their numbers.
        reason: why the session ended before the search, empty where the search has ended.
        reached: the id of the trial that reached the metric's target, None if none did.
        ray_logs: the folder of Ray's own logs, empty where no trial of the session failed.
        exhausted: whether other drivers have, or had, the trials that are missing here.
        closed: whether the search has ended for all drivers.
    """

    trials: tuple[TrialResult, ...]
    reason: Reason = ""
    reached: str | None = None
    ray_logs: str = ""
    exhausted: bool = False
    closed: bool = False

    @property
    def failed(self) -> bool:
        """Whether any trial failed."""
        return any(trial.status == "failed" for trial in self.trials)


def run(
    experiment: Experiment,
    restored: Sequence[RestoredTrial],
    outcomes: Outcomes,
    callbacks: Sequence[tune.Callback],
    cluster: Cluster,
    ledger: Ledger | None,
    tell: Callable[[str], None],
    program: ProgramTracking | None = None,
    stop: Event | None = None,
) -> SessionResult:
    """Run a search to its end, or until it is interrupted.

    Args:
        experiment: the search; its directory is locked.
        restored: its trials of earlier sessions.
        outcomes: the outcomes of its trials, to which this session adds.
        callbacks: Tune's callbacks, called after those that write reports and outcomes.
        cluster: the cluster to run on.
        ledger: of a search that other drivers share, None for one of this driver alone.
        tell: prints a line for the user.
        program: what programs of trials are told by those who follow what they log.
        stop: ends the session when it is set.

    Raises:
        StorageError: the directory cannot be written.
        ConnectionLostError: the cluster cannot be reached any more.
    """
    directory, options = experiment.directory, experiment.options
    interruption = Interruption(options.deadline, stop)
    journal = Journal(directory.path)
    ends = OutcomeJournal(outcomes, journal)
    ends.on_storage_error = lambda: interruption.request("storage")
    # One for both, for each fits a model to all reports.
    curves = learning_curves(experiment.sweep, experiment.max_epochs, outcomes)
    scheduler = _scheduler(experiment, outcomes, curves, journal)
    best = BestModel(experiment, tell)
    scheduler.give_up = lambda: interruption.request("hopeless")
    watcher = cluster.watcher
    slots = TrialSlots(cluster.resources, options.max_concurrent, lambda: watcher.unfit)

    metric = next(iter(experiment.metrics), None)
    context = TrialContext(
        directory.path, outcomes, metric, watcher, cluster.connection, best.offer
    )
    searcher = _searcher(experiment, outcomes, curves)
    source = TrialSource(searcher, restored, slots, context, ledger, lambda: control.is_paused)
    queue = LiveQueue(experiment, journal, source.enqueue)
    control = Control(
        directory, experiment.requested, outcomes, slots, interruption, queue.add, tell
    )

    def is_due() -> bool:
        if ledger is not None and ledger.access == "cancelled":
            interruption.request("cancelled")
        return interruption.is_due()

    with (
        interruption.by_signals(),
        _storage_errors(directory),
        cluster.connection.required(),
        watcher.running(),
        best.kept(),
        control.running(),
    ):
        run_trials(
            experiment.workload.trainable(
                experiment.sweep, experiment.metrics, _search_context(experiment, program)
            ),
            {"cpu": options.cpus_per_trial, "gpu": cluster.resources.gpus_per_trial},
            _place(directory),
            source,
            scheduler,
            # The order matters: no other callback gets a report or an end that is not yet on disk.
            [
                ResultLog(outcomes.epoch, replaces=experiment.workload.runs_program),
                ends,
                Watchdog(options.trial_timeout, experiment.workload.damage),
                *([ProgramEnds()] if experiment.workload.runs_program else []),
                *callbacks,
            ],
            options.max_failures,
            is_due,
        )
    if ends.storage_error:
        raise StorageError(f"{directory.place}: cannot be written ({ends.storage_error})")
    logs = cluster.connection.kept_logs if ends.has_failures else ""
    return _result(outcomes, interruption.reason, logs, ledger)


def _result(
    outcomes: Outcomes, reason: Reason, ray_logs: str, ledger: Ledger | None
) -> SessionResult:
    results = sorted((each.result() for each in outcomes), key=lambda result: result.number)
    reached = None if outcomes.reached is None else outcomes.reached.trial
    return SessionResult(
        tuple(results),
        reason,
        reached,
        ray_logs,
        exhausted=ledger is not None and ledger.is_exhausted,
        closed=ledger is not None and ledger.access == "closed",
    )


def _scheduler(
    experiment: Experiment, outcomes: Outcomes, curves: LearningCurves | None, journal: Journal
) -> UntilTarget:
    """The scheduler, which knows the decisions of earlier sessions."""
    replicates = experiment.replicates
    seeds = None if replicates is None else len(replicates.seeds)
    scheduler = make_scheduler(experiment.sweep, outcomes, curves, journal.add, seeds)
    scheduler.resume_from(experiment.history)
    return scheduler


@contextmanager
def _storage_errors(directory: ExperimentDirectory) -> Iterator[None]:
    """Turn an error of the storage that ends a session into a `StorageError` of one line.

    Raises:
        StorageError: the storage has failed in the block.
    """

    def storage_error(error: OSError) -> StorageError:
        return StorageError(
            f"{directory.place}: cannot be written ({error.strerror or error_line(error)})"
        )

    try:
        yield
    except OSError as error:
        # An error of a storage at an address has no number that says what failed.
        if error.errno not in NO_STORAGE and directory.copy is None:
            raise
        raise storage_error(error) from error
    except TuneError as error:
        # Where a callback raises an error for a report, Tune puts its text into one of its own.
        cause = error.__context__
        if type(cause) is StorageError and isinstance(cause.__cause__, OSError):
            raise storage_error(cause.__cause__) from error
        if isinstance(cause, PcsearchError):
            raise cause from error
        raise


def _searcher(
    experiment: Experiment, outcomes: Outcomes, curves: LearningCurves | None
) -> PlannedSearcher | BayesSearcher | ReplicatedSearcher:
    options, replicates = experiment.options, experiment.replicates
    if replicates is None:
        return make_searcher(
            experiment.sweep,
            experiment.cap,
            options.seed,
            options.sampler,
            experiment.history,
            outcomes,
            curves,
            repeats=options.repeats,
        )
    return replicated_searcher(
        experiment.sweep,
        replicates,
        experiment.cap - experiment.confirming,
        options.seed,
        options.sampler,
        outcomes,
        history=experiment.history,
        curves=curves,
        fresh=options.confirm or 0,
        runs_all=options.no_racing,
    )


def _search_context(experiment: Experiment, program: ProgramTracking | None) -> SearchContext:
    options, place = experiment.options, _place(experiment.directory)
    return SearchContext(
        experiment.folder,
        f"{place.parent}/{place.name}",
        place.filesystem,
        options.checkpoint_every,
        options.compile == "auto",
        program or ProgramTracking(),
    )


def _place(directory: ExperimentDirectory) -> Place:
    if directory.copy is None:
        return Place(directory.name, str(directory.path.parent))
    store = directory.copy.store.parent
    return Place(directory.name, store.root, store.filesystem)
