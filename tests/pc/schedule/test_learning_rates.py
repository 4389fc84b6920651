from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.schedule.learning_rates import (
    LearningRates,
    LearningRateSchedule,
    RunLearningRates,
    evaluation_rates,
)


def schedule(**changes: Any) -> LearningRateSchedule:
    values = {"peak": 0.2, "scheduled": True, "warmup_steps": 4, "total_steps": 105, "floor": 0.25}
    return LearningRateSchedule(**values | changes)


def test_the_warm_up_is_linear_and_never_zero() -> None:
    assert [schedule().rate(step) for step in range(4)] == pytest.approx([0.05, 0.1, 0.15, 0.2])


def test_the_decay_is_a_cosine_from_the_peak_to_the_lowest_rate() -> None:
    """100 steps lie between the first after the warm-up and the last."""
    quarter = 0.05 + 0.15 * (1 + math.cos(math.pi / 4)) / 2
    rates = [schedule().rate(step) for step in (4, 29, 54, 104)]
    assert rates == pytest.approx([0.2, quarter, 0.125, 0.05])


def test_a_run_without_warm_up_starts_at_the_peak_and_ends_at_the_lowest_rate() -> None:
    plain = schedule(warmup_steps=0, total_steps=11)
    assert plain.rate(0) == 0.2
    assert plain.rate(5) == pytest.approx(0.2 * (1 + 0.25) / 2)
    assert plain.rate(10) == pytest.approx(0.05)


@pytest.mark.parametrize(("floor", "last"), [(0.0, 0.0), (0.5, 0.1), (1.0, 0.2)])
def test_the_last_rate_is_the_peak_times_the_factor(floor: float, last: float) -> None:
    assert schedule(floor=floor).rate(104) == pytest.approx(last, abs=1e-15)


def test_a_rate_that_is_not_scheduled_is_the_peak_throughout() -> None:
    constant = schedule(scheduled=False)
    assert {constant.rate(step) for step in range(105)} == {0.2}


@given(
    peak=st.floats(1e-6, 10),
    warmup=st.integers(0, 30),
    total=st.integers(1, 60),
    floor=st.floats(0, 1),
)
def test_rates_rise_to_the_peak_and_then_only_fall(
    peak: float, warmup: int, total: int, floor: float
) -> None:
    """A warm-up as long as the run, or longer, leaves no step to decay over."""
    rates = [
        LearningRateSchedule(peak, True, warmup, total, floor).rate(step) for step in range(total)
    ]
    rising, falling = rates[: warmup + 1], rates[warmup:]
    assert all(before <= after * (1 + 1e-12) for before, after in pairwise(rising))
    assert all(before >= after for before, after in pairwise(falling))
    assert max(rates) <= peak * (1 + 1e-12)
    if warmup < total:
        assert max(rates) == pytest.approx(peak)
    if warmup + 1 < total:
        assert rates[-1] == pytest.approx(peak * floor, abs=1e-12 * peak)


def test_weights_and_hidden_states_have_schedules_of_their_own() -> None:
    config = ModelConfig(
        peak_lr_weights=0.5, use_lr_schedule_h=False, lr_schedule_min_lr_factor=0.1, epochs=2
    )
    rates = RunLearningRates(config, total_steps=10)
    assert rates.at(0) == LearningRates(0.5, config.peak_lr_hidden)
    assert rates.at(9).weights == pytest.approx(0.05)
    assert rates.at(9).hidden == config.peak_lr_hidden


@pytest.mark.parametrize(("scheduled", "hidden"), [(True, 0.02), (False, 0.3)])
def test_evaluation_has_a_hidden_rate_of_its_own_unless_that_of_training_is_scheduled(
    scheduled: bool, hidden: float
) -> None:
    config = ModelConfig(use_lr_schedule_h=scheduled, hidden_lr_inference=0.3)
    assert evaluation_rates(config, LearningRates(0.1, 0.02)) == LearningRates(0.1, hidden)
