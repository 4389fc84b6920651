from __future__ import annotations

import pytest

from pcsearch.pc.config_values import model_config
from pcsearch.pc.schedule.early_stopping import EarlyStopping, ModelSaving

NAN, INFINITY = float("nan"), float("inf")


def stops(rule: EarlyStopping, values: list[float]) -> list[str | None]:
    return [rule.stop_reason(value) for value in values]


def test_a_run_stops_after_so_many_evaluations_without_a_gain() -> None:
    rule = EarlyStopping("val_mse", patience=2, min_delta=0.0)
    assert stops(rule, [0.5, 0.4, 0.4, 0.3, 0.35, 0.3]) == [
        *(None for _ in range(5)),
        "ValidationMetric",
    ]


def test_a_gain_below_the_least_difference_does_not_reset_the_patience() -> None:
    """And the best stays, so that small gains add up to one that counts."""
    rule = EarlyStopping("train_mse", patience=3, min_delta=0.25)
    assert stops(rule, [1.0, 0.875, 0.75, 0.625, 0.5, 0.5, 0.5]) == [
        *(None for _ in range(6)),
        "TrainMetric",
    ]


def test_a_probe_stops_for_want_of_a_higher_accuracy() -> None:
    rule = EarlyStopping("probe_accuracy", patience=1, min_delta=0.0)
    assert stops(rule, [0.1, 0.2, 0.15]) == [None, None, "ProbeMetric"]


def test_evaluations_that_are_not_finite_use_the_patience_up() -> None:
    rule = EarlyStopping("val_mse", patience=2, min_delta=0.0)
    assert stops(rule, [NAN, 0.5, NAN, INFINITY]) == [None, None, None, "ValidationMetric"]


@pytest.mark.parametrize("after", range(1, 5))
def test_a_rule_goes_on_from_its_state(after: int) -> None:
    values = [0.5, 0.6, 0.4, 0.45, 0.45]
    undisturbed = EarlyStopping("val_mse", patience=2, min_delta=0.01)
    expected = stops(undisturbed, values)
    first = EarlyStopping("val_mse", patience=2, min_delta=0.01)
    found = stops(first, values[:after])
    second = EarlyStopping("val_mse", patience=2, min_delta=0.01)
    second.load_state(first.state())
    assert found + stops(second, values[after:]) == expected
    assert expected[-1] == "ValidationMetric"


def test_rules_follow_the_configuration() -> None:
    values = {
        "early_stopping_metric": "train_mse",
        "early_stopping_patience": 4,
        "early_stopping_min_delta": 0.3,
        "model_saving_metric": "val_mse",
        "save_model_train_mse_threshold": 0.2,
    }
    config = model_config(values)
    assert EarlyStopping.of(config) == EarlyStopping("train_mse", 4, 0.3)
    assert ModelSaving.of(config) == ModelSaving("val_mse", 0.2, 0.3)
    assert EarlyStopping.of(model_config(values | {"use_early_stopping": False})) is None


def test_models_are_kept_from_the_first_train_mse_below_the_threshold() -> None:
    """Once below it, the threshold plays no part any more."""
    rule = ModelSaving("val_mse", threshold=0.1, min_delta=0.0)
    epochs = [(0.3, 0.5), (0.1, 0.4), (0.09, 0.45), (0.2, 0.44), (0.05, 0.44)]
    assert [rule.saves(*epoch) for epoch in epochs] == [False, False, True, True, False]


def test_a_later_model_is_kept_when_it_is_better_by_the_least_difference() -> None:
    rule = ModelSaving("train_mse", threshold=1.0, min_delta=0.125)
    saved = [rule.saves(mse, mse) for mse in (0.75, 0.625, 0.5, 0.375, 0.25)]
    assert saved == [True, False, True, False, True]


def test_an_epoch_without_the_measure_saves_no_model_but_allows_the_next() -> None:
    rule = ModelSaving("val_mse", threshold=0.1, min_delta=0.0)
    assert not rule.saves(0.05, None)
    assert rule.saves(0.5, 0.9)


def test_models_that_are_not_finite_are_not_kept() -> None:
    rule = ModelSaving("val_mse", threshold=0.1, min_delta=0.0)
    assert not rule.saves(NAN, 0.1)
    assert not rule.saves(0.05, NAN)
    assert rule.saves(0.05, 0.2)


def test_saving_goes_on_from_its_state() -> None:
    first = ModelSaving("val_mse", threshold=0.1, min_delta=0.0)
    assert first.saves(0.05, 0.3)
    second = ModelSaving("val_mse", threshold=0.1, min_delta=0.0)
    second.load_state(first.state())
    assert not second.saves(0.5, 0.3)
    assert second.saves(0.5, 0.2)
