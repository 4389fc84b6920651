"""The choice among the checkpoints of a search whose seeds are replicates."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pyarrow.fs import LocalFileSystem
from ray.tune import Checkpoint

from pcsearch.engine.execution.candidate import BestCandidate, Candidate
from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.results.configurations import LiveConfigurations
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.replicates import replicates_of
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = parse_sweep(
    "method: grid\nmetric: {name: loss}\n"
    "parameters: {a: {values: [1, 2]}, seed: {values: [5, 6]}}\n",
    "s.yaml",
)


class Chosen:
    """A choice, and the outcomes that it depends on."""

    def __init__(self) -> None:
        self.outcomes = Outcomes(SWEEP.metrics)
        search: Any = SimpleNamespace(
            sweep=SWEEP, metrics=SWEEP.metrics, replicates=replicates_of(SWEEP, "seed", "")
        )
        configurations = LiveConfigurations(search, self.outcomes)
        self.choice = BestCandidate(Metric("loss", "minimize"), configurations)

    def offer(self, trial_id: str, value: float) -> None:
        place = Checkpoint("/nowhere", LocalFileSystem())
        self.choice.add(Candidate(1, trial_id, {}, value, {}, place))

    def end(self, trial_id: str, a: int, seed: int, value: float) -> None:
        outcome = self.outcomes.begin(trial_id, 1, {"a": a, "seed": seed})
        outcome.replicate = Replicate(a, seed)
        outcome.add({"loss": value, "epoch": 1})
        self.outcomes.end(trial_id)

    def better_than(self, trial_id: str | None, value: float | None) -> str | None:
        found = self.choice.better_than(trial_id, value)
        return None if found is None else f"{found.trial_id} {found.value}"


def test_before_a_run_has_ended_it_is_the_best_of_all() -> None:
    chosen = Chosen()
    assert chosen.better_than(None, None) is None
    chosen.offer("t1", 2.0)
    chosen.offer("t2", 1.0)
    chosen.offer("t2", 3.0)
    assert chosen.better_than(None, None) == "t2 1.0"
    assert chosen.better_than("t1", 2.0) == "t2 1.0"
    assert chosen.better_than("t2", 1.0) is None
    # One of an earlier session, whose checkpoints nobody has offered in this one.
    assert chosen.better_than("t0", 0.5) is None


def test_it_is_of_a_run_of_the_best_configuration() -> None:
    chosen = Chosen()
    for trial_id, a, seed, value in (
        *(("t1", 1, 0, 0.1), ("t2", 1, 1, 9.0)),
        *(("t3", 2, 0, 2.0), ("t4", 2, 1, 1.0)),
    ):
        chosen.end(trial_id, a, seed, value)
    # The lucky run of the other configuration is no bar.
    chosen.offer("t1", 0.1)
    assert chosen.better_than("t1", 0.1) is None, "its checkpoints are not known yet"
    chosen.offer("t3", 2.0)
    assert chosen.better_than("t1", 0.1) == "t3 2.0"
    assert chosen.better_than("t4", 1.0) is None
    chosen.offer("t4", 1.0)
    assert chosen.better_than("t3", 2.0) == "t4 1.0"
    found = chosen.choice.of("t4")
    assert found is not None
    assert (found.value, chosen.choice.of("t2"), chosen.choice.of(None)) == (1.0, None, None)
