"""The searchers keep to the cap, go on where they were, and bear whatever trials report."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher

from pcsearch.engine.experiment import trial_cap
from pcsearch.engine.searchers import BayesSearcher, PlannedSearcher, Suggestions, make_searcher
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import Sweep, parse_sweep

METRIC = "best_val_mse"
SPACE = "a: {min: 0.0, max: 1.0}, b: {values: [1, x, [2, null]]}, c: {value: 7}"


def sweep(method: str, parameters: str = SPACE, goal: str = "minimize", more: str = "") -> Sweep:
    metric = f"metric: {{name: {METRIC}, goal: {goal}}}\n" if goal else ""
    return parse_sweep(f"method: {method}\n{metric}parameters: {{{parameters}}}\n{more}", "s.yaml")


def report(value: Any, epoch: int = 1, **more: Any) -> dict[str, Any]:
    return {METRIC: value, "epoch": epoch, "training_iteration": epoch, **more}


def loss(config: dict[str, Any]) -> float:
    return float((config["a"] - 0.3) ** 2)


def one_by_one(searcher: Searcher, count: int, start: int = 0) -> list[dict[str, Any]]:
    """Suggestions, each trial's result coming before the next."""
    configs = []
    for number in range(start, start + count):
        config = searcher.suggest(f"t{number}")
        configs.append(config)
        searcher.on_trial_result(f"t{number}", report(loss(config)))
        searcher.on_trial_complete(f"t{number}", report(loss(config)))
    return configs


class Contract:
    """What Tune may rely on from any searcher."""

    def searcher(self, cap: int, seed: int = 0, goal: str = "minimize") -> Searcher:
        raise NotImplementedError

    def test_it_suggests_up_to_the_cap_and_is_finished_then(self) -> None:
        searcher = self.searcher(3)
        configs = [searcher.suggest(f"t{i}") for i in range(3)]
        assert all(set(config) == {"a", "b", "c"} for config in configs)
        assert [searcher.suggest(f"t{i}") for i in (3, 4)] == [Searcher.FINISHED] * 2
        searcher.on_trial_complete("t0", report(0.5))
        assert searcher.suggest("t5") == Searcher.FINISHED

    def test_values_are_plain_and_can_be_written_as_json(self) -> None:
        for config in one_by_one(self.searcher(7), 7):
            assert type(config["a"]) is float
            assert config["b"] in (1, "x", [2, None])
            assert config["c"] == 7
            assert json.loads(json.dumps(config)) == config

    def test_the_same_seed_suggests_the_same(self) -> None:
        first = one_by_one(self.searcher(20, seed=1), 6)
        assert one_by_one(self.searcher(20, seed=1), 6) == first
        assert one_by_one(self.searcher(20, seed=2), 6) != first

    @pytest.mark.parametrize("told", [0, 2, 5])
    def test_restored_it_goes_on_as_if_never_stopped(self, tmp_path: Path, told: int) -> None:
        whole = one_by_one(self.searcher(20), 7)
        first = self.searcher(20)
        assert one_by_one(first, told) == whole[:told]
        first.save(str(tmp_path / "state"))
        second = self.searcher(20)
        second.restore(str(tmp_path / "state"))
        assert one_by_one(second, 7 - told, start=told) == whole[told:]

    def test_restored_it_takes_the_end_of_a_trial_that_was_under_way(self, tmp_path: Path) -> None:
        first = self.searcher(3)
        first.suggest("t0")
        first.on_trial_result("t0", report(0.5))
        first.save(str(tmp_path / "state"))
        second = self.searcher(3)
        second.restore(str(tmp_path / "state"))
        second.on_trial_result("t0", report(0.4, epoch=2))
        second.on_trial_complete("t0", report(0.4, epoch=2))
        assert [second.suggest(f"t{i}") == Searcher.FINISHED for i in (1, 2, 3)] == [0, 0, 1]

    @pytest.mark.parametrize(("cap", "left"), [(6, 4), (2, 0), (1, 0)])
    def test_restored_with_another_cap_it_keeps_to_that(
        self, tmp_path: Path, cap: int, left: int
    ) -> None:
        first = self.searcher(3)
        one_by_one(first, 2)
        first.save(str(tmp_path / "state"))
        second = self.searcher(cap)
        second.restore(str(tmp_path / "state"))
        one_by_one(second, left, start=2)
        assert second.suggest("last") == Searcher.FINISHED

    @pytest.mark.parametrize("goal", ["minimize", "maximize"])
    @pytest.mark.parametrize(
        "last",
        [
            report(math.nan),
            report(math.nan, early_stop_reason="NaN"),
            report(0.1, early_stop_reason="NaN"),
            report(math.inf),
            report(-math.inf),
            report(None),
            report("0.5"),
            report(np.float32(0.5)),
            {"epoch": 1, "training_iteration": 1},
            {},
            None,
        ],
        ids=repr,
    )
    def test_no_report_breaks_it(self, last: dict[str, Any] | None, goal: str) -> None:
        searcher = self.searcher(20, goal=goal)
        for number in range(6):
            assert searcher.suggest(f"t{number}") != Searcher.FINISHED
            if last:
                searcher.on_trial_result(f"t{number}", last)
            searcher.on_trial_complete(f"t{number}", last)

    def test_trials_that_fail_do_not_break_it(self) -> None:
        searcher = self.searcher(20)
        for number in range(6):
            assert searcher.suggest(f"t{number}") != Searcher.FINISHED
            searcher.on_trial_complete(f"t{number}", error=True)
        assert searcher.suggest("t6") != Searcher.FINISHED


