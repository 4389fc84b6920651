"""Edits of a search whose seeds are replicates: the race goes on by the new file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edited_searches import METRIC, EditedSearch, edited_searches

from pcsearch.engine.experiment.definition import define_search
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.experiment.warm_start import warm_start
from pcsearch.engine.records.journal.events import Decided, ReachedTarget
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.options import Options
from pcsearch.engine.results.findings import findings_at
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.distributions.base import identity

SEEDS = 5
WORST = {"name": "accuracy", "goal": "minimize"}
"""The accuracy of a trial is its loss, negated: by this metric the worst are the best."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


def race(method: str = "grid", **top: Any) -> dict[str, Any]:
    """Four values, which the seed changes little; or a range."""
    x = {"values": [1, 2, 3, 4]} if method == "grid" else {"min": 0.0, "max": 4.0}
    seeds = {"values": [each / 100 for each in range(SEEDS)]}
    return {"method": method, **top, "parameters": {"x": x, "seed": seeds}}


def with_seeds(values: list[float], method: str = "grid", **top: Any) -> dict[str, Any]:
    """The same race with other seeds."""
    made = race(method, **top)
    return made | {"parameters": made["parameters"] | {"seed": {"values": values}}}


def winner(search: EditedSearch) -> tuple[float, int]:
    """The value of the best configuration, and how many of its runs count."""
    with findings_at(str(search.directory.path), "results") as findings:
        best = findings.configurations[0]
        return best.runs.config["x"], best.runs.count


def check_once(search: EditedSearch) -> None:
    """No configuration has run twice with a seed, and each is known as what it is."""
    configs = list(map(identity, search.configs()))
    assert len(set(configs)) == len(configs)
    experiment = search.resume()
    search.session(0)
    known = [search.searcher.config(trial) for trial in experiment.history.trials]
    assert known == search.configs()


def test_another_metric_decides_the_race_anew(folder: Path) -> None:
    search = EditedSearch(folder, race(), replicates="seed")
    first = search.session()
    assert winner(search) == (1, SEEDS)
    assert len(first) < 4 * SEEDS
    assert search.resume().over
    experiment = search.resume(race(metric=WORST))
    assert not experiment.over
    assert experiment.edit is not None
    assert experiment.edit.lines[1:] == (
        "  metric: minimize loss became minimize accuracy",
        f"{len(first)} trials stay in the race, which goes by what they have come to",
        "the trials that have ended are judged by accuracy, from what they reported",
        f"at most 20 trials, of which {len(first)} have begun (before: at most 20)",
    )
    # A session that is interrupted goes on as one that was not.
    assert len(search.session(1)) == 1
    search.resume()
    assert 0 < len(search.session()) < 4 * SEEDS - len(first) - 1
    assert winner(search) == (4, SEEDS)
    assert isinstance([*search.journal.events()][-1], Decided)
    assert search.resume().over
    check_once(search)


def test_runs_that_reported_nothing_of_the_metric_leave_the_race(folder: Path) -> None:
    search = EditedSearch(folder, race(), replicates="seed")
    search.session(6)
    experiment = search.resume(race(metric={"name": "never", "goal": "minimize"}))
    assert experiment.edit is not None
    told = "6 trials reported nothing of it: their configurations leave the race"
    assert any(told in line for line in experiment.edit.lines)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_race_without_end_gets_more_runs_by_another_metric(method: str, folder: Path) -> None:
    sampler = {"sampler": "tpe"} if method == "bayes" else {}
    search = EditedSearch(folder, race(method, run_cap=10), replicates="seed", **sampler)
    before = search.session()
    assert len(before) == 10
    experiment = search.resume(race(method, metric=WORST, run_cap=20))
    assert (experiment.cap, experiment.over) == (20, False)
    assert len(search.session()) == 10
    assert winner(search)[0] > 2.0
    check_once(search)


def test_early_termination_may_begin(folder: Path) -> None:
    search = EditedSearch(folder, race(), replicates="seed")
    search.session(5)
    hyperband = {"type": "hyperband", "min_iter": 1}
    experiment = search.resume(race(early_terminate=hyperband))
    assert experiment.rungs or experiment.sweep.early_terminate is not None
    search.session()
    assert winner(search) == (1, SEEDS)
    check_once(search)


def test_a_target_may_come_before_one_is_reached_and_not_after(folder: Path) -> None:
    search = EditedSearch(folder, race(), replicates="seed")
    search.session(5)
    search.resume(race(metric=METRIC | {"target": 0.6}))
    search.journal.add(ReachedTarget("t1", [0.5], 1))
    with pytest.raises(PcsearchError, match=r"s\.yaml: metric: the target is reached, which has"):
        search.resume(race(metric=METRIC | {"target": 0.1}))
    # What else may change, may change.
    assert search.resume(race(metric=METRIC | {"target": 0.6}, run_cap=9)).edit is not None


