"""Optuna's sampler for ``bayes``: a Gaussian process while it is quick, then TPE."""

from __future__ import annotations

import math
import warnings
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

# A suggestion of the Gaussian process takes half a second at 200 trials and grows with their cube.
GP_TRIALS = 200
STARTUP_SHARE = 5
STARTUP_TRIALS = (4, 10)


def make_sampler(cap: int, seed: int) -> BayesSampler:
    """The sampler of a search of at most ``cap`` trials; a fifth of them, 4 to 10, are random."""
    least, most = STARTUP_TRIALS
    return BayesSampler(min(most, max(least, cap // STARTUP_SHARE)), seed)


class BayesSampler(BaseSampler):
    """A Gaussian process for the first GP_TRIALS trials, and TPE after them, on one study.

    The process needs far fewer trials than TPE, whose suggestions stay quick for any number.

    Args:
        startup_trials: how many are random first.
        seed: of both.
    """

    def __init__(self, startup_trials: int, seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            self._gp = GPSampler(
                seed=seed,
                n_startup_trials=startup_trials,
                deterministic_objective=True,
                warn_independent_sampling=False,
            )
        self._tpe = TPESampler(seed=seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are sampled together."""
        return self._sampler(trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together; none as long as all are random."""
        if not _has_contrast(study):
            return {}
        return self._sampler(trial).sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one parameter by itself."""
        sampler = self._sampler(trial)
        return sampler.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Pass on what Optuna tells before a trial."""
        self._sampler(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Pass on what Optuna tells after a trial."""
        self._sampler(trial).after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Forget the seed."""
        self._gp.reseed_rng()
        self._tpe.reseed_rng()

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        return self._gp if trial.number < GP_TRIALS else self._tpe


def _has_contrast(study: Study) -> bool:
    """Whether two trials have different finite values.

    Until then the process, which takes infinity for the worst finite value, has nothing to tell
    good from bad by, and would suggest the same few points for ever.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = (trial.value for trial in trials if trial.value is not None)
    finite = (value for value in values if math.isfinite(value))
    first = next(finite, None)
    return any(value != first for value in finite)
