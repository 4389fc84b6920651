"""The searcher of bayes where trials are stopped early: it sees predicted values."""

from __future__ import annotations

import math

import optuna
from searchers_in_tune import as_in_tune, loss, one_by_one, report, sweep

from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.sampling.samplers import SearchSampler
from pcsearch.engine.search.sampling.study_view import quiet_optuna
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher

HYPERBAND = "early_terminate: {type: hyperband, min_iter: 1}"


def stopping_early(
    cap: int, seed: int = 0, sampler: SamplerName = "auto", more: str = HYPERBAND
) -> BayesSearcher:
    """The searcher of a sweep that stops trials early; the longest has nine epochs."""
    read = sweep("bayes", more=more)
    outcomes = Outcomes(read.metrics)
    curves = learning_curves(read, 9, outcomes)
    searcher = make_searcher(read, cap, seed, sampler, outcomes=outcomes, curves=curves)
    assert isinstance(searcher, BayesSearcher)
    return searcher


def test_with_early_stopping_optuna_sees_the_predicted_values() -> None:
    """A trial that was stopped and one that runs count as what they are predicted to come to."""
    searcher = stopping_early(30)
    outcomes = searcher._outcomes
    for number in range(8):
        config = searcher.suggest(f"t{number}")
        outcomes.begin(f"t{number}", number + 1, config)
        epochs = 9 if number < 4 else 2
        for epoch in range(1, epochs + 1):
            outcomes.of(f"t{number}").add(report(loss(config) + 1 / epoch, epoch))
        if number != 7:
            outcomes.end(f"t{number}")
            outcomes.of(f"t{number}").stopped_at = None if epochs == 9 else 2
            searcher.on_trial_complete(f"t{number}", report(0.0))
    searcher.suggest("t8")
    seen = searcher._predictions
    assert sorted(seen) == list(range(8))
    for number in range(4, 8):
        had = outcomes.of(f"t{number}").latest
        assert had is not None
        # After two epochs a trial has still to lose 1/2 - 1/9.
        assert seen[number].mean < had[0] - 0.2
        assert seen[number].deviation > seen[0].deviation
    told = [trial.value for trial in searcher.study.trials[4:7]]
    assert told == [outcomes.of(f"t{number}").best[0] for number in range(4, 7)]  # type: ignore[index]


def test_with_early_stopping_every_fourth_trial_is_spread_over_the_space() -> None:
    searcher = as_in_tune(stopping_early(40, 3))
    configs = one_by_one(searcher, 24)
    sobol = stopping_early(40, 3, "qmc")
    assert configs[:8] == [sobol.suggest(f"t{number}") for number in range(8)]
    sampler = searcher.study.sampler
    assert isinstance(sampler, SearchSampler)
    with quiet_optuna():
        study = optuna.create_study(sampler=sampler._spread)
    points = [study.ask(searcher.study.trials[0].distributions).params for _ in range(24)]
    suggested = [trial.params for trial in searcher.study.trials]
    same = [number for number in range(8, 24) if suggested[number] == points[number]]
    assert same == [11, 15, 19, 23]


def test_without_a_rung_nothing_is_predicted() -> None:
    more = "early_terminate: {type: hyperband, min_iter: 9}"
    assert stopping_early(30, more=more)._curves is None


def test_a_failed_trial_is_not_predicted() -> None:
    searcher = stopping_early(30)
    outcomes = searcher._outcomes
    for number in range(3):
        outcomes.begin(f"t{number}", number + 1, searcher.suggest(f"t{number}"))
        outcomes.of(f"t{number}").add(report(0.5 + number))
        outcomes.end(f"t{number}", "it broke" if number == 1 else None)
        searcher.on_trial_complete(f"t{number}", report(0.5 + number), error=number == 1)
    searcher.suggest("t3")
    assert sorted(searcher._predictions) == [0, 2]
    assert searcher.study.trials[1].value == math.inf
