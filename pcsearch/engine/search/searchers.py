"""The searchers: what the next trial's configuration is, up to the cap on trials."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Protocol, cast

import optuna
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from pcsearch.engine.records.history import History, TrialHistory
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.imputation import final_values, note_report
from pcsearch.engine.search.resumed_study import recall, recollect
from pcsearch.engine.search.samplers import make_sampler
from pcsearch.engine.search.search_space import OptunaSpace
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


class Configurations(Protocol):
    """Configurations by number, each made when it is asked for."""

    def config(self, index: int) -> dict[str, Any]:
        """The configuration number ``index``, from 0."""


def make_searcher(
    sweep: Sweep,
    cap: int | None,
    seed: int,
    sampler: SamplerName = "auto",
    history: History | None = None,
) -> PlannedSearcher | BayesSearcher:
    """The searcher of a sweep's method.

    Args:
        sweep: the sweep.
        cap: how many trials it may suggest, None for no bound.
        seed: of random draws and of Optuna's sampler.
        sampler: what suggests the trials of bayes.
        history: what earlier sessions have come to.
    """
    history = history or History()
    planned = configurations(sweep, seed)
    if planned is not None:
        return PlannedSearcher(planned, cap, sweep.metric, history)
    assert sweep.metrics, "a bayes sweep is read with its metric"
    space = OptunaSpace(sweep.parameters.values())
    return BayesSearcher(space, cap, sweep.metrics, seed, sampler, history)


class PlannedSearcher(Searcher):
    """Suggests configurations that do not depend on results: a grid's, or random draws.

    Args:
        planned: the configurations by number.
        cap: how many are suggested, None for no bound.
        metric: the sweep's, None where it has none.
        history: what earlier sessions have come to; it goes on after their trials.
    """

    def __init__(
        self,
        planned: Configurations,
        cap: int | None,
        metric: Metric | None,
        history: History | None = None,
    ) -> None:
        name, mode = (metric.name, metric.mode) if metric is not None else (None, None)
        super().__init__(metric=name, mode=mode)
        self._planned = planned
        self._cap = cap
        self._next = 0 if history is None else len(history.trials)

    def config(self, past: TrialHistory) -> dict[str, Any]:
        """The configuration of a trial of an earlier session."""
        return self._planned.config(past.number - 1)

    def point(self, trial_id: str) -> None:
        """None: a trial's number says what it is."""

    def suggest(self, trial_id: str) -> Any:
        """The next configuration, or FINISHED after the last."""
        if self._cap is not None and self._next >= self._cap:
            return str(Searcher.FINISHED)
        config = self._planned.config(self._next)
        self._next += 1
        return config

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: results change nothing."""


class BayesSearcher(OptunaSearch):
    """Tune's OptunaSearch with W&B's meaning of what a trial is worth, and a cap on trials.

    A trial is told to Optuna as the best value that it ever reported, also one that the scheduler
    stopped; of several metrics, as the last report that has them all. One that failed, diverged
    or never measured anything counts as its metric's ``impute`` says. A report without the metric
    is passed over instead of raising.

    Args:
        space: the parameters.
        cap: how many trials are suggested, None for no bound.
        metrics: what the study optimises, one or more.
        seed: of the sampler.
        sampler: its name.
        history: what earlier sessions have come to: all of it is in the study.
    """

    def __init__(
        self,
        space: OptunaSpace,
        cap: int | None,
        metrics: Sequence[Metric],
        seed: int,
        sampler: SamplerName = "auto",
        history: History | None = None,
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        history = history or History()
        recollection = recollect(history, space.distributions, metrics)
        names = [metric.name for metric in metrics]
        modes: list[str] = [metric.mode for metric in metrics]
        made = make_sampler(
            sampler,
            cap=cap,
            seed=seed,
            space=space.distributions,
            objectives=len(metrics),
            running=[metric.impute_while_running for metric in metrics],
            earlier=recollection,
        )
        several = len(metrics) > 1
        super().__init__(
            # It is asked for nothing but whether it is there.
            space=cast(Any, space),
            metric=names if several else names[0],
            mode=modes if several else modes[0],
            sampler=made,
        )
        self._parameters = space
        self._metrics = tuple(metrics)
        self._cap = cap
        self._suggested = len(history.trials)
        self._ot_trials.update(recall(self.study, recollection))
        self._completed_trials.update(past.id for past in history.trials if past.over)

    def config(self, past: TrialHistory) -> dict[str, Any]:
        """The configuration of a trial of an earlier session."""
        return self._parameters.config(past.point or {})

    def point(self, trial_id: str) -> dict[str, Any]:
        """What Optuna has chosen for a trial."""
        return dict(self._ot_trials[trial_id].params)

    def suggest(self, trial_id: str) -> Any:
        """Optuna's next configuration, or FINISHED after the last."""
        if self._cap is not None and self._suggested >= self._cap:
            return str(Searcher.FINISHED)
        # Nothing that Optuna warns of here is in the user's hands.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self.study.ask(self._parameters.distributions)
        self._ot_trials[trial_id] = trial
        self._suggested += 1
        return self._parameters.config(trial.params)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Keep what a running trial has come to, with it in the study."""
        if trial_id not in self._completed_trials:
            note_report(self._ot_trials[trial_id], result, self._metrics)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna what the trial is worth; a trial that has been told is not told again."""
        if trial_id in self._completed_trials:
            return
        # Of a trial that the scheduler stops, Tune shows the last report only here.
        self.on_trial_result(trial_id, result or {})
        went_wrong = error or (result or {}).get(EARLY_STOP_REASON) == DIVERGED
        trial = self._ot_trials[trial_id]
        self.study.tell(trial, final_values(trial, self._metrics, went_wrong=went_wrong))
        self._completed_trials.add(trial_id)

    @property
    def study(self) -> optuna.Study:
        """Optuna's study of the search."""
        assert self._ot_study is not None, "the space is given, so the study is there"
        return self._ot_study
