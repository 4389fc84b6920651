"""The terminal of a command: what a session says goes to standard error, its results to output."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.storage.files import StorageError, resume_command
from pcsearch.errors import PcsearchError
from pcsearch.reports.listener import Listener
from pcsearch.reports.notes import Notes, console, say

if TYPE_CHECKING:
    from ray.tune import Callback
    from rich.console import Console

    from pcsearch.engine.execution.run import SessionResult
    from pcsearch.engine.records.outcomes import Outcomes
    from pcsearch.sweeps.replicates import Replicates
    from pcsearch.tracking.runs.context import RunsState


class Terminal(Listener):
    """The terminal of a command.

    Args:
        quiet: whether only warnings and results are printed.
    """

    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet

    @cached_property
    def _notes(self) -> Notes:
        return Notes(self._quiet)

    def say(self, text: str) -> None:
        """Print a line on standard error."""
        self._notes.say(text)

    def warn(self, *texts: str) -> None:
        """Print the lines that are not empty on standard error, as warnings."""
        self._notes.warn(*texts)

    @contextmanager
    def progress(
        self, experiment: Experiment, outcomes: Outcomes, wandb: Callable[[], RunsState]
    ) -> Iterator[Callback]:
        """Show the live screen during the block; elsewhere print lines."""
        from pcsearch.reports.live import LiveReport

        live = LiveReport(experiment, outcomes, self._notes, wandb)
        with live.shown():
            yield live

    def conclude(self, experiment: Experiment, result: SessionResult) -> None:
        """Print the results of the search."""
        _report(experiment, result, console())

    def advise(self, text: str) -> None:
        """Print a line on standard output."""
        say(console(), text)


def _report(experiment: Experiment, outcome: SessionResult, output: Console) -> None:
    from pcsearch.engine.records.kept_model import best_kept_model
    from pcsearch.engine.search.schedulers.target import HOPELESS
    from pcsearch.reports.configurations import trial_in_words
    from pcsearch.reports.results import best_configurations, failures, table
    from pcsearch.sweeps.replicates import configuration_name

    sweep, metrics, place = experiment.sweep, experiment.metrics, experiment.directory.place
    if experiment.replicates is not None:
        _report_configurations(experiment, experiment.replicates, outcome, output)
    else:
        output.print(table(outcome.trials, sweep, metrics, output.width))
        for part in best_configurations(outcome.trials, sweep, metrics):
            output.print(part)
    for failure in failures(outcome.trials):
        say(output, failure)
    if outcome.ray_logs:
        say(output, f"Ray's own logs lie in {outcome.ray_logs}")
    for trial in outcome.trials:
        if trial.trial_id == outcome.reached:
            name = f"trial {trial.number}"
            if trial.replicate is not None:
                name = f"the mean of {configuration_name(trial.replicate.configuration)}"
            say(output, f"The search ended because {name} reached the target.")
    if outcome.reason == "hopeless":
        say(output, f"The search was given up: its first {HOPELESS} trials failed in the same way.")
    size, what = experiment.reach, "configurations" if experiment.replicates is None else "runs"
    if sweep.method != "grid" and _raced(experiment, outcome) == size and not outcome.reason:
        say(output, f"The search has had all {size} {what} that there are.")
    if outcome.reason == "time":
        say(output, "The session ended because its --time-budget was up.")
    say(output, f"Everything lies in {place}")
    kept = None
    # What follows is still true where the storage does not answer.
    with suppress(StorageError):
        kept = best_kept_model(experiment.directory, experiment.metrics)
    if kept is not None:
        of = trial_in_words(kept.trial, outcome.trials, experiment.replicates)
        say(output, f"The best model, of {of}, lies in {kept.place}")
    missing = len(outcome.trials) < experiment.cap and outcome.reached is None
    if experiment.replicates is not None and _is_decided(outcome):
        missing = False
    others = _others(experiment)
    if others:
        say(output, others)
    elif missing and outcome.exhausted and not outcome.reason:
        say(output, "The other trials of the sweep are those of other drivers.")
    if outcome.closed and others:
        say(output, "The search ended because a trial of another driver reached the target.")
    unfinished = missing and not outcome.exhausted and not (outcome.closed and others)
    if outcome.reason or unfinished:
        say(output, f"Resume it: {resume_command(place)}")


def _raced(experiment: Experiment, outcome: SessionResult) -> int:
    """How many trials have begun, without those with fresh seeds."""
    seeds = 0 if experiment.replicates is None else len(experiment.replicates.seeds)
    runs = (each.replicate for each in outcome.trials)
    return sum(each is None or not each.is_fresh(seeds) for each in runs)


def _report_configurations(
    experiment: Experiment, replicates: Replicates, outcome: SessionResult, output: Console
) -> None:
    """Print the configurations of a search whose seeds are replicates, and the best one."""
    from pcsearch.engine.results.configurations import configurations_of
    from pcsearch.reports.configurations import best_configuration, configurations_table
    from pcsearch.reports.results import ROWS

    sweep, metrics = experiment.sweep, experiment.metrics
    found = configurations_of(outcome.trials, sweep.searched(), metrics, replicates)
    output.print(configurations_table(found, metrics, ROWS, output.width))
    for part in best_configuration(found, sweep, metrics[0], replicates):
        output.print(part)
    if _raced(experiment, outcome) < experiment.samples and _is_decided(outcome):
        runs = f"{len(outcome.trials)} of {experiment.cap} runs"
        say(output, f"The search ended after {runs}: the others could not change the best one.")


def _is_decided(outcome: SessionResult) -> bool:
    """Whether a race has ended by itself: nothing that has not run could change its winner."""
    return not outcome.reason and not outcome.closed and outcome.reached is None


def _others(experiment: Experiment) -> str:
    """A line about the trials of other drivers that share the directory; empty without any."""
    from pcsearch.engine.experiment.joining import other_trials
    from pcsearch.engine.records.drivers.driver_directories import is_shared
    from pcsearch.reports.results import number

    if not is_shared(experiment.directory.path):
        return ""
    try:
        others = other_trials(experiment)
    except PcsearchError as error:
        return str(error)
    counted = f"Other drivers have {others.count} trials of it"
    if others.best is None or others.best.end is None:
        return f"{counted}."
    best, value = others.best, number(others.best.end.values[0])
    found = f"trial {best.number} ({experiment.metrics[0].name} {value}) in {best.folder}"
    return f"{counted}, the best of them {found}"
