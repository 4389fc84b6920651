"""The searcher of grid and random suggests its configurations in their order."""

from __future__ import annotations

from ray.tune.search import Searcher
from searchers_in_tune import one_by_one, sweep

from pcsearch.engine.experiment.definition import trial_cap
from pcsearch.engine.records.options import Options
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher


def test_random_needs_no_metric() -> None:
    searcher = make_searcher(sweep("random", goal=""), 2, 0)
    assert isinstance(searcher, PlannedSearcher)
    assert searcher.suggest("t0")["c"] == 7


def test_results_change_nothing() -> None:
    searcher, other = (make_searcher(sweep("random"), 6, 0) for _ in range(2))
    assert [searcher.suggest(f"t{i}") for i in range(6)] == one_by_one(other, 6)


def test_a_grid_suggests_each_combination_once() -> None:
    read = sweep("grid", "a: {values: [1, 2, 2]}, b: {min: 0, max: 2}, c: {value: [x, null]}")
    searcher = make_searcher(read, trial_cap(read, Options()), seed=0)
    found = []
    while (config := searcher.suggest(f"t{len(found)}")) != Searcher.FINISHED:
        found.append((config["a"], config["b"], config["c"]))
    assert found == [(a, b, ["x", None]) for a in (1, 2) for b in (0, 1, 2)]


def test_a_grid_of_more_combinations_than_could_be_listed_starts_at_once() -> None:
    axes = ", ".join(f"p{i}: {{min: 1, max: 1000}}" for i in range(20))
    searcher = make_searcher(sweep("grid", axes), 2, seed=0)
    assert set(searcher.suggest("t0").values()) == {1}
    assert searcher.suggest("t1")["p9"] == 2
    assert searcher.suggest("t2") == Searcher.FINISHED


def test_the_numbers_of_a_shared_search_give_the_configurations() -> None:
    drawn, other = (make_searcher(sweep("random", goal=""), 3, 5) for _ in range(2))
    first = [drawn.suggest(str(number), number) for number in (2, 5)]
    second = [other.suggest(str(number), number) for number in (1, 5)]
    assert first[1] == second[1], "of a trial that is taken over"
    assert second[0] not in first
    assert drawn.suggest("9", 9) != Searcher.FINISHED
    assert drawn.suggest("10", 10) == Searcher.FINISHED, "it has its number of trials"
