"""The plan of a search that has begun: what it would do where it is resumed, or edited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.experiment import RESUME, Experiment, resumed_experiment
from pcsearch.engine.experiment.plan import Plan, plan_of
from pcsearch.engine.records.directory import directory_at


def make_resumed_plan(
    place: str, sweep_file: Path | None, changes: Mapping[str, Any], draws: int
) -> Plan:
    """The plan of a search that has begun; nothing is written, locked or run.

    Args:
        place: the path or the address of its directory.
        sweep_file: the file that it would have from then on, None for its own.
        changes: of its options.
        draws: how many of the next configurations to draw.

    Raises:
        PcsearchError: there is no such search, or it cannot have the file or an option.
    """
    directory = directory_at(place, RESUME)
    with directory.read():
        experiment, _ = resumed_experiment(directory, changes, sweep_file)
        history, workload, sweep = experiment.history, experiment.workload, experiment.sweep
        configs = _next(experiment, draws) if draws and history.reached is None else []
        lines = [workload.command_line(sweep, values) for values in configs]
        notes = [*sweep.notes, *history.notes]
        if experiment.edit is not None:
            notes += experiment.edit.lines
        unfinished = len(history.unfinished)
        if unfinished:
            notes.append(f"unfinished trials, which go on first: {unfinished}")
        return replace(
            plan_of(experiment),
            trials=experiment.cap,
            begun=len(history.own),
            notes=tuple(notes),
            configs=tuple(configs),
            commands=tuple(filter(None, lines)),
        )


def _next(experiment: Experiment, count: int) -> list[dict[str, Any]]:
    """The next configurations, as if all of them ran at once."""
    # They load Ray, which takes seconds.
    from pcsearch.engine.search.learning_curves import learning_curves
    from pcsearch.engine.search.searchers import make_searcher

    outcomes, options = experiment.outcomes(), experiment.options
    searcher = make_searcher(
        experiment.sweep,
        experiment.cap,
        options.seed,
        options.sampler,
        experiment.history,
        outcomes,
        learning_curves(experiment.sweep, experiment.max_epochs, outcomes),
        repeats=options.repeats,
    )
    suggested = (searcher.suggest(f"next{number}") for number in range(count))
    return [config for config in suggested if isinstance(config, dict)]
