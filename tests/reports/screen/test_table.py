"""The table of trials on the live screen: which trials have a row."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from screens import made_view

from pcsearch.reports.screen.table import table


def numbers(running: int, latest: int, height: int, width: int = 200) -> list[int]:
    """The trials that have rows."""
    lines = [line.plain for line in table(made_view(running, latest), width, height, plain=False)]
    assert len(lines) <= height
    return [int(found[1]) for line in lines if (found := re.match(r" +(\d+) ", line))]


@pytest.mark.parametrize(
    ("running", "latest", "height", "expected"),
    [
        (3, 0, 10, [1, 2, 3]),
        # Ended trials fill the room that is left, the newest of them.
        (3, 4, 6, [3, 4, 5, 6, 7]),
        (3, 4, 4, [5, 6, 7]),
        # The newest of too many running trials, and a line about the others.
        (5, 2, 5, [5, 6, 7]),
        (0, 3, 3, [2, 3]),
        (3, 0, 1, []),
    ],
)
def test_running_trials_come_first(
    running: int, latest: int, height: int, expected: list[int]
) -> None:
    assert numbers(running, latest, height) == expected


def test_what_is_not_shown_is_told() -> None:
    lines = [line.plain for line in table(made_view(5, 0), 200, 4, plain=False)]
    assert lines[-1] == "not shown: 3 running trials"


def test_statuses_have_their_colours_and_texts_are_no_markup() -> None:
    (_, row) = table(made_view(1, 0), 200, 5, plain=False)
    assert ("cyan", "running") in [(s.style, row.plain[s.start : s.end]) for s in row.spans]
    header = table(made_view(1, 0), 200, 5, plain=False)[0].plain
    assert "[red] [31m evil" in header


def test_without_a_metric_there_is_no_curve() -> None:
    view = made_view(1, 0)
    bare = replace(view, metrics=(), running=(replace(view.running[0], values=()),))
    header, row = (line.plain.split() for line in table(bare, 200, 5, plain=False))
    assert header[:3] == ["trial", "epochs", "status"]
    assert row[:3] == ["1", "1/120", "running"]


@pytest.mark.parametrize(("width", "length"), [(200, 16), (100, 8)])
def test_a_curve_is_long_where_everything_has_room(width: int, length: int) -> None:
    view = made_view(1, 0)
    curve = tuple((float(epoch), 1 / epoch) for epoch in range(1, 100))
    long = replace(view, running=(replace(view.running[0], curve=curve),))
    _, row, *_ = (line.plain for line in table(long, width, 5, plain=False))
    (shown,) = re.findall("[▁▂▃▄▅▆▇█]+", row)
    assert len(shown) == length