def test_the_metric_stays_where_fresh_seeds_have_run(folder: Path) -> None:
    parameters = race()["parameters"] | {"seed": {"values": [1, 2]}}
    sweep = race() | {"parameters": parameters}
    search = EditedSearch(folder, sweep, replicates="seed", confirm=1)
    search.session()
    with pytest.raises(PcsearchError, match="metric: the best configurations by the old one have"):
        search.resume(sweep | {"metric": WORST})
    experiment = search.resume(sweep | {"run_cap": 20})
    assert experiment.edit is not None
    seeds = {
        trial.replicate.seed
        for trial in read_history(search.directory.path).trials
        if trial.replicate
    }
    assert 2 in seeds


@pytest.mark.parametrize(("method", "cap"), [("grid", None), ("random", 12), ("bayes", 12)])
def test_the_best_configurations_get_the_seeds_that_are_added(
    method: str, cap: int | None, folder: Path
) -> None:
    top = {} if cap is None else {"run_cap": cap}
    sampler = {"sampler": "tpe"} if method == "bayes" else {}
    search = EditedSearch(folder, race(method, **top), replicates="seed", **sampler)
    before = search.session()
    is_grid = method == "grid"
    assert winner(search)[1] == SEEDS if is_grid else len(before) == cap
    more = with_seeds([each / 100 for each in range(SEEDS + 3)], method)
    if cap is not None:
        # Its own cap leaves no run for them.
        search.write(more | {"run_cap": cap})
        edit = resumed_experiment(search.directory, {}, search.file)[0].edit
        assert edit is not None
        assert edit.lines[-1].startswith("none is left: --num-samples N, with the same command")
    more |= {} if cap is None else {"run_cap": 3 * cap}
    experiment = search.resume(more)
    assert experiment.edit is not None
    assert not experiment.edit.lines[-1].startswith("none is left")
    assert "  seed: values added: 0.05, 0.06, 0.07" in experiment.edit.lines
    assert any("stay in the race" in line for line in experiment.edit.lines)
    assert experiment.edit.event.num_samples == (4 * (SEEDS + 3) if is_grid else 3 * (cap or 0))
    # A session that is interrupted goes on as one that was not.
    new = search.session(2)
    search.resume()
    new += search.session()
    if is_grid:
        assert winner(search) == (1, SEEDS + 3)
        assert {each["seed"] for each in new if each["x"] == 1} == {0.05, 0.06, 0.07}
    else:
        assert len(new) == 2 * (cap or 0)
    assert search.resume().over
    check_once(search)


def test_seeds_are_not_added_where_fresh_ones_have_run(folder: Path) -> None:
    search = EditedSearch(folder, with_seeds([1, 2]), replicates="seed", confirm=1)
    search.session()
    with pytest.raises(PcsearchError, match="parameters: the best configurations have run with"):
        search.resume(with_seeds([1, 2, 3]))


def test_configurations_and_seeds_stay(folder: Path) -> None:
    search = EditedSearch(folder, race(), replicates="seed")
    wider = race()["parameters"] | {"x": {"values": [1, 2]}}
    with pytest.raises(PcsearchError, match="a search with replicates keeps its sweep file, "):
        search.resume(race() | {"parameters": wider})
    moved = [0.01, 0.0, *(each / 100 for each in range(2, SEEDS))]
    for values in ([0.0, 0.01], moved):
        with pytest.raises(
            PcsearchError, match=r"parameters\.seed: seeds can be added after those"
        ):
            search.resume(with_seeds(values))
    with pytest.raises(PcsearchError, match="a search with replicates keeps its sweep file, for"):
        search.resume(race("random", run_cap=4))


@pytest.mark.parametrize(("before", "after"), [("x", None), (None, "x"), ("x", "seed")])
def test_replicates_are_not_changed_without_a_word(
    before: str | None, after: str | None, folder: Path
) -> None:
    def keyed(name: str | None) -> dict[str, Any]:
        return race() if name is None else race(replicates=name)

    search = EditedSearch(folder, keyed(before))
    with pytest.raises(PcsearchError, match="a search with replicates keeps its sweep file"):
        search.resume(keyed(after))


def test_a_warm_start_knows_the_configurations_and_the_seeds_of_a_race_that_was_edited(
    folder: Path,
) -> None:
    (folder / "points.yaml").write_text("- {x: 1.5}\n")
    first = with_seeds([0.0, 0.01], "random", run_cap=8)
    search = EditedSearch(folder, first, "points.yaml", replicates="seed")
    search.session()
    search.resume(with_seeds([0.0, 0.01, 0.02, 0.03], "random", run_cap=24))
    search.session()
    known = search.configs()
    assert {0.02, 1.5} <= {value for config in known for value in config.values()}
    space = {"x": {"min": 0.0, "max": 4.0}, "seed": {"min": 0.0, "max": 1.0}}
    search.write({"method": "bayes", "run_cap": 9, "parameters": space})
    options = Options(trainable="edited_mine:main", warm_start=(str(search.directory.path),))
    found = warm_start(define_search(search.file, options)).results
    assert [each.point for each in found] == known
