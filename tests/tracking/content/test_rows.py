"""What of a report becomes a row of a run's history."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from pcsearch.engine.records.report import flatten
from pcsearch.tracking.content.rows import (
    files_of,
    make_row,
    node_of,
    values_of,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1),
        (0.5, 0.5),
        (True, True),
        ("warm", "warm"),
        ("", ""),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(False), False),
        (np.str_("warm"), "warm"),
        (np.array(2.0), 2.0),
        (np.array([2.0]), 2.0),
        (torch.tensor(0.25), 0.25),
        (torch.tensor([1]), 1),
        (2**70, 2**70),
    ],
)
def test_numbers_and_strings_are_kept_as_plain_ones(value: Any, expected: Any) -> None:
    (found,) = values_of({"x": value}).values()
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1, 2],
        (1,),
        np.zeros(2),
        torch.zeros(2, 2),
        object(),
        1j,
        Fraction(1),
    ],
)
def test_anything_else_is_left_out(value: Any) -> None:
    assert values_of({"x": value, "loss": 1}) == {"loss": 1}


def test_nested_reports_have_the_names_by_which_a_sweep_calls_them() -> None:
    assert values_of(flatten({"val": {"loss": 1, "per": {"a": 2, 3: "b"}}})) == {
        "val/loss": 1,
        "val/per/a": 2,
        "val/per/3": "b",
    }


def test_what_tune_adds_and_the_names_of_files_are_left_out() -> None:
    report = {
        "loss": 1.0,
        "pid": 7,
        "hostname": "h",
        "config": {"lr": 1},
        "date": "today",
        "checkpoint_dir_name": "checkpoint_000001",
        "reconstructions_images": "reconstructions/epoch_0001.png",
        "reconstructions_video": None,
    }
    files = {"reconstructions_images": "reconstructions/epoch_0001.png"}
    assert make_row(4, flatten(report)) == (4, {"loss": 1.0}, files, "h")
    assert files_of(report) == files


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"hostname": "h", "node_ip": "10.0.0.1"}, "h (10.0.0.1)"),
        ({"node_ip": "10.0.0.1"}, "10.0.0.1"),
        ({"loss": 1}, None),
    ],
)
def test_a_report_tells_where_it_was_made(report: dict[str, Any], expected: str | None) -> None:
    assert node_of(report) == expected
