"""Warm start: reads the results of older experiments that a new bayes search starts from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pcsearch.engine.experiment.definition import SearchDefinition, earlier_sweep
from pcsearch.engine.experiment.editing import texts_of
from pcsearch.engine.experiment.versions import configs_of, first_difference
from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.journal.changes import Edited
from pcsearch.engine.records.journal.events import WarmStartResult
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.options import OPTIONS_BEFORE, Options
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import LearningCurves
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.workloads.given_function import name_of
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.file_versions import FIRST, NEWEST
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import Sweep

OPTION = "--warm-start"


@dataclass(frozen=True)
class WarmStart:
    """The results that a search starts from.

    Args:
        results: for the journal of the new search.
        notes: a line for each experiment: how many of its results are used, and why not all.
    """

    results: tuple[WarmStartResult, ...]
    notes: tuple[str, ...]


def warm_start(search: SearchDefinition) -> WarmStart:
    """Read the results of the experiments of ``--warm-start``.

    A result is used if its trial could be a trial of the new search: every setting that the new
    sweep fixes, or leaves at its default, is the same, and each value that it searches is in its
    range. The result's value is the best that the trial reported of the new sweep's metric. Of a
    trial that was stopped early it is what is predicted for its end: what it had reached by then
    cannot be compared with the values of whole trials.

    Raises:
        PcsearchError: there is no experiment at a path, or the method does not use results.
    """
    sources = search.options.warm_start
    if sources and search.sweep.method not in ("bayes", "custom"):
        message = f"method {search.sweep.method} does not learn from results; use method bayes"
        raise PcsearchError(Problem(message, OPTION))
    results: list[WarmStartResult] = []
    notes = []
    for source in dict.fromkeys(sources):
        directory = directory_at(source, OPTION)
        with directory.read():
            record, history = directory.record(), read_history(directory.path)
            used, reasons = _usable(search, directory, record["options"], history)
        total, taken = len(history.trials), len(used)
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(3))
        note = f"{OPTION} {source}: {taken} of {total} results used"
        notes.append(f"{note} (not: {why})" if why else note)
        results += used
    return WarmStart(tuple(results), tuple(notes))


def _usable(
    new: SearchDefinition, old: ExperimentDirectory, options: Mapping[str, Any], history: History
) -> tuple[list[WarmStartResult], Counter[str]]:
    """The results of an old experiment that are used, and how many are not, by the reason."""
    used: list[WarmStartResult] = []
    reasons = Counter[str]()
    # The other experiment's trainable is not loaded: it may be anybody's code.
    if options.get("trainable") != name_of(new.options.trainable):
        reasons["of another trainable"] = len(history.trials)
        return used, reasons
    space, config_of = OptunaSpace(new.sweep.parameters.values()), _configs(new, old, options)
    outcomes = _outcomes(new, history)
    predictions = LearningCurves(outcomes).predictions() if len(new.metrics) == 1 else {}
    for trial in history.trials:
        config, outcome = config_of(trial), outcomes.of(trial.id)
        if not trial.over or trial.failed or outcome.diverged or outcome.best is None:
            reasons["without a value"] += 1
            continue
        point = space.point(config)
        if isinstance(point, str):
            reasons[f"with another {point}"] += 1
            continue
        effective = new.workload.effective_config
        differing = first_difference(effective(config), effective(space.config(point)))
        if differing is not None:
            reasons[f"with another {differing}"] += 1
            continue
        value, deviation = outcome.best, 0.0
        if outcome.was_cut and trial.id in predictions:
            sign = new.metrics[0].sign
            value = [sign * predictions[trial.id].mean]
            deviation = predictions[trial.id].deviation
        used.append(WarmStartResult(old.place, trial.id, point, list(value), deviation))
    return used, reasons


def _outcomes(new: SearchDefinition, history: History) -> Outcomes:
    """The outcomes of an old search's trials by the new search's metrics, which may be others."""
    workload = new.workload
    outcomes = Outcomes(new.metrics, workload.time_attr, epoch_key=workload.epoch_key)
    for trial in history.trials:
        outcome = outcomes.of(trial.id)
        for report in trial.reports:
            outcome.add(report)
        outcome.stopped_at = trial.stopped_at
        if trial.end is not None:
            outcome.stop_requested = trial.end.by_hand
            outcome.ended_by_target = trial.end.by_target
            outcomes.end(trial.id, trial.end.error if trial.failed else None)
    return outcomes


def _configs(
    new: SearchDefinition, old: ExperimentDirectory, options: Mapping[str, Any]
) -> Callable[[TrialHistory], Mapping[str, Any]]:
    """A function from a trial of an old experiment to its configuration."""
    options = {**OPTIONS_BEFORE, **options}
    overrides, seed = options.get("overrides"), options.get("seed")
    of_old = Options(
        seed=seed if isinstance(seed, int) else 0,
        overrides=overrides if isinstance(overrides, dict) else {},
        repeats=bool(options["repeats"]),
        language=FIRST if options["language"] == FIRST else NEWEST,
    )
    search = replace(new, options=of_old)
    texts = texts_of(old, Journal(old.path).of_kind(Edited))
    sweeps = [earlier_sweep(search, *each) for each in texts]
    name = options.get("replicates")
    # Edits leave the configurations of a race as they are, and may add seeds.
    newest = sweeps[-1]
    replicates = replicates_of(newest, name, OPTION) if isinstance(name, str) else None
    if isinstance(replicates, Replicates):
        single = configs_of(replicates.without(newest), replace(of_old, repeats=False))
        return lambda trial: _of_replicate(trial, newest, replicates, single)
    versions = [configs_of(sweep, of_old) for sweep in sweeps]
    return lambda trial: trial.config or versions[trial.edits](trial)


def _of_replicate(
    trial: TrialHistory,
    sweep: Sweep,
    replicates: Replicates,
    single: Callable[[TrialHistory], Mapping[str, Any]],
) -> dict[str, Any]:
    """The values of a run of a configuration, and its seed."""
    assert trial.replicate is not None, "the journal has it of each trial of such a search"
    values = trial.config or single(trial.of_configuration)
    return replicates.config(sweep, values, trial.replicate.seed)
