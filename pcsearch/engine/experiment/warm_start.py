"""Warm start: results of other experiments that a new bayes search starts from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.history import History, TrialHistory, read_history
from pcsearch.engine.records.journal import Known
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.search.search_space import OptunaSpace
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.distributions.locate import close, locate
from pcsearch.sweeps.parameters import value_of
from pcsearch.sweeps.sweep import Sweep, read_sweep

OPTION = "--warm-start"


@dataclass(frozen=True)
class WarmStart:
    """The results that a search starts from.

    Args:
        known: the results, for the journal.
        notes: a line an experiment: how many of its results are used, and why not all.
    """

    known: tuple[Known, ...]
    notes: tuple[str, ...]


def warm_start(experiment: Experiment) -> WarmStart:
    """Read the results of the experiments of ``--warm-start``.

    A result is used where the trial would be one of the new search: every setting that the new
    sweep fixes, or leaves at its default, is the same, and what it searches is in its range. Its
    value is the best that it reported of the new sweep's metrics.

    Raises:
        PcsearchError: there is no experiment at a path, or the method does not learn.
    """
    sources = experiment.options.warm_start
    if sources and experiment.sweep.method not in ("bayes", "custom"):
        message = f"method {experiment.sweep.method} does not learn from results; bayes does"
        raise PcsearchError(Problem(message, OPTION))
    known: list[Known] = []
    notes = []
    for source in dict.fromkeys(sources):
        directory = directory_at(source, OPTION)
        with directory.read():
            record, history = directory.record(), read_history(directory.path)
            used, reasons = _usable(experiment, directory, record["options"], history)
        total, taken = len(history.trials), len(used)
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
        note = f"{OPTION} {source}: {taken} of {total} results used"
        notes.append(f"{note} (not: {why})" if why else note)
        known += used
    return WarmStart(tuple(known), tuple(notes))


def _usable(
    new: Experiment, old: ExperimentDirectory, options: Mapping[str, Any], history: History
) -> tuple[list[Known], Counter[str]]:
    used: list[Known] = []
    reasons = Counter[str]()
    # The other experiment's trainable is not loaded: it may be anybody's code.
    if options.get("trainable") != new.options.trainable:
        reasons["of another trainable"] = len(history.trials)
        return used, reasons
    space, config_of = OptunaSpace(new.sweep.parameters.values()), _configs(new, old, options)
    for trial in history.trials:
        config = config_of(trial)
        # By the new search's metrics, which may be others than the old one's.
        outcome = TrialOutcome(trial.id, new.metrics)
        for report in trial.reports:
            outcome.add(report)
        has_diverged = outcome.last_report.get(EARLY_STOP_REASON) == DIVERGED
        if not trial.over or trial.failed or has_diverged or outcome.best is None:
            reasons["without a value"] += 1
            continue
        point = _point(new.sweep, space, config)
        if isinstance(point, str):
            reasons[f"with another {point}"] += 1
            continue
        effective = new.workload.effective_config
        differing = _difference(effective(config), effective(space.config(point)))
        if differing is not None:
            reasons[f"with another {differing}"] += 1
            continue
        used.append(Known(old.place, trial.id, point, list(outcome.best)))
    return used, reasons


def _configs(
    new: Experiment, old: ExperimentDirectory, options: Mapping[str, Any]
) -> Callable[[TrialHistory], dict[str, Any]]:
    overrides, seed = options.get("overrides"), options.get("seed")
    sweep = read_sweep(
        old.sweep,
        numeric=new.workload.numeric,
        overrides=overrides if isinstance(overrides, dict) else {},
    )
    planned = configurations(sweep, seed if isinstance(seed, int) else 0)
    if planned is not None:
        return lambda trial: planned.config(trial.number - 1)
    space = OptunaSpace(sweep.parameters.values())
    return lambda trial: space.config(trial.point or {})


def _point(sweep: Sweep, space: OptunaSpace, config: Mapping[str, Any]) -> dict[str, Any] | str:
    """A configuration's point in the space, or the parameter whose value is not in its range."""
    point = {}
    for name in space.distributions:
        parameter = sweep.parameters[name]
        found = locate(parameter.distribution, value_of(config, parameter))
        if found is None:
            return name
        point[name] = found
    return point


def _difference(one: Any, other: Any, path: Sequence[str] = ()) -> str | None:
    """The dotted name of the first setting in which two configurations differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in {**one, **other}:
            if name not in one or name not in other:
                return ".".join((*path, str(name)))
            found = _difference(one[name], other[name], (*path, str(name)))
            if found is not None:
                return found
        return None
    return None if close(one, other) else ".".join(path)
