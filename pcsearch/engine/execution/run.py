"""A search run through Ray Tune to its end, or until it is interrupted."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

import ray.tune.tune as tune_loop
from ray import tune
from ray.tune.error import TuneError
from ray.tune.progress_reporter import TrialProgressCallback

from pcsearch import __version__
from pcsearch.engine.cluster.connection import check_cluster, connected, logs_folder
from pcsearch.engine.cluster.node_checks import node_problems
from pcsearch.engine.cluster.node_watcher import Newcomers
from pcsearch.engine.cluster.ray_client import connection_kept
from pcsearch.engine.cluster.resources import (
    Room,
    check_room,
    gpus_per_trial,
    nodes_with_room,
    wanted_by_trial,
)
from pcsearch.engine.cluster.stale_drivers import await_end, namespace
from pcsearch.engine.execution.interruption import Interruption, Reason
from pcsearch.engine.execution.outcome_journal import OutcomeJournal
from pcsearch.engine.execution.restore import Restored
from pcsearch.engine.execution.result_log import ReportFiles
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.execution.watchdog import Watch
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal import Journal
from pcsearch.engine.records.outcome import Outcomes
from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.search.asha import make_scheduler
from pcsearch.engine.search.searchers import make_searcher
from pcsearch.engine.search.target import UntilTarget
from pcsearch.engine.storage.files import NO_STORAGE, StorageError
from pcsearch.engine.storage.store import reason
from pcsearch.engine.workloads.workload import Surroundings
from pcsearch.errors import PcsearchError

TUNE_ENVIRONMENT = {
    # A metric that comes every few epochs is not in every report.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # CSV and TensorBoard files would cost more than the reports themselves.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    # Tune asks for no result of trials that it has ended; Ray would print what they failed with.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    # Tune would start the trials' processes one after the other, and drop the one that is starting
    # whenever another becomes free. The trial source never has more trials than have room.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
}
RECORDED_VERSIONS = ("ray", "optuna", "torch", "wandb")


@dataclass(frozen=True)
class Outcome:
    """How a search has ended.

    Args:
        trials: in the order of their numbers.
        reason: why the session ended before the search, empty where it did not.
        reached: the id of the trial that reached the metric's target, None if none did.
        ray_logs: where Ray's own logs are.
    """

    trials: tuple[TrialResult, ...]
    reason: Reason = ""
    reached: str | None = None
    ray_logs: str = ""

    @property
    def failed(self) -> bool:
        """Whether any trial failed."""
        return any(trial.status == "failed" for trial in self.trials)


class Trials:
    """Stands in for Tune's analysis, which would read every trial's reports into a table."""

    def __init__(self, trials: list[Any], **_: Any) -> None:
        self.trials = trials


class Silence(TrialProgressCallback):
    """Stands in for Tune's own, which prints some ends of trials whatever it is told."""

    def on_trial_result(self, *args: Any, **info: Any) -> None:
        """Nothing."""

    def on_trial_error(self, *args: Any, **info: Any) -> None:
        """Nothing."""

    def on_trial_complete(self, *args: Any, **info: Any) -> None:
        """Nothing."""


@contextmanager
def ready(experiment: Experiment, tell: Callable[[str], None]) -> Iterator[Newcomers]:
    """Be connected to a cluster that can take the experiment's trials.

    Args:
        experiment: what is to run.
        tell: is given a line of what is waited for, and of nodes that cannot be used.

    Yields:
        What will ask the nodes that join.

    Raises:
        PcsearchError: the cluster or the resources cannot be had.
    """
    for name, value in TUNE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    options, sweep, workload = experiment.options, experiment.sweep, experiment.workload
    path = experiment.directory.path
    with (
        connected(options.address, workload.code, namespace(experiment.directory.place)),
        connection_kept(),
    ):
        check_room(options)
        workload.check_gpus(sweep, gpus_per_trial(options))
        directory = experiment.directory
        storage = path.parent if directory.copy is None else directory.copy.store.parent
        packages = workload.worker_packages(sweep)
        asked = check_cluster(options, storage, packages)
        if experiment.resumed:
            await_end(directory.place, options.address, tell)
        wanted = wanted_by_trial(options)
        yield Newcomers(
            lambda: nodes_with_room(options, wanted),
            lambda node: node_problems(node, storage, packages),
            asked,
            tell,
        )


def held(experiment: Experiment, tracking: dict[str, Any]) -> AbstractContextManager[None]:
    """Make the directory of a new search, and be the only one that runs it.

    Args:
        experiment: one that is gone on with is held already.
        tracking: what to keep of the tracking's settings for a later `reopen`.

    Raises:
        PcsearchError: it cannot be made.
    """
    if experiment.resumed:
        return nullcontext()
    kept = _kept(experiment) | {"tracking": tracking}
    return experiment.directory.created(experiment.sweep.text, kept, experiment.history.known)


