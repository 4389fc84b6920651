from __future__ import annotations

import json
from typing import Any

import pytest

from pcsearch.pc import metrics
from pcsearch.pc.config_values import model_config
from pcsearch.pc.metrics import PROBE_ACCURACY, TRAIN_MSE, VAL_MSE, improves
from pcsearch.pc.training import train

RUN: dict[str, Any] = {
    "dataset": "synthetic",
    "image_shape": [1, 4, 4],
    "hidden_size": 4,
    "num_heads": 1,
    "num_blocks": 2,
    "batch_size": 10,
    "train_subset": 20,
    "validation_subset": 10,
    "test_subset": 10,
    "epochs": 4,
    "inference_steps": 2,
    "eval_inference_steps": [2],
    "reconstruction_steps": [1],
    "validation_every_n_epochs": 2,
    "linear_probe_every_n_epochs": 3,
    "linear_probe_epochs": 1,
    "use_ssl_augmentations": False,
    "use_early_stopping": False,
}


def numbers(report: dict[str, Any]) -> set[str]:
    return {name for name, value in report.items() if isinstance(value, int | float)}


def test_a_run_reports_the_numbers_that_are_listed_and_no_others() -> None:
    """A sweep's metric is checked against the list before anything runs."""
    reports = list(train(RUN | {"use_corruption": True}))
    assert set().union(*map(numbers, reports)) == set(metrics.names(2))
    assert len(list(metrics.names(2))) == len(set(metrics.names(2)))


def test_without_corruption_only_the_masked_metrics_are_missing() -> None:
    found = set().union(*map(numbers, train(RUN)))
    missing = set(metrics.names(2)) - found
    assert missing == {name for name in metrics.names(2) if metrics.needs_corruption(name)}
    assert {name.rpartition("/")[2] for name in missing} == {
        "masked_mse",
        "masked_l1",
        "masked_psnr",
    }


@pytest.mark.parametrize("num_blocks", [0, 3])
def test_the_listed_numbers_follow_the_number_of_blocks(num_blocks: int) -> None:
    one_epoch = RUN | {
        "num_blocks": num_blocks,
        "epochs": 1,
        "use_corruption": True,
        "linear_probe_every_n_epochs": 1,
    }
    (report,) = train(one_epoch)
    assert numbers(report) == set(metrics.names(num_blocks))


def test_each_number_comes_when_its_source_is_due() -> None:
    """Validation every second epoch, the probe every third, and both in the last of four."""
    due = {"training": {1, 2, 3, 4}, "validation": {2, 4}, "probe": {3, 4}}
    summary = set(metrics.SUMMARY)
    for report in train(RUN | {"use_corruption": True, "linear_probe_vode_indices": "0,1"}):
        found = {metrics.source(name) for name in numbers(report) - summary}
        assert found == {name for name, epochs in due.items() if report["epoch"] in epochs}
        for name in set(metrics.names(2)) - summary:
            assert (name in report) == (report["epoch"] in due[metrics.source(name)]), name


def test_vodes_probed_one_by_one_have_an_accuracy_each() -> None:
    reports = list(train(RUN | {"linear_probe_vode_indices": "0,3"}))
    added = set().union(*map(numbers, reports)) - set(metrics.names(2))
    assert added == {f"{metrics.PROBE_ACCURACY}/vode_{i}" for i in (0, 3)}
    assert {metrics.source(name) for name in added} == {"probe"}


def test_every_summary_value_comes_from_the_source_of_its_metric() -> None:
    for name, metric in metrics.BEST.items():
        assert metrics.source(name) == metrics.source(metric)
    assert set(metrics.MEASURES.values()) == set(metrics.BEST.values())


@pytest.mark.parametrize("name", ["ValMetrics/full_mse", "Metrics/LinearProbe_Accuracy/vode_", ""])
def test_a_name_that_no_run_reports_has_no_source(name: str) -> None:
    with pytest.raises(KeyError):
        metrics.source(name)


def test_the_names_are_those_of_the_dashboards() -> None:
    listed = {
        "epoch",
        "Losses/train_w_energy_avg",
        "Losses/train_mse_avg",
        "LearningRate/weights",
        "LearningRate/hidden",
        "ValMetrics/Pretext/full_mse",
        "ValMetrics/Pretext/full_l1",
        "ValMetrics/Pretext/full_psnr",
        "ValMetrics/Pretext/masked_mse",
        "ValMetrics/Pretext/masked_l1",
        "ValMetrics/Pretext/masked_psnr",
        "VodeEnergy/vode_1",
        "VodeEnergy/vode_2",
        "VodeEnergy/vode_3",
        "VodeGradNorm/vode_0",
        "VodeGradNorm/vode_1",
        "VodeGradNorm/vode_2",
        "Metrics/LinearProbe_Accuracy",
        "best_val_mse",
        "best_train_mse",
        "final_train_mse",
        "best_probe_accuracy",
    }
    assert set(metrics.names(1)) == listed
    assert metrics.SUMMARY[-1] == "early_stop_reason"
    assert metrics.RECONSTRUCTIONS == "reconstructions_images"


def test_reports_are_plain_numbers_strings_and_none() -> None:
    """They are written as JSON: a tensor or numpy's float would not be."""
    for report in train(RUN | {"use_corruption": True}):
        assert json.loads(json.dumps(report)) == report


def test_a_run_takes_values_or_a_configuration() -> None:
    assert list(train(model_config(RUN))) == list(train(RUN))


@pytest.mark.parametrize("metric", [TRAIN_MSE, VAL_MSE])
def test_an_error_is_better_when_it_is_lower(metric: str) -> None:
    assert improves(metric, 0.4, 0.5)
    assert not improves(metric, 0.5, 0.5)
    assert not improves(metric, 0.6, 0.5)


def test_an_accuracy_is_better_when_it_is_higher() -> None:
    assert improves(PROBE_ACCURACY, 0.6, 0.5)
    assert not improves(PROBE_ACCURACY, 0.5, 0.5)
    assert not improves(PROBE_ACCURACY, 0.4, 0.5)


@pytest.mark.parametrize(("metric", "sign"), [(VAL_MSE, -1), (PROBE_ACCURACY, 1)])
def test_a_gain_must_be_more_than_the_least_difference(metric: str, sign: int) -> None:
    """Powers of two, so that the difference is exactly the least one."""
    assert improves(metric, 0.5 + sign * 0.25, 0.5, min_delta=0.125)
    assert not improves(metric, 0.5 + sign * 0.125, 0.5, min_delta=0.125)


@pytest.mark.parametrize("metric", [VAL_MSE, PROBE_ACCURACY])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("best", [None, 0.5])
def test_what_is_not_finite_is_better_than_nothing_else(
    metric: str, value: float, best: float | None
) -> None:
    """Minus infinity would otherwise be the best error of all, for good."""
    assert not improves(metric, value, best)


def test_any_finite_value_is_better_than_none() -> None:
    assert improves(VAL_MSE, 1e9, None, min_delta=10)
    assert improves(PROBE_ACCURACY, 0.0, None, min_delta=10)