class TestRandom(Contract):
    def searcher(self, cap: int, seed: int = 0, goal: str = "minimize") -> Searcher:
        return make_searcher(sweep("random", goal=goal), cap, seed)

    def test_it_needs_no_metric(self) -> None:
        searcher = make_searcher(sweep("random", goal=""), 2, 0)
        assert isinstance(searcher, PlannedSearcher)
        assert searcher.metric is None
        assert searcher.suggest("t0")["c"] == 7

    def test_results_change_nothing(self) -> None:
        searcher = self.searcher(6)
        assert [searcher.suggest(f"t{i}") for i in range(6)] == one_by_one(self.searcher(6), 6)


class TestBayes(Contract):
    def searcher(self, cap: int, seed: int = 0, goal: str = "minimize") -> BayesSearcher:
        made = make_searcher(sweep("bayes", goal=goal), cap, seed)
        assert isinstance(made, BayesSearcher)
        return made

    def test_what_trials_report_last_is_what_the_study_learns(self) -> None:
        searcher = self.searcher(3, goal="maximize")
        searcher.suggest("t0")
        searcher.on_trial_result("t0", report(0.9, epoch=1))
        searcher.on_trial_result("t0", report(0.5, epoch=2))
        searcher.on_trial_complete("t0", report(0.5, epoch=2))
        (trial,) = searcher.study.trials
        assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.5)
        assert trial.intermediate_values == {1: 0.9, 2: 0.5}
        assert searcher.study.direction == optuna.study.StudyDirection.MAXIMIZE

    @pytest.mark.parametrize(("goal", "worst"), [("minimize", math.inf), ("maximize", -math.inf)])
    @pytest.mark.parametrize(
        "last",
        [
            report(math.nan),
            report(math.nan, early_stop_reason="NaN"),
            report(0.0, early_stop_reason="NaN"),
            report(None, early_stop_reason="NaN"),
            {"epoch": 1, "training_iteration": 1, "early_stop_reason": "NaN"},
        ],
        ids=repr,
    )
    def test_a_diverged_trial_counts_as_the_worst(
        self, last: dict[str, Any], goal: str, worst: float
    ) -> None:
        searcher = self.searcher(20, goal=goal)
        for number, final in enumerate([report(1e9), last, report(-1e9)]):
            searcher.suggest(f"t{number}")
            searcher.on_trial_result(f"t{number}", final)
            searcher.on_trial_complete(f"t{number}", final)
        assert [trial.value for trial in searcher.study.trials] == [1e9, worst, -1e9]
        assert {trial.state for trial in searcher.study.trials} == {TrialState.COMPLETE}
        assert searcher.study.best_trial.number == (2 if goal == "minimize" else 0)

    def test_a_stopped_trial_counts_with_its_last_value(self) -> None:
        searcher = self.searcher(20)
        searcher.suggest("t0")
        searcher.on_trial_complete("t0", report(0.7, epoch=3, early_stop_reason=None))
        assert [trial.value for trial in searcher.study.trials] == [0.7]

    def test_a_failed_trial_teaches_nothing(self) -> None:
        searcher = self.searcher(20)
        searcher.suggest("t0")
        searcher.on_trial_result("t0", report(0.1))
        searcher.on_trial_complete("t0", error=True)
        assert [trial.state for trial in searcher.study.trials] == [TrialState.FAIL]

    def test_a_trial_that_ends_before_its_first_report_teaches_nothing(self) -> None:
        searcher = self.searcher(20)
        searcher.suggest("t0")
        searcher.on_trial_complete("t0", {})
        assert searcher.study.trials[0].state in (TrialState.PRUNED, TrialState.FAIL)

    @pytest.mark.parametrize("goal", ["minimize", "maximize"])
    def test_it_keeps_away_from_where_trials_diverge(self, goal: str) -> None:
        """All of the first four draws diverge."""
        sign = 1 if goal == "minimize" else -1
        searcher = make_searcher(sweep("bayes", "a: {min: 0.0, max: 1.0}", goal), 20, seed=0)
        suggested = []
        for number in range(16):
            a = searcher.suggest(f"t{number}")["a"]
            value = math.nan if a > 0.5 else sign * (a - 0.2) ** 2
            searcher.on_trial_complete(f"t{number}", report(value))
            suggested.append(a)
        assert all(a > 0.5 for a in suggested[:4])
        assert sum(a > 0.5 for a in suggested[8:]) <= 2
        assert min(abs(a - 0.2) for a in suggested) < 0.02

    def test_it_tells_the_user_nothing_of_its_insides(self) -> None:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            searcher = self.searcher(20)
            for number in range(7):
                searcher.suggest(f"t{number}")
                searcher.on_trial_complete(f"t{number}", report(math.nan if number else 1.0))
        assert [str(warning.message) for warning in told] == []


