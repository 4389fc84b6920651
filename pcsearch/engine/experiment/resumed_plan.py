"""The plan of a search that has begun: what it would do where it is resumed, or edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.confirmation import race_count
from pcsearch.engine.experiment.definition import SearchDefinition, define_search
from pcsearch.engine.experiment.enqueuing import enqueued, without_a_trial
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.experiment.plan import Plan, make_plan, plan_of, replicated_lines
from pcsearch.engine.experiment.resumed_experiment import RESUME, resumed_experiment
from pcsearch.engine.experiment.versions import reach
from pcsearch.engine.records.directory import directory_at
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.options import Options


def make_resumed_plan(
    place: str,
    sweep_file: Path | None,
    changes: Mapping[str, Any],
    draws: int | None,
    enqueue: str | None = None,
    check: Callable[[Experiment, Mapping[str, Any]], None] = lambda *_: None,
) -> Plan:
    """The plan of a search that has begun; nothing is written, locked or run.

    Args:
        place: the path or the address of its directory.
        sweep_file: the file that it would have from then on, None for its own.
        changes: of its options.
        draws: how many of the next configurations to draw, None for the usual number (`make_plan`).
        enqueue: the file of the configurations to try first, or ``defaults``.
        check: checks the search and its tracking settings, as a session does.

    Raises:
        PcsearchError: there is no such search, or it cannot have the file or an option.
    """
    directory = directory_at(place, RESUME)
    with directory.read():
        experiment, tracking = resumed_experiment(directory, changes, sweep_file, enqueue=enqueue)
        check(experiment, tracking)
        history, workload, sweep = experiment.history, experiment.workload, experiment.sweep
        draws = experiment.draws(draws)
        is_open = draws and history.reached is None
        configs = _next(experiment, history, experiment.samples, draws) if is_open else []
        lines = [workload.command_line(sweep, values) for values in configs]
        notes = [*sweep.notes, *history.notes]
        if experiment.replicates is not None:
            notes += replicated_lines(experiment, experiment.replicates)
        raced = race_count(history, experiment)
        if raced < len(history.own):
            notes.append(f"trials with fresh seeds that have begun: {len(history.own) - raced}")
        notes += [*experiment.file_lines, *experiment.queue_lines]
        unfinished = len(history.unfinished)
        if unfinished:
            notes.append(f"unfinished trials, which are restored first: {unfinished}")
        return replace(
            plan_of(experiment),
            trials=experiment.samples,
            begun=raced,
            first=len(history.own) + 1,
            notes=tuple(notes),
            configs=tuple(configs),
            commands=tuple(filter(None, lines)),
        )


def make_plan_with_queue(
    sweep_file: str | Path,
    options: Options,
    draws: int | None,
    enqueue: str,
    text: str | None = None,
    check: Callable[[SearchDefinition], None] = lambda _: None,
) -> Plan:
    """The plan of a new search that tries some configurations first.

    Args:
        sweep_file: the sweep file, or its name in messages if ``text`` is given.
        options: the options of the command.
        draws: how many configurations to draw, None for the usual number (`make_plan`).
        enqueue: the file of the configurations to try first, or ``defaults``.
        text: the sweep's text, for a sweep that is not in a file.
        check: checks the search, as the start of a session does.

    Raises:
        PcsearchError: the sweep, an option or the file of the configurations is wrong.
    """
    plan = make_plan(sweep_file, options, 0, text, check)
    search, history = define_search(sweep_file, options, text=text), History()
    queue = enqueued(enqueue, search, history)
    if options.warm_start:
        # Optuna takes a while to import.
        from pcsearch.engine.experiment.warm_start import warm_start

        history.warm_start = list(warm_start(search).results)
    draws = search.draws(draws)
    configs = _next(search, history, search.trial_limit, draws) if draws else []
    lines = [search.workload.command_line(search.sweep, values) for values in configs]
    cap = search.trial_limit
    shortage = "" if cap is None else without_a_trial(history, cap, reach(search, history))
    return replace(
        plan,
        notes=(*plan.notes, *queue.lines, *([shortage] if shortage else [])),
        configs=tuple(configs),
        commands=tuple(filter(None, lines)),
    )


def _next(
    search: SearchDefinition, history: History, samples: int | None, count: int
) -> list[dict[str, Any]]:
    """The next configurations, as if all of them ran at once."""
    # They load Ray, which takes seconds.
    from pcsearch.engine.experiment.suggesting import searcher_of
    from pcsearch.engine.search.predictions.learning_curves import learning_curves

    outcomes = search.outcomes_of(history)
    curves = learning_curves(search.sweep, search.max_epochs, outcomes)
    searcher = searcher_of(search, history, samples, outcomes, curves)
    for trial in history.trials:
        # As a session does: a race asks how long a trial would have trained.
        outcomes.begin(trial.id, trial.number, searcher.config(trial))
    suggested = (searcher.suggest(f"next{number}") for number in range(count))
    return [config for config in suggested if isinstance(config, dict)]
