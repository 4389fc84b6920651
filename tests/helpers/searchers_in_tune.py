"""Searchers of small sweeps, driven as Tune drives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from histories import MadeTrialHistory
from ray.tune.search import Searcher

from pcsearch.engine.records.journal.events import TrialEnded
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.planned import PlannedSearcher
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


def as_in_tune(searcher: PlannedSearcher | BayesSearcher) -> Any:
    """The searcher in Tune's loop, where a trial's outcome has a report before it is told."""
    if isinstance(searcher, BayesSearcher):
        outcomes, complete = searcher._outcomes, searcher.on_trial_complete

        def on_trial_complete(
            trial_id: str, result: dict[str, Any] | None = None, error: bool = False
        ) -> None:
            if result:
                outcomes.of(trial_id).add(result)
            complete(trial_id, result, error)

        in_tune: Any = searcher
        in_tune.on_trial_result = lambda trial_id, result: outcomes.of(trial_id).add(result)
        in_tune.on_trial_complete = on_trial_complete
    return searcher


def one_by_one(searcher: Searcher, count: int, start: int = 0) -> list[dict[str, Any]]:
    """Suggestions, each trial's result coming before the next."""
    configs = []
    for number in range(start, start + count):
        config = searcher.suggest(f"t{number}")
        configs.append(config)
        searcher.on_trial_result(f"t{number}", report(loss(config)))
        searcher.on_trial_complete(f"t{number}", report(loss(config)))
    return configs


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
