"""Predictions of the losses that trials would have at their ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import spearmanr

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import LearningCurves, Prediction
from pcsearch.sweeps.metrics import Goal, Metric

EPOCHS = 27


def outcomes_of(curves: Sequence[Sequence[float]], goal: Goal = "minimize") -> Outcomes:
    outcomes = Outcomes([Metric("loss", goal)])
    for number, curve in enumerate(curves):
        outcome = outcomes.begin(f"t{number}", number + 1, {})
        for epoch, value in enumerate(curve, 1):
            outcome.add({"epoch": epoch, "loss": value})
    return outcomes


def predicted(
    curves: Sequence[Sequence[float]], goal: Goal = "minimize", *, best_so_far: bool = False
) -> list[Prediction]:
    model = LearningCurves(outcomes_of(curves, goal), EPOCHS, best_so_far=best_so_far)
    predictions = model.predictions()
    return [predictions[f"t{number}"] for number in range(len(curves))]


def power_laws(count: int, seed: int, noise: float = 0.01) -> np.ndarray:
    random = np.random.default_rng(seed)
    final = random.uniform(0.1, 1.0, (count, 1))
    fall = random.uniform(0.5, 1.5, (count, 1))
    power = random.uniform(0.4, 1.2, (count, 1))
    curves = final + fall * np.arange(1, EPOCHS + 1) ** -power
    return np.asarray(curves + noise * random.normal(size=curves.shape))


def cut(curves: np.ndarray, epochs: int, whole: int) -> list[list[float]]:
    """The first trials to their end, the others to an epoch."""
    return [list(curve if i < whole else curve[:epochs]) for i, curve in enumerate(curves)]


@pytest.mark.parametrize("seed", range(5))
def test_a_few_epochs_tell_more_than_the_newest_loss(seed: int) -> None:
    """The prediction is nearer to the end than the value so far, and orders trials better."""
    curves = power_laws(40, seed)
    given = cut(curves, 5, 6)
    means = np.array([each.mean for each in predicted(given)])[6:]
    ends, newest = curves[6:, -1], curves[6:, 4]
    assert np.abs(means - ends).mean() < np.abs(newest - ends).mean() / 2
    assert spearmanr(means, ends).statistic > spearmanr(newest, ends).statistic - 0.02


@pytest.mark.parametrize("seed", range(5))
def test_the_standard_deviation_is_about_as_large_as_the_error(seed: int) -> None:
    curves = power_laws(60, seed)
    predictions = predicted(cut(curves, 4, 15))[15:]
    errors = [
        (each.mean - end) / each.deviation
        for each, end in zip(predictions, curves[15:, -1], strict=True)
    ]
    assert 0.4 < np.std(errors) < 2.5


def test_more_reports_make_it_more_certain() -> None:
    curves = power_laws(20, 0)
    short, long = (predicted(cut(curves, epochs, 5))[-1] for epochs in (2, 20))
    assert long.deviation < short.deviation
    assert (short.epoch, long.epoch) == (2, 20)


def test_the_unit_and_the_zero_of_the_loss_do_not_matter() -> None:
    given = cut(power_laws(15, 1), 6, 4)
    moved = [[1e3 * loss - 5e4 for loss in curve] for curve in given]
    for one, other in zip(predicted(given), predicted(moved), strict=True):
        assert other.mean == pytest.approx(1e3 * one.mean - 5e4, rel=1e-3)


def test_a_metric_to_maximise_is_the_loss_of_its_negative() -> None:
    given = cut(power_laws(15, 2), 6, 4)
    negative = [[-loss for loss in curve] for curve in given]
    for one, other in zip(predicted(given), predicted(negative, "maximize"), strict=True):
        assert other == pytest.approx(one)


def test_a_trial_that_blows_up_does_not_spoil_the_others() -> None:
    given = cut(power_laws(15, 3), 6, 4)
    spoilt = [*given, [1.0, 1e12, 1e30]]
    for one, other in zip(predicted(given), predicted(spoilt), strict=False):
        assert other.mean == pytest.approx(one.mean, abs=0.2)
    means = [each.mean for each in predicted(spoilt)]
    assert max(means) == means[-1]


@pytest.mark.parametrize("power", [0.7, 1.0, 1.5])
def test_new_trials_are_told_apart_where_long_ones_are_flat(power: float) -> None:
    """Of all reports most are at the flat ends of long curves."""
    random = np.random.default_rng(0)
    ends = random.uniform(0.05, 0.1, (40, 1))
    long = ends + random.uniform(0.9, 1.1, (40, 1)) * np.arange(1.0, 82) ** -power
    new = [[0.75], [1.4]]
    better, worse = predicted([*long.tolist(), *new])[-2:]
    assert better.mean < worse.mean - 0.01


@pytest.mark.parametrize("jump", [-1e6, -30.0, 30.0, 1e30])
@pytest.mark.parametrize("at", [0, 3, 8])
def test_a_trial_that_jumps_very_far_makes_the_others_no_less_certain(jump: float, at: int) -> None:
    given = cut(power_laws(20, 7), 9, 5)
    spoilt = [list(curve) for curve in given]
    spoilt[-1][at] = jump
    for one, other in list(zip(predicted(given), predicted(spoilt), strict=True))[:-1]:
        assert other.mean == pytest.approx(one.mean, abs=0.1)
        assert other.deviation < 2 * one.deviation + 0.01


def test_the_least_loss_so_far_counts_where_it_is_asked_for() -> None:
    given = cut(power_laws(15, 4), 10, 4)
    given[-1] = [0.9, 0.3, *([0.9] * 8)]
    strict, best = (predicted(given, best_so_far=each)[-1] for each in (False, True))
    assert best.mean < 0.4 < strict.mean


def test_a_trial_that_ended_by_itself_is_worth_what_it_had_then() -> None:
    given = cut(power_laws(15, 5, noise=0.0), 3, 6)
    outcomes = outcomes_of(given)
    model = LearningCurves(outcomes, EPOCHS)
    before = model.predictions()["t14"].mean
    outcomes.end("t14")
    assert model.predictions()["t14"].mean > before
    assert model.predictions()["t14"].mean == pytest.approx(given[14][-1], abs=0.1)


@pytest.mark.parametrize("by", ["ended_by_user", "ended_by_target"])
def test_a_trial_that_was_ended_early_would_have_gone_on(by: str) -> None:
    outcomes = outcomes_of(cut(power_laws(15, 5, noise=0.0), 3, 6))
    model = LearningCurves(outcomes, EPOCHS)
    before = model.predictions()["t14"].mean
    setattr(outcomes.of("t14"), "stop_requested" if by == "ended_by_user" else by, True)
    outcomes.end("t14")
    assert model.predictions()["t14"].mean == pytest.approx(before, abs=0.05)


def test_a_trial_that_failed_or_diverged_has_no_prediction() -> None:
    outcomes = outcomes_of(cut(power_laws(6, 0), 5, 3))
    model = LearningCurves(outcomes, EPOCHS)
    assert len(model.predictions()) == 6
    outcomes.end("t1", "it broke")
    outcomes.of("t4").add({"epoch": 6, "loss": math.nan})
    assert sorted(model.predictions()) == ["t0", "t2", "t3", "t5"]
    outcomes.of("t4").add({"epoch": 7, "loss": 0.5})
    assert "t4" in model.predictions()


@pytest.mark.parametrize("curve", [[0.5], [0.5] * 9, [0.0] * 3, [1e-300, 0.0]])
def test_equal_trials_have_finite_predictions(curve: list[float]) -> None:
    for each in predicted([curve] * 5):
        assert all(map(math.isfinite, each))
        assert each.deviation > 0


@pytest.mark.parametrize(
    "curves",
    [
        [[1e200 * trial / epoch for epoch in range(1, 6)] for trial in range(1, 7)],
        [*[[1e308, -1e308]] * 5, [1.7e308]],
        [[1e-320 * trial] for trial in range(1, 7)],
        [*[[0.5] * 3] * 5, *[[-1e300]] * 3],
        [[1e16 + trial] for trial in range(8)],
        # No trial has learnt anything yet.
        [*[[0.0] * 3] * 5, *power_laws(3, 0).tolist()],
        [*[[1e-12] * 3] * 5, *(1e9 * power_laws(3, 0)).tolist()],
    ],
)
def test_no_number_is_too_large_or_too_small(curves: list[list[float]]) -> None:
    """The predictions are asked for after each report, as in a search."""
    outcomes = Outcomes([Metric("loss", "minimize")])
    model = LearningCurves(outcomes, EPOCHS)
    for number, curve in enumerate(curves):
        outcome = outcomes.begin(f"t{number}", number + 1, {})
        for epoch, value in enumerate(curve, 1):
            outcome.add({"epoch": epoch, "loss": value})
            for each in model.predictions().values():
                assert all(map(math.isfinite, each))
                assert each.deviation > 0


def test_there_is_no_prediction_before_the_first_report() -> None:
    assert LearningCurves(outcomes_of([[], []]), EPOCHS).predictions() == {}


def test_the_longest_trial_says_where_the_end_is_if_nobody_else_does() -> None:
    model = LearningCurves(outcomes_of(power_laws(9, 6).tolist()), None)
    ends = [each.mean for each in model.predictions().values()]
    assert ends == pytest.approx(power_laws(9, 6)[:, -1].tolist(), abs=0.05)
