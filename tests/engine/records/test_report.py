"""A report is flat, and what Tune adds to it is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from ray.tune import result as tune_result
from ray.tune.utils import flatten_dict

from pcsearch.engine.records import report as module
from pcsearch.engine.records.report import (
    best_report,
    diverged,
    epoch_of,
    finite,
    flatten,
    measured,
    not_numbers,
    numbers_of_trial,
    reported_by_trial,
)
from pcsearch.engine.workloads.reported_values import TUNE_NAMES
from pcsearch.sweeps.metrics import Metric

LOSS = Metric("loss", "minimize")
ACCURACY = Metric("accuracy", "maximize")
NESTED = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.recursive(
        st.integers(), lambda inner: st.dictionaries(st.text("de", max_size=2), inner, max_size=3)
    ),
)


@given(NESTED)
def test_a_nested_report_becomes_the_flat_one_that_tune_hands_to_schedulers(
    report: dict[str, Any],
) -> None:
    flat = flatten(report)
    assert flat == flatten_dict(report)
    assert flatten(flat) == flat


def test_what_tune_adds_to_a_report_is_known() -> None:
    added = {*tune_result.AUTO_RESULT_KEYS, *tune_result.DEBUG_METRICS}
    added |= {tune_result.DONE, tune_result.EXPERIMENT_TAG, tune_result.RESULT_DUPLICATE}
    added |= {tune_result.SHOULD_CHECKPOINT, tune_result.EPISODES_THIS_ITER}
    added |= {tune_result.TIMESTEPS_THIS_ITER, tune_result.TRIAL_ID}
    assert added == TUNE_NAMES
    assert module.ITERATION == tune_result.TRAINING_ITERATION
    assert module.SECONDS == tune_result.TIME_TOTAL_S


def test_what_the_trial_has_reported_is_the_rest() -> None:
    report = flatten({"config": {"lr": 0.1}, "pid": 3, "loss": 0.5, "note": "x", "nan": math.nan})
    assert [name for name, _ in reported_by_trial(report)] == ["loss", "note", "nan"]
    assert list(numbers_of_trial(report)) == ["loss"]


def test_an_epoch_is_what_the_trial_counts_else_the_number_of_its_reports() -> None:
    assert epoch_of({"epoch": 7, "training_iteration": 3}, "epoch") == 7
    assert epoch_of({"training_iteration": 3}, "epoch") == 3
    assert epoch_of({}, "epoch") == 0


@pytest.mark.parametrize(
    ("metric", "index"), [(LOSS, 1), (ACCURACY, 2), (Metric("x", "minimize"), None)]
)
def test_the_best_report_is_the_first_of_the_best(metric: Metric, index: int | None) -> None:
    reports: list[dict[str, Any]] = [
        {"loss": 0.5, "accuracy": 0.1},
        {"loss": 0.2, "accuracy": 0.2},
        {"loss": 0.2, "accuracy": 0.9},
        {"loss": math.nan, "accuracy": None},
        {"loss": 0.1, "accuracy": 1.0, "early_stop_reason": "NaN"},
    ]
    assert best_report(reports, metric) == index


@pytest.mark.parametrize(
    ("report", "is_diverged"),
    [
        ({"loss": 0.5}, False),
        ({}, False),
        ({"loss": None}, False),
        ({"loss": math.nan}, True),
        ({"loss": math.inf}, True),
        ({"loss": "text"}, False),
        ({"loss": "inf"}, True),
        ({"loss": 10**400}, True),
        ({"loss": True}, False),
        ({"loss": 0.5, "early_stop_reason": "NaN"}, True),
        ({"loss": 0.5, "early_stop_reason": "patience"}, False),
    ],
)
def test_a_trial_diverges_by_its_own_word_or_by_a_metric(
    report: dict[str, Any], is_diverged: bool
) -> None:
    assert diverged(report, [LOSS]) == is_diverged


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3.0),
        (np.array(2.0), 2.0),
        (torch.tensor(0.25), 0.25),
        (True, 1.0),
        (np.bool_(False), 0.0),
        (None, None),
        ("1.5", 1.5),
        ("text", None),
        ("nan", None),
        (math.nan, None),
        (-math.inf, None),
        (torch.tensor([1.0, 2.0]), None),
        (np.array([1, 2]), None),
        (10**400, None),
        ([1], None),
    ],
)
def test_a_value_is_a_finite_number_of_any_library(value: Any, number: float | None) -> None:
    assert finite(value) == number
    assert measured({"loss": value}, "loss") == number


def test_values_that_are_no_numbers_are_named() -> None:
    report = {"loss": "high", "accuracy": "0.5", "z": "(1+2j)", "reported_as_text": ["z"]}
    assert [*not_numbers(report, [LOSS, ACCURACY])] == ["loss", "z"]
    assert [*not_numbers({"loss": True}, [LOSS])] == []
    assert dict(reported_by_trial(report)).keys() == {"loss", "accuracy", "z"}


def test_a_report_of_a_diverged_run_has_no_value() -> None:
    assert measured({"loss": 0.1, "early_stop_reason": "NaN"}, "loss") is None
    assert measured({"loss": 0.1, "early_stop_reason": None}, "loss") == 0.1
    assert measured({}, "loss") is None
