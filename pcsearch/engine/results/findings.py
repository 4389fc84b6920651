"""Reads what a search has found, whether it has ended, is running or was interrupted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pcsearch.engine.experiment.confirmation import confirmed_earlier
from pcsearch.engine.experiment.definition import SearchDefinition, space_size
from pcsearch.engine.experiment.experiment import (
    earlier_sweeps,
    samples_of_search,
    stored_search,
)
from pcsearch.engine.experiment.versions import judge_anew, placed_by
from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.drivers.driver_directories import other_drivers
from pcsearch.engine.records.journal.history import REPORTS, VALUES_FILE, History, read_reports
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.learning_curve import LearningCurve
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.report import CONFIG, HOST, SECONDS, TIME, epoch_of, finite, measured
from pcsearch.engine.records.trial_result import TrialResult, pareto_front, ranked
from pcsearch.engine.results.configurations import Configuration, configurations_of
from pcsearch.engine.storage.files import first_json_line, last_json_line
from pcsearch.engine.storage.lease import FILE as LEASE_FILE
from pcsearch.engine.storage.lock import is_locked, owner
from pcsearch.pc.metrics import EARLY_STOP_REASON, EPOCH
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.replicates import Replicates
from pcsearch.sweeps.sweep import Sweep

State = Literal["finished", "running", "interrupted"]


@dataclass(frozen=True)
class Finding:
    """A trial of a search, with what is known besides its result.

    Args:
        result: what it came to.
        folder: with its files, on this machine.
        running: whether it may be running now.
        reason: why it has ended as it did, in words; empty where its status says it.
        node: the name of the machine that it ran on last; empty before its first report.
        start: when it began, in seconds since 1970; None before its first report.
        end: when its newest report was made, likewise.
        epochs: how many it trains if nothing stops it; None where that is not known.
    """

    result: TrialResult
    folder: Path
    running: bool
    reason: str
    node: str
    start: float | None
    end: float | None
    epochs: int | None

    @property
    def status(self) -> str:
        """The status of its result, or that it may be running."""
        return "running" if self.running else self.result.status

    @property
    def ran_until(self) -> float:
        """When its newest report was made, in seconds since 1970; 0 before the first."""
        return self.end or 0.0

    @property
    def ran_from(self) -> float:
        """So long before that as it has run: when it began, if it never paused."""
        return self.ran_until - self.result.seconds


@dataclass(frozen=True)
class Findings:
    """What a search has found.

    Args:
        place: the path or the address of its directory.
        sweep: what was searched.
        metrics: what its trials are compared by; may be empty.
        trials: in the order of their numbers.
        cap: how many trials it has at most.
        state: of the search.
        notes: a line for each damage.
        time_attr: the name in a report that has its epoch.
        replicates: the seeds of its configurations; None where seeds are no replicates.
        placed: finds the configuration of the newest sweep file that the values of a trial are,
            None where they are none of it; None where all are.
        epoch_key: the name in a report by which trials say their epoch; None where they do not.
    """

    place: str
    sweep: Sweep
    metrics: tuple[Metric, ...]
    trials: tuple[Finding, ...]
    cap: int
    state: State
    notes: tuple[str, ...]
    time_attr: str = EPOCH
    replicates: Replicates | None = None
    placed: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] | None = None
    epoch_key: str | None = None

    @property
    def configurations(self) -> list[Configuration]:
        """The configurations, the best first; none where seeds are no replicates."""
        if self.replicates is None:
            return []
        return configurations_of(self.results, self.searched, self.metrics, self.replicates)

    @cached_property
    def ranking(self) -> tuple[Finding, ...]:
        """The trials, the best first, and those without a value last."""
        by_number = {each.result.number: each for each in self.trials}
        return tuple(by_number[each.number] for each in ranked(self.results, self.metrics))

    @cached_property
    def front(self) -> frozenset[int]:
        """The numbers of the trials that no other beats."""
        return frozenset(each.number for each in pareto_front(self.results, self.metrics))

    @property
    def best(self) -> Finding | None:
        """The best trial, None where none has a value.

        Where seeds are replicates it is the best run of the best configuration.
        """
        found = self.configurations
        first = found[0].best_run(self.metrics) if found else None
        if first is not None:
            return next(each for each in self.trials if each.result is first)
        return next((each for each in self.ranking[:1] if each.result.valued), None)

    def curve(self, trial: Finding) -> dict[int, float]:
        """The finite values of the first metric that a trial has reported, by their epochs."""
        if not self.metrics:
            return {}
        values = {}
        for report in read_reports(trial.folder):
            value = measured(report, self.metrics[0].name)
            if value is not None:
                values[epoch_of(report, self.time_attr)] = value
        return values

    def learning_curve(self, trial: Finding) -> list[tuple[float, float]]:
        """The finite values of the first metric, each after how far the trial was then.

        How far is what rungs count, as `LearningCurve.progress` says it; in rising order, and of
        several values the newest.
        """
        if not self.metrics:
            return []
        compared = self.metrics[self.sweep.compared_by].name
        counted = LearningCurve(compared, self.time_attr, self.epoch_key)
        values = {}
        for report in read_reports(trial.folder):
            counted.add(report)
            value, progress = measured(report, self.metrics[0].name), counted.progress(report)
            if value is not None and progress is not None:
                values[progress] = value
        return sorted(values.items())

    @property
    def searched(self) -> tuple[Parameter, ...]:
        """The parameters that are no constants."""
        return tuple(self.sweep.searched())

    @property
    def results(self) -> tuple[TrialResult, ...]:
        """The results of the trials."""
        return tuple(each.result for each in self.trials)


@contextmanager
def findings_at(place: str, option: str) -> Iterator[Findings]:
    """What the search of a directory has found; during the block its files can be read.

    Args:
        place: the path or the address of its directory.
        option: with which the user gave it, for messages.

    Raises:
        PcsearchError: there is no experiment, or its files are damaged.
    """
    directory = directory_at(place.removeprefix("file://"), option)
    with directory.read():
        yield read_findings(directory)


def read_findings(
    directory: ExperimentDirectory, sessions: Mapping[Path, bool] | None = None
) -> Findings:
    """What the search of a directory has found.

    Args:
        directory: of the search; its files are on this machine.
        sessions: whether they run, by the directories of their drivers; the others are looked at.

    Raises:
        PcsearchError: there is no experiment, or its files are damaged.
    """
    search, earlier = stored_search(directory), earlier_sweeps(directory)
    samples = samples_of_search(directory)
    if earlier:
        search = search.with_samples(samples)
    trials: list[Finding] = []
    notes: list[str] = []
    is_running = has_reached = is_decided = False
    earlier_runs = 0
    for driver in (directory.path, *other_drivers(directory.path)):
        # Before its files are read: a trial that ends meanwhile was not interrupted.
        known = (sessions or {}).get(driver)
        runs = _is_running(directory, driver) if known is None else known
        history = read_history(driver)
        judge_anew(history, [*earlier, search.sweep], search)
        is_running, has_reached = is_running or runs, has_reached or history.reached is not None
        is_decided |= history.is_decided and not history.unfinished
        earlier_runs += confirmed_earlier(history, search)
        notes += history.notes
        found = list(_findings(search, history, runs))
        trials += found
        notes += _without_values(found)
    trials.sort(key=lambda each: each.result.number)
    # An edit keeps the number of trials that its grid or space allows.
    size = None if earlier else space_size(search.sweep, search.options)
    cap = min(samples, size or samples) + search.confirming + earlier_runs
    ended = sum(each.result.ended for each in trials)
    is_over = has_reached or is_decided or ended >= cap
    state: State = "running" if is_running else "finished" if is_over else "interrupted"
    return Findings(
        directory.place,
        search.sweep,
        search.metrics,
        tuple(trials),
        cap,
        state,
        tuple(notes),
        search.workload.time_attr,
        search.replicates,
        placed_by(search) if earlier and search.replicates is None else None,
        search.workload.epoch_key,
    )


def _is_running(directory: ExperimentDirectory, driver: Path) -> bool:
    """Whether the process of a driver lives, or has not been dead for long."""
    if directory.copy is not None:
        return directory.copy.store.get(LEASE_FILE) is not None
    try:
        # A search that has ended well has no owner, and its lock is not touched.
        return bool(owner(driver)) and is_locked(driver)
    except OSError:
        return True


def _findings(search: SearchDefinition, history: History, runs: bool) -> Iterator[Finding]:
    """The trials of a driver, in the order of their numbers."""
    workload = search.workload
    outcomes = Outcomes(search.metrics, workload.time_attr, workload.epochs, history)
    if history.reached is not None:
        outcomes.reach_target(history.reached)
    for trial in history.own:
        outcome = outcomes.begin(trial.id, trial.number, _values(trial.folder))
        last, first = outcome.last_report, first_json_line(trial.folder / REPORTS) or {}
        start = finite(first.get(TIME))
        if start is not None:
            start -= finite(first.get(SECONDS)) or 0.0
        yield Finding(
            outcome.result(),
            trial.folder,
            runs and not outcome.ended,
            _reason(outcome, history),
            str(last.get(HOST) or ""),
            start,
            finite(last.get(TIME)),
            outcome.epochs,
        )


def _values(folder: Path) -> dict[str, Any]:
    """The values of a trial by its folder; empty where no file has them."""
    try:
        values = json.loads((folder / VALUES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Each report has them too.
        values = (last_json_line(folder / REPORTS) or {}).get(CONFIG)
    return values if isinstance(values, dict) else {}


def _without_values(trials: Sequence[Finding]) -> Iterator[str]:
    for each in trials:
        if not each.result.config and each.result.epoch:
            file = each.folder / VALUES_FILE
            yield f"trial {each.result.number}: {file} cannot be read; its values are left out"


def _reason(outcome: TrialOutcome, history: History) -> str:
    """Why a trial has ended as it did; empty where its status says everything."""
    if outcome.failed:
        return outcome.error.partition("\n")[0]
    if outcome.diverged:
        return "the metric is not finite"
    if outcome.reached_target:
        return "reached the target"
    if outcome.ended_by_user:
        return "by hand"
    if outcome.ended_by_target and history.reached is not None:
        return "another trial reached the target"
    if outcome.stopped_at is not None:
        return "by the scheduler"
    reason = outcome.last_report.get(EARLY_STOP_REASON)
    return f"{EARLY_STOP_REASON}: {reason}" if reason else ""
