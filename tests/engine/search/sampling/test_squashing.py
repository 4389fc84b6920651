"""Values that are so bad that they would hide the differences of all others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, create_trial

from pcsearch.engine.search.sampling.imputation import DEVIATION
from pcsearch.engine.search.sampling.squashing import KNEE, squashed

DOWN, UP = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
SIZES = st.floats(-1e307, 1e307) | st.floats(-1.0, 1.0) | st.sampled_from([0.0, 1.0])


def trial(*values: float, deviation: float | None = None) -> FrozenTrial:
    attributes = {} if deviation is None else {DEVIATION: deviation}
    return create_trial(values=list(values), user_attrs=attributes)


def one(losses: list[float], direction: StudyDirection = DOWN) -> list[float]:
    found = squashed([trial(each) for each in losses], [direction])
    return [each.values[0] for each in found]


def test_losses_that_explode_come_near_and_the_others_stay() -> None:
    # The median is 3 and the scale 2, so the knee is at 7.
    losses = [1.0, 2.0, 3.0, 7.0, 1e6]
    *others, far = one(losses)
    assert others == losses[:-1]
    assert far == pytest.approx(7 + 2 * np.log1p((1e6 - 7) / 2))
    assert one([-each for each in losses], UP) == [*(-each for each in others), -far]


@given(st.lists(SIZES, max_size=9), st.sampled_from([DOWN, UP]))
def test_the_order_stays_and_nothing_gets_worse(
    values: list[float], direction: StudyDirection
) -> None:
    sign = 1 if direction == DOWN else -1
    before, after = sign * np.array(values), sign * np.array(one(values, direction))
    assert np.isfinite(after).all()
    rounding = 1e-9 * np.abs(before).max(initial=0.0)
    assert (after <= before + rounding).all()
    assert (np.diff(after[np.argsort(before, kind="stable")]) >= -rounding).all()
    if values:
        median = np.median(before)
        near = before <= median + KNEE * (median - before.min())
        assert np.allclose(after[near], before[near], rtol=0, atol=rounding)


@pytest.mark.parametrize("losses", [[], [5.0], [1.0, 1.0, 1.0, 1e9]])
def test_where_nothing_says_how_far_is_far_all_stay(losses: list[float]) -> None:
    assert one(losses) == losses


def test_each_objective_is_squashed_by_itself() -> None:
    trials = [trial(1.0, 30.0), trial(2.0, 20.0), trial(3.0, 10.0), trial(2.0, -1e4)]
    found = squashed(trials, [DOWN, UP])
    assert [each.values for each in found[:3]] == [each.values for each in trials[:3]]
    assert found[3].values[0] == 2.0
    assert -200 < found[3].values[1] < -15


def test_the_deviation_of_a_prediction_shrinks_with_its_value() -> None:
    near, far = trial(2.0, deviation=0.1), trial(1e4, deviation=1e3)
    trials = [trial(1.0, deviation=0.1), near, trial(3.0), far]
    found = squashed(trials, [DOWN])
    assert [each.user_attrs.get(DEVIATION) for each in found[:3]] == [0.1, 0.1, None]
    # As far as the slope of the curve says: two losses that were a deviation apart.
    step = one([1.0, 2.0, 3.0, 1e4 + 1.0])[-1] - found[3].values[0]
    assert found[3].user_attrs[DEVIATION] == pytest.approx(1e3 * step, rel=1e-3)
    assert far.values == [1e4]
    assert far.user_attrs[DEVIATION] == 1e3
