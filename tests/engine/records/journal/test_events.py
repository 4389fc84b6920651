"""Events as lines of the journal."""

from __future__ import annotations

import pytest

from pcsearch.engine.records.journal.changes import Edited, Enqueued
from pcsearch.engine.records.journal.events import (
    AlertSent,
    Claimed,
    Compared,
    Decided,
    Event,
    Heeded,
    ReachedTarget,
    Released,
    Replicate,
    Retried,
    RunCompleted,
    Suggested,
    TrialEnded,
    WarmStartResult,
    event_of,
    line_of,
)

EVENTS: list[Event] = [
    Suggested("a", 1, {"x": 0.5}, {"x": 1, "o": {"y": [None]}}, 2, Replicate(3, 1)),
    Suggested("a", 1),
    Decided(),
    Decided(2, 20),
    Claimed("a", 1, "m"),
    Released("a"),
    Compared("a", 3, None, True, 6),
    ReachedTarget("a", [0.5, None], 2),
    TrialEnded("a", True, [None], True, "KeyError: \u00fc\n", True, True, 4),
    Retried("a"),
    WarmStartResult("old", "a", {"x": 0.5}, [0.25], 0.125),
    RunCompleted("a", 7),
    AlertSent(True),
    Heeded("stop-1"),
    Edited("method: grid", "s.yaml", 7),
    Enqueued([{"x": 1}]),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_an_event_is_read_as_it_was_written(event: Event) -> None:
    line = line_of(event)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert event_of(line[:-1]) == event


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\x00\xff",
        b"[1]",
        b"",
        b'{"event": "else"}',
        b'{"event": "again"}',
        b'{"event": "suggested", "trial": "a", "number": "two"}',
        b'{"event": "ended", "trial": "a", "failed": false, "values": null}',
    ],
)
def test_what_is_no_line_of_an_event_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="not the line of an event"):
        event_of(line)


def test_an_end_from_before_trials_could_be_stopped_by_hand_is_read() -> None:
    line = b'{"event": "ended", "trial": "a", "failed": false, "values": [0.5]}'
    assert event_of(line) == TrialEnded("a", False, [0.5], by_hand=False)
