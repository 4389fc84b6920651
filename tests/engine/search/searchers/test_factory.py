"""Searchers of every method keep to the cap, resume, and bear whatever trials report."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from ray.tune.search import Searcher
from searchers_in_tune import as_in_tune, history_of, one_by_one, report, sweep

from pcsearch.engine.records.journal.history import History
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.sweeps.sweep import parse_sweep


class Contract:
    """What Tune may rely on from any searcher."""

    def searcher(
        self, cap: int, seed: int = 0, goal: str = "minimize", history: History | None = None
    ) -> Any:
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
    def test_a_resumed_searcher_has_all_trials_and_suggests_others(self, told: int) -> None:
        first = self.searcher(20)
        configs = one_by_one(first, told)
        second = self.searcher(20, history=history_of(first, configs))
        assert [second.config(trial) for trial in history_of(first, configs).trials] == configs
        more = one_by_one(second, 7 - told, start=told)
        every = [*configs, *more]
        assert all(config not in every[:i] for i, config in enumerate(every))

    def test_a_resumed_searcher_takes_the_end_of_a_trial_that_was_running(self) -> None:
        first = self.searcher(3)
        history = history_of(first, [first.suggest("t0")], over=False)
        second = self.searcher(3, history=history)
        second.on_trial_result("t0", report(0.4, epoch=2))
        second.on_trial_complete("t0", report(0.4, epoch=2))
        assert [second.suggest(f"t{i}") == Searcher.FINISHED for i in (1, 2, 3)] == [0, 0, 1]

    @pytest.mark.parametrize(("cap", "left"), [(6, 4), (2, 0), (1, 0)])
    def test_a_resumed_searcher_keeps_to_its_own_cap(self, cap: int, left: int) -> None:
        first = self.searcher(3)
        history = history_of(first, one_by_one(first, 2))
        second = self.searcher(cap, history=history)
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
    def searcher(
        self, cap: int, seed: int = 0, goal: str = "minimize", history: History | None = None
    ) -> Searcher:
        return make_searcher(sweep("random", goal=goal), cap, seed, history=history)


class TestBayes(Contract):
    def searcher(
        self, cap: int, seed: int = 0, goal: str = "minimize", history: History | None = None
    ) -> BayesSearcher:
        made = make_searcher(sweep("bayes", goal=goal), cap, seed, history=history)
        assert isinstance(made, BayesSearcher)
        as_in_tune(made)
        return made


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_what_is_enqueued_while_it_runs_comes_next_and_nothing_twice(method: str) -> None:
    text = f"method: {method}\nmetric: {{name: loss}}\nparameters: {{x: {{values: [1, 2, 3, 4]}}}}"
    searcher = make_searcher(parse_sweep(text, "s.yaml"), 4, 0)
    first = searcher.suggest("t1", 1)["x"]
    wanted = next(x for x in (4, 3) if x != first)
    searcher.enqueue({0: {"x": first}, 1: {"x": wanted}})
    values = [searcher.suggest(f"t{number}", number)["x"] for number in (2, 3, 4)]
    assert values[0] == wanted
    assert sorted([first, *values]) == [1, 2, 3, 4]
    assert searcher.suggested("t2", 2).enqueued == 1
    assert searcher.suggest("t5", 5) == "FINISHED"
