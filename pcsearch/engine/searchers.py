"""The searchers: what the next trial's configuration is, up to the cap on trials."""

from __future__ import annotations

import math
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any, Protocol

import optuna
from ray.tune.search import ConcurrencyLimiter, Searcher, SearchGenerator
from ray.tune.search.optuna import OptunaSearch

from pcsearch.engine.results import final_value, is_number
from pcsearch.engine.samplers import make_sampler
from pcsearch.engine.search_space import OptunaSpace
from pcsearch.sweeps.configurations import configurations
from pcsearch.sweeps.sweep import Metric, Sweep


class Configurations(Protocol):
    """Configurations by number, each made when it is asked for."""

    def config(self, index: int) -> dict[str, Any]:
        """The configuration number ``index``, from 0."""


def make_searcher(sweep: Sweep, cap: int, seed: int) -> Searcher:
    """The searcher of a sweep's method.

    Args:
        sweep: the sweep.
        cap: how many trials it may suggest.
        seed: of random draws and of Optuna's sampler.
    """
    planned = configurations(sweep, seed)
    if planned is not None:
        return PlannedSearcher(planned, cap, sweep.metric)
    assert sweep.metric is not None, "a bayes sweep is read with its metric"
    return BayesSearcher(OptunaSpace(tuple(sweep.parameters.values())), cap, sweep.metric, seed)


class Suggestions(SearchGenerator):
    """A searcher as Tune wants it; how many trials there are is the searcher's alone to say.

    Args:
        searcher: suggests the trials.
        max_concurrent: how many run at once at most, None for no limit.
    """

    def __init__(self, searcher: Searcher, max_concurrent: int | None) -> None:
        # Also without a limit: a later session may set one, and needs to know what is running.
        limit = sys.maxsize if max_concurrent is None else max_concurrent
        self._limiter = ConcurrencyLimiter(searcher, max_concurrent=limit)
        super().__init__(self._limiter)

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from an earlier session, asking the searcher again: its cap may be higher now."""
        super().set_state({**state, "finished": False})

    def restore_from_dir(self, dirpath: str) -> None:
        """Go on from an earlier session, with the limit of this one."""
        limit = self._limiter.max_concurrent
        super().restore_from_dir(dirpath)
        self._limiter.max_concurrent = limit


class PlannedSearcher(Searcher):
    """Suggests configurations that do not depend on results: a grid's, or random draws.

    Args:
        planned: the configurations by number.
        cap: how many are suggested.
        metric: the sweep's, None where it has none.
    """

    def __init__(self, planned: Configurations, cap: int, metric: Metric | None) -> None:
        name, mode = (metric.name, metric.mode) if metric is not None else (None, None)
        super().__init__(metric=name, mode=mode)
        self._planned = planned
        self._cap = cap
        self._next = 0

    def suggest(self, trial_id: str) -> Any:
        """The next configuration, or FINISHED after the last."""
        if self._next >= self._cap:
            return str(Searcher.FINISHED)
        config = self._planned.config(self._next)
        self._next += 1
        return config

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: results change nothing."""

    def save(self, checkpoint_path: str) -> None:
        """Write how far the search has come."""
        Path(checkpoint_path).write_bytes(pickle.dumps(self._next))

    def restore(self, checkpoint_path: str) -> None:
        """Go on from what `save` wrote."""
        self._next = pickle.loads(Path(checkpoint_path).read_bytes())  # noqa: S301 - own file


class BayesSearcher(OptunaSearch):
    """Tune's OptunaSearch, with a cap on trials and a meaning for trials that diverge.

    A diverged trial is told to Optuna as infinitely bad, so that it counts as the worst however
    bad later ones are. A report without the metric is passed over instead of raising.

    Args:
        space: the parameters.
        cap: how many trials are suggested.
        metric: what the study optimises.
        seed: of the sampler.
    """

    def __init__(self, space: OptunaSpace, cap: int, metric: Metric, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        super().__init__(
            space=space,
            metric=metric.name,
            mode=metric.mode,
            sampler=make_sampler(cap, seed),
        )
        self._cap = cap
        self._suggested = 0

    def suggest(self, trial_id: str) -> Any:
        """Optuna's next configuration, or FINISHED after the last."""
        if self._suggested >= self._cap:
            return str(Searcher.FINISHED)
        with warnings.catch_warnings():
            # Its first suggestion is reported as slow: a Gaussian process imports torch.
            warnings.filterwarnings("ignore", "Define-by-run function", UserWarning)
            # The infinities are the diverged trials', and clipping them is what they are for.
            warnings.filterwarnings("ignore", "Clip non-finite values", UserWarning)
            config = super().suggest(trial_id)
        self._suggested += 1
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Tell Optuna an intermediate value where the report has one."""
        if is_number(result.get(self.metric)):
            super().on_trial_result(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tell Optuna the final value; of a diverged trial, the worst there is."""
        if result and not error:
            value = final_value(result, self.metric)
            if value is None:
                value = math.inf if self.mode == "min" else -math.inf
            result = {**result, self.metric: value}
        super().on_trial_complete(trial_id, result, error)

    @property
    def study(self) -> optuna.Study:
        """Optuna's study of the search."""
        assert self._ot_study is not None, "the space is given, so the study is there"
        return self._ot_study

    def save(self, checkpoint_path: str) -> None:
        """Write the whole study; the cap is not the study's and may change on a restore."""
        state = {key: value for key, value in self.__dict__.items() if key != "_cap"}
        Path(checkpoint_path).write_bytes(pickle.dumps(state))
