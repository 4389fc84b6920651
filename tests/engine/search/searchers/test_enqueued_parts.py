"""Which trial gets which of the enqueued configurations."""

from __future__ import annotations

from typing import Any

from pcsearch.engine.records.journal.changes import LeftOut
from pcsearch.engine.search.searchers.enqueued_parts import EnqueuedParts


def test_parts_are_taken_in_their_order_and_those_for_which_nothing_is_left_go() -> None:
    parts = EnqueuedParts({2: {"a": 2}, 1: {"a": 1}})
    parts.add({5: {"a": 5}})
    asked: list[int] = []

    def find(part: dict[str, Any]) -> int | None:
        asked.append(part["a"])
        return None if part["a"] == 1 else part["a"] * 10

    assert [parts.take(trial, find) for trial in ("x", "y", "z")] == [20, 50, None]
    assert asked == [1, 2, 5]
    assert parts.left_out() == [LeftOut(1, {"a": 1})]
    assert parts.left_out() == []
    assert [parts.of(trial) for trial in ("x", "y", "z")] == [2, 5, None]
