"""The searchers of Tune: they suggest the next trial's configuration, up to the cap on trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ray.tune.search import Searcher

from pcsearch.engine.records.history import History, PastTrial
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.imputation import ReportedValues, final_values
from pcsearch.engine.search.resumed_study import rebuilt_trials, reported_by
from pcsearch.engine.search.samplers import make_study, suggest
from pcsearch.engine.search.search_space import OptunaSpace
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import Sweep


class Configurations(Protocol):
    """Configurations by number; each is computed when it is asked for."""

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
        sampler: which of Optuna's samplers suggests the trials of bayes.
        history: of a resumed or warm-started search, None for a new one.
    """
    planned = configurations(sweep, seed)
    if planned is not None:
        return PlannedSearcher(planned, cap, history)
    assert sweep.metrics, "a bayes sweep is read with its metric"
    space = OptunaSpace(sweep.parameters.values())
    return BayesSearcher(space, cap, sweep.metrics, seed, sampler, history)


class PlannedSearcher(Searcher):
    """Suggests configurations that do not depend on results: those of a grid, or random ones.

    Args:
        planned: the configurations by number.
        cap: how many are suggested, None for no bound.
        history: of a resumed search; the configurations after its trials are suggested.
    """

    def __init__(
        self, planned: Configurations, cap: int | None, history: History | None = None
    ) -> None:
        super().__init__()
        self._planned = planned
        self._cap = cap
        self._next = 0 if history is None else len(history.trials)

    def config(self, trial: PastTrial) -> dict[str, Any]:
        """The configuration of a trial of the history."""
        return self._planned.config(trial.number - 1)

    def point(self, trial_id: str) -> None:
        """None: a trial's number alone says what its configuration is."""

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
        """Do nothing: no suggestion depends on a result."""


class BayesSearcher(Searcher):
    """Suggests what Optuna does, and tells it what each trial is worth.

    A trial is worth the best value that it reported, also if the scheduler stopped it; of several
    metrics, the values of the last report that has them all. A trial that failed or diverged, or
    that reported no value, counts as its metric's ``impute`` says. A report without the metric
    is ignored.

    Args:
        space: the parameters.
        cap: how many trials are suggested, None for no bound.
        metrics: what the study optimises, one or more.
        seed: of the sampler.
        sampler: its name.
        history: of a resumed search; its trials are in the study.
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
        super().__init__()
        history = history or History()
        trials = rebuilt_trials(history, space.distributions, metrics)
        self._space = space
        self._metrics = tuple(metrics)
        self._cap = cap
        self._suggested = len(history.trials)
        # The results that a search starts from come first in its study.
        known = len(trials) - len(history.trials)
        # The numbers that the trials have in the study.
        self._numbers = {each.id: known + i for i, each in enumerate(history.trials)}
        # By these numbers, for the running trials.
        self._reported = {
            self._numbers[each.id]: reported_by(each, metrics) for each in history.unfinished
        }
        self.study = make_study(
            sampler,
            cap=cap,
            seed=seed,
            space=space.distributions,
            metrics=metrics,
            trials=trials,
            reported=self._reported,
        )
        """Optuna's study of the search."""

    def config(self, trial: PastTrial) -> dict[str, Any]:
        """The configuration of a trial of the history."""
        return self._space.config(trial.point or {})

    def point(self, trial_id: str) -> dict[str, Any]:
        """What Optuna has chosen for a trial, by the names of the parameters."""
        trials = self.study.get_trials(deepcopy=False)
        return dict(trials[self._numbers[trial_id]].params)

    def suggest(self, trial_id: str) -> Any:
        """Optuna's next configuration, or FINISHED after the last."""
        if self._cap is not None and self._suggested >= self._cap:
            return str(Searcher.FINISHED)
        trial = suggest(self.study, self._space.distributions)
        self._numbers[trial_id] = trial.number
        self._reported[trial.number] = ReportedValues()
        self._suggested += 1
        return self._space.config(trial.params)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Add a report of a running trial to what it has reported."""
        number = self._numbers[trial_id]
        if number in self._reported:
            self._reported[number] = self._reported[number].after(result, self._metrics)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna what a trial is worth that has ended; a second time changes nothing."""
        # Of a trial that the scheduler stops, Tune shows the last report only here.
        self.on_trial_result(trial_id, result or {})
        number = self._numbers[trial_id]
        reported = self._reported.pop(number, None)
        if reported is not None:
            went_wrong = error or (result or {}).get(EARLY_STOP_REASON) == DIVERGED
            values = final_values(reported, self._metrics, went_wrong=went_wrong)
            self.study.tell(number, values)
