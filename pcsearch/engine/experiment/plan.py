"""The plan of a search: what it would do, computed without Ray and without running a trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.definition import SearchDefinition, define_search, space_size
from pcsearch.engine.records.journal.events import WarmStartResult
from pcsearch.engine.records.options import Options, SamplerName
from pcsearch.engine.search.sampling.auto_sampler import DESCRIPTIONS, pick_sampler
from pcsearch.sweeps.configurations import Grid, configurations
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import Replicates
from pcsearch.sweeps.sweep import Sweep

LEARNS_FROM_CURVES = "; it learns from the values that trials are predicted to have at their ends"


@dataclass(frozen=True)
class Plan:
    """What a search would do.

    Args:
        sweep: what to search.
        metrics: what trials are compared by.
        trials: how many there are at most without those of --confirm, None where nothing bounds
            them.
        grid_size: how many combinations the parameters have, None where they are no grid.
        searcher: how configurations are chosen, in words.
        max_epochs: the epochs of the longest trial, None where they are not known.
        rungs: when trials are compared and stopped, in what is ``counted``.
        counted: what the numbers of rungs count, in words: epochs, or reports with the metric.
        notes: what the user should know, a line each.
        configs: the first configurations.
        runs: what trials run, in words; empty for the PC transformer.
        commands: those of the first configurations, where trials run a program.
        begun: how many of the trials have begun.
        first: the number of the trial that gets the first of the configurations.
    """

    sweep: Sweep
    metrics: tuple[Metric, ...]
    trials: int | None
    grid_size: int | None
    searcher: str
    max_epochs: int | None
    rungs: tuple[int, ...]
    counted: str
    notes: tuple[str, ...]
    configs: tuple[dict[str, Any], ...]
    runs: str = ""
    commands: tuple[str, ...] = ()
    begun: int = 0
    first: int = 1


def make_plan(
    sweep_file: str | Path,
    options: Options,
    draws: int | None,
    text: str | None = None,
    check: Callable[[SearchDefinition], None] = lambda _: None,
) -> Plan:
    """The plan of a sweep's search, after the sweep and the options are checked.

    The experiments of ``--warm-start`` are read as a search would read them.

    Args:
        sweep_file: the sweep file, or its name in messages if ``text`` is given.
        options: the options of the command.
        draws: how many configurations to draw, None for as many as the workload has in a plan.
        text: the sweep's text, for a sweep that is not in a file.
        check: checks the search, as the start of a session does.

    Raises:
        PcsearchError: the sweep or an option is wrong; it has every problem of the sweep.
    """
    search = define_search(sweep_file, options, text=text)
    check(search)
    search.workload.check_files(search.sweep, search.folder)
    sweep, cap = search.sweep, search.trial_limit
    notes = []
    if search.replicates is not None:
        notes += replicated_lines(search, search.replicates)
    if cap is None:
        notes.append(
            f"method {sweep.method} has no end of its own: to run it give --num-samples N, or "
            "run_cap: N in the file"
        )
    asked = max(options.num_samples or 0, sweep.run_cap or 0)
    different = space_size(sweep, options)
    if sweep.method != "grid" and different is not None and asked > different:
        notes.append(
            f"there are {different:,} different configurations, and none runs twice: the search "
            "ends after them"
        )
    results: tuple[WarmStartResult, ...] = ()
    if options.warm_start:
        # Optuna takes a while to import.
        from pcsearch.engine.experiment.warm_start import warm_start

        start = warm_start(search)
        results = start.results
        notes.extend(start.notes)
    draws = search.draws(draws)
    count = min(limit for limit in (draws, cap, different) if limit is not None)
    configs = tuple(_configs(search, count, results))
    if draws and sweep.method in ("bayes", "custom"):
        notes.append("the configurations are those suggested before any trial has a result")
    lines = [search.workload.command_line(sweep, values) for values in configs]
    return replace(
        plan_of(search),
        notes=(*sweep.notes, *notes),
        configs=configs,
        commands=tuple(filter(None, lines)),
    )


def plan_of(search: SearchDefinition) -> Plan:
    """The plan of a search that is read and checked, without configurations and further notes."""
    sweep = search.sweep
    sizes = [p.distribution.grid_size() for p in sweep.parameters.values()]
    return Plan(
        sweep,
        search.metrics,
        search.trial_limit,
        None if None in sizes else Grid(sweep).size,
        _searcher(search.configured, search.options.sampler, learns=search.learns_from_curves),
        search.max_epochs,
        search.rungs,
        search.workload.counted,
        sweep.notes,
        (),
        search.workload.describe(),
    )


def _configs(
    search: SearchDefinition, count: int, results: tuple[WarmStartResult, ...]
) -> list[dict[str, Any]]:
    """The first configurations of a search that starts from these results."""
    if not count:
        return []
    replicates = search.replicates
    if replicates is not None:
        return _first_runs(search, replicates, count, results)
    planned = configurations(search.sweep, search.options.seed, repeats=search.options.repeats)
    if planned is not None:
        return [planned.config(index) for index in range(count)]
    from pcsearch.engine.search.searchers.preview import first_suggestions

    options = search.options
    return first_suggestions(
        search.sweep,
        search.trial_limit,
        options.seed,
        options.sampler,
        count,
        results,
        stops_early=search.learns_from_curves,
    )


def _first_runs(
    search: SearchDefinition,
    replicates: Replicates,
    count: int,
    results: tuple[WarmStartResult, ...],
) -> list[dict[str, Any]]:
    """The first runs of the first configurations of a search whose seeds are replicates."""
    options = replace(search.options, replicates=None)
    single = replace(search, sweep=search.configured, options=options)
    size = space_size(single.sweep, options)
    configs = _configs(single, count if size is None else min(count, size), results)
    return [replicates.config(search.sweep, config, 0) for config in configs]


def replicated_lines(search: SearchDefinition, replicates: Replicates) -> list[str]:
    """What replicates mean for a search, a line each."""
    name, seeds = replicates.name, len(replicates.seeds)
    size = space_size(search.configured, search.options)
    counted = "" if size is None else f" {size:,}"
    how = (
        "every configuration runs with every seed"
        if search.options.no_racing
        else "the next seed of a configuration runs only while it can still be the best"
    )
    lines = [
        f"{name} repeats the{counted} configurations, with up to {seeds} seeds each: their means "
        f"are compared, and {how}; the number of trials counts runs"
    ]
    if search.options.confirm:
        best = search.confirming // search.options.confirm
        shown = replicates.fresh_in_words(search.options.confirm)
        lines.append(
            f"after that the best {best} configurations run with fresh seeds ({shown}): up to "
            f"{search.confirming} trials more"
        )
    return lines


def _searcher(sweep: Sweep, sampler: SamplerName, *, learns: bool) -> str:
    match sweep.method:
        case "grid":
            return "every combination once, in the order of the parameters' names"
        case "random":
            return "independent draws"
        case "bayes" | "custom":
            picked = pick_sampler(sampler, len(sweep.searched()), len(sweep.metrics))
            from_curves = LEARNS_FROM_CURVES if learns else ""
            return f"Optuna, sampler {sampler}: {DESCRIPTIONS[picked]}{from_curves}"
