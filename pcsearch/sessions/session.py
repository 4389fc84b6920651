"""Runs one session of a search, from the connection to the cluster to W&B's last upload."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from threading import Event
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.reports.listener import Listener
from pcsearch.system.temporary import remove_leftovers

if TYPE_CHECKING:
    from pcsearch.engine.execution.preparation import Cluster
    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.sessions.tracked_search import TrackedSearch
    from pcsearch.tracking.server.mode import WandbMode


def run_session(
    experiment: Experiment,
    tracking: dict[str, Any],
    listener: Listener,
    mode: WandbMode | None = None,
    on_ready: Callable[[], None] = lambda: None,
    stop: Event | None = None,
) -> SessionResult:
    """Run a session of a search.

    Args:
        experiment: what to run.
        tracking: the W&B settings: ``project``, ``entity``, ``wandb`` (the mode), ``artifacts``,
            for a W&B sweep ``sweep_id`` and ``sweep_url``, and what the user has set of ``tags``,
            ``notes`` and ``job_type``.
        listener: is told what happens, and what the search has come to.
        mode: where the W&B runs go; None decides it by ``tracking``.
        on_ready: called when the cluster is connected, before the search starts.
        stop: of a session inside another program: ends it when it is set. None for a command, whose
            process may be replaced by another one when Ray has died.

    Returns:
        The results of the search, and why the session ended.

    Raises:
        PcsearchError: the data, the cluster, the directory or W&B cannot be used.
    """
    from pcsearch.tracking.server.mode import resolve

    remove_leftovers()
    mode = mode or resolve(tracking["wandb"])
    listener.warn(*experiment.workload.prepare(experiment.sweep, experiment.folder))
    _announce(experiment, tracking, mode, listener)

    # These load Ray, which takes seconds: the lines and the mistakes above come first.
    from pcsearch.engine.execution.preparation import connected_cluster
    from pcsearch.sessions.endings import conclude
    from pcsearch.sessions.ray_death import RESTARTED
    from pcsearch.sessions.tracked_search import track
    from pcsearch.tracking.server.credentials import withhold_credentials

    environment = dict(os.environ) if stop is None else {**os.environ, RESTARTED: "1"}
    # The directory stays locked until W&B's threads, which write there, have ended.
    with ExitStack() as lock:
        with (
            withhold_credentials(mode.mode),
            connected_cluster(experiment, listener.warn) as cluster,
        ):
            on_ready()
            # Not earlier: a search that cannot start should leave nothing in W&B.
            search = track(experiment, tracking, mode.mode, listener)
            result = _run(search, cluster, listener, lock, environment, stop)
        conclude(search, result, listener)
    # Those of trials that were killed in this session.
    remove_leftovers()
    return result


def _run(
    search: TrackedSearch,
    cluster: Cluster,
    listener: Listener,
    lock: ExitStack,
    environment: Mapping[str, str],
    stop: Event | None,
) -> SessionResult:
    """Run a search on a cluster.

    The directory is locked until ``lock`` is closed; ``environment`` is that of the command, and
    ``stop`` ends the session.
    """
    from pcsearch.engine.execution.preparation import locked_directory
    from pcsearch.engine.execution.run import run
    from pcsearch.engine.records.hardware import add_hardware
    from pcsearch.engine.storage.files import StorageError
    from pcsearch.page.live.keeping import kept_page
    from pcsearch.sessions.endings import closed_on_error, quiet_logs
    from pcsearch.sessions.ray_death import end_session

    experiment, wandb, ledger = search.experiment, search.wandb, search.sweep_ledger
    with (
        quiet_logs(),
        listener.progress(experiment, search.outcomes, lambda: wandb.manager.state) as progress,
        closed_on_error(experiment, wandb, listener),
    ):
        lock.enter_context(locked_directory(experiment, search.registration.tracking))
        with (
            nullcontext() if ledger is None else ledger.running(),
            cluster.connection.watching(
                lambda what: end_session(experiment, what, environment, cluster.connection)
            ),
            kept_page(experiment),
        ):
            add_hardware(experiment.directory.path, cluster.machines)
            result = run(search.session(cluster, listener.warn), [progress, wandb], stop)
            # Nodes may have joined. A file that only the page shows must not cost the result.
            with suppress(StorageError):
                add_hardware(experiment.directory.path, cluster.machines)
            return result


def _announce(
    experiment: Experiment, tracking: dict[str, Any], mode: WandbMode, listener: Listener
) -> None:
    """Print what will run, and where its results go."""
    from pcsearch.tracking.server.notes import notes_for_search

    wandb_notes = notes_for_search(mode, tracking, experiment.sweep.description)
    workload_notes = experiment.workload.notes(experiment.options.compile == "auto")
    listener.say(_describe(experiment))
    for line in (mode.reason, *wandb_notes, *experiment.sweep.notes, *workload_notes):
        listener.say(line)
    listener.say(f"Everything goes to {experiment.directory.place}")


def _describe(experiment: Experiment) -> str:
    """One line about the search: its trials, method, rungs, metrics and seed."""
    sweep = experiment.sweep
    parts = [f"{experiment.directory.name}: up to {experiment.cap} trials, method {sweep.method}"]
    if sweep.early_terminate is not None:
        rungs = sweep.early_terminate.describe_rungs(experiment.max_epochs)
        by = f" by {sweep.metrics[sweep.compared_by].name}" if len(sweep.metrics) > 1 else ""
        parts.append(f"ASHA{by} after {rungs} {experiment.workload.counted}")
    parts += [metric.describe() for metric in experiment.metrics]
    parts.append(f"seed {experiment.options.seed}")
    return "; ".join(parts)
