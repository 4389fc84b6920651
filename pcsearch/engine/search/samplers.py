"""Optuna's samplers by their names, as ``bayes`` uses them."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.auto_sampler import GP_TRIALS, PROCESSES, pick_sampler
from pcsearch.engine.search.gaussian_process import GaussianProcess
from pcsearch.engine.search.imputation import imputed
from pcsearch.sweeps.metrics import Impute

if TYPE_CHECKING:
    from pcsearch.engine.search.resumed_study import Recollection

STARTUP_SHARE = 5
STARTUP_TRIALS = (4, 10)
Space = Mapping[str, BaseDistribution]


def make_sampler(
    name: SamplerName,
    *,
    cap: int | None,
    seed: int,
    space: Space,
    objectives: int = 1,
    running: Sequence[Impute | None] = (None,),
    earlier: Recollection | None = None,
) -> BaseSampler:
    """The sampler of a name.

    Args:
        name: "gp" begins with spread points, a fifth of the trials, 4 to 10; "auto" is "gp" for
            the first GP_TRIALS and "tpe" after them, or "tpe" alone.
        cap: how many trials there are at most, None for no bound.
        seed: of its draws.
        space: all parameters, as Optuna has them.
        objectives: how many there are.
        running: for each objective, what a running trial counts as; None where it is only taken
            to be on its way.
        earlier: trials that the study begins with. Draws go on after them, not from the start.
    """
    dimensions = sum(not each.single() for each in space.values())
    name = pick_sampler(name, dimensions, objectives)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        inner, startup = MAKERS[name](_seed_after(seed, earlier)), 0
        if earlier and name == "cmaes":
            inner = _cmaes_after(seed, earlier)
    if name in PROCESSES:
        least, most = STARTUP_TRIALS
        startup = most if cap is None else min(most, max(least, cap // STARTUP_SHARE))
    return SearchSampler(inner, space, startup, seed, running)


def _process(seed: int) -> BaseSampler:
    return GaussianProcess(seed)


def _seed_after(seed: int, earlier: Recollection | None) -> int:
    """The seed of a sampler's draws, another one in every session of a search."""
    if not earlier:
        return seed
    return int(np.random.SeedSequence([seed, len(earlier)]).generate_state(1)[0])


def _cmaes_after(seed: int, earlier: Recollection) -> BaseSampler:
    """CMA-ES from the distribution of the best trials so far; by itself it has no memory."""
    source = []
    for trial in (*earlier.known, *earlier.trials.values()):
        if trial.state == TrialState.COMPLETE and all(map(math.isfinite, trial.values)):
            numeric = copy.copy(trial)
            numeric.distributions = {
                name: each
                for name, each in trial.distributions.items()
                if not isinstance(each, CategoricalDistribution) and not each.single()
            }
            source.append(numeric)
    return CmaEsSampler(
        seed=_seed_after(seed, earlier),
        warn_independent_sampling=False,
        source_trials=source or None,
    )


def _cmaes(seed: int) -> BaseSampler:
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


class Spread(QMCSampler):
    """Spread points, of which each trial gets the one of its own number."""

    def __init__(self, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            super().__init__(seed=seed, scramble=True, warn_independent_sampling=False)

    def _find_sample_id(self, study: Study, search_space: dict[str, BaseDistribution]) -> int:
        # Optuna counts in the study, which a resumed search makes anew.
        return len(study.get_trials(deepcopy=False)) - 1


MAKERS: dict[SamplerName, Callable[[int], BaseSampler]] = {
    "auto": lambda seed: Growing(_process(seed), TPESampler(seed=seed)),
    "gp": _process,
    "tpe": lambda seed: TPESampler(seed=seed),
    "cmaes": _cmaes,
    "qmc": Spread,
    "random": lambda seed: RandomSampler(seed=seed),
}


class Growing(BaseSampler):
    """A sampler for the first GP_TRIALS trials of a study, and another for the rest.

    Args:
        first: the one.
        then: the other; it learns from the trials of both.
    """

    def __init__(self, first: BaseSampler, then: BaseSampler) -> None:
        self._first, self._then = first, then

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are sampled together."""
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together."""
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one parameter by itself."""
        sampler = self._of(trial)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass on what Optuna tells before a trial."""
        self._of(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Pass on what Optuna tells after a trial."""
        self._of(trial).after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Forget the seed."""
        self._first.reseed_rng()
        self._then.reseed_rng()

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        return self._first if trial.number < GP_TRIALS else self._then


class SearchSampler(BaseSampler):
    """A sampler of Optuna's that starts with spread points and sees trials as they count.

    Args:
        inner: Optuna's.
        space: all parameters.
        startup: how many trials are spread points (a scrambled Sobol sequence) first.
        seed: of them.
        running: as in `make_sampler`.
    """

    def __init__(
        self,
        inner: BaseSampler,
        space: Space,
        startup: int,
        seed: int,
        running: Sequence[Impute | None] = (None,),
    ) -> None:
        self._inner = inner
        self._space = {name: each for name, each in space.items() if not each.single()}
        self._startup = startup
        self._spread = Spread(seed)
        self._running = tuple(running)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are sampled together."""
        if self._starts(study, trial):
            return dict(self._space)
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together."""
        if self._starts(study, trial):
            return self._spread.sample_relative(study, trial, search_space)
        return self._inner.sample_relative(self._seen(study, trial), trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one parameter by itself."""
        seen = self._seen(study, trial)
        return self._inner.sample_independent(seen, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass on what Optuna tells before a trial."""
        self._inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Pass on what Optuna tells after a trial."""
        self._inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Forget the seed."""
        self._inner.reseed_rng()

    def _seen(self, study: Study, trial: FrozenTrial) -> Study:
        return imputed(study, trial, self._running)

    def _starts(self, study: Study, trial: FrozenTrial) -> bool:
        if isinstance(self._inner, QMCSampler):
            # The whole space is known; QMCSampler itself would wait for a trial that has ended.
            return True
        return self._startup > 0 and (trial.number < self._startup or not _has_contrast(study))


def _has_contrast(study: Study) -> bool:
    """Whether two trials have different finite values.

    Until then there is nothing to tell good from bad by, and a Gaussian process would suggest the
    same few points for ever.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    finite = (each.values for each in trials if all(map(math.isfinite, each.values)))
    first = next(finite, None)
    return any(values != first for values in finite)
