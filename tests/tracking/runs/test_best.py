"""Which model W&B keeps as the best one of a search."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.sweeps.replicates import replicates_of
from pcsearch.sweeps.sweep import parse_sweep
from pcsearch.tracking.content.files import ModelFiles
from pcsearch.tracking.runs.best import BestAtWandb
from pcsearch.tracking.runs.context import RunContext
from pcsearch.tracking.runs.lifecycle import ended_run

SWEEP = parse_sweep(
    "method: grid\nmetric: {name: loss}\n"
    "parameters: {a: {values: [1, 2, 3]}, seed: {values: [5, 6, 7]}}\n",
    "s.yaml",
)


class Search:
    """Runs that end one after the other."""

    def __init__(self, *, replicated: bool) -> None:
        self.outcomes = Outcomes(SWEEP.metrics)
        search: Any = SimpleNamespace(
            sweep=SWEEP, metrics=SWEEP.metrics, replicates=replicates_of(SWEEP, "seed", "")
        )
        configurations = LiveConfigurations(search, self.outcomes) if replicated else None
        context = RunContext(SWEEP.metrics, ["a"], 9, dict, configurations=configurations)
        self.best, self._number = BestAtWandb(self.outcomes, context), 0

    def end(self, a: int, seed: int, value: float | None, *, has_model: bool = True) -> str | None:
        """The folder of the best model if that is another now, with its trial and mean.

        A run without a value has failed before its first report.
        """
        self._number += 1
        trial_id = f"t{self._number}"
        outcome: TrialOutcome = self.outcomes.begin(trial_id, self._number, {"a": a, "seed": seed})
        outcome.replicate = Replicate(a, seed)
        if value is not None:
            outcome.add({"loss": value, "epoch": 1, "training_iteration": 1})
        self.outcomes.end(trial_id, "KeyError" if value is None else None)
        kept = self.best.after(outcome, ended_run(outcome, self.kept(trial_id, has_model)))
        if kept is None:
            return None
        found = kept.kept.folder.name, kept.metadata["loss"], kept.metadata.get("search/best_mean")
        return f"{found}"

    def kept(self, trial_id: str, has_model: bool) -> ModelFiles | None:
        return ModelFiles(Path(trial_id)) if has_model else None


def test_without_replicates_it_is_that_of_the_best_trial() -> None:
    search = Search(replicated=False)
    found = [search.end(1, 0, value) for value in (2.0, 3.0, 1.0)]
    assert found == ["('t1', 2.0, None)", None, "('t3', 1.0, None)"]


def test_with_replicates_it_is_that_of_the_best_configuration() -> None:
    search = Search(replicated=True)
    runs = [(1, 0, 0.1), (2, 0, 2.0), (2, 1, 2.5), (1, 1, 9.0), (1, 2, 9.0), (2, 2, 1.0)]
    assert [search.end(*run) for run in runs] == [
        "('t1', 0.1, 0.1)",
        None,
        None,
        # The second run of the lucky configuration shows that the other one is better.
        f"('t2', 2.0, {(2.0 + 2.5) / 2})",
        None,
        f"('t6', 1.0, {5.5 / 3})",
    ]


def test_a_run_without_a_model_may_make_that_of_another_configuration_the_best() -> None:
    search = Search(replicated=True)
    assert [search.end(1, 0, 1.0), search.end(2, 0, 2.0)] == ["('t1', 1.0, 1.0)", None]
    assert search.end(1, 1, None, has_model=False) == "('t2', 2.0, 2.0)"


@pytest.mark.parametrize("repeats", [True, False])
def test_a_later_session_says_it_once_more(repeats: bool) -> None:
    search = Search(replicated=True)
    search.end(1, 0, 0.1)
    if repeats:
        search.best.repeat()
    assert (search.end(2, 0, 2.0) is not None) is repeats
    assert search.end(3, 0, 2.0, has_model=False) is None
