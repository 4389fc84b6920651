"""A search whose seeds are replicates: what runs next, fresh seeds, resumes."""

from __future__ import annotations

from pathlib import Path

import pytest
from replicated_runs import Runs, noisy


def test_a_grid_runs_every_configuration_and_ends_when_the_race_is_decided() -> None:
    runs = Runs("grid", 20)
    configs = runs.run(99)
    assert [each["a"] for each in configs[:4]] == [1, 2, 3, 4]
    assert {each["seed"] for each in configs[:4]} == {1}
    assert len(configs) < 20
    assert (runs.searcher.is_decided, runs.searcher.samples) == (True, 20)
    pairs = [(each["a"], each["seed"]) for each in configs]
    assert len(set(pairs)) == len(pairs)
    assert {seed for a, seed in pairs if a == 1} == {1, 2, 3, 4, 5}


def test_without_racing_a_grid_is_the_whole_grid() -> None:
    configs = Runs("grid", 20, runs_all=True).run(99)
    assert len({(each["a"], each["seed"]) for each in configs}) == len(configs) == 20


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_the_cap_counts_runs_and_seeds_are_those_of_the_file(method: str) -> None:
    configs = Runs(method, 17).run(99)
    assert len(configs) == 17
    assert {each["seed"] for each in configs} <= {1, 2, 3, 4, 5}
    assert 1 < len({each["a"] for each in configs}) < 17


def test_it_waits_while_everything_depends_on_runs_that_have_not_ended() -> None:
    runs = Runs("grid", 20)
    for _ in range(4):
        assert isinstance(runs.begin(), dict)
    assert runs.begin() is None
    runs.end(2, 0.5)
    second = runs.begin()
    assert isinstance(second, dict)
    assert second["a"] == 2
    assert second["seed"] == 2
    assert runs.begin() is None


def test_a_configuration_with_a_failed_run_leaves_the_race() -> None:
    configs = Runs("grid", 20).run(99, lambda config: None if config["a"] == 1 else noisy(config))
    assert sum(each["a"] == 1 for each in configs) == 1


def test_fresh_seeds_run_after_the_race_with_the_best_configurations() -> None:
    runs = Runs("grid", 20, fresh=2)
    configs = runs.run(99)
    fresh = [each for each in configs if each["seed"] > 5]
    assert configs[-6:] == fresh
    assert sorted((each["a"], each["seed"]) for each in fresh) == [
        (a, seed) for a in (1, 2, 3) for seed in (6, 7)
    ]


def test_fresh_seeds_do_not_decide_who_is_confirmed() -> None:
    """With terrible results for the first of them, the others are the same."""
    usual = Runs("grid", 20, fresh=2).run(99)
    terrible = Runs("grid", 20, fresh=2)
    assert terrible.run(99, lambda each: 99.0 if each["seed"] > 5 else noisy(each)) == usual


@pytest.mark.parametrize("method", ["grid", "random"])
@pytest.mark.parametrize("fresh", [0, 2])
def test_a_search_resumed_after_any_run_goes_on_as_it_would_have(
    method: str, fresh: int, tmp_path: Path
) -> None:
    usual = Runs(method, 14, fresh=fresh).run(99)
    for ended in range(1, len(usual) + 1):
        before = Runs(method, 14, fresh=fresh)
        before.run(ended)
        after = Runs(method, 14, before.history(tmp_path), fresh=fresh)
        assert after.run(99) == usual[ended:]


def test_a_run_that_was_killed_keeps_its_configuration_and_its_seed(tmp_path: Path) -> None:
    for method in ("grid", "bayes"):
        before = Runs(method, 14)
        before.run(6)
        config = before.begin()
        history = before.history(tmp_path)
        after = Runs(method, 14, history)
        assert after.searcher.config(history.trials[-1]) == config
        assert after.replicate(7) == before.replicate(7)
        assert [after.searcher.config(each) for each in history.trials] == [
            before.outcomes.of(f"t{number}").config for number in range(1, 8)
        ]
        after.end(7, 0.1)
        assert len(after.run(99)) <= 7


def test_a_search_that_is_extended_after_its_fresh_seeds_races_on(tmp_path: Path) -> None:
    before = Runs("random", 8, fresh=1)
    assert len(before.run(99)) == 11
    after = Runs("random", 24, before.history(tmp_path), fresh=1)
    raced, confirmed = after.run(16), 0
    assert all(each["seed"] <= 5 for each in raced)
    # It is this by which W&B's alert, and the search's result there, come with the last run.
    while not after.searcher.is_exhausted:
        (config,) = after.run(1)
        assert config["seed"] == 6
        confirmed += 1
    assert 0 < confirmed <= 3
    assert after.run(1) == []


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_enqueued_configurations_begin_first_and_race_as_all_do(method: str) -> None:
    runs = Runs(method, 17)
    runs.enqueue({"a": 3.5}, {"a": 1.0})
    configs = runs.run(99)
    assert configs[:2] == [{"a": 3.5, "seed": 1}, {"a": 1.0, "seed": 1}]
    seeds = [each["seed"] for each in configs if each["a"] == 1.0]
    assert seeds == list(range(1, len(seeds) + 1))
    assert len(seeds) > 1 == sum(each["a"] == 3.5 for each in configs)
    assert len(configs) == 17


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_what_is_enqueued_during_the_race_begins_next(method: str) -> None:
    usual = Runs(method, 17).run(15)
    assert usual[-1]["seed"] > 1, "the last runs are for the best configurations"
    runs = Runs(method, 17)
    assert runs.run(14) == usual[:14]
    runs.enqueue({"a": 0.25})
    assert runs.run(1) == [{"a": 0.25, "seed": 1}]


def test_of_a_grid_an_enqueued_configuration_is_not_begun_again() -> None:
    runs = Runs("grid", 20)
    runs.enqueue({"a": 3}, {"a": 3})
    assert [each["a"] for each in runs.run(4)] == [3, 1, 2, 4]
    assert [(each.enqueued, each.config) for each in runs.searcher.left_out()] == [(1, {"a": 3})]
    runs.enqueue({"a": 1})
    rest = runs.run(99)
    assert {each["seed"] for each in rest if each["a"] == 1} == {2, 3, 4, 5}


@pytest.mark.parametrize("method", ["grid", "random"])
def test_a_race_with_enqueued_configurations_resumes_as_it_would_have_gone_on(
    method: str, tmp_path: Path
) -> None:
    def begun() -> Runs:
        made = Runs(method, 14, fresh=2)
        made.enqueue({"a": 4}, {"a": 2})
        return made

    usual = begun().run(99)
    assert [each["a"] for each in usual[:2]] == [4, 2]
    for ended in range(len(usual)):
        before = begun()
        before.run(ended)
        killed = before.begin()
        history = before.history(tmp_path)
        after = Runs(method, 14, history, fresh=2)
        configs = [after.searcher.config(each) for each in history.trials]
        assert configs == usual[: ended + 1]
        assert configs[-1] == killed
        after.end(ended + 1, noisy(configs[-1]))
        assert after.run(99) == usual[ended + 1 :]


def test_every_run_of_an_enqueued_configuration_says_what_it_is() -> None:
    """Of a later seed, too: who reads the journal need not look for the first."""
    runs = Runs("random", 12)
    runs.enqueue({"a": 1.0})
    runs.run(99)
    first = [each for each in runs.suggested.values() if each.replicate == (1, 0)]
    assert [each.enqueued for each in first] == [0]
    own = [each for each in runs.suggested.values() if each.config == {"a": 1.0}]
    assert len(own) > 1
    assert {each.replicate.configuration for each in own if each.replicate} == {1}
