"""Searches whose seeds are replicates, driven without Ray: a run ends before the next begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from histories import MadeTrialHistory

from pcsearch.engine.records.journal.events import Replicate, Suggested, TrialEnded
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.searchers.replicated import ReplicatedSearcher, replicated_searcher
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import Sweep, parse_sweep

SPACES = {
    "grid": "a: {values: [1, 2, 3, 4]}, seed: {values: [1, 2, 3, 4, 5]}",
    "random": "a: {min: 0.0, max: 4.0}, seed: {min: 1, max: 5}",
    "bayes": "a: {min: 0.0, max: 4.0}, seed: {min: 1, max: 5}",
}


def sweep(method: str) -> Sweep:
    space = SPACES[method]
    return parse_sweep(f"method: {method}\nmetric: {{name: loss}}\nparameters: {{{space}}}", "s")


def noisy(config: Mapping[str, Any]) -> float:
    """A loss that is least at a = 1, with a noise that the seed and a decide."""
    return float(
        abs(config["a"] - 1) + 0.3 * ((config["seed"] * 7 + int(10 * config["a"])) % 5 - 2)
    )


class Runs:
    """The runs of a search.

    Args:
        method: of the sweep.
        cap: the largest number of runs.
        history: of a resumed search.
        options: of `replicated_searcher`.
    """

    def __init__(
        self, method: str, cap: int, history: History | None = None, **options: Any
    ) -> None:
        self.sweep = sweep(method)
        replicates = replicates_of(self.sweep, "seed", "")
        assert isinstance(replicates, Replicates), "the sweep has it"
        self.replicates = replicates
        self.outcomes = Outcomes(self.sweep.metrics, history=history)
        self.searcher: ReplicatedSearcher = replicated_searcher(
            self.sweep, replicates, cap, 7, "tpe", self.outcomes, history=history, **options
        )
        self.begun = len(history.trials) if history is not None else 0
        self.enqueued = [] if history is None else list(history.enqueued)
        self.suggested: dict[str, Suggested] = {}

    def enqueue(self, *parts: dict[str, Any]) -> None:
        """Enqueue configurations while the search runs, or before."""
        self.searcher.enqueue(dict(enumerate(parts, len(self.enqueued))))
        self.enqueued += parts

    def begin(self) -> dict[str, Any] | str | None:
        """What the searcher suggests; its trial is running then."""
        trial_id = f"t{self.begun + 1}"
        config: dict[str, Any] | str | None = self.searcher.suggest(trial_id, self.begun + 1)
        if isinstance(config, dict):
            self.begun += 1
            self.outcomes.begin(trial_id, self.begun, config)
            self.suggested[trial_id] = self.searcher.suggested(trial_id, self.begun)
        return config

    def end(self, number: int, value: float | None) -> None:
        """A trial ends, with a value or with an error."""
        trial_id = f"t{number}"
        report = {"loss": value, "epoch": 1, "training_iteration": 1}
        if value is not None:
            self.outcomes.of(trial_id).add(report)
        self.searcher.on_trial_complete(trial_id, report, error=value is None)
        self.outcomes.end(trial_id, "KeyError" if value is None else None)

    def run(
        self, count: int, loss: Callable[[Mapping[str, Any]], float | None] = noisy
    ) -> list[dict[str, Any]]:
        """The values of up to ``count`` runs; fewer where the search has ended."""
        configs = []
        for _ in range(count):
            config = self.begin()
            if not isinstance(config, dict):
                assert config == "FINISHED"
                break
            configs.append(config)
            self.end(self.begun, loss(config))
        return configs

    def replicate(self, number: int) -> Replicate:
        """Which run of which configuration a trial is."""
        replicate = self.searcher.replicate(f"t{number}")
        assert replicate is not None, "each trial is one"
        return replicate

    def history(self, folder: Path) -> History:
        """What a later session knows."""
        trials, taken = [], set()
        for outcome in self.outcomes:
            event = self.suggested[outcome.trial_id]
            if event.enqueued is not None:
                taken.add(event.enqueued)
            trial = MadeTrialHistory(
                outcome.trial_id,
                outcome.number,
                event.point,
                folder / outcome.trial_id,
                replicate=event.replicate,
                config=event.config,
                made=[dict(outcome.last_report)] if outcome.last_report else [],
            )
            if outcome.ended:
                trial.end = TrialEnded(outcome.trial_id, outcome.failed, list(outcome.values))
            trials.append(trial)
        return History(list(trials), enqueued=list(self.enqueued), taken=taken, is_race=True)
