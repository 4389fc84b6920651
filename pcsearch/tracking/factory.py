"""Makes the W&B callback of an experiment."""

from __future__ import annotations

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.journal import Journal, RunCompleted
from pcsearch.engine.records.outcome import Outcomes
from pcsearch.tracking.callback import WandbCallback
from pcsearch.tracking.runs.context import TRIAL, RunContext, RunGroup, RunHistory
from pcsearch.tracking.server.registration import SWEEP_ID, Registration


def make_callback(
    experiment: Experiment, outcomes: Outcomes, registration: Registration
) -> WandbCallback:
    """The callback that keeps the W&B runs of a search.

    Args:
        experiment: what is searched, with its history.
        outcomes: of the trials.
        registration: where the runs go.
    """
    sweep, directory, tracking = experiment.sweep, experiment.directory, registration.tracking
    group = RunGroup(
        tracking["project"],
        tracking["entity"],
        directory.name,
        directory.path,
        (*_tags(experiment), *tracking.get("tags", ())),
        sweep.description or tracking.get("notes"),
        tracking.get(SWEEP_ID),
        directory.place,
        tracking.get("job_type", TRIAL),
    )
    context = RunContext(
        experiment.metrics,
        [parameter.name for parameter in sweep.searched()],
        experiment.cap,
        experiment.workload.effective_config,
        # The records of old experiments do not name it.
        artifacts=tracking.get("artifacts", "none"),
    )
    return WandbCallback(group, registration.mode, outcomes, context, _history(experiment))


def _tags(experiment: Experiment) -> tuple[str, ...]:
    method = experiment.sweep.method
    tags: list[str] = [method]
    if method in ("bayes", "custom"):
        tags += ["optuna", f"sampler:{experiment.options.sampler}"]
    if experiment.rungs:
        tags.append("asha")
    return tuple(tags)


def _history(experiment: Experiment) -> RunHistory:
    """What the journal of the experiment tells about its runs."""
    trials, journal = experiment.history.trials, Journal(experiment.directory.path)
    return RunHistory(
        frozenset(trial.id for trial in trials),
        {trial.id: trial.run_step for trial in trials if trial.run_step is not None},
        experiment.over,
        lambda trial_id, step: journal.add(RunCompleted(trial_id, step)),
    )
