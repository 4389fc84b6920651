"""Configurations from the outcomes of their runs: as the race sees them, as bayes does, as ASHA."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from replicated_runs import Runs

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import Prediction
from pcsearch.engine.search.replicates.entrants import (
    ConfigurationMeans,
    entrant,
    mean_over_seeds,
    of_configurations,
    runs_of,
)
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.sweeps.metrics import Metric

SEEDS = 2


def outcomes(*runs: tuple[int, int, float | None], goal: str = "minimize") -> Outcomes:
    """Runs of a configuration with a seed: their values, None of one that runs."""
    made = Outcomes([Metric("loss", "minimize" if goal == "minimize" else "maximize")])
    for number, (configuration, seed, value) in enumerate(runs):
        outcome = made.begin(f"t{number}", number + 1, {})
        outcome.replicate = Replicate(configuration, seed)
        if value is not None:
            outcome.add({"loss": value, "epoch": 1})
            made.end(f"t{number}")
    return made


def test_an_entrant_has_the_losses_of_the_runs_that_have_ended_without_those_of_fresh_seeds() -> (
    None
):
    made = outcomes((1, 0, 3.0), (2, 0, 5.0), (1, 1, None), (1, 2, 9.0))
    assert [[each.trial_id for each in runs] for runs in runs_of(made).values()] == [
        ["t0", "t2", "t3"],
        ["t1"],
    ]
    found = entrant(runs_of(made)[1], SEEDS, -1.0)
    assert (found.losses, found.begun, found.running) == ({0: -3.0}, {0, 1}, 1)
    assert not found.is_out


@pytest.mark.parametrize("ending", ["failed", "diverged", "stopped", "by the user"])
def test_a_run_that_went_wrong_or_was_stopped_takes_its_configuration_out(ending: str) -> None:
    made = outcomes((1, 0, 3.0), (1, 1, math.nan if ending == "diverged" else 4.0))
    run = made.of("t1")
    run.failed = ending == "failed"
    run.stopped_at = 1 if ending == "stopped" else None
    run.ended_by_user = ending == "by the user"
    found = entrant(runs_of(made)[1], SEEDS, 1.0)
    assert found.is_out
    assert found.losses == {0: 3.0}


@pytest.mark.parametrize("stopped", [False, True])
def test_the_race_and_the_tables_agree_of_a_run_that_was_stopped_in_its_last_epoch(
    stopped: bool,
) -> None:
    """All its epochs have run: it is as whole as any other."""
    made = outcomes((1, 0, 3.0), (1, 1, 4.0))
    run = made.of("t1")
    run.epochs, run.ended_by_user = 1 if not stopped else 2, True
    assert run.status == ("stopped" if stopped else "finished")
    raced = entrant(runs_of(made)[1], SEEDS, 1.0)
    assert (raced.losses, raced.is_out) == ({0: 3.0} if stopped else {0: 3.0, 1: 4.0}, stopped)
    assert mean_over_seeds(run, made, SEEDS) == (None if stopped else 3.5)
    shown = entrant([each.result() for each in made], SEEDS, 1.0)
    assert shown == raced


def test_asha_compares_the_means_of_the_runs_that_have_come_to_a_rung() -> None:
    made = outcomes((1, 0, 1.0), (1, 1, None), (2, 0, 3.0), (2, 1, None), (1, 2, 9.0))
    predictions = {
        "t0": Prediction(1.0, 0.3, 9),
        "t1": Prediction(2.0, 0.4, 3),
        "t2": Prediction(3.0, 0.3, 9),
        "t3": Prediction(9.0, 0.4, 1),
        "t4": Prediction(9.0, 0.4, 9),
    }
    found = of_configurations(predictions, made, SEEDS, 3)
    assert found["1"] == pytest.approx((1.5, 0.25, 9))
    assert found["2"] == pytest.approx((3.0, 0.3, 9)), "its second run has not come there"


def test_the_good_run_of_a_configuration_that_is_out_stops_nobody() -> None:
    made = outcomes((1, 0, 1.0), (1, 1, math.nan), (2, 0, 3.0))
    predictions = {"t0": Prediction(1.0, 0.3, 9), "t2": Prediction(3.0, 0.3, 9)}
    assert of_configurations(predictions, made, SEEDS, 3).keys() == {"2"}


def test_bayes_sees_one_trial_for_each_configuration_with_the_mean_of_its_seeds() -> None:
    runs = Runs("bayes", 20)
    runs.run(20)
    inner = runs.searcher._inner
    assert isinstance(inner, BayesSearcher)
    configurations = runs_of(runs.outcomes)
    assert len(inner.study.trials) == len(configurations) < 20
    assert set(inner.study.trials[0].params) == {"a"}
    means = ConfigurationMeans(runs.outcomes, 5, None).predictions()
    assert means.keys() == {each[0].trial_id for each in configurations.values()}
    several = [each for each in configurations.values() if len(each) == 3]
    alone = [each for each in configurations.values() if len(each) == 1]
    assert several
    assert alone
    sure, unsure = means[several[0][0].trial_id], means[alone[0][0].trial_id]
    assert unsure.deviation == pytest.approx(sure.deviation * 3**0.5)


def test_bayes_takes_a_configuration_with_a_failed_run_for_bad() -> None:
    bayes = Runs("bayes", 12)
    bayes.run(3)
    assert bayes.run(1, lambda _: None)[0]["seed"] == 2, "the better one has got its second seed"
    failed = bayes.replicate(4).configuration
    means = ConfigurationMeans(bayes.outcomes, 5, None).predictions()
    first = runs_of(bayes.outcomes)[failed][0].trial_id
    assert [each for each in means if math.isinf(means[each].mean)] == [first]
    more = bayes.run(99)
    assert len(more) == 8
    assert all(bayes.replicate(number).configuration != failed for number in range(5, 13))


@pytest.mark.parametrize(
    "ending", ["by the user", "failed", "diverged", "without a value", "fresh"]
)
def test_a_run_that_the_user_stopped_says_nothing_against_its_configuration(ending: str) -> None:
    seed = SEEDS if ending == "fresh" else 1
    made = outcomes((1, 0, 3.0), (1, seed, math.nan if ending == "diverged" else 9.0))
    run = made.of("t1")
    run.epochs, run.ended_by_user = 2, ending == "by the user"
    run.failed, run.without_value = ending in ("failed", "fresh"), ending == "without a value"
    curves: Any = SimpleNamespace(predictions=lambda: {"t0": Prediction(3.0, 0.1, 1)})
    for known in (None, curves):
        found = ConfigurationMeans(made, SEEDS, known).predictions()
        is_good = ending in ("by the user", "fresh")
        assert found["t0"].mean == (3.0 if is_good else math.inf)


def test_the_mean_over_all_seeds_is_found_without_a_look_at_other_configurations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A target asks for it at every report of every run."""
    made = outcomes((1, 0, 3.0), (2, 0, 5.0), (1, 1, 4.0))
    assert mean_over_seeds(made.of("t0"), made, SEEDS) == 3.5
    monkeypatch.delattr(Outcomes, "__iter__")
    later = made.begin("t3", 4, {})
    later.replicate = Replicate(2, 1)
    later.add({"loss": 6.0, "epoch": 1})
    assert mean_over_seeds(later, made, SEEDS) == 5.5
    assert [each.trial_id for each in made.runs_of(2)] == ["t1", "t3"]


def test_the_mean_over_all_seeds_needs_a_value_of_each() -> None:
    made = outcomes((1, 0, 3.0), (2, 0, 5.0), (1, 1, None), (1, 2, 9.0))
    run = made.of("t0")
    assert mean_over_seeds(run, made, SEEDS) is None
    # One that still runs counts with what it has: it can only become better.
    made.of("t2").add({"loss": 4.0, "epoch": 1})
    assert mean_over_seeds(run, made, SEEDS) == 3.5
    assert mean_over_seeds(made.of("t1"), made, SEEDS) is None
    assert mean_over_seeds(made.of("t3"), made, SEEDS) is None, "a fresh seed"
    made.of("t2").stopped_at = 1
    assert mean_over_seeds(run, made, SEEDS) is None
