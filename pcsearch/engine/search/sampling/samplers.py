"""The samplers of Optuna that suggest the trials of ``bayes``, by their names."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.search.predictions.learning_curves import Prediction
from pcsearch.engine.search.sampling.auto_sampler import GP_SAMPLERS, GP_TRIALS, pick_sampler
from pcsearch.engine.search.sampling.gaussian_process import GaussianProcessSampler
from pcsearch.engine.search.sampling.imputation import imputed_trials
from pcsearch.engine.search.sampling.sobol import SobolSampler
from pcsearch.engine.search.sampling.study_view import ViewableStorage, quiet_optuna
from pcsearch.sweeps.metrics import Impute, Metric

CMAES_SOURCES = 10
"""CMA-ES starts from the best tenth of earlier trials; of fewer there is none."""
SPREAD_EVERY = 4
"""With early stopping, one trial of every so many is a Sobol point."""
STARTUP_SHARE = 5
STARTUP_TRIALS = (4, 10)
Space = Mapping[str, BaseDistribution]


def make_study(
    name: SamplerName,
    *,
    cap: int | None,
    seed: int,
    space: Space,
    metrics: Sequence[Metric],
    trials: Sequence[FrozenTrial] = (),
    outcomes: Mapping[int, TrialOutcome] | None = None,
    predictions: Mapping[int, Prediction] | None = None,
    stops_early: bool = False,
) -> Study:
    """A study in memory, with the sampler of a name.

    Args:
        name: "gp" begins with Sobol points, a fifth of the trials, but 4 to 10; "auto" is "gp" for
            the first GP_TRIALS and "tpe" after them, or "tpe" alone.
        cap: the number of trials that the search has at most, None for no bound.
        seed: of the sampler.
        space: the distributions of all parameters, by name.
        metrics: what the study optimises, one or more.
        trials: those with which the study begins.
        outcomes: of the running trials, by their numbers in the study; the caller keeps them up to
            date.
        predictions: the values to see instead of those that trials have so far, by the same
            numbers; the caller keeps them up to date.
        stops_early: whether trials are stopped early: some are then Sobol points all the time.
    """
    dimensions = sum(not each.single() for each in space.values())
    picked = pick_sampler(name, dimensions, len(metrics))
    storage = ViewableStorage()
    sampler = SearchSampler(
        _make_sampler(picked, seed, space, trials, storage),
        storage,
        space,
        seed,
        startup=startup_trials(cap) if picked in GP_SAMPLERS else 0,
        running=[metric.impute_while_running for metric in metrics],
        outcomes={} if outcomes is None else outcomes,
        predictions=predictions,
        stops_early=stops_early,
    )
    with quiet_optuna():
        goals = [metric.goal for metric in metrics]
        study = optuna.create_study(storage=storage, sampler=sampler, directions=goals)
    for trial in trials:
        study.add_trial(trial)
    return study


def startup_trials(cap: int | None) -> int:
    """How many trials are Sobol points, before a Gaussian process suggests any."""
    least, most = STARTUP_TRIALS
    return most if cap is None else min(most, max(least, cap // STARTUP_SHARE))


def suggest(study: Study, space: Space) -> optuna.Trial:
    """The next trial of a study, running, with a value for each parameter of the space."""
    with quiet_optuna():
        return study.ask(dict(space))


def _make_sampler(
    name: SamplerName,
    seed: int,
    space: Space,
    trials: Sequence[FrozenTrial],
    storage: ViewableStorage,
) -> BaseSampler:
    # Each session of a search draws with another seed, or it would draw the same again.
    own_seed = _mixed(seed, len(trials)) if trials else seed
    match name:
        case "auto":
            process = GaussianProcessSampler(own_seed, storage)
            return SamplerSwitch(process, TPESampler(seed=own_seed))
        case "gp":
            return GaussianProcessSampler(own_seed, storage)
        case "tpe":
            return TPESampler(seed=own_seed)
        case "cmaes":
            return _cmaes(own_seed, trials)
        case "qmc":
            # A trial's number says which point it gets, in every session.
            return SobolSampler(space, seed)
        case "random":
            return RandomSampler(seed=own_seed)


def _mixed(seed: int, trials: int) -> int:
    return int(np.random.SeedSequence([seed, trials]).generate_state(1)[0])


def _cmaes(seed: int, trials: Sequence[FrozenTrial]) -> BaseSampler:
    """CMA-ES that starts from the distribution of the best of these trials.

    By itself it does not learn from trials that it has not suggested.
    """
    source = []
    for trial in trials:
        if trial.state == TrialState.COMPLETE and all(map(math.isfinite, trial.values)):
            numeric = copy.copy(trial)
            numeric.distributions = {
                name: each
                for name, each in trial.distributions.items()
                if not isinstance(each, CategoricalDistribution) and not each.single()
            }
            source.append(numeric)
    enough = len(source) >= CMAES_SOURCES
    with quiet_optuna():
        return CmaEsSampler(
            seed=seed,
            warn_independent_sampling=False,
            source_trials=source if enough else None,
        )


class SamplerSwitch(BaseSampler):
    """A sampler for the first GP_TRIALS trials of a study, and another for the rest.

    Args:
        first: the sampler of the first trials.
        second: the sampler of the rest; it learns from all trials.
    """

    def __init__(self, first: BaseSampler, second: BaseSampler) -> None:
        self._first, self._second = first, second

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
        """Tell the sampler that a trial begins."""
        self._of(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Tell the sampler that a trial has ended."""
        self._of(trial).after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Draw without the seed from now on."""
        self._first.reseed_rng()
        self._second.reseed_rng()

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        return self._first if trial.number < GP_TRIALS else self._second


class SearchSampler(BaseSampler):
    """A sampler that begins with Sobol points and sees each trial with its imputed values.

    Args:
        inner: suggests the trials after those points.
        storage: of the study.
        space: the distributions of all parameters, by name.
        seed: of the Sobol points.
        startup: the number of Sobol points.
        running: for each objective, the value that a running trial counts with; None where the
            inner sampler is to see that it is running.
        outcomes: as in `make_study`.
        predictions: as in `make_study`.
        stops_early: as in `make_study`.
    """

    def __init__(
        self,
        inner: BaseSampler,
        storage: ViewableStorage,
        space: Space,
        seed: int,
        *,
        startup: int,
        running: Sequence[Impute | None],
        outcomes: Mapping[int, TrialOutcome],
        predictions: Mapping[int, Prediction] | None = None,
        stops_early: bool = False,
    ) -> None:
        self._inner = inner
        self._storage = storage
        self._startup = startup
        self._first = SobolSampler(space, seed)
        self._spread = SobolSampler(space, _mixed(seed, SPREAD_EVERY), SPREAD_EVERY)
        self._running = tuple(running)
        self._outcomes = outcomes
        self._predictions = predictions
        self._stops_early = stops_early

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The parameters that are sampled together."""
        return self._sampler(study, trial).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of the parameters that are sampled together."""
        sampler = self._sampler(study, trial)
        with self._imputed(study, trial) as imputed:
            return sampler.sample_relative(imputed, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The value of one parameter by itself."""
        with self._imputed(study, trial) as imputed:
            return self._inner.sample_independent(imputed, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Tell the inner sampler that a trial begins."""
        self._inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Tell the inner sampler that a trial has ended."""
        self._inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Draw without the seed from now on."""
        self._inner.reseed_rng()

    @contextmanager
    def _imputed(self, study: Study, trial: FrozenTrial) -> Iterator[Study]:
        trials = imputed_trials(
            study, trial, self._running, self._outcomes, self._predictions or {}
        )
        with self._storage.view(study, trials) as imputed:
            yield imputed

    def _sampler(self, study: Study, trial: FrozenTrial) -> BaseSampler:
        starts = trial.number < self._startup or not _has_contrast(study)
        # Early epochs may favour a region that is worse in the end: the others must be seen, too.
        spreads = self._stops_early and trial.number % SPREAD_EVERY == SPREAD_EVERY - 1
        if not self._startup or not (starts or spreads):
            return self._inner
        return self._first if starts else self._spread


def _has_contrast(study: Study) -> bool:
    """Whether two trials have different finite values.

    Until then nothing tells good from bad, and a Gaussian process would suggest the same few
    points again and again.
    """
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    finite = (each.values for each in trials if all(map(math.isfinite, each.values)))
    first = next(finite, None)
    return any(values != first for values in finite)
