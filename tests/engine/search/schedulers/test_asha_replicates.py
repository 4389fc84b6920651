"""ASHA where seeds are replicates: configurations are compared, and not runs."""

from __future__ import annotations

from asha_schedulers import sweep
from driving import CONTINUE, STOP, Driver

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.schedulers.asha import make_scheduler
from pcsearch.sweeps.early_terminate import Hyperband

EPOCHS, SEEDS = 9, 5
LUCK = 0.3


def driver(seeds: int | None) -> Driver:
    """Nine configurations that have ended, each a little worse; the first has two lucky runs."""
    read = sweep(Hyperband(1, 3))
    outcomes = Outcomes(read.metrics)
    curves = learning_curves(read, EPOCHS, outcomes)
    made = Driver(make_scheduler(read, outcomes, curves, seeds=seeds))
    for number in range(9):
        begin(made, f"t{number}", number + 1, 0)
    begin(made, "lucky", 1, 1)
    for epoch in range(1, EPOCHS + 1):
        for number in range(9):
            made.report(f"t{number}", epoch, 0.1 / epoch + 0.02 * number - LUCK * (number == 0))
        made.report("lucky", epoch, 0.1 / epoch - LUCK)
    return made


def begin(driven: Driver, trial_id: str, configuration: int, seed: int) -> None:
    driven.scheduler._outcomes.of(trial_id).replicate = Replicate(configuration, seed)


def decisions(driven: Driver, trial_id: str, value: float) -> list[str]:
    return [driven.report(trial_id, epoch, 0.1 / epoch + value) for epoch in range(1, EPOCHS + 1)]


def test_a_later_seed_is_not_stopped_by_its_own_bad_luck() -> None:
    """By itself the run is worse than most; the mean of its configuration is the best."""
    compared = driver(SEEDS)
    begin(compared, "unlucky", 1, 2)
    assert STOP not in decisions(compared, "unlucky", 0.3)
    alone = driver(None)
    assert STOP in decisions(alone, "unlucky", 0.3)


def test_a_later_seed_of_a_bad_configuration_is_stopped() -> None:
    compared = driver(SEEDS)
    begin(compared, "again", 9, 1)
    assert STOP in decisions(compared, "again", 0.3)


def test_a_run_with_a_fresh_seed_is_not_compared() -> None:
    compared = driver(SEEDS)
    begin(compared, "fresh", 9, SEEDS)
    assert decisions(compared, "fresh", 5.0) == [CONTINUE] * EPOCHS
