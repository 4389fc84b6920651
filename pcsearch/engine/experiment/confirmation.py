"""Counts the runs of a race and of ``--confirm`` in a resumed search: those begun, those left."""

from __future__ import annotations

from pcsearch.engine.experiment.definition import SearchDefinition, space_size
from pcsearch.engine.records.journal.history import History
from pcsearch.sweeps.replicates import Replicates


def is_still_decided(history: History, search: SearchDefinition) -> bool:
    """Whether a search that ended before its cap has nothing left to do by its newest options.

    Args:
        history: of the search, which was decided.
        search: with the options that it has now.
    """
    if search.replicates is None:
        return True
    fresh = _fresh_seeds(history, search.replicates) if history.fresh is None else history.fresh
    if fresh != (search.options.confirm or 0):
        # A later session asks for other fresh seeds.
        return False
    return history.samples is None or not _races_on(history, search, history.samples)


def race_count(history: History, search: SearchDefinition) -> int:
    """How many runs of a search have begun, without those with fresh seeds."""
    seeds = None if search.replicates is None else len(search.replicates.seeds)
    return sum(
        seeds is None or trial.replicate is None or not trial.replicate.is_fresh(seeds)
        for trial in history.own
    )


def confirmed_earlier(history: History, search: SearchDefinition) -> int:
    """How many runs with fresh seeds began before ``--num-samples`` was raised.

    Their configurations may not be the best any more, and then others get fresh seeds too.
    """
    if search.replicates is None:
        return 0
    seeds = len(search.replicates.seeds)
    runs = [(each.number, each.replicate) for each in history.own if each.replicate]
    fresh = [number for number, run in runs if run.is_fresh(seeds)]
    if history.samples is not None and _races_on(history, search, history.samples):
        return len(fresh)
    last = max((number for number, run in runs if not run.is_fresh(seeds)), default=0)
    return sum(number < last for number in fresh)


def _fresh_seeds(history: History, replicates: Replicates) -> int:
    """How many fresh seeds have run."""
    runs = (trial.replicate for trial in history.own)
    last = max((each.seed for each in runs if each is not None), default=0)
    return max(0, last + 1 - len(replicates.seeds))


def _races_on(history: History, search: SearchDefinition, before: int) -> bool:
    """Whether a race has had all runs that it could have before, and can have more now."""
    samples = search.options.num_samples or 0
    size = space_size(search.sweep, search.options)
    return before <= race_count(history, search) < min(samples, size or samples)
