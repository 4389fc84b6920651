"""The searchers keep to the cap, resume, and bear whatever trials report."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from histories import MadeTrialHistory
from optuna.trial import TrialState
from ray.tune.search import Searcher
from searchers_in_tune import METRIC, SPACE, as_in_tune, loss, one_by_one, report, sweep

from pcsearch.engine.experiment.definition import trial_cap
from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.records.options import Options, SamplerName
from pcsearch.engine.search.searchers import BayesSearcher, PlannedSearcher, make_searcher
from pcsearch.sweeps.sweep import parse_sweep

IN_WHICH_THREAD = """
import sys, threading

class Watch:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch":
            found.append(threading.current_thread() is threading.main_thread())

found = []
sys.meta_path.insert(0, Watch)
from pcsearch.engine.search.searchers import make_searcher
from searchers_in_tune import as_in_tune, one_by_one, sweep
searcher = as_in_tune(make_searcher(sweep("bayes"), 8, 0, "gp"))
print(found)
one_by_one(searcher, 8)
print(found)
"""


def test_torch_is_imported_by_the_thread_that_asks_and_not_before() -> None:
    """Python 3.11 ends one of two threads that both have source code parsed, as imports may."""
    done = subprocess.run(
        [sys.executable, "-c", IN_WHICH_THREAD],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=Path(__file__).parent,
    )
    assert done.stdout.splitlines() == ["[]", "[True]"], done.stderr


def history_of(
    searcher: Any, configs: list[dict[str, Any]], over: bool = True, epochs: int = 1
) -> History:
    """The history that a resumed search has of trials with these configurations."""
    trials = []
    for i, config in enumerate(configs):
        ended = TrialEnded(f"t{i}", False, [loss(config)]) if over else None
        made = [report(loss(config) + 1 / e, e) for e in range(1, epochs + 1)]
        point = searcher.suggested(f"t{i}", i + 1).point
        trials.append(MadeTrialHistory(f"t{i}", i + 1, point, Path(), ended, made=made))
    return History(trials)


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

    def test_it_needs_no_metric(self) -> None:
        searcher = make_searcher(sweep("random", goal=""), 2, 0)
        assert isinstance(searcher, PlannedSearcher)
        assert searcher.suggest("t0")["c"] == 7

    def test_results_change_nothing(self) -> None:
        searcher = self.searcher(6)
        assert [searcher.suggest(f"t{i}") for i in range(6)] == one_by_one(self.searcher(6), 6)


class TestBayes(Contract):
    def searcher(
        self, cap: int, seed: int = 0, goal: str = "minimize", history: History | None = None
    ) -> BayesSearcher:
        made = make_searcher(sweep("bayes", goal=goal), cap, seed, history=history)
        assert isinstance(made, BayesSearcher)
        as_in_tune(made)
        return made

    def test_the_best_that_a_trial_reported_is_what_the_study_learns(self) -> None:
        """As at W&B: a later, worse report takes nothing away."""
        searcher = self.searcher(3, goal="maximize")
        searcher.suggest("t0")
        for epoch, value in enumerate([0.7, 0.9, math.nan, 0.5], start=1):
            searcher.on_trial_result("t0", report(value, epoch=epoch))
        searcher.on_trial_complete("t0", report(0.5, epoch=4))
        (trial,) = searcher.study.trials
        assert (trial.state, trial.value) == (TrialState.COMPLETE, 0.9)
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

    def test_the_report_at_which_the_scheduler_stops_a_trial_counts_too(self) -> None:
        """Tune shows it to the searcher at the end only."""
        searcher = self.searcher(20)
        searcher.suggest("t0")
        searcher.on_trial_result("t0", report(0.9, epoch=2))
        searcher.on_trial_complete("t0", report(0.7, epoch=3, early_stop_reason=None))
        assert [trial.value for trial in searcher.study.trials] == [0.7]

    @pytest.mark.parametrize(
        ("impute", "value"), [("worst", math.inf), ("latest", 0.8), ("best", 0.3)]
    )
    @pytest.mark.parametrize(
        "last",
        [None, report(math.nan, early_stop_reason="NaN"), report(math.inf)],
        ids=["failed", "diverged", "not finite"],
    )
    def test_a_trial_that_went_wrong_counts_as_the_sweep_says(
        self, impute: str, value: float, last: dict[str, Any] | None
    ) -> None:
        metric = f"metric: {{name: {METRIC}, impute: {impute}}}"
        read = parse_sweep(f"method: bayes\n{metric}\nparameters: {{{SPACE}}}\n", "s.yaml")
        searcher = make_searcher(read, 20, 0)
        assert isinstance(searcher, BayesSearcher)
        as_in_tune(searcher)
        searcher.suggest("t0")
        for epoch, reported in enumerate([0.5, 0.3, 0.8], start=1):
            searcher.on_trial_result("t0", report(reported, epoch=epoch))
        searcher.on_trial_complete("t0", last, error=last is None)
        searcher.suggest("t1")
        searcher.on_trial_complete("t1", error=True)
        assert [trial.value for trial in searcher.study.trials] == [value, math.inf]

    def test_what_running_trials_have_reported_outlives_a_resume(self) -> None:
        first = self.searcher(20)
        history = history_of(first, [first.suggest("t0")], over=False)
        trial = history.trials[0]
        assert isinstance(trial, MadeTrialHistory)
        trial.made = [report(0.2, epoch=1)]
        second = self.searcher(20, history=history)
        assert [trial.state for trial in second.study.trials] == [TrialState.RUNNING]
        second.on_trial_result("t0", report(0.6, epoch=2))
        second.on_trial_complete("t0", report(0.6, epoch=2))
        assert [trial.value for trial in second.study.trials] == [0.2]

    @pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "cmaes", "qmc", "random"])
    def test_every_sampler_has_the_trials_of_a_resumed_search(self, sampler: SamplerName) -> None:
        space, metrics = sweep("bayes"), sweep("bayes").metrics
        first: Any = as_in_tune(make_searcher(space, 40, 0, sampler))
        configs = one_by_one(first, 12)
        second: Any = as_in_tune(make_searcher(space, 40, 0, sampler, history_of(first, configs)))
        assert [t.value for t in second.study.trials] == [loss(config) for config in configs]
        more = one_by_one(second, 8, start=12)
        assert all(config not in configs for config in more)
        assert len(metrics) == 1

    def test_a_trial_that_is_told_twice_counts_once(self) -> None:
        searcher = self.searcher(20)
        searcher.suggest("t0")
        searcher.on_trial_complete("t0", report(0.4))
        searcher.on_trial_result("t0", report(0.1))
        searcher.on_trial_complete("t0", report(0.1))
        assert [trial.value for trial in searcher.study.trials] == [0.4]

    def test_configurations_have_the_values_and_nothing_of_the_search(self) -> None:
        parameters = (
            "opt: {parameters: {lr: {distribution: log_uniform, min: -5, max: -1}}},"
            "a/b: {distribution: q_normal, q: 0.5}, kinds: {values: [[1, 2], {x: null}]}"
        )
        searcher = as_in_tune(make_searcher(sweep("bayes", parameters), 20, 0))
        for number in range(8):
            config = searcher.suggest(f"t{number}")
            assert set(config) == {"opt", "a/b", "kinds"}
            assert set(config["opt"]) == {"lr"}
            assert config["kinds"] in ([1, 2], {"x": None})
            assert config["a/b"] * 2 % 1 == 0
            searcher.on_trial_complete(f"t{number}", report(config["opt"]["lr"]))

    @pytest.mark.parametrize("goal", ["minimize", "maximize"])
    def test_it_keeps_away_from_where_trials_diverge(self, goal: str) -> None:
        sign = 1 if goal == "minimize" else -1
        searcher = as_in_tune(
            make_searcher(sweep("bayes", "a: {min: 0.0, max: 1.0}", goal), 20, seed=0)
        )
        suggested = []
        for number in range(16):
            a = searcher.suggest(f"t{number}")["a"]
            value = math.nan if a > 0.5 else sign * (a - 0.2) ** 2
            searcher.on_trial_complete(f"t{number}", report(value))
            suggested.append(a)
        assert any(a > 0.5 for a in suggested[:4])
        assert sum(a > 0.5 for a in suggested[4:10]) <= 1
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


def test_bayes_learns_from_the_results_of_others() -> None:
    searcher = as_in_tune(make_searcher(sweep("bayes", "a: {min: 0.0, max: 1.0}"), 20, 0))
    results = [
        OtherResult("one", {"a": 0.25, "more": 1}, [3.0]),
        OtherResult("wrong", {"a": 0.5}, None),
        OtherResult("outside", {"a": 2.0}, [1.0]),
    ]
    searcher.learn(results)
    searcher.suggest("mine")
    searcher.learn([OtherResult("two", {"a": 0.75}, [2.0])])
    known = [(trial.params["a"], trial.values) for trial in searcher.study.trials]
    assert [known[0], known[1], known[3]] == [
        (0.25, [3.0]),
        (0.5, [math.inf]),
        (0.75, [2.0]),
    ]
    assert searcher.point("mine") == {"a": known[2][0]}


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
