"""Configurations that a second terminal enqueues while the search runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from edited_searches import EditedSearch, edited_searches

from pcsearch.engine.execution.live_queue import LiveQueue
from pcsearch.engine.records.journal.changes import Enqueued
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.errors import PcsearchError


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


class Queue:
    """A queue of a grid of three values, and what it has passed on.

    Args:
        folder: of the search.
        more: other parameters of the grid, and their values.
        options: of the search.
    """

    def __init__(
        self, folder: Path, more: Mapping[str, list[Any]] | None = None, **options: Any
    ) -> None:
        self.got: list[Mapping[int, Any]] = []
        self.waited: list[int] = []
        self.has_trials = True
        values = {"x": [1, 2, 3]} | dict(more or {})
        grid = {"method": "grid", "parameters": {p: {"values": v} for p, v in values.items()}}
        self.search = EditedSearch(folder, grid, **options)
        self.queue = self.of(self.search)

    def of(self, search: EditedSearch) -> LiveQueue:
        return LiveQueue(search.experiment, search.journal, self._enqueue, self._before)

    def _before(self) -> None:
        # Who would join the search is told before it has them.
        self.waited.append(len(read_history(self.search.directory.path).waiting))

    def _enqueue(self, parts: Mapping[int, Any]) -> bool:
        self.got.append(parts)
        return self.has_trials


def test_each_configuration_is_in_the_journal_and_then_at_the_searcher_once(folder: Path) -> None:
    made = Queue(folder)
    assert made.queue.add([{"x": 3}, {"x": 2}, {"x": 3}]) == "configurations to try next: 2"
    assert made.queue.add([{"x": 2}, {"x": 1.0}]) == "configurations to try next: 1"
    assert made.got == [{0: {"x": 3}, 1: {"x": 2}}, {2: {"x": 1}}]
    assert made.waited == [0, 2]
    history = read_history(made.search.directory.path)
    assert history.waiting == {0: {"x": 3}, 1: {"x": 2}, 2: {"x": 1}}
    # A resumed search knows them, too.
    made.search.resume()
    told = made.of(made.search).add([{"x": 3}])
    assert told.startswith("nothing is enqueued: the configurations are known")


def test_what_is_outside_of_the_file_is_left_out(folder: Path) -> None:
    made = Queue(folder)
    told = made.queue.add([{"x": 4}, {"y": 1}, {"x": {"a": 1}}])
    assert told.startswith("nothing is enqueued: ")
    assert (made.got, read_history(made.search.directory.path).enqueued) == ([], [])


def test_a_search_without_a_trial_left_says_how_it_gets_more(folder: Path) -> None:
    made = Queue(folder)
    made.has_trials = False
    assert made.queue.add([{"x": 3}]).endswith("so resume it with more (--num-samples)")


def test_replicates_and_several_drivers_are_refused(folder: Path) -> None:
    made = Queue(folder)
    (made.search.directory.path / "drivers" / "other_1").mkdir(parents=True)
    (made.search.directory.path / "drivers" / "other_1" / "experiment.json").touch()
    with pytest.raises(PcsearchError, match="is run by several drivers"):
        made.queue.add([{"x": 3}])
    assert not [e for e in made.search.journal.events() if isinstance(e, Enqueued)]


def test_with_replicates_a_configuration_has_no_seed(folder: Path) -> None:
    made = Queue(folder, {"y": [1, 2]}, replicates="x")
    assert made.queue.add([{"y": 2}, {"y": 2, "x": 3}, {"x": 3}]) == "configurations to try next: 1"
    assert made.got == [{0: {"y": 2}}]
