"""The loop that runs trials with Tune's controller, until none is left or the session must end.

``tune.run`` has the same loop, and three faults. At its end it reads the reports of every trial
into a table, which takes 1 ms a trial on a disk, and one request a trial at an address. It always
prints the ends of some trials. And it takes over the signals of the process.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ray import tune
from ray.tune import Experiment
from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.ray_internals import make_controller, with_actor_part
from pcsearch.engine.workloads.checkpoint_storage import telling_storage_errors
from pcsearch.engine.workloads.trial_actor import TrialActor

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem


WAIT_S = 0.05


@dataclass(frozen=True)
class ExperimentPlace:
    """The place where Tune stores an experiment.

    Args:
        name: the name of the experiment's directory.
        parent: the path of the folder that the directory is in.
        filesystem: the file system of that path, None for this machine's.
    """

    name: str
    parent: str
    filesystem: FileSystem | None = None


@dataclass(frozen=True)
class TrialSpec:
    """What each trial of a search runs, with what, and where its files go.

    Args:
        trainable: the function that a trial runs.
        resources: how many CPUs and GPUs a trial takes, by the names ``cpu`` and ``gpu``.
        place: where Tune stores checkpoints and its own state.
        max_failures: how often a failed trial is retried.
    """

    trainable: Callable[[dict[str, Any]], Any]
    resources: Mapping[str, float]
    place: ExperimentPlace
    max_failures: int = 0

    def in_tune(self) -> Experiment:
        """The experiment that Tune is given: its settings for all trials."""
        trainable = with_actor_part(telling_storage_errors(self.trainable), TrialActor)
        return Experiment(
            self.place.name,
            tune.with_resources(trainable, dict(self.resources)),
            storage_path=self.place.parent,
            storage_filesystem=self.place.filesystem,
            max_failures=self.max_failures,
        )


def run_trials(
    spec: TrialSpec,
    source: TrialSource,
    scheduler: TrialScheduler,
    callbacks: Sequence[tune.Callback],
    is_due: Callable[[], bool] = lambda: False,
) -> list[Trial]:
    """Run trials until the source has no more, or the session must end.

    Args:
        spec: what each trial runs.
        source: gives the trials.
        scheduler: stops trials.
        callbacks: Tune's callbacks, called for each event of a trial.
        is_due: tells whether the session must end; called before every step.

    Returns:
        All trials that the source has given.
    """
    experiment = spec.in_tune()
    controller = make_controller(
        search_alg=source,
        scheduler=scheduler,
        callbacks=list(callbacks),
        trial_checkpoint_config=experiment.checkpoint_config,
        reuse_actors=True,
        storage=experiment.storage,
    )
    source.add_configurations([experiment])
    controller.setup_experiments([experiment], total_num_samples=source.total_samples)
    try:
        while not controller.is_finished() and not is_due():
            if source.is_waiting:
                # Tune would wait without end, and not ask `is_due`.
                time.sleep(WAIT_S)
            else:
                controller.step()
    except Exception:
        controller.cleanup()
        raise
    # Tune's own state of the experiment is for other tools: nothing here reads it.
    with contextlib.suppress(Exception):
        controller.checkpoint(force=True, wait=True)
    trials: list[Trial] = controller.get_trials()
    controller.cleanup()
    return trials
