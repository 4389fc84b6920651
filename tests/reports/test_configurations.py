"""Configurations on the terminal and as JSON."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console, RenderableType

from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.engine.results.configurations import Configuration
from pcsearch.engine.results.groups import group_of
from pcsearch.reports.configurations import (
    best_configuration,
    configuration_document,
    configurations_table,
    trial_in_words,
)
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = parse_sweep(
    "method: grid\nmetric: {name: val/loss}\nparameters:\n"
    "  opt: {parameters: {lr: {values: [0.1, 0.2]}}}\n"
    "  seed: {values: [1, 2]}\n  epochs: {value: 3}\n",
    "s.yaml",
)
REPLICATES = replicates_of(SWEEP, "seed", "")


def made(number: int, *values: float | None, fresh: tuple[float, ...] = ()) -> Configuration:
    kept = [SWEEP.parameters["opt.lr"]]
    config = {"opt": {"lr": number / 10}}

    def trial(i: int, value: float | None) -> TrialResult:
        status = "failed" if value is None else "finished"
        return TrialResult(i, f"t{i}", "", config, status, 1, (value,), 1.0)

    runs = group_of([trial(i, value) for i, value in enumerate(values, 1)], kept, 1)
    more = [trial(i, value) for i, value in enumerate(fresh, 1)]
    return Configuration(number, runs, group_of(more, kept, 1) if more else None)


def text(*parts: RenderableType) -> str:
    output = StringIO()
    console = Console(file=output, width=120)
    for part in parts:
        console.print(part)
    return output.getvalue()


def test_the_table_has_means_deviations_and_counts() -> None:
    shown = text(
        configurations_table([made(1, 1.0, 2.0), made(2, None, 3.0)], SWEEP.metrics, 9, 99)
    )
    lines = [line.split() for line in shown.splitlines() if line.strip()]
    assert lines[1] == ["configuration", "loss", "±", "seeds", "opt.lr"]
    assert lines[3] == ["1", "1.5", "0.7071", "2", "0.1"]
    assert lines[4] == ["2", "3", "-", "1", "of", "2", "0.2"]
    short = text(configurations_table([made(1, 1.0), made(2, 2.0)], SWEEP.metrics, 1, 99))
    assert "and 1 more" in short


def test_fresh_seeds_come_before_what_the_configuration_was_chosen_by() -> None:
    found = [made(1, 1.0, 2.0, fresh=(4.0, 5.0)), made(2, 3.0)]
    shown = text(configurations_table(found, SWEEP.metrics, 9, 99))
    assert "1         4.5   0.7071             2    1.5   0.7071       2      0.1" in shown
    assert "2           -        -             -      3        -       1      0.2" in shown
    assert isinstance(REPLICATES, Replicates)
    best = text(*best_configuration(found, SWEEP, SWEEP.metrics[0], REPLICATES))
    assert best.startswith(
        "Best configuration: number 1, val/loss 4.5 ± 0.7071 (2 fresh seeds); it was chosen by 1.5 "
        "± 0.7071 (2 seeds)\n"
    )
    assert best.splitlines()[1:] == ["opt:", "  lr: 0.1", "epochs: 3"]


@pytest.mark.parametrize("found", [[], [made(1, None)]])
def test_without_a_value_there_is_no_best_one(found: list[Configuration]) -> None:
    assert isinstance(REPLICATES, Replicates)
    best = text(*best_configuration(found, SWEEP, SWEEP.metrics[0], REPLICATES))
    assert best == "No configuration has a value; there is no best one.\n"


def test_as_json_it_has_the_numbers_of_its_trials() -> None:
    found = configuration_document(made(1, 1.0, None, fresh=(4.0,)), ["val/loss"])
    assert found == {
        "number": 1,
        "config": {"opt.lr": 0.1},
        "chosen_by": {
            "trials": [1, 2],
            "count": 1,
            "stopped": 0,
            "means": {"val/loss": 1.0},
            "deviations": {"val/loss": None},
        },
        "confirmed": {
            "trials": [1],
            "count": 1,
            "stopped": 0,
            "means": {"val/loss": 4.0},
            "deviations": {"val/loss": None},
        },
    }


def test_runs_that_were_stopped_are_counted_beside_the_mean() -> None:
    kept = [SWEEP.parameters["opt.lr"]]
    ends: list[tuple[float, Status]] = [(4.0, "finished"), (5.0, "finished"), (90.0, "stopped")]
    trials = [
        TrialResult(i, f"t{i}", "", {"opt": {"lr": 0.1}}, status, 1, (value,), 1.0)
        for i, (value, status) in enumerate(ends, start=1)
    ]
    configuration = Configuration(1, group_of(trials, kept, 1, whole=True), None)
    shown = text(configurations_table([configuration], SWEEP.metrics, 9, 99))
    assert "4.5   0.7071   2 of 3 (1 stopped)" in shown
    assert isinstance(REPLICATES, Replicates)
    best = text(*best_configuration([configuration], SWEEP, SWEEP.metrics[0], REPLICATES))
    assert "number 1, val/loss 4.5 ± 0.7071 (2 seeds; 1 stopped)" in best
    assert configuration_document(configuration, ["val/loss"])["chosen_by"]["stopped"] == 1


def test_a_trial_is_named_with_its_configuration_and_seed() -> None:
    run = TrialResult(4, "t4", "", {}, "finished", 1, (1.0,), 1.0, replicate=Replicate(2, 1))
    assert isinstance(REPLICATES, Replicates)
    assert trial_in_words(4, [run], REPLICATES, "loss 1") == (
        "trial 4 (configuration 2 with seed 2; loss 1)"
    )
    assert trial_in_words(4, [run], None) == "trial 4"
    assert trial_in_words(5, [run], REPLICATES, "loss 1") == "trial 5 (loss 1)"
