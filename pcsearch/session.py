"""One session of a search: started or gone on with, run, and reported."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.engine.experiment import Experiment
from pcsearch.exits import DONE, INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from rich.console import Console

    from pcsearch.engine.record import Record
    from pcsearch.engine.run import Outcome
    from pcsearch.tracking.attachment import Attachment
    from pcsearch.tracking.wandb_callback import WandbCallback
    from pcsearch.tracking.wandb_mode import Mode, WandbMode

FILE_WIDTH = 160


def run_session(
    experiment: Experiment, tracking: dict[str, Any], mode: WandbMode | None = None
) -> int:
    """Run a search and print what it finds.

    Args:
        experiment: what to run.
        tracking: W&B's ``project``, ``entity``, mode (``wandb``) and ``artifacts``, and its sweep
            where there is one (``sweep_id``, ``sweep_url``).
        mode: where the runs go; found out when left out.

    Returns:
        The exit status.

    Raises:
        PcsearchError: the data, the cluster, the directory or W&B cannot be had.
    """
    from pcsearch.tracking.wandb_mode import resolve

    notes = console(stderr=True)
    mode = mode or resolve(tracking["wandb"])
    experiment.workload.prepare(experiment.sweep, experiment.folder)
    for line in (_describe(experiment), mode.reason, *experiment.sweep.notes):
        say(notes, line)

    # They load Ray, which a mistake that is found before should not wait for.
    from pcsearch.engine.record import Record
    from pcsearch.engine.run import ready, run
    from pcsearch.reports.live import LiveReport
    from pcsearch.tracking.attachment import attach
    from pcsearch.tracking.credentials import withheld

    record = Record(experiment)
    live = LiveReport(experiment, record, notes)
    with withheld(mode.mode), ready(experiment):
        # Only now: a search that cannot start should leave nothing in W&B.
        attached = attach(experiment.sweep, tracking, mode.mode, experiment.resumed)
        for line, style in ((attached.sweep, None), (attached.problem, "yellow")):
            if line:
                say(notes, line, style=style)
        wandb = _callback(experiment, record, attached)
        with _quiet_logs(), live.shown():
            try:
                outcome = run(experiment, record, [live, wandb], attached.tracking)
            except BaseException as error:
                wandb.close(error)
                raise
    for problem in wandb.problems:
        say(notes, problem, style="yellow")
    _report(experiment, outcome)
    _tell_of_uploads(experiment, attached.mode, bool(wandb.problems))
    if outcome.interrupted:
        return INTERRUPTED
    return SOME_FAILED if outcome.failed else DONE


def _callback(experiment: Experiment, record: Record, attached: Attachment) -> WandbCallback:
    from pcsearch.tracking.attachment import SWEEP_ID
    from pcsearch.tracking.search import Search
    from pcsearch.tracking.wandb_callback import WandbCallback
    from pcsearch.tracking.wandb_runs import Home

    sweep, directory, tracking = experiment.sweep, experiment.directory, attached.tracking
    tags: list[str] = [sweep.method]
    if sweep.method in ("bayes", "custom"):
        tags += ["optuna", f"sampler:{experiment.options.sampler}"]
    if experiment.rungs:
        tags.append("asha")
    home = Home(
        tracking["project"],
        tracking["entity"],
        directory.name,
        directory.path,
        tuple(tags),
        sweep.description,
        tracking.get(SWEEP_ID),
    )
    search = Search(
        experiment.metrics,
        [parameter.name for parameter in sweep.searched()],
        experiment.cap,
        experiment.workload.effective_config,
        # Experiments of earlier versions say nothing of it.
        artifacts=tracking.get("artifacts", "none"),
    )
    return WandbCallback(home, attached.mode, record, search)


@contextmanager
def _quiet_logs() -> Iterator[None]:
    """Let a log that cannot be written pass: W&B's lie on the disk that may be full.

    Python would print a traceback for each of their lines.
    """
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        yield
    finally:
        logging.raiseExceptions = before


def console(stderr: bool = False) -> Console:
    """Standard output, or standard error."""
    from rich.console import Console

    made = Console(stderr=stderr)
    # A file or a pipe has no width of its own, and 80 columns would fold the tables.
    return made if made.is_terminal else Console(stderr=stderr, width=FILE_WIDTH)


def say(to: Console, text: str, style: str | None = None) -> None:
    """Print a line as it is, however long."""
    to.print(text, style=style, highlight=False, soft_wrap=True, markup=False)


def _describe(experiment: Experiment) -> str:
    """The search in a line: how many trials, how they are chosen and stopped, and the seed."""
    sweep = experiment.sweep
    parts = [f"{experiment.directory.name}: up to {experiment.cap} trials, method {sweep.method}"]
    if sweep.early_terminate is not None:
        parts.append(f"ASHA at epochs {', '.join(map(str, experiment.rungs[:10])) or 'none'}")
    parts += [metric.describe() for metric in experiment.metrics]
    parts.append(f"seed {experiment.options.seed}")
    return "; ".join(parts)


def _report(experiment: Experiment, outcome: Outcome) -> None:
    from pcsearch.reports.results import best_configurations, failures, table

    output = console()
    sweep, metrics, path = experiment.sweep, experiment.metrics, experiment.directory.path
    output.print(table(outcome.trials, sweep, metrics))
    for part in best_configurations(outcome.trials, sweep, metrics):
        output.print(part)
    for failure in failures(outcome.trials):
        say(output, failure)
    if outcome.failed:
        say(output, f"Ray's own logs lie in {outcome.ray_logs}")
    for trial in outcome.trials:
        if trial.trial_id == outcome.reached:
            say(output, f"The search ended because trial {trial.number} reached the target.")
    say(output, f"Everything lies in {path}")
    unfinished = len(outcome.trials) < experiment.cap and outcome.reached is None
    if outcome.interrupted or unfinished:
        say(output, f"Go on with it: {_resume_command(path)}")


def _tell_of_uploads(experiment: Experiment, mode: Mode, problems: bool) -> None:
    """Say how W&B gets what it lacks."""
    from pcsearch.tracking.wandb_mode import sync_command

    path = experiment.directory.path
    if not (path / "wandb").is_dir() or (mode == "online" and not problems):
        return
    output = console()
    say(output, f"Upload it to W&B: {sync_command(path)}")
    if mode == "online":
        # What had arrived of a run is known to the server alone.
        say(output, f"Upload it, no epoch twice: {_resume_command(path)} --wandb online")


def _resume_command(path: Path) -> str:
    return f"python -m pcsearch --resume {shlex.quote(str(path))}"