# Grids


def test_a_grid_suggests_each_combination_once() -> None:
    read = sweep("grid", "a: {values: [1, 2, 2]}, b: {min: 0, max: 2}, c: {value: [x, null]}")
    searcher = make_searcher(read, trial_cap(read, None), seed=0)
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


@pytest.mark.parametrize(
    ("method", "num_samples", "run_cap", "cap"),
    [
        ("grid", None, None, 12),
        ("grid", 5, None, 5),
        ("grid", 50, None, 12),
        ("grid", None, 7, 7),
        ("grid", 9, 7, 7),
        ("grid", 3, 7, 3),
        ("random", 5, None, 5),
        ("random", None, 7, 7),
        ("random", 5, 7, 5),
        ("random", 9, 7, 7),
        ("bayes", 10**9, None, 10**9),
        ("bayes", None, 1, 1),
    ],
)
def test_the_cap_is_the_least_of_what_bounds_the_trials(
    method: str, num_samples: int | None, run_cap: int | None, cap: int
) -> None:
    more = f"run_cap: {run_cap}\n" if run_cap else ""
    read = sweep(method, "a: {values: [1, 2, 3]}, b: {min: 1, max: 4}", more=more)
    assert trial_cap(read, num_samples) == cap


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_search_that_nothing_bounds_is_refused(method: str) -> None:
    with pytest.raises(PcsearchError) as caught:
        trial_cap(sweep(method), None)
    assert str(caught.value) == (
        f"s.yaml: method {method} has no end of its own; "
        "give --num-samples N or run_cap: N in the file"
    )


# Suggestions, as Tune has them


def suggestions(cap: int, max_concurrent: int | None) -> Suggestions:
    made = Suggestions(make_searcher(sweep("random"), cap, 0), max_concurrent)
    made.set_state({"counter": 0, "total_samples": 10**9, "finished": False, "experiment": None})
    return made


def test_no_more_trials_run_at_once_than_asked_for() -> None:
    made = suggestions(9, max_concurrent=2)
    assert [made.searcher.suggest(f"t{i}") is None for i in range(4)] == [False, False, True, True]
    made.on_trial_complete("t0", report(0.5))
    assert [made.searcher.suggest(f"t{i}") is None for i in (4, 5)] == [False, True]
    made.on_trial_complete("t1", error=True)
    assert made.searcher.suggest("t6") is not None


def test_without_a_limit_all_trials_may_run_at_once() -> None:
    made = suggestions(100, max_concurrent=None)
    assert None not in [made.searcher.suggest(f"t{i}") for i in range(100)]
    assert made.searcher.suggest("t100") == Searcher.FINISHED


@pytest.mark.parametrize("before", [None, 4])
def test_a_resumed_search_keeps_to_the_new_limit_counting_what_was_running(
    tmp_path: Path, before: int | None
) -> None:
    first = suggestions(9, max_concurrent=before)
    for i in range(4):
        first.searcher.suggest(f"t{i}")
    first.save_to_dir(str(tmp_path), "1")
    second = suggestions(9, max_concurrent=2)
    second.restore_from_dir(str(tmp_path))
    for i in range(2):
        assert second.searcher.suggest(f"new{i}") is None
        second.on_trial_complete(f"t{i}", report(0.5))
    assert second.searcher.suggest("new2") is None
    second.on_trial_complete("t2", report(0.5))
    assert second.searcher.suggest("new3") not in (None, Searcher.FINISHED)


def test_a_resumed_search_is_asked_again_for_its_cap_may_be_higher(tmp_path: Path) -> None:
    first = suggestions(1, max_concurrent=1)
    config = first.searcher.suggest("t0")
    first.on_trial_complete("t0", report(0.5))
    first.set_state({**first.get_state(), "experiment": SimpleNamespace(spec={})})
    assert first.next_trial() is None
    assert first.is_finished()
    first.save_to_dir(str(tmp_path), "1")
    second = suggestions(2, max_concurrent=None)
    second.restore_from_dir(str(tmp_path))
    assert not second.is_finished()
    assert second.searcher.suggest("t1") not in (config, None, Searcher.FINISHED)
    assert second.searcher.suggest("t2") == Searcher.FINISHED
