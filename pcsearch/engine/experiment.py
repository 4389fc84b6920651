"""A search from its file to its results: checked, run through Tune, and gone on with."""

from __future__ import annotations

import logging
import os
import platform
import re
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.logger import JsonLoggerCallback

from pcsearch import __version__
from pcsearch.engine.checks import check, largest
from pcsearch.engine.cluster import check_room, connected, gpus_per_trial
from pcsearch.engine.directory import ExperimentDirectory, check_name
from pcsearch.engine.options import Options
from pcsearch.engine.results import TrialResult, search_metric, trial_folder, trial_result
from pcsearch.engine.schedulers import make_scheduler
from pcsearch.engine.searchers import Suggestions, make_searcher, trial_cap
from pcsearch.engine.trainable import TrialSettings, make_trainable
from pcsearch.pc import metrics
from pcsearch.pc.config import NUMERIC_FIELDS
from pcsearch.sweeps.sweep import Metric, Sweep, read_sweep

TUNE_ENVIRONMENT = {
    # A metric that comes every few epochs is not in every report.
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # CSV and TensorBoard files would cost more than the reports themselves.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}
RECORDED_VERSIONS = ("ray", "optuna", "torch", "wandb")


@dataclass(frozen=True)
class Experiment:
    """A search that is ready to run: everything is checked, nothing has started.

    Args:
        sweep: what to search.
        options: what was asked besides.
        directory: where everything lies.
        cap: how many trials there are at most.
        folder: where the search was started: a relative ``data_dir`` starts there.
        resumed: whether the directory holds an earlier session's state to go on from.
    """

    sweep: Sweep
    options: Options
    directory: ExperimentDirectory
    cap: int
    folder: Path
    resumed: bool = False

    @property
    def metric(self) -> Metric:
        """What trials are compared by."""
        return search_metric(self.sweep.metric)

    @property
    def max_epochs(self) -> int:
        """The epochs of the longest trial."""
        return largest(self.sweep, "epochs")


@dataclass(frozen=True)
class Outcome:
    """The trials of a search in the order of their numbers, and whether it was cut off."""

    trials: tuple[TrialResult, ...]
    interrupted: bool

    @property
    def failed(self) -> bool:
        """Whether any trial failed."""
        return any(trial.status == "failed" for trial in self.trials)


def prepare(sweep_file: Path, options: Options) -> Experiment:
    """Read and check a sweep; nothing is written.

    Raises:
        PcsearchError: whatever is wrong with the sweep or the options, all of it.
    """
    sweep = read_sweep(sweep_file, numeric=NUMERIC_FIELDS.__contains__, overrides=options.overrides)
    check(sweep)
    cap = trial_cap(sweep, options.num_samples)
    if options.name is not None:
        check_name(options.name)
    name = options.name or _default_name(sweep)
    directory = ExperimentDirectory(options.storage_path.expanduser().absolute() / name)
    return Experiment(sweep, options, directory, cap, Path.cwd())


def reopen(path: Path, changes: Mapping[str, Any]) -> tuple[Experiment, dict[str, Any]]:
    """An earlier experiment, to go on with, and what its command line said of tracking.

    Args:
        path: the experiment's directory.
        changes: of the options it was started with.

    Raises:
        PcsearchError: there is none at the path, or its files are damaged.
    """
    directory = ExperimentDirectory(path.expanduser().absolute())
    record = directory.record()
    stored = {**record["options"], **changes}
    options = Options(**stored, storage_path=directory.path.parent, name=directory.name)
    sweep = read_sweep(
        directory.sweep, numeric=NUMERIC_FIELDS.__contains__, overrides=options.overrides
    )
    check(sweep)
    cap = trial_cap(sweep, options.num_samples)
    folder = Path(record["folder"])
    return Experiment(sweep, options, directory, cap, folder, resumed=True), record["tracking"]


def run(
    experiment: Experiment, callbacks: Sequence[tune.Callback], tracking: dict[str, Any]
) -> Outcome:
    """Run a search to its end, or until it is interrupted.

    Args:
        experiment: what to run.
        callbacks: that watch it.
        tracking: what to keep of the tracking's settings for a later `reopen`.

    Raises:
        PcsearchError: the cluster, the directory or the resources cannot be had.
    """
    for name, value in TUNE_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with connected(experiment.options.address):
        check_room(experiment.options)
        if not experiment.resumed:
            record = _record(experiment)
            experiment.directory.create(experiment.sweep.text, record | {"tracking": tracking})
        interruption = Interruption()
        with interruption.handled():
            log = JsonLoggerCallback()  # type: ignore[no-untyped-call]
            trials = _tune(experiment, [log, *callbacks, interruption])
        results = [
            trial_result(trial, experiment.metric, ended=trial.status == Trial.TERMINATED)
            for trial in trials
        ]
    results.sort(key=lambda result: result.number)
    return Outcome(tuple(results), interruption.happened)


def _tune(experiment: Experiment, callbacks: list[tune.Callback]) -> list[Any]:
    options, directory = experiment.options, experiment.directory
    resources = {"cpu": options.cpus_per_trial, "gpu": gpus_per_trial(options)}
    analysis = tune.run(
        tune.with_resources(make_trainable(_settings(experiment)), resources),
        name=directory.name,
        storage_path=str(directory.path.parent),
        # The searcher knows the end; Tune's own count would repeat a grid.
        num_samples=-1,
        search_alg=Suggestions(
            make_searcher(experiment.sweep, experiment.cap, options.seed), options.max_concurrent
        ),
        scheduler=make_scheduler(experiment.sweep, experiment.max_epochs),
        checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
        trial_dirname_creator=trial_folder,
        reuse_actors=True,
        raise_on_failed_trial=False,
        resume=experiment.resumed,
        callbacks=callbacks,
        verbose=0,
    )
    return list(analysis.trials)


def _settings(experiment: Experiment) -> TrialSettings:
    """What the trials do besides their own configuration, so that the search has its metric."""
    sweep = experiment.sweep
    rungs: tuple[int, ...] = ()
    if sweep.early_terminate is not None:
        rungs = sweep.early_terminate.rungs(experiment.max_epochs)
    source = metrics.source(experiment.metric.name)
    return TrialSettings(
        directory=experiment.directory.path,
        data_folder=experiment.folder,
        validate_at=rungs if source == "validation" else (),
        # The last epoch is probed wherever any is.
        probe_at=(*rungs, experiment.max_epochs) if source == "probe" else (),
    )


def _default_name(sweep: Sweep) -> str:
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", sweep.name or Path(sweep.source).stem).strip("-.")
    return f"{stem[:60] or 'search'}_{datetime.now():%Y-%m-%d_%H-%M-%S}"


def _record(experiment: Experiment) -> dict[str, Any]:
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
            signal.signal(signal.SIGINT, before)
