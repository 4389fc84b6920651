"""A search with Optuna over a finite space has each configuration once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.ledger import OtherResult
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.searchers import no_repeats
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.preview import first_suggestions
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.sweep import Sweep, parse_sweep

TWELVE = "a: {min: 1, max: 3}, b: {values: [1, 1.0, true, x]}"


def sweep_of(parameters: str = TWELVE) -> Sweep:
    text = f"method: bayes\nmetric: {{name: loss}}\nparameters: {{{parameters}}}\n"
    return parse_sweep(text, "s.yaml")


def searcher_of(sweep: Sweep, sampler: Any, history: History | None = None) -> BayesSearcher:
    outcomes = Outcomes(sweep.metrics, history=history)
    searcher = make_searcher(sweep, None, 1, sampler, history, outcomes)
    assert isinstance(searcher, BayesSearcher)
    return searcher


def run(searcher: BayesSearcher, count: int, running: int = 1) -> list[str]:
    """The suggestions, with results that come in their order."""
    suggested: list[str] = []
    for number in range(count + running - 1):
        if number < count:
            config = searcher.suggest(f"t{number}")
            suggested.append(identity(config))
            outcome = searcher._outcomes.begin(f"t{number}", number + 1, config)
            outcome.add({"loss": float(config["a"]) + len(str(config["b"])), "epoch": 1})
        if number >= running - 1:
            searcher.on_trial_complete(f"t{number - running + 1}")
    return suggested


@pytest.mark.parametrize("sampler", ["auto", "tpe", "random", "qmc"])
@pytest.mark.parametrize("running", [1, 5])
def test_no_configuration_comes_twice(sampler: str, running: int) -> None:
    assert len(set(run(searcher_of(sweep_of(), sampler), 12, running))) == 12


def test_after_the_last_one_suggestions_go_on() -> None:
    """The number of trials is bounded elsewhere."""
    assert len(run(searcher_of(sweep_of("a: {min: 1, max: 2}, b: {value: x}"), "tpe"), 4)) == 4


def test_a_resumed_search_has_each_once_too() -> None:
    sweep = sweep_of()
    first = searcher_of(sweep, "tpe")
    configs = [first.suggest(f"t{number}") for number in range(5)]
    points = [first.point(f"t{number}") for number in range(5)]
    trials = [
        TrialHistory(
            f"t{number}", number + 1, point, Path(), TrialEnded(f"t{number}", False, [1.0])
        )
        for number, point in enumerate(points)
    ]
    resumed = searcher_of(sweep, "tpe", History(trials))
    more = [resumed.suggest(f"u{number}") for number in range(7)]
    assert len({identity(config) for config in (*configs, *more)}) == 12


def test_what_another_driver_has_run_is_not_suggested() -> None:
    searcher = searcher_of(sweep_of(), "tpe")
    theirs = [{"a": a, "b": b} for a in (1, 2) for b in (1, 1.0, True, "x")]
    searcher.learn([OtherResult(str(n), each, [1.0]) for n, each in enumerate(theirs)])
    mine = [searcher.suggest(f"t{number}") for number in range(4)]
    assert [each["a"] for each in mine] == [3] * 4
    assert len({identity(each) for each in mine}) == 4


def test_the_plan_shows_each_once() -> None:
    configs = first_suggestions(sweep_of(), 12, 1, "tpe", 12)
    assert len(set(map(identity, configs))) == 12


def test_a_large_space_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(no_repeats, "LARGEST_LIST", 5)
    assert len(set(run(searcher_of(sweep_of(), "tpe"), 12))) == 12


def test_the_nearest_configuration_takes_the_place() -> None:
    searcher = searcher_of(sweep_of("a: {min: 1, max: 9}, b: {values: [x, y]}"), "tpe")
    assert searcher._no_repeats is not None
    for a in (4, 5, 6):
        searcher._no_repeats.add({"a": a, "b": "x"})
    assert searcher._no_repeats._nearest((4, 0)) in ((2, 0), (6, 0))
