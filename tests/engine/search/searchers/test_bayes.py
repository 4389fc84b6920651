"""The searcher of bayes gives Optuna the right values, and suggests what Optuna chooses."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import optuna
import pytest
from histories import MadeTrialHistory
from optuna.trial import TrialState
from searchers_in_tune import METRIC, SPACE, as_in_tune, history_of, loss, one_by_one, report, sweep

from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.records.options import SamplerName
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
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
from pcsearch.engine.search.searchers.factory import make_searcher
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


def bayes(goal: str = "minimize", history: History | None = None) -> Any:
    """A searcher of bayes, driven as in Tune."""
    return as_in_tune(make_searcher(sweep("bayes", goal=goal), 20, 0, history=history))


def test_the_best_that_a_trial_reported_is_what_the_study_learns() -> None:
    """As at W&B: a later, worse report takes nothing away."""
    searcher = bayes("maximize")
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
    last: dict[str, Any], goal: str, worst: float
) -> None:
    searcher = bayes(goal)
    for number, final in enumerate([report(1e9), last, report(-1e9)]):
        searcher.suggest(f"t{number}")
        searcher.on_trial_result(f"t{number}", final)
        searcher.on_trial_complete(f"t{number}", final)
    assert [trial.value for trial in searcher.study.trials] == [1e9, worst, -1e9]
    assert {trial.state for trial in searcher.study.trials} == {TrialState.COMPLETE}
    assert searcher.study.best_trial.number == (2 if goal == "minimize" else 0)


def test_the_report_at_which_the_scheduler_stops_a_trial_counts_too() -> None:
    """Tune shows it to the searcher at the end only."""
    searcher = bayes()
    searcher.suggest("t0")
    searcher.on_trial_result("t0", report(0.9, epoch=2))
    searcher.on_trial_complete("t0", report(0.7, epoch=3, early_stop_reason=None))
    assert [trial.value for trial in searcher.study.trials] == [0.7]


@pytest.mark.parametrize(("impute", "value"), [("worst", math.inf), ("latest", 0.8), ("best", 0.3)])
@pytest.mark.parametrize(
    "last",
    [None, report(math.nan, early_stop_reason="NaN"), report(math.inf)],
    ids=["failed", "diverged", "not finite"],
)
def test_a_trial_that_went_wrong_counts_as_the_sweep_says(
    impute: str, value: float, last: dict[str, Any] | None
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


def test_what_running_trials_have_reported_outlives_a_resume() -> None:
    first = bayes()
    history = history_of(first, [first.suggest("t0")], over=False)
    trial = history.trials[0]
    assert isinstance(trial, MadeTrialHistory)
    trial.made = [report(0.2, epoch=1)]
    second = bayes(history=history)
    assert [trial.state for trial in second.study.trials] == [TrialState.RUNNING]
    second.on_trial_result("t0", report(0.6, epoch=2))
    second.on_trial_complete("t0", report(0.6, epoch=2))
    assert [trial.value for trial in second.study.trials] == [0.2]


@pytest.mark.parametrize("sampler", ["auto", "gp", "tpe", "cmaes", "qmc", "random"])
def test_every_sampler_has_the_trials_of_a_resumed_search(sampler: SamplerName) -> None:
    space, metrics = sweep("bayes"), sweep("bayes").metrics
    first: Any = as_in_tune(make_searcher(space, 40, 0, sampler))
    configs = one_by_one(first, 12)
    second: Any = as_in_tune(make_searcher(space, 40, 0, sampler, history_of(first, configs)))
    assert [t.value for t in second.study.trials] == [loss(config) for config in configs]
    more = one_by_one(second, 8, start=12)
    assert all(config not in configs for config in more)
    assert len(metrics) == 1


def test_a_trial_that_is_told_twice_counts_once() -> None:
    searcher = bayes()
    searcher.suggest("t0")
    searcher.on_trial_complete("t0", report(0.4))
    searcher.on_trial_result("t0", report(0.1))
    searcher.on_trial_complete("t0", report(0.1))
    assert [trial.value for trial in searcher.study.trials] == [0.4]


def test_configurations_have_the_values_and_nothing_of_the_search() -> None:
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
def test_it_keeps_away_from_where_trials_diverge(goal: str) -> None:
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


def test_it_tells_the_user_nothing_of_its_insides() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        searcher = bayes()
        for number in range(7):
            searcher.suggest(f"t{number}")
            searcher.on_trial_complete(f"t{number}", report(math.nan if number else 1.0))
    assert [str(warning.message) for warning in told] == []


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
