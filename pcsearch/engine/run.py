"""A search run through Ray Tune to its end, or until it is interrupted."""

from __future__ import annotations

import logging
import os
import platform
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from types import FrameType
from typing import Any

from ray import tune

from pcsearch import __version__
from pcsearch.engine.cluster import (
    check_cluster,
    check_room,
    connected,
    gpus_per_trial,
    logs_folder,
)
from pcsearch.engine.experiment import Experiment
from pcsearch.engine.record import Record, trial_folder
from pcsearch.engine.report_files import ReportFiles
from pcsearch.engine.restoring import Restoring
from pcsearch.engine.results import TrialResult
from pcsearch.engine.saved_state import mend
from pcsearch.engine.searchers import Suggestions, make_searcher
from pcsearch.engine.stoppers import UntilTarget
from pcsearch.engine.workload import Surroundings

TUNE_ENVIRONMENT = {
    # A metric that comes every few epochs is not in every report.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # CSV and TensorBoard files would cost more than the reports themselves.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}
RECORDED_VERSIONS = ("ray", "optuna", "torch", "wandb")


@dataclass(frozen=True)
class Outcome:
    """How a search has ended.

    Args:
        trials: in the order of their numbers.
        interrupted: whether it was cut off.
        reached: the id of the trial that reached the metric's target, None if none did.
        ray_logs: where Ray's own logs are.
    """

    trials: tuple[TrialResult, ...]
    interrupted: bool
    reached: str | None = None
    ray_logs: str = ""

    @property
    def failed(self) -> bool:
        """Whether any trial failed."""
        return any(trial.status == "failed" for trial in self.trials)


@contextmanager
def ready(experiment: Experiment) -> Iterator[None]:
    """Be connected to a cluster that can take the experiment's trials.

    Raises:
        PcsearchError: the cluster or the resources cannot be had.
    """
    for name, value in TUNE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    options, sweep, workload = experiment.options, experiment.sweep, experiment.workload
    with connected(options.address, workload.code):
        check_room(options)
        workload.check_gpus(sweep, gpus_per_trial(options))
        check_cluster(options, experiment.directory.path.parent, workload.worker_packages(sweep))
        yield


def run(
    experiment: Experiment,
    record: Record,
    callbacks: Sequence[tune.Callback],
    tracking: dict[str, Any],
) -> Outcome:
    """Run a search to its end, or until it is interrupted; inside `ready`.

    Args:
        experiment: what to run.
        record: of its trials, with the scheduler that stops them.
        callbacks: that watch it.
        tracking: what to keep of the tracking's settings for a later `reopen`.

    Raises:
        PcsearchError: the directory cannot be had.
    """
    if not experiment.resumed:
        kept = _kept(experiment) | {"tracking": tracking}
        experiment.directory.create(experiment.sweep.text, kept)
    else:
        mend(experiment.directory.path)
    interruption = Interruption()
    with interruption.handled():
        # The others ask the record, so it comes first; none sees a report before its file.
        first = [record, ReportFiles(), Restoring(experiment.directory.path)]
        trials = _tune(experiment, record.scheduler, [*first, *callbacks, interruption])
    results = sorted(map(record.result, trials), key=lambda result: result.number)
    return Outcome(tuple(results), interruption.happened, record.winner, logs_folder())


def _tune(
    experiment: Experiment, scheduler: UntilTarget, callbacks: list[tune.Callback]
) -> list[Any]:
    options, directory = experiment.options, experiment.directory
    resources = {"cpu": options.cpus_per_trial, "gpu": gpus_per_trial(options)}
    surroundings = Surroundings(directory.path, experiment.folder)
    trainable = experiment.workload.trainable(experiment.sweep, experiment.metrics, surroundings)
    searcher = make_searcher(experiment.sweep, experiment.cap, options.seed, options.sampler)
    analysis = tune.run(
        tune.with_resources(trainable, resources),
        name=directory.name,
        storage_path=str(directory.path.parent),
        # The searcher knows the end; Tune's own count would repeat a grid.
        num_samples=-1,
        search_alg=Suggestions(searcher, options.max_concurrent),
        scheduler=scheduler,
        checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        trial_dirname_creator=trial_folder,
        reuse_actors=True,
        max_failures=2,
        raise_on_failed_trial=False,
        resume=experiment.resumed,
        callbacks=callbacks,
        verbose=0,
    )
    return list(analysis.trials)


def _kept(experiment: Experiment) -> dict[str, Any]:
    options = asdict(experiment.options)
    # The directory itself says them, wherever it is moved.
    del options["storage_path"], options["name"]
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


class Interruption(tune.Callback):
    """Notes an interrupt (SIGINT) that Tune takes: it ends the search and saves its state.

    Tune sets its handler just before it sets up the callbacks, and tells nobody when it ran.
    """

    def __init__(self) -> None:
        self.happened = False

    def setup(self, *args: Any, **info: Any) -> None:
        """Put a handler before Tune's."""
        if threading.current_thread() is not threading.main_thread():
            return
        tunes = signal.getsignal(signal.SIGINT)

        def note(number: int, frame: FrameType | None) -> None:
            self.happened = True
            if callable(tunes):
                tunes(number, frame)

        if callable(tunes):
            signal.signal(signal.SIGINT, note)

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Give the process its own handler back after the block."""
        before = signal.getsignal(signal.SIGINT)
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, before)
