"""Checks the edits of a search whose seeds are replicates: its configurations stay."""

from __future__ import annotations

from pcsearch.engine.experiment.definition import SearchDefinition
from pcsearch.engine.records.journal.history import History
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.base import identity


def check_race(before: SearchDefinition, after: SearchDefinition, history: History) -> None:
    """Check that an edit leaves the configurations of a race, and the seeds that it has.

    Seeds may be added after them.

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
    if _raced(before) != _raced(after):
        message = (
            "a search with replicates keeps its sweep file, for its race compares the "
            f"configurations of one file; {advice} (bayes can take the results over: --warm-start)"
        )
        raise PcsearchError(Problem(message, source))
    seeds = _seeds(before)
    if _seeds(after)[: len(seeds)] != seeds:
        message = (
            "seeds can be added after those that there are, and none can be removed or moved, for "
            f"runs are compared seed by seed; {advice}"
        )
        name = before.replicates.name if before.replicates is not None else ""
        raise PcsearchError(Problem(message, source, f"parameters.{name}"))
    if before.metrics == after.metrics and _seeds(after) == seeds:
        return
    if history.reached is not None and before.metrics != after.metrics:
        message = f"the target is reached, which has ended other runs of the race; {advice}"
        raise PcsearchError(Problem(message, source, "metric"))
    if any(trial.replicate and trial.replicate.is_fresh(len(seeds)) for trial in history.own):
        what = "by the old one " if before.metrics != after.metrics else ""
        message = f"the best configurations {what}have run with fresh seeds; {advice}"
        key = "metric" if what else "parameters"
        raise PcsearchError(Problem(message, source, key))


def has_replicates(search: SearchDefinition) -> bool:
    """Whether the configurations of a search run with several seeds, also by its file alone."""
    return bool(search.options.replicates or search.sweep.replicates)


def _raced(search: SearchDefinition) -> tuple[object, ...]:
    """What a race is about: its configurations and their order."""
    parameters = search.configured.parameters
    specs = {name: each.distribution.spec() for name, each in parameters.items()}
    return search.sweep.method, search.sweep.replicates, identity(specs)


def _seeds(search: SearchDefinition) -> list[str]:
    """The identities of the seeds, in their order."""
    return [] if search.replicates is None else list(map(identity, search.replicates.seeds))
