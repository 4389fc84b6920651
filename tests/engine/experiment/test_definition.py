"""A search by its file and options: how many trials, which metrics and rungs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from searching import write_sweep
from sweep_reading import read_sweep

from pcsearch.engine.experiment.definition import define_search, trial_cap
from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.experiment.plan import make_plan
from pcsearch.engine.records.options import Options
from pcsearch.engine.workloads.given_function import label_of
from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import parse_sweep

SEEDS = {"seed": {"values": [1, 2, 3]}}
GRID = "method: grid\nparameters: {seed: {values: [1, 2, 3]}}\n"
RANDOM = "method: random\nparameters: {seed: {min: 1, max: 9}}\n"


@pytest.mark.parametrize(
    ("text", "num_samples", "cap"),
    [
        (GRID, None, 3),
        (GRID, 2, 2),
        (GRID, 100, 3),
        (f"{GRID}run_cap: 2\n", 100, 2),
        (RANDOM, 7, 7),
        (f"{RANDOM}run_cap: 5\n", None, 5),
        (f"{RANDOM}run_cap: 5\n", 4, 4),
        (f"{RANDOM}run_cap: 5\n", 6, 5),
        # There are no more than nine different ones.
        (RANDOM, 70, 9),
        (RANDOM.replace("max: 9", "max: 9.5"), 70, 70),
    ],
)
def test_the_least_bound_counts(text: str, num_samples: int | None, cap: int) -> None:
    sweep = parse_sweep(text, "s.yaml", numeric=lambda _: True)
    assert trial_cap(sweep, Options(num_samples)) == cap


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_search_without_a_bound_asks_for_one(method: str, tmp_path: Path) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"min": 1, "max": 9}}, method=method)
    with pytest.raises(PcsearchError, match=r"give --num-samples N or run_cap: N in the file"):
        new_experiment(sweep, Options(storage_path=tmp_path))
    assert trial_cap(read_sweep(sweep), Options()) is None


def test_trials_are_compared_by_the_validation_error_unless_told(tmp_path: Path) -> None:
    for metric, expected in (
        (None, ("best_val_mse", "min")),
        ({"name": "best_train_mse", "goal": "maximize"}, ("best_train_mse", "max")),
    ):
        top = {"metric": metric}
        file = write_sweep(tmp_path / "s.yaml", SEEDS, **top)
        if metric is None:
            file.write_text(file.read_text().replace("metric: null\n", ""))
        (found,) = define_search(file, Options()).metrics
        assert (found.name, found.mode) == expected


HYPERBAND = {"early_terminate": {"type": "hyperband", "min_iter": 5}}


def test_rungs_that_no_trial_reaches_are_refused(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", SEEDS, **HYPERBAND)
    with pytest.raises(PcsearchError) as caught:
        define_search(file, Options())
    assert re.match(
        rf"{re.escape(str(file))}:\d+:1: early_terminate: no trial would be stopped: the first "
        "rung is epoch 5 and the longest trial ends at epoch 3",
        str(caught.value),
    )


def test_rungs_that_fewer_epochs_on_the_command_line_leave_out_are_a_note(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", SEEDS | {"epochs": {"value": 9}}, **HYPERBAND)
    experiment = define_search(file, Options(overrides={"epochs": 1}))
    assert experiment.rungs == ()
    (note,) = experiment.sweep.notes
    assert note.startswith("early_terminate: no trial would be stopped")


def test_a_function_that_is_given_is_what_trials_run(tmp_path: Path) -> None:
    def train(config: dict[str, int]) -> None:
        """Train."""

    text = "method: grid\nparameters: {lr: {values: [1, 2]}}"
    search = define_search("", Options(trainable=train), tmp_path, text)
    assert search.workload == UserFunction(label_of(train), tmp_path, train)
    wrong = Options(trainable=train, compile="off")
    with pytest.raises(PcsearchError, match="--compile: is for the PC transformer only"):
        define_search("", wrong, tmp_path, text)


def test_fresh_folds_are_a_note_of_the_search(tmp_path: Path) -> None:
    text = "method: grid\nmetric: {name: a}\nparameters: {lr: {value: 1}, fold: {min: 0, max: 4}}"

    def train(config: dict[str, int]) -> None:
        """Train."""

    options = Options(trainable=train, replicates="fold", confirm=1)
    for has_begun in (False, True):
        search = define_search("", options, tmp_path, text, has_begun=has_begun)
        assert "--confirm runs fold 5, which the file does not have" in search.sweep.notes[0]


@pytest.mark.parametrize("option", [None, "seed"])
def test_bayes_over_a_seed_gets_a_note_and_with_replicates_none(
    option: str | None, tmp_path: Path
) -> None:
    searched = SEEDS | {"hidden_momentum": {"min": 0.1, "max": 0.2}}
    file = write_sweep(tmp_path / "s.yaml", searched, method="bayes", run_cap=9)
    search = define_search(file, Options(replicates=option))
    notes = [note for note in search.sweep.notes if "that of a lucky seed" in note]
    assert len(notes) == (option is None)
    # The plan shows it, and the start of the search; a resume says it no more.
    assert set(notes) <= set(make_plan(file, Options(replicates=option), 0).notes)
    assert define_search(file, search.options, has_begun=True).sweep.notes == ()


def test_what_is_wrong_with_a_file_is_told_with_the_program_that_is_not_there(
    tmp_path: Path,
) -> None:
    text = "program: gone.py\nmethod: bayes\nmetric: {name: loss, goal: least}\nparameters:\n"
    text += "  lr: {min: 2, max: 1}\n"
    with pytest.raises(PcsearchError) as caught:
        define_search("s.yaml", Options(), tmp_path, text)
    keys = [each.key for each in caught.value.problems]
    assert keys == ["program", "metric.goal", "parameters.lr"]