def run(
    experiment: Experiment,
    restored: Sequence[Restored],
    outcomes: Outcomes,
    callbacks: Sequence[tune.Callback],
    newcomers: Newcomers,
) -> Outcome:
    """Run a search to its end, or until it is interrupted; inside `ready` and `held`.

    Args:
        experiment: what to run.
        restored: its trials of earlier sessions.
        outcomes: of its trials.
        callbacks: that watch it.
        newcomers: of the cluster.

    Raises:
        StorageError: the directory cannot be written, or no more.
        ConnectionLostError: the cluster cannot be reached any more.
    """
    directory = experiment.directory
    options, workload = experiment.options, experiment.workload
    interruption = Interruption(options.deadline)
    journal = Journal(directory.path)
    ends = OutcomeJournal(outcomes, journal)
    ends.on_storage_error = lambda: interruption.stop("storage")
    scheduler = make_scheduler(
        experiment.sweep, experiment.max_epochs, outcomes, workload.time_attr, journal.add
    )
    scheduler.give_up = lambda: interruption.stop("hopeless")
    scheduler.resume_from(experiment.history)
    # None of the others sees an end before it is recorded, or a report before its file.
    first = [ends, ReportFiles(outcomes.epoch), Watch(options.trial_timeout, workload.damage)]
    everyone = [*first, *callbacks, interruption, Silence()]
    with (
        interruption.handled(),
        _disk(directory),
        connection_kept(),
        newcomers.watched(),
    ):
        _tune(experiment, restored, outcomes, scheduler, everyone, newcomers)
    if ends.storage_error:
        raise StorageError(f"{directory.place}: cannot be written ({ends.storage_error})")
    results = sorted((each.result() for each in outcomes), key=lambda result: result.number)
    reached = None if outcomes.reached is None else outcomes.reached.trial
    return Outcome(tuple(results), interruption.reason, reached, logs_folder())


@contextmanager
def _disk(directory: ExperimentDirectory) -> Iterator[None]:
    """Say it in a line where the storage ends a session."""

    def told(error: OSError) -> StorageError:
        return StorageError(
            f"{directory.place}: cannot be written ({error.strerror or reason(error)})"
        )

    try:
        yield
    except OSError as error:
        # Those of a storage at an address have no numbers that say so.
        if error.errno not in NO_STORAGE and directory.copy is None:
            raise
        raise told(error) from error
    except TuneError as error:
        # Tune makes a text of what a callback raises while a report is taken in.
        own = error.__context__
        if type(own) is StorageError and isinstance(own.__cause__, OSError):
            raise told(own.__cause__) from error
        if isinstance(own, PcsearchError):
            raise own from error
        raise


def _tune(
    experiment: Experiment,
    restored: Sequence[Restored],
    outcomes: Outcomes,
    scheduler: UntilTarget,
    callbacks: list[tune.Callback],
    newcomers: Newcomers,
) -> None:
    options, directory = experiment.options, experiment.directory
    resources = {"cpu": options.cpus_per_trial, "gpu": gpus_per_trial(options)}
    surroundings = Surroundings(
        experiment.folder, options.checkpoint_every, options.compile == "auto"
    )
    store = None if directory.copy is None else directory.copy.store.parent
    trainable = experiment.workload.trainable(experiment.sweep, experiment.metrics, surroundings)
    searcher = make_searcher(
        experiment.sweep,
        experiment.cap,
        options.seed,
        options.sampler,
        experiment.history,
        outcomes,
    )
    source = TrialSource(
        searcher,
        restored,
        directory.path,
        outcomes,
        Room(options, lambda: newcomers.unfit),
        next(iter(experiment.metrics), None),
        newcomers,
    )
    with _no_analysis():
        tune.run(
            tune.with_resources(trainable, resources),
            name=directory.name,
            storage_path=str(directory.path.parent) if store is None else store.root,
            storage_filesystem=None if store is None else store.filesystem,
            # The searcher knows the end; Tune's own count would repeat a grid.
            num_samples=-1,
            search_alg=source,
            scheduler=scheduler,
            max_failures=options.max_failures,
            reuse_actors=True,
            raise_on_failed_trial=False,
            callbacks=callbacks,
            verbose=0,
            # Through Ray Client, Tune would move to the head: away from this terminal and its W&B.
            _remote=False,
        )


@contextmanager
def _no_analysis() -> Iterator[None]:
    module: Any = tune_loop
    tables, module.ExperimentAnalysis = module.ExperimentAnalysis, Trials
    try:
        yield
    finally:
        module.ExperimentAnalysis = tables


def _kept(experiment: Experiment) -> dict[str, Any]:
    options = asdict(experiment.options)
    # The directory itself says them, wherever it is moved.
    del options["storage_path"], options["name"]
    # They are of one session.
    del options["deadline"], options["address"]
    options["num_samples"] = experiment.cap
    return {
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
        "sweep_file": experiment.sweep.source,
        "folder": str(experiment.folder),
        "options": options,
        "versions": {
            "pcsearch": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in RECORDED_VERSIONS},
        },
    }
