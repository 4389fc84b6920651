"""Prepares a session: connects to the cluster, checks its nodes, and makes the directory."""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib.metadata import version
from typing import Any

import ray

from pcsearch import __version__
from pcsearch.engine.cluster.address import is_local
from pcsearch.engine.cluster.connection import Connection, connected
from pcsearch.engine.cluster.node_checks import Needs, check_nodes, node_problems, with_gpus
from pcsearch.engine.cluster.node_watcher import NodeWatcher
from pcsearch.engine.cluster.resources import Resources
from pcsearch.engine.cluster.shipping import unsent
from pcsearch.engine.cluster.stale_drivers import await_end, namespace
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.records.hardware import Hardware, own_hardware
from pcsearch.engine.records.journal.events import Event
from pcsearch.engine.records.options import OF_ONE_SESSION
from pcsearch.engine.workloads.given_function import name_of

RECORDED_VERSIONS = ("ray", "optuna", "torch", "wandb")
TUNE_LOGGERS = ("ray.tune", "ray.train")


@dataclass(frozen=True)
class Cluster:
    """The cluster that a search runs on.

    Args:
        connection: to Ray.
        resources: what a trial takes, and what the nodes have.
        watcher: checks the nodes that join.
        machines: what the machines of its nodes have, by their names; it grows.
    """

    connection: Connection
    resources: Resources
    watcher: NodeWatcher
    machines: dict[str, Hardware]


@contextmanager
def connected_cluster(experiment: Experiment, tell: Callable[[str], None]) -> Iterator[Cluster]:
    """Connect to a cluster that can run the experiment's trials, until the block ends.

    Args:
        experiment: to run.
        tell: prints a line: what the session waits for, and each node that cannot run trials.

    Raises:
        PcsearchError: there is no such cluster, or trials would fail on it.
    """
    options, workload = experiment.options, experiment.workload
    directory = experiment.directory
    with (
        _silent_loggers(),
        connected(options.address, workload.code, namespace(directory.place)) as connection,
        connection.required(),
    ):
        resources = Resources(options)
        resources.check()
        workload.check_gpus(experiment.sweep, resources.gpus_per_trial)
        storage = directory.path.parent if directory.copy is None else directory.copy.store.parent
        needs = Needs(
            storage,
            workload.worker_packages(experiment.sweep),
            _paths(experiment),
        )
        nodes, machines = resources.suitable_nodes(), dict[str, Hardware]()
        # There may be no node yet: an autoscaler starts the first when a trial asks for it.
        if nodes:
            check_nodes(nodes, needs, machines)
        elif is_local(options.address):
            own = ray.cluster_resources()  # type: ignore[no-untyped-call]
            machines[platform.node()] = with_gpus(own_hardware(), own)
        if experiment.resumed:
            await_end(directory.place, options.address, tell)
        watcher = NodeWatcher(
            resources.suitable_nodes,
            lambda node: node_problems(node, needs, machines),
            [node["NodeID"] for node in nodes],
            tell,
        )
        yield Cluster(connection, resources, watcher, machines)


def _paths(experiment: Experiment) -> dict[str, str]:
    """The paths that trials read on their nodes, and what to do where one is not there."""
    workload = experiment.workload
    paths = workload.worker_paths(experiment.sweep, experiment.folder)
    advice = "copy it there, or give a folder that all nodes mount"
    is_sent = not is_local(experiment.options.address)
    return dict.fromkeys(paths, advice) | (unsent(workload.code) if is_sent else {})


def locked_directory(
    experiment: Experiment, tracking: dict[str, Any]
) -> AbstractContextManager[None]:
    """Make the directory of a new search, and lock it until the block ends.

    Args:
        experiment: the experiment; the directory of a resumed one is locked already.
        tracking: the settings of W&B's runs, for the record.

    Raises:
        PcsearchError: the directory cannot be made.
    """
    if experiment.resumed:
        return nullcontext()
    record = _record(experiment) | {"tracking": tracking}
    events: list[Event] = [*experiment.history.warm_start]
    if experiment.queue is not None and experiment.queue.event.configs:
        events.append(experiment.queue.event)
    return experiment.directory.created(experiment.sweep.text, record, events)


@contextmanager
def _silent_loggers() -> Iterator[None]:
    """Keep what Tune logs out of the terminal."""
    with ExitStack() as stack:
        for logger in map(logging.getLogger, TUNE_LOGGERS):
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.CRITICAL)
        yield


def _record(experiment: Experiment) -> dict[str, Any]:
    """The record of an experiment, for ``experiment.json``."""
    options = asdict(replace(experiment.options, trainable=name_of(experiment.options.trainable)))
    # The directory may be moved or renamed: its path gives them.
    del options["storage_path"], options["name"]
    for name in OF_ONE_SESSION:
        del options[name]
    # A driver that has joined a search without a count of its own goes on as long as the search.
    if search_directory(experiment.directory.path) == experiment.directory.path:
        options["num_samples"] = experiment.samples
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
