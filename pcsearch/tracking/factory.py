"""Makes the W&B callback and the ledger of an experiment."""

from __future__ import annotations

from collections.abc import Callable

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.drivers.driver_directories import is_shared, search_directory
from pcsearch.engine.records.journal.events import AlertSent, RunCompleted
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Claim
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.errors import PcsearchError
from pcsearch.tracking.callback import WandbCallback
from pcsearch.tracking.ledger.sweep_ledger import SweepLedger
from pcsearch.tracking.ledger.terms import Terms
from pcsearch.tracking.runs.context import TRIAL, RunContext, RunGroup, RunHistory
from pcsearch.tracking.runs.offline_files import has_unmarked
from pcsearch.tracking.scripts.environment import PREFIX, program_tracking
from pcsearch.tracking.server.api import Mode, NoAnswer, api_key, connect
from pcsearch.tracking.server.registration import GROUP, JOINED, SWEEP_ID, Registration
from pcsearch.tracking.server.sweep import own_entity
from pcsearch.tracking.server.sweep_runs import SweepRuns


def make_callback(
    experiment: Experiment,
    outcomes: Outcomes,
    registration: Registration,
    tell: Callable[[str], None],
) -> WandbCallback:
    """The callback that keeps the W&B runs of a search.

    Args:
        experiment: what is searched, with its history.
        outcomes: of the trials.
        registration: where the runs go.
        tell: tells the user a problem with W&B, one line. Called in any thread.
    """
    group, sweep, directory = (
        _group(experiment, registration),
        experiment.sweep,
        experiment.directory,
    )
    tracking = registration.tracking
    context = RunContext(
        experiment.metrics,
        [parameter.name for parameter in sweep.searched()],
        # One of several drivers does not know when all trials have ended. A race knows by itself.
        None if is_shared(directory.path) or experiment.replicates else experiment.cap,
        experiment.workload.effective_config,
        # The records of old experiments do not name it.
        artifacts=tracking.get("artifacts", "none"),
        artifact_files=experiment.workload.artifact_files,
        configurations=(
            None if experiment.replicates is None else LiveConfigurations(experiment, outcomes)
        ),
    )
    # A program keeps its run by itself.
    mode: Mode = "disabled" if experiment.workload.tracks_itself else registration.mode
    history = _history(experiment, mode)
    return WandbCallback(group, mode, outcomes, context, history, tell)


def make_ledger(
    experiment: Experiment, registration: Registration, tell: Callable[[str], None]
) -> SweepLedger | None:
    """The ledger by which a search shares its sweep with other drivers.

    None where there is no sweep, no server, or nothing to do, and where drivers have joined the
    search in its folder: its ledger is there.

    Args:
        experiment: what is searched, with its history.
        registration: where the runs go.
        tell: prints a line.

    Raises:
        PcsearchError: the search has joined a sweep, and the server does not answer.
    """
    tracking, sweep = registration.tracking, experiment.sweep
    if registration.mode != "online" or not tracking.get(SWEEP_ID) or experiment.over:
        return None
    if is_shared(experiment.directory.path):
        return None
    try:
        api = connect()
        entity = own_entity(api, tracking["entity"])
    except NoAnswer as problem:
        message = f"W&B does not say which trials other drivers run: {problem}"
        if tracking.get(JOINED):
            raise PcsearchError(message) from problem
        tell(message)
        return None
    learns = sweep.method in ("bayes", "custom")
    terms = Terms(
        _limit(experiment),
        _budget(experiment),
        tuple(metric.name for metric in experiment.metrics) if learns else (),
        stops_early=bool(experiment.rungs),
        owns_sweep=not tracking.get(JOINED),
        has_one_driver=experiment.replicates is not None,
        is_new=not tracking.get(JOINED) and not experiment.resumed,
    )
    runs = SweepRuns(api, tracking[SWEEP_ID], tracking["project"], entity or "")
    own = [Claim(trial.number, trial.id) for trial in experiment.history.own]
    return SweepLedger(runs, terms, own, Journal(experiment.directory.path), tell)


def _budget(experiment: Experiment) -> int:
    """How many trials a session may claim."""
    if experiment.replicates is not None:
        # The race decides it; runs with fresh seeds of an earlier session take nothing from it.
        return experiment.samples + experiment.confirming
    return experiment.cap - len(experiment.history.own)


def _limit(experiment: Experiment) -> int | None:
    """The highest number of a trial of all drivers, None where there is none."""
    if experiment.replicates is not None:
        # It has one driver, which knows its end; fresh seeds come after those of the file.
        return None
    size = experiment.reach
    limits = [limit for limit in (experiment.sweep.run_cap, size) if limit is not None]
    limit = min(limits, default=None)
    # --num-samples of a resumed search goes beyond run_cap.
    return size if limit is not None and experiment.cap > limit else limit


def make_program_tracking(experiment: Experiment, registration: Registration) -> ProgramTracking:
    """What the programs of a search are told, so that their runs are those of their trials.

    Args:
        experiment: what is searched.
        registration: where the runs go.
    """
    if not experiment.workload.tracks_itself:
        # Their metrics come from elsewhere, and the search keeps their runs.
        return ProgramTracking({"WANDB_MODE": "disabled"}, not_of_nodes=(PREFIX,))
    key = api_key() if registration.mode == "online" else None
    return program_tracking(
        _group(experiment, registration),
        registration.mode,
        key,
        replicated=experiment.replicates is not None,
    )


def _group(experiment: Experiment, registration: Registration) -> RunGroup:
    """What all runs of a search have in common."""
    sweep, directory, tracking = experiment.sweep, experiment.directory, registration.tracking
    return RunGroup(
        tracking["project"],
        tracking["entity"],
        tracking.get(GROUP) or search_directory(directory.path).name,
        directory.path,
        (*_tags(experiment), *tracking.get("tags", ())),
        sweep.description or tracking.get("notes"),
        tracking.get(SWEEP_ID),
        directory.place,
        tracking.get("job_type", TRIAL),
    )


def _tags(experiment: Experiment) -> tuple[str, ...]:
    method = experiment.sweep.method
    tags: list[str] = [method]
    if method in ("bayes", "custom"):
        tags += ["optuna", f"sampler:{experiment.options.sampler}"]
    if experiment.rungs:
        tags.append("asha")
    return tuple(tags)


def _history(experiment: Experiment, mode: Mode) -> RunHistory:
    """What the journal of the experiment tells about its runs."""
    trials, journal = experiment.history.trials, Journal(experiment.directory.path)
    alert = experiment.history.alert if experiment.over else None
    if alert is not None and not alert.online and mode == "online":
        # An online session does not upload the files of offline runs: it sends the data anew.
        alert = None if has_unmarked(experiment.directory.path) else alert
    return RunHistory(
        frozenset(trial.id for trial in trials),
        {trial.id: trial.run_step for trial in trials if trial.run_step is not None},
        alert is not None,
        lambda trial_id, step: journal.add(RunCompleted(trial_id, step)),
        lambda online: journal.add(AlertSent(online)),
    )
