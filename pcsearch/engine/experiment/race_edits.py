"""Checks the edits of a search whose seeds are replicates: its configurations and seeds stay."""

from __future__ import annotations

from pcsearch.engine.experiment.definition import SearchDefinition
from pcsearch.engine.records.journal.history import History
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.sweep import Sweep


def has_replicates(search: SearchDefinition) -> bool:
    """Whether the configurations of a search run with several seeds, also by its file alone."""
    return bool(search.options.replicates or search.sweep.replicates)


def check_race(before: SearchDefinition, after: SearchDefinition, history: History) -> None:
    """Check that an edit leaves the configurations of a race, and their seeds, as they are.

    Args:
        before: the search.
        after: the same with the new file.
        history: of it.

    Raises:
        PcsearchError: the edit changes them, or the metric by which runs have been ended or chosen
            already. Not where neither search is a race.
    """
    if not has_replicates(before) and not has_replicates(after):
        return
    source, advice = after.sweep.source, "start a new search of this one"
    if _raced(before.sweep) != _raced(after.sweep):
        message = (
            "a search with replicates keeps its sweep file, for its race compares the "
            f"configurations of one file; {advice} (bayes can take the results over: --warm-start)"
        )
        raise PcsearchError(Problem(message, source))
    if before.metrics == after.metrics:
        return
    seeds = 0 if before.replicates is None else len(before.replicates.seeds)
    if history.reached is not None:
        message = f"the target is reached, which has ended other runs of the race; {advice}"
        raise PcsearchError(Problem(message, source, "metric"))
    if any(trial.replicate and trial.replicate.is_fresh(seeds) for trial in history.own):
        message = f"the best configurations by the old one have run with fresh seeds; {advice}"
        raise PcsearchError(Problem(message, source, "metric"))


def _raced(sweep: Sweep) -> tuple[object, ...]:
    """What a race is about: its configurations, their order and their seeds."""
    specs = {name: each.distribution.spec() for name, each in sweep.parameters.items()}
    return sweep.method, sweep.replicates, identity(specs)
