"""A plan says what would run, and draws what the search would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment
from own_image_files import put
from searching import write_sweep
from sweep_reading import read_sweep

from pcsearch.engine.experiment.definition import define_search
from pcsearch.engine.experiment.plan import make_plan
from pcsearch.engine.experiment.warm_start import warm_start
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.options import Options
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import configurations

RANGE = {"peak_lr_hidden": {"min": 0.01, "max": 0.1}}


def test_a_grid_has_a_size_and_the_cap_is_on_trials(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2, 3]}})
    plan = make_plan(file, Options(num_samples=2), 9)
    assert (plan.grid_size, plan.trials) == (3, 2)
    assert [config["seed"] for config in plan.configs] == [1, 2]


def test_own_images_are_counted_and_none_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    searched = {"dataset": {"value": "./mine"}, "batch_size": {"values": [4, 9]}}
    file = write_sweep(tmp_path / "s.yaml", searched)
    with pytest.raises(PcsearchError, match="no such file or folder"):
        make_plan(file, Options(), 0)
    for number in range(10):
        put(tmp_path, f"mine/a/{number}.png", b"no image")
    with pytest.raises(PcsearchError, match="batch_size: 9 is more than the 8 training images"):
        make_plan(file, Options(), 0)
    for number in range(10):
        put(tmp_path, f"mine/b/{number}.png", b"no image")
    assert make_plan(file, Options(), 0).trials == 2


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_search_without_an_end_has_no_number_of_trials(method: str, tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", RANGE, method=method)
    plan = make_plan(file, Options(), 0)
    assert plan.trials is None
    assert plan.grid_size is None
    assert plan.configs == ()
    assert any("give --num-samples N" in note for note in plan.notes)


def test_random_draws_are_those_of_the_search(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", RANGE, method="random")
    draws = configurations(read_sweep(file), seed=7)
    assert draws is not None
    plan = make_plan(file, Options(seed=7, num_samples=5), 3)
    assert list(plan.configs) == [draws.config(index) for index in range(3)]


def test_first_suggestions_of_bayes_are_seeded_and_noted(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", RANGE, method="bayes")
    plans = [make_plan(file, Options(seed=seed, num_samples=20), 4) for seed in (1, 1, 2)]
    assert plans[0].configs == plans[1].configs != plans[2].configs
    assert all(0.01 <= config["peak_lr_hidden"] <= 0.1 for config in plans[0].configs)
    assert "the configurations are those suggested before any trial has a result" in plans[0].notes


@pytest.mark.parametrize("rungs", [None, {"type": "hyperband", "min_iter": 1}])
def test_a_warm_start_is_in_the_plan(rungs: dict[str, Any] | None, tmp_path: Path) -> None:
    """The results are counted, and the first configurations are chosen from them."""
    old = {"peak_lr_hidden": {"values": [0.01, 0.02, 0.05, 0.1, 0.2]}}
    write_experiment(tmp_path / "old", old, [ended([value]) for value in (4.0, 1.0, 2.0, 5.0, 1.0)])
    top = {} if rungs is None else {"early_terminate": rungs}
    file = write_sweep(tmp_path / "s.yaml", RANGE, method="bayes", **top)
    options = Options(seed=1, num_samples=9, warm_start=(str(tmp_path / "old"),))
    plan = make_plan(file, options, 5)
    told = f"--warm-start {tmp_path / 'old'}: 4 of 5 results used (not: 1 with another peak_lr_hi"
    assert any(note.startswith(told) for note in plan.notes)

    search = define_search(file, options)
    history = History(warm_start=list(warm_start(search).results))
    curves = learning_curves(search.sweep, search.max_epochs, Outcomes(search.metrics))
    searcher = make_searcher(search.sweep, 9, 1, history=history, curves=curves)
    assert list(plan.configs) == [searcher.suggest(f"t{number}") for number in range(5)]
    assert plan.configs != make_plan(file, Options(seed=1, num_samples=9), 5).configs


def test_the_rungs_are_those_below_the_longest_trial(tmp_path: Path) -> None:
    early = {"type": "hyperband", "max_iter": 27, "s": 2}
    searched = {"epochs": {"values": [5, 20]}}
    file = write_sweep(tmp_path / "s.yaml", searched, early_terminate=early)
    assert make_plan(file, Options(), 0).rungs == (3, 9)


def test_a_mistake_is_the_same_as_in_a_search(tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", {"epocs": {"value": 1}})
    with pytest.raises(PcsearchError, match="did you mean 'epochs'"):
        make_plan(file, Options(), 0)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_no_more_configurations_are_drawn_than_there_are(method: str, tmp_path: Path) -> None:
    file = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2, 3]}}, method=method)
    plan = make_plan(file, Options(seed=1), draws=9)
    assert sorted(config["seed"] for config in plan.configs) == [1, 2, 3]
    assert plan.trials is None
    bounded = make_plan(file, Options(seed=1, num_samples=9), draws=0)
    assert bounded.trials == 3
    assert bounded.notes[-1] == (
        "there are 3 different configurations, and none runs twice: the search ends after them"
    )
