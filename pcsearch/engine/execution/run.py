"""Runs a session of a search on Ray Tune: puts searcher, scheduler, callbacks and loop together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from ray import tune
from ray.tune.error import TuneError

from pcsearch.engine.cluster.resources import TrialSlots
from pcsearch.engine.execution.best_model import BestModel
from pcsearch.engine.execution.control import Control
from pcsearch.engine.execution.interruption import Interruption, Reason
from pcsearch.engine.execution.live_queue import LiveQueue
from pcsearch.engine.execution.loop import ExperimentPlace, TrialSpec, run_trials
from pcsearch.engine.execution.outcome_journal import OutcomeJournal
from pcsearch.engine.execution.preparation import Cluster
from pcsearch.engine.execution.program_ends import ProgramEnds
from pcsearch.engine.execution.restore import RestoredTrial
from pcsearch.engine.execution.result_log import ResultLog
from pcsearch.engine.execution.trial import TrialContext
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.execution.watchdog import Watchdog
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.experiment.suggesting import searcher_of
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Ledger
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.schedulers.asha import make_scheduler
from pcsearch.engine.search.schedulers.target import UntilTarget
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher
from pcsearch.engine.search.searchers.replicated import ReplicatedSearcher
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


@dataclass(frozen=True)
class Session:
    """What a session of a search works with.

    Args:
        experiment: the search; its directory is locked.
        restored: its trials of earlier sessions.
        outcomes: the outcomes of its trials, to which this session adds.
        cluster: the cluster to run on.
        ledger: of a search that other drivers share, None for one of this driver alone.
        tell: prints a line for the user.
        program: what programs of trials are told by those who follow what they log.
        before_queue: is called before the search takes configurations of a second terminal.
    """

    experiment: Experiment
    restored: Sequence[RestoredTrial]
    outcomes: Outcomes
    cluster: Cluster
    ledger: Ledger | None
    tell: Callable[[str], None]
    program: ProgramTracking = field(default_factory=ProgramTracking)
    before_queue: Callable[[], None] = lambda: None


def run(
    session: Session, callbacks: Sequence[tune.Callback], stop: Event | None = None
) -> SessionResult:
    """Run a search to its end, or until it is interrupted.

    Args:
        session: what to run.
        callbacks: Tune's callbacks, called after those that write reports and outcomes.
        stop: ends the session when it is set.

    Raises:
        StorageError: the directory cannot be written.
        ConnectionLostError: the cluster cannot be reached any more.
    """
    experiment, outcomes, ledger = session.experiment, session.outcomes, session.ledger
    directory, connection = experiment.directory, session.cluster.connection
    journal = Journal(directory.path)
    interruption = Interruption(experiment.options.deadline, stop)
    ends = OutcomeJournal(outcomes, journal)
    ends.on_storage_error = lambda: interruption.request("storage")
    best = BestModel(experiment, outcomes, session.tell)
    ends.on_end = best.reconsider
    searcher, scheduler = _searcher_and_scheduler(experiment, outcomes, journal)
    scheduler.give_up = lambda: interruption.request("hopeless")
    slots, context = _slots(session), _trial_context(session, best)
    source = TrialSource(
        searcher,
        session.restored,
        slots,
        context,
        ledger,
        lambda: control.is_paused,
        session.tell,
    )
    queue = LiveQueue(experiment, journal, source.enqueue, session.before_queue)
    control = Control(
        directory,
        experiment.requested,
        experiment.history,
        outcomes,
        slots,
        interruption,
        queue.add,
        session.tell,
    )
    with (
        interruption.by_signals(),
        _storage_errors(directory),
        connection.required(),
        session.cluster.watcher.running(),
        best.kept(),
        control.running(),
    ):
        every = [*_first_callbacks(session, ends), *callbacks]
        run_trials(_spec(session), source, scheduler, every, lambda: _is_due(interruption, ledger))
    if ends.storage_error:
        raise StorageError(f"{directory.place}: cannot be written ({ends.storage_error})")
    logs = connection.kept_logs if ends.has_failures else ""
    return _result(outcomes, interruption.reason, logs, ledger)


def _is_due(interruption: Interruption, ledger: Ledger | None) -> bool:
    """Whether the session must end."""
    if ledger is not None and ledger.access == "cancelled":
        interruption.request("cancelled")
    return interruption.is_due()


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


def _searcher_and_scheduler(
    experiment: Experiment, outcomes: Outcomes, journal: Journal
) -> tuple[PlannedSearcher | BayesSearcher | ReplicatedSearcher, UntilTarget]:
    """The searcher and the scheduler, which know the trials and decisions of earlier sessions."""
    # One for both, for each fits a model to all reports.
    curves = learning_curves(experiment.sweep, experiment.max_epochs, outcomes)
    replicates = experiment.replicates
    seeds = None if replicates is None else len(replicates.seeds)
    scheduler = make_scheduler(experiment.sweep, outcomes, curves, journal.add, seeds)
    scheduler.resume_from(experiment.history)
    searcher = searcher_of(experiment, experiment.history, experiment.samples, outcomes, curves)
    if isinstance(searcher, ReplicatedSearcher):
        outcomes.has_all = lambda: searcher.is_exhausted
    return searcher, scheduler


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


def _slots(session: Session) -> TrialSlots:
    cluster, most = session.cluster, session.experiment.options.max_concurrent
    return TrialSlots(cluster.resources, most, lambda: cluster.watcher.unfit)


def _trial_context(session: Session, best: BestModel) -> TrialContext:
    experiment, cluster = session.experiment, session.cluster
    metric = next(iter(experiment.metrics), None)
    return TrialContext(
        experiment.directory.path,
        session.outcomes,
        metric,
        cluster.watcher,
        cluster.connection,
        best.offer,
    )


def _spec(session: Session) -> TrialSpec:
    """What each trial of a session runs."""
    experiment, options = session.experiment, session.experiment.options
    place = _place(experiment.directory)
    context = SearchContext(
        experiment.folder,
        f"{place.parent}/{place.name}",
        place.filesystem,
        options.checkpoint_every,
        options.compile == "auto",
        session.program,
    )
    return TrialSpec(
        experiment.workload.trainable(experiment.sweep, experiment.metrics, context),
        {"cpu": options.cpus_per_trial, "gpu": session.cluster.resources.gpus_per_trial},
        place,
        options.max_failures,
    )


def _first_callbacks(session: Session, ends: OutcomeJournal) -> list[tune.Callback]:
    """Tune's callbacks that write reports and ends: the others get what is on disk already."""
    workload, timeout = session.experiment.workload, session.experiment.options.trial_timeout
    return [
        ResultLog(session.outcomes.epoch, replaces=workload.runs_program),
        ends,
        Watchdog(timeout, workload.damage),
        *([ProgramEnds()] if workload.runs_program else []),
    ]


def _place(directory: ExperimentDirectory) -> ExperimentPlace:
    if directory.copy is None:
        return ExperimentPlace(directory.name, str(directory.path.parent))
    store = directory.copy.store.parent
    return ExperimentPlace(directory.name, store.root, store.filesystem)
