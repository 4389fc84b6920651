"""The searcher of a search whose configurations run with several seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ray.tune.search import Searcher

from pcsearch.engine.records.journal.changes import LeftOut
from pcsearch.engine.records.journal.events import Replicate, Suggested
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import LearningCurves
from pcsearch.engine.search.replicates.entrants import ConfigurationMeans, entrant, runs_of
from pcsearch.engine.search.replicates.racing import NEW, NextRun, Race, standings
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher
from pcsearch.engine.search.searchers.remaining import Configurations
from pcsearch.sweeps.configurations import Grid, configurations
from pcsearch.sweeps.finite import finite_space
from pcsearch.sweeps.replicates import CONFIRMED, Replicates
from pcsearch.sweeps.sweep import Sweep


class ReplicatedSearcher(Searcher):
    """Suggests runs of configurations: the next seed of one, or the first seed of a new one.

    The configurations come from another searcher, which knows nothing of seeds. What runs next is
    derived from the outcomes of all runs, so a resumed search goes on as it would have. Enqueued
    configurations begin before any other run, and then race as all do.

    Args:
        inner: suggests the configurations; it has the first run of each in the history.
        sweep: with the parameter of the seeds.
        replicates: the seeds.
        race: decides what runs next.
        outcomes: of the search's trials.
        cap: the largest number of runs, without those with fresh seeds.
        configurations: how many there are at most.
        fresh: with how many fresh seeds the best configurations run at the end.
        history: of a resumed search.
    """

    def __init__(
        self,
        inner: PlannedSearcher | BayesSearcher,
        sweep: Sweep,
        replicates: Replicates,
        race: Race,
        outcomes: Outcomes,
        *,
        cap: int,
        configurations: int,
        fresh: int = 0,
        history: History | None = None,
    ) -> None:
        super().__init__()
        history = history or History()
        self._inner, self._sweep, self._replicates = inner, sweep, replicates
        self._race, self._outcomes = race, outcomes
        self.samples = cap
        """The largest number of runs, without those with fresh seeds."""
        self.fresh = fresh
        """With how many fresh seeds the best configurations run at the end."""
        self._configurations = configurations
        self._sign = outcomes.metrics[0].sign
        # By the number of each configuration, its values without a seed, and its first run.
        self._values: dict[int, dict[str, Any]] = {}
        self._firsts: dict[int, str] = {}
        # The values of those whose number does not give them.
        self._configs: dict[int, dict[str, Any] | None] = {}
        for trial in history.trials:
            if trial.replicate is not None:
                self._outcomes.of(trial.id).replicate = trial.replicate
                if trial.replicate.seed == 0:
                    values = inner.config(trial.of_configuration)
                    self._begin(trial.replicate.configuration, trial.id, values)
                    if trial.config is not None:
                        self._configs[trial.replicate.configuration] = dict(trial.config)
        # What runs next, and after how many trials, begun and ended, that was found.
        self._next: tuple[tuple[int, int], NextRun | None] | None = None
        self._was_decided = history.is_decided

    @property
    def is_decided(self) -> bool:
        """Whether it has nothing more to suggest, and no session noted this yet."""
        return not self._was_decided and self.is_exhausted

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left to run, whatever the runs come to that have not ended."""
        return self._next_run() is None and not self._are_running()

    @property
    def is_waiting(self) -> bool:
        """Whether what runs next depends on a run that has not ended."""
        return self._next_run() is None and self._are_running()

    def enqueue(self, parts: Mapping[int, dict[str, Any]]) -> None:
        """Begin configurations next, or parts of them without a seed, by their numbers."""
        self._inner.enqueue(parts)
        self._next = None

    def left_out(self) -> list[LeftOut]:
        """For the journal, the enqueued configurations of which nothing was left, each once."""
        return self._inner.left_out()

    def config(self, trial: TrialHistory) -> dict[str, Any]:
        """The values of a trial of the history."""
        assert trial.replicate is not None, "the journal has it of each trial of such a search"
        values = self._values[trial.replicate.configuration]
        return self._replicates.config(self._sweep, values, trial.replicate.seed)

    def point(self, trial_id: str) -> dict[str, Any] | None:
        """The values that Optuna chose for a trial's configuration, None without Optuna."""
        if isinstance(self._inner, PlannedSearcher):
            return None
        replicate = self.replicate(trial_id)
        assert replicate is not None, "it was suggested here"
        return self._inner.point(self._firsts[replicate.configuration])

    def suggested(self, trial_id: str, number: int) -> Suggested:
        """What the journal gets of a trial that `suggest` has given a configuration."""
        replicate = self.replicate(trial_id)
        assert replicate is not None, "it was suggested here"
        if replicate.seed > 0:
            config = self._configs.get(replicate.configuration)
            return Suggested(trial_id, number, self.point(trial_id), config, replicate=replicate)
        first = self._inner.suggested(trial_id, number)
        self._configs[replicate.configuration] = first.config
        return replace(first, replicate=replicate)

    def replicate(self, trial_id: str) -> Replicate | None:
        """Which run of which configuration a trial is."""
        return self._outcomes.of(trial_id).replicate

    def suggest(self, trial_id: str, number: int | None = None) -> Any:
        """The values of the next run, None where it depends on one that runs, or FINISHED.

        Args:
            trial_id: of the trial that gets it.
            number: that of the trial, which does not matter here.
        """
        run = self._next_run()
        if run is None:
            return None if self.is_waiting else str(Searcher.FINISHED)
        self._was_decided = False
        configuration = run.configuration
        if configuration is None:
            configuration = len(self._values) + 1
            self._begin(configuration, trial_id, self._inner.suggest(trial_id, configuration))
        self._outcomes.of(trial_id).replicate = Replicate(configuration, run.seed)
        return self._replicates.config(self._sweep, self._values[configuration], run.seed)

    def learn(self, results: Sequence[OtherResult]) -> None:
        """Do nothing: such a search has one driver."""

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell the inner searcher that the first run of a configuration has ended."""
        replicate = self.replicate(trial_id)
        if replicate is not None and replicate.seed == 0:
            self._inner.on_trial_complete(trial_id, result, error)

    def _begin(self, configuration: int, trial_id: str, values: dict[str, Any]) -> None:
        self._values[configuration], self._firsts[configuration] = values, trial_id

    def _are_running(self) -> bool:
        return any(not each.ended for each in self._outcomes)

    def _next_run(self) -> NextRun | None:
        """The next run, whose configuration is known by its number."""
        # Tune asks again and again, and only the beginning and the end of a run change it.
        state = sum(1 for _ in self._outcomes), self._outcomes.ended_count
        if self._next is None or self._next[0] != state:
            self._next = state, self._decide()
        return self._next[1]

    def _decide(self) -> NextRun | None:
        seeds = len(self._replicates.seeds)
        runs = runs_of(self._outcomes)
        entrants = [entrant(each, seeds, self._sign) for each in runs.values()]
        numbers = list(runs)
        left = 1 - sum(len(each.begun) for each in entrants) / self.samples
        if left > 0:
            can_begin = len(entrants) < self._configurations
            if can_begin and self._inner.has_enqueued:
                return NEW
            run = self._race.next_run(entrants, can_begin=can_begin, left=left)
            if run is not None:
                place = run.configuration
                return run if place is None else NextRun(numbers[place], run.seed)
        if not self.fresh or any(each.running for each in entrants):
            return None
        placed = standings(entrants, seeds)
        best = sorted(range(len(entrants)), key=lambda i: placed[i].expected)[:CONFIRMED]
        for i in best:
            begun = {each.replicate.seed for each in runs[numbers[i]] if each.replicate}
            for seed in range(seeds, seeds + self.fresh):
                if seed not in begun and math.isfinite(placed[i].expected):
                    return NextRun(numbers[i], seed)
        return None


def of_configurations(history: History, planned: Configurations | None) -> History:
    """The history that a searcher has of a search that knows nothing of seeds: the first runs.

    Args:
        history: of the search.
        planned: its configurations by number, None where Optuna chooses them.
    """
    firsts = history.first_runs
    if planned is not None:
        for each in firsts:
            each.place = each.config or planned.config(each.number - 1)
    # With enqueued ones, the numbers no longer give the configurations.
    return replace(history, trials=firsts, is_race=not history.enqueued)


def replicated_searcher(
    sweep: Sweep,
    replicates: Replicates,
    cap: int,
    seed: int,
    sampler: SamplerName,
    outcomes: Outcomes,
    *,
    history: History | None = None,
    curves: LearningCurves | None = None,
    fresh: int = 0,
    runs_all: bool = False,
) -> ReplicatedSearcher:
    """The searcher of a sweep whose seeds are replicates.

    Args:
        sweep: the sweep, with one metric.
        replicates: the seeds.
        cap: the largest number of runs, without those with fresh seeds.
        seed: of random draws and of Optuna's sampler.
        sampler: which of Optuna's samplers suggests the configurations of bayes.
        outcomes: of the search's trials.
        history: of a resumed or warm-started search, None for a new one.
        curves: predicts the losses of runs at their ends; None where no run is stopped early.
        fresh: with how many fresh seeds the best configurations run at the end.
        runs_all: whether every configuration runs with every seed, instead of a race.
    """
    history, seeds = history or History(), len(replicates.seeds)
    configured = replicates.without(sweep)
    planned = configurations(configured, seed)
    space = finite_space(configured)
    size = planned.size if isinstance(planned, Grid) else None if space is None else space.size
    most = cap if size is None else min(cap, size)
    means = None if planned is not None else ConfigurationMeans(outcomes, seeds, curves)
    inner = make_searcher(
        configured, most, seed, sampler, of_configurations(history, planned), outcomes, means
    )
    metric = outcomes.metrics[0]
    target = None if metric.target is None else metric.sign * metric.target
    race = Race(seeds, is_open=sweep.method != "grid", runs_all=runs_all, target=target)
    return ReplicatedSearcher(
        inner,
        sweep,
        replicates,
        race,
        outcomes,
        cap=cap,
        configurations=most,
        fresh=fresh,
        history=history,
    )
