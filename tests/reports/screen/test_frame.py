"""The live screen at every size: no line too wide, none too many, every name whole."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import ATTACK, NAMES, made_view

from pcsearch.engine.cluster.usage import InUse
from pcsearch.reports.screen.estimate import Estimate
from pcsearch.reports.screen.frame import frame
from pcsearch.reports.texts import one_line
from pcsearch.tracking.runs.context import RunsState

SAFE = {one_line(name) for name in NAMES}
WORDS = {word for name in SAFE for word in name.split()}


def lines_of(width: int, height: int, **given: Any) -> list[str]:
    return [line.plain for line in frame(made_view(**given), width, height)]


@given(
    st.integers(40, 160),
    st.integers(10, 60),
    st.integers(0, 40),
    st.integers(0, 8),
    st.booleans(),
    st.booleans(),
)
def test_at_every_size_the_screen_fits_and_names_are_whole(
    width: int, height: int, running: int, latest: int, has_best: bool, plain: bool
) -> None:
    view = made_view(running, latest)
    view = view if has_best else replace(view, best=None, warnings=())
    lines = frame(view, width, height, plain)
    assert 2 <= len(lines) < height
    assert all(line.cell_len <= width for line in lines)
    text = "\n".join(line.plain for line in lines)
    assert "\x1b" not in text
    assert lines[0].plain.startswith("trials ")
    assert lines[1].plain.startswith("epochs ")
    # What begins like a part of a name is that part.
    found = set(re.findall(r"\b(?:peak|hidden|inference|zahl)_\w*", text))
    assert found <= WORDS
    if has_best:
        assert "trial 3: loss 0.02297" in text
    numbers = [int(found) for found in re.findall(r"^ +(\d+) +\d+/120\b", text, re.MULTILINE)]
    # At least two of the running trials, or all that there are.
    assert len([number for number in numbers if number > latest]) >= min(running, 2)


@given(st.integers(1, 39), st.integers(1, 9))
def test_a_screen_that_is_smaller_still_fits(width: int, height: int) -> None:
    lines = frame(made_view(), width, height)
    assert 1 <= len(lines) <= max(1, height - 1)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_each_parameter_is_a_column_or_is_told_to_be_missing(width: int) -> None:
    lines = lines_of(width, 40, warnings=())
    (header,) = [line for line in lines if line.startswith(" trial ")]
    columns = {name for name in SAFE if name in header}
    missing = [line.removeprefix("not shown: ") for line in lines if line.startswith("not shown: ")]
    assert columns or width < 80
    if not missing:
        assert columns == SAFE
        return
    *names, last = missing[0].replace(", and ", ", ").split(", ")
    count = re.fullmatch(r"(\d+) more", last)
    told = {*names, *([] if count else [last])} - {"curve", "status", "loss"}
    assert told <= SAFE - columns
    assert len(told) + (int(count[1]) if count else 0) >= len(SAFE - columns)


def test_a_wide_screen_says_everything() -> None:
    lines = lines_of(160, 40)
    shown = "\n".join(lines)
    for text in (
        "4 of 20 ended, 4 running",
        "470 of about 643, about 70 min left",
        "ended   3 stopped by ASHA, 1 finished",
        "in use  2 of 2 CPUs, 0.5 of 1 GPUs",
        "W&B     the server is gone: offline, 3 runs wait",
        "best    trial 3: loss 0.02297",
        "peak_lr_hidden 0.1429, hidden_momentum 0.2857",
        "█▄▂▂▁▁▁▁",
    ):
        assert text in shown
    assert [line[:18] for line in lines[-3:]] == [f"warning warning {i}:" for i in (2, 3, 4)]
    assert one_line(ATTACK) in lines[-1]
    rows = [line.split()[:2] for line in lines if re.match(r" +\d", line)]
    assert rows == [[str(n), f"{n}/120"] for n in range(1, 13)]


def test_the_smallest_screen_has_the_best_and_running_trials() -> None:
    lines = lines_of(40, 10, running=9, usage=())
    assert [line.split()[0] for line in lines] == [
        *("trials", "epochs", "W&B", "best", "trial", "16", "17", "not", "warning")
    ]
    assert lines[7] == "not shown: 7 running trials, and 6 more"


def test_what_is_not_known_has_no_line() -> None:
    view = replace(
        made_view(0, 0, ends={}, warnings=(), usage=(), best=None, estimate=Estimate(0)),
        wandb=RunsState("disabled", 0, is_cut_off=False),
    )
    lines = [line.plain for line in frame(view, 80, 24)]
    assert [line.split()[0] for line in lines] == ["trials", "epochs", "W&B"]
    assert lines[2] == "W&B     disabled"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (RunsState("online", 0, is_cut_off=False), "online"),
        (RunsState("online", 1, is_cut_off=False), "online, 1 run waits"),
        (
            RunsState("offline", 2000, is_cut_off=True),
            "the server is gone: offline, 2,000 runs wait",
        ),
    ],
)
def test_the_state_of_wandb(state: RunsState, told: str) -> None:
    assert f"W&B     {told}" in lines_of(80, 40, wandb=state)


def test_long_names_of_metrics_leave_the_value() -> None:
    view = made_view(usage=(InUse("CPU", 1, 2),))
    long = replace(view, metrics=(replace(view.metrics[0], name="m" * 50),))
    lines = [line.plain for line in frame(long, 40, 12)]
    assert "best    trial 3: 0.02297" in lines
    assert not [line for line in lines if "mm" in line and "m" * 50 not in line]
