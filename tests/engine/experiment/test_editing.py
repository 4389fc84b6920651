"""Edits of the sweep file of a search that has begun: no trial is lost, and none runs again."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from driving import CONTINUE, STOP, Driver
from edited_searches import EditedSearch, edited_searches, value

from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.experiment.versions import first_difference, placed_by
from pcsearch.engine.records.journal import journal_file
from pcsearch.engine.records.journal.changes import Edited
from pcsearch.engine.records.journal.events import (
    Claimed,
    ReachedTarget,
    Suggested,
    WarmStartResult,
)
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.search.schedulers.asha import make_scheduler
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import RandomDraws
from pcsearch.sweeps.distributions.base import identity, loose_identity

A, B, C = [1, 2, 3, 4], [0.1, 0.2, 0.3], ["x", "y"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


def grid(a: Any = A, b: Any = B, c: Any = C, **top: Any) -> dict[str, Any]:
    """A grid of 24; None leaves a parameter out, a mapping is its entry."""
    given = {"a": a, "b": b, "c": c, **top.pop("more", {})}
    parameters = {
        name: each if isinstance(each, dict) else {"values": each}
        for name, each in given.items()
        if each is not None
    }
    return {"method": "grid", **top, "parameters": parameters}


def combinations(sweep: dict[str, Any]) -> set[str]:
    """The identities of all configurations of a grid of values."""
    parameters = sweep["parameters"]
    values = [each.get("values", [each.get("value")]) for each in parameters.values()]
    return {identity(dict(zip(parameters, chosen, strict=True))) for chosen in product(*values)}


LISTED = (
    *("a value more", "two values more", "a value less", "a value for another", "another order"),
    *("all values others", "one value", "a parameter more", "a constant more", "another metric"),
    *("a parameter less", "a name for another", "early termination", "a cap", "two at once"),
)
"""The kinds whose new file is a grid of values."""
HYPERBAND = {"type": "hyperband", "min_iter": 1}
GRIDS: dict[str, tuple[dict[str, Any], str]] = {
    "a value more": (grid(a=[*A, 5]), "a: value added: 5"),
    "two values more": (grid(b=[*B, 0.4, 0.5]), "b: values added: 0.4, 0.5"),
    "a value less": (grid(a=[1, 2, 3]), "a: value removed: 4"),
    "a value for another": (grid(c=["x", "z"]), "c: value added: 'z'; value removed: 'y'"),
    "all values others": (grid(a=[7, 8]), "a: values added: 7, 8; values removed: 1, 2, 3, 4"),
    "another order": (grid(a=A[::-1]), "a: the values have another order"),
    "a whole number as a float": (grid(a=[1.0, 2, 3, 4]), "a: value added: 1.0; value removed: 1"),
    "one value": (grid(a={"value": 2}), "a: one of [1, 2, 3, 4] became 2"),
    "a range": (grid(a={"min": 1, "max": 6}), "a: one of [1, 2, 3, 4] became a whole number"),
    "steps": (
        grid(b={"distribution": "q_uniform", "min": 0.1, "max": 0.5, "q": 0.1}),
        "b: one of [0.1, 0.2, 0.3] became uniform from 0.1 to 0.5, in multiples of 0.1",
    ),
    "a parameter more": (grid(more={"d": {"values": [5, 6]}}), "d: new, one of [5, 6]"),
    "a constant more": (grid(more={"d": {"value": 5}}), "d: new, 5"),
    "a parameter less": (grid(c=None), "c: removed (it was one of ['x', 'y'])"),
    "a name for another": (grid(c=None, more={"e": {"values": C}}), "e: new, one of ['x', 'y']"),
    "another metric": (
        grid(metric={"name": "accuracy", "goal": "maximize"}),
        "metric: minimize loss became maximize accuracy",
    ),
    "a target": (
        grid(metric={"name": "loss", "goal": "minimize", "target": 0.001}),
        "metric: minimize loss became minimize loss until a trial reaches 0.001",
    ),
    "early termination": (grid(early_terminate=HYPERBAND), "early_terminate: new, hyperband"),
    "a cap": (grid(a=[*A, 5], run_cap=20), "run_cap: new, 20"),
    "bayes": (grid(method="bayes", run_cap=24), "method: grid became bayes"),
    "random": (grid(method="random", run_cap=24), "method: grid became random"),
    "two at once": (grid(a=[2, 9], b=[0.1, 0.9]), "b: value added: 0.9; values removed: 0.2, 0.3"),
}


@pytest.mark.parametrize("kind", GRIDS)
def test_an_edited_grid_runs_exactly_what_is_missing(kind: str, folder: Path) -> None:
    after, line = GRIDS[kind]
    search = EditedSearch(folder, grid())
    before = search.session(10)
    experiment = search.resume(after)
    assert experiment.edit is not None
    assert any(line in each for each in experiment.edit.lines), experiment.edit.lines
    # The first suggestions of a Gaussian process take seconds.
    new = search.session(3 if kind == "bayes" else 1000)
    search.check_whole()
    if kind in LISTED:
        missing = combinations(after) - {identity(config) for config in before}
        assert len(new) == min(len(missing), after.get("run_cap", 1000) - 10)
        assert {identity(config) for config in new} <= missing

    # Back to the first file: the rest of it, and nothing that has run.
    search.resume(grid())
    search.session()
    search.check_whole()
    every = {loose_identity(config) for config in search.configs()}
    assert every >= {loose_identity(config) for config in before + new}
    assert every >= combinations(grid())
    assert len(every) == len(search.configs())
    assert search.resume().over


ENTRIES: dict[str, Any] = {
    "a": {"min": 0.0, "max": 1.0},
    "b": {"min": 1, "max": 9},
    "c": {"values": ["x", "y", "z"]},
    "d": {"distribution": "log_uniform_values", "min": 0.001, "max": 1.0},
}


def space(**changed: Any) -> dict[str, Any]:
    """A bayes sweep; one letter is a parameter, which None leaves out, a word another key."""
    entries = {**ENTRIES, **{key: each for key, each in changed.items() if len(key) == 1}}
    top = {key: each for key, each in changed.items() if len(key) > 1}
    given = {name: each for name, each in entries.items() if each is not None}
    return {"method": "bayes", **top, "parameters": given}


ACCURACY = {"name": "accuracy", "goal": "maximize"}
SPACES: dict[str, tuple[dict[str, Any], str]] = {
    "wider": (space(a={"min": -1.0, "max": 2.0}), "a: widened: uniform from 0.0 to 1.0"),
    "narrower": (space(a={"min": 0.2, "max": 0.6}), "a: narrowed: uniform from 0.0 to 1.0"),
    "moved": (space(a={"min": 0.5, "max": 1.5}), "a: moved: uniform from 0.0 to 1.0"),
    "apart": (space(a={"min": 5.0, "max": 6.0}), "a: moved: uniform from 0.0 to 1.0"),
    "wider ints": (space(b={"min": 0, "max": 20}), "b: widened: a whole number from 1 to 9"),
    "narrower ints": (space(b={"min": 3, "max": 6}), "b: narrowed: a whole number from 1 to 9"),
    "ints as values": (space(b={"values": [2, 4, 6, 8]}), "b: a whole number from 1 to 9 became"),
    "a value more": (space(c={"values": ["w", "x", "y", "z"]}), "c: value added: 'w'"),
    "a value less": (space(c={"values": ["x", "z"]}), "c: value removed: 'y'"),
    "another order": (space(c={"values": ["z", "y", "x"]}), "c: the values have another order"),
    "chances": (
        space(c={"values": ["x", "y", "z"], "probabilities": [0.6, 0.4, 0]}),
        "c: one of ['x', 'y', 'z'] became one of",
    ),
    "no logarithm": (space(d={"min": 0.0, "max": 1.0}), "d: log-uniform from 0.001 to 1.0 became"),
    "narrower logarithm": (
        space(d={"distribution": "log_uniform_values", "min": 0.01, "max": 0.5}),
        "d: narrowed: log-uniform",
    ),
    "a constant": (space(c={"value": "y"}), "c: one of ['x', 'y', 'z'] became 'y'"),
    "a parameter more": (space(e={"min": 0.0, "max": 1.0}), "e: new, uniform"),
    "a parameter less": (space(c=None), "c: removed (it was one of ['x', 'y', 'z'])"),
    "another metric": (space(metric=ACCURACY), "metric: minimize loss became maximize accuracy"),
    "early termination": (space(early_terminate=HYPERBAND), "early_terminate: new, hyperband"),
    "a cap": (space(run_cap=15), "run_cap: new, 15"),
    "random": (space(method="random"), "method: bayes became random"),
    "several": (
        space(a={"min": 0.0, "max": 0.8}, c={"values": ["x", "y"]}, metric=ACCURACY),
        "a: narrowed",
    ),
}
BEGUN = 12


@pytest.mark.parametrize("kind", SPACES)
def test_edited_bayes_remembers_what_is_inside(kind: str, folder: Path) -> None:
    after, line = SPACES[kind]
    search = EditedSearch(folder, space(), sampler="tpe", num_samples=18)
    before = search.session(BEGUN, unfinished=2)
    experiment = search.resume(after)
    assert experiment.edit is not None
    assert any(line in each for each in experiment.edit.lines), experiment.edit.lines
    assert len(search.session()) == experiment.cap - BEGUN == (3 if kind == "a cap" else 6)
    assert all(map(placed_by(experiment), search.configs()[BEGUN:]))
    search.check_whole()
    if kind == "random":
        return
    study = search.searcher.study
    inside = [trial for trial in experiment.history.trials if not trial.is_outside]
    own = OptunaSpace(experiment.sweep.parameters.values())
    sign = -1 if "metric" in after else 1
    assert len(study.trials) == len(inside) + experiment.cap - BEGUN
    for trial, remembered in zip(inside, study.trials, strict=False):
        config = before[trial.number - 1]
        assert close_configs(own.config(remembered.params), config)
        assert remembered.state.name == ("COMPLETE" if trial.number <= BEGUN - 2 else "RUNNING")
        if remembered.values:
            assert remembered.values == [sign * value(config)]
    # Where those that have not ended come to their ends, those outside are not missed.
    for trial in experiment.history.unfinished:
        search.searcher.on_trial_complete(trial.id, {"loss": 1.0})


def test_trials_that_reported_nothing_of_a_new_metric_are_not_the_worst(folder: Path) -> None:
    search = EditedSearch(folder, space(), sampler="tpe", num_samples=6)
    search.session(4)
    new = {"name": "never_reported", "goal": "minimize"}
    experiment = search.resume(space(metric=new))
    assert experiment.edit is not None
    assert experiment.edit.lines[-2] == (
        "the trials that have ended are judged by never_reported, from what they reported; 4 "
        "trials reported nothing of it, and the searcher does not see them"
    )
    search.session(0)
    assert [trial.state.name for trial in search.searcher.study.trials] == ["FAIL"] * 4


def close_configs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return first_difference(one, other) is None


@pytest.mark.parametrize("moment", ["before", "within", "after"])
def test_a_killed_edit_is_whole_or_not_there(moment: str, folder: Path) -> None:
    search = EditedSearch(folder, grid())
    search.session(10)
    before = search.journal.path.read_bytes()
    process = os.fork()
    if process == 0:
        try:
            edit_and_die(search, moment)
        finally:
            # The tests go on in the other process.
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status), "it has not been killed"
    assert (search.journal.path.read_bytes() == before) is (moment == "before")

    search.journal.cut_torn_line()
    size = 30 if moment == "after" else 24
    assert search.resume().cap == size
    # The same command once more: the edit is there once.
    search.resume(grid(a=[*A, 5]))
    assert len(search.journal.of_kind(Edited)) == 1
    assert len(search.session()) == 20
    search.check_whole()


def edit_and_die(search: EditedSearch, moment: str) -> None:
    def die(file: Path, data: bytes) -> None:
        share = {"before": 0, "within": len(data) // 2, "after": len(data)}[moment]
        with file.open("ab", buffering=0) as opened:
            opened.write(data[:share])
        os.kill(os.getpid(), signal.SIGKILL)

    journal_file.append = die
    search.resume(grid(a=[*A, 5]))


def test_an_edit_of_early_termination_holds_for_the_trials_that_run_then(folder: Path) -> None:
    """What has ended, or was stopped, stays as it is; the old trials count in comparisons."""
    search = EditedSearch(folder, grid())
    search.session(10)
    experiment = search.resume(grid(early_terminate=HYPERBAND))
    ended = [trial.end for trial in experiment.history.trials]
    driver = driver_of(experiment)
    assert driver.report("t11", 1, loss=0.0, training_iteration=1) == CONTINUE
    assert driver.report("t12", 1, loss=1e6, training_iteration=1) == STOP
    assert [trial.end for trial in experiment.history.trials] == ended
    search.session(2, unfinished=2)
    for event in driver.events:
        search.journal.add(event)

    experiment = search.resume(grid())
    assert experiment.edit is not None
    lines = experiment.edit.lines
    assert "1 trial stopped early: they stay so" in lines, lines
    driver = driver_of(experiment)
    assert driver.outcomes.of("t12").stopped_at == 1
    assert driver.report("t13", 1, loss=1e6, training_iteration=1) == CONTINUE
    assert driver.report("t11", 2, loss=1e6, training_iteration=2) == CONTINUE
    assert len(search.session()) == 12
    search.check_whole()


def driver_of(experiment: Experiment) -> Driver:
    """The scheduler of a session that resumes a search."""
    outcomes = experiment.outcomes()
    curves = learning_curves(experiment.sweep, experiment.max_epochs, outcomes)
    scheduler = make_scheduler(experiment.sweep, outcomes, curves)
    scheduler.resume_from(experiment.history)
    return Driver(scheduler)


def test_random_draws_go_on_after_an_edit(folder: Path) -> None:
    sweep = {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}}
    search = EditedSearch(folder, sweep, num_samples=9)
    first = search.session(4)
    search.resume(sweep | {"metric": ACCURACY})
    draws = RandomDraws(search.experiment.sweep, search.experiment.options.seed)
    assert first + search.session(3) == [draws.config(index) for index in range(7)]
    # A wider range: the same quantiles of it.
    search.resume(sweep | {"parameters": {"a": {"min": 0.0, "max": 10.0}}})
    assert [each["a"] for each in search.session()] == [
        pytest.approx(10 * draws.config(index)["a"]) for index in (7, 8)
    ]
    search.check_whole()


def test_random_draws_from_few_configurations_have_all_once(folder: Path) -> None:
    search = EditedSearch(folder, grid(method="random"), num_samples=15)
    search.session()
    experiment = search.resume(grid(method="random", a=[3, 4, 5]), num_samples=100)
    inside = sum(not trial.is_outside for trial in experiment.history.trials)
    assert 0 < inside < 15
    assert experiment.cap == experiment.reach == 15 + 18 - inside
    assert len(search.session()) == 18 - inside
    search.check_whole()


def test_the_number_of_trials_is_that_of_the_newest_word(folder: Path) -> None:
    search = EditedSearch(folder, grid(), num_samples=12)
    search.session(5)
    # A grid that was not to run whole does not after it either.
    assert search.resume(grid(a=[*A, 5])).cap == 12
    assert search.resume(grid(a=[*A, 6])).cap == 12
    assert search.resume(grid(a=[*A, 7]), num_samples=14).cap == 14
    assert search.resume().cap == 14
    assert search.resume(grid(a=[*A, 7], run_cap=6)).cap == 6
    # Without the cap a grid runs whole; with fewer trials than have begun none begins.
    assert search.resume(grid(a=[*A, 7])).cap == 30
    assert search.resume(grid(run_cap=3)).cap == 3
    assert search.session() == []
    with pytest.raises(PcsearchError, match="5 trials have begun already; give at least as many"):
        search.resume(grid(a=[1]), num_samples=3)


def test_an_edit_that_cannot_be_says_what_to_do(folder: Path) -> None:
    search = EditedSearch(folder, grid())
    search.session(2)
    before = search.journal.path.read_bytes()
    with pytest.raises(PcsearchError, match=r"s\.yaml:\d+:\d+: run_capp: unknown key; did you"):
        search.resume(grid(run_capp=3))
    with pytest.raises(PcsearchError, match=r"parameters\.a: a grid needs values"):
        search.resume(grid(a={"min": 0.0, "max": 1.0}))
    other = search.directory.path / "drivers" / "other_1234"
    other.mkdir(parents=True)
    (other / "experiment.json").touch()
    with pytest.raises(PcsearchError, match="is run by several drivers, which all have the file"):
        search.resume(grid(a=[1]))
    assert search.journal.path.read_bytes() == before


def test_the_trials_of_a_program_are_those_of_that_program(folder: Path) -> None:
    for name in ("train.py", "other.py"):
        (folder / name).touch()
    search = EditedSearch(folder, grid(program="train.py"), trainable=None)
    search.session(3)
    search.resume(grid(a=[1, 5], program="train.py"))
    assert len(search.session()) == 9
    search.check_whole()
    message = "program: the file has another program or command, and old results say nothing"
    with pytest.raises(PcsearchError, match=message):
        search.resume(grid(program="other.py"))
    with pytest.raises(PcsearchError, match=message):
        search.resume(grid(program="train.py", command=["python", "${program}", "--fast"]))


def test_a_search_whose_numbers_others_have_keeps_its_file(folder: Path) -> None:
    search = EditedSearch(folder, grid())
    search.journal.add(Claimed("t2", 2))
    search.journal.add(Suggested("t2", 2))
    with pytest.raises(PcsearchError, match="is run by several drivers"):
        search.resume(grid(a=[1]))
    with pytest.raises(PcsearchError, match=r"^--enqueue: .* is run by several drivers"):
        search.resume(enqueue="defaults")


def test_the_target_of_a_new_metric_ends_the_search(folder: Path) -> None:
    target = {"name": "loss", "goal": "minimize", "target": 1e9}
    search = EditedSearch(folder, grid(metric=target))
    search.session(2)
    search.journal.add(ReachedTarget("t1", [0.5], 1))
    assert search.resume().over
    experiment = search.resume(grid(metric=target | {"target": 1e-9}))
    assert not experiment.over
    assert experiment.outcomes().reached is None
    assert len(search.session()) == 22


def test_another_command_alone_is_refused(folder: Path) -> None:
    (folder / "train.py").touch()
    search = EditedSearch(folder, grid(program="train.py"), trainable=None)
    with pytest.raises(PcsearchError, match="the file has another program or command"):
        search.resume(
            grid(program="train.py", command=["python", "${program}", "--fast", "${args}"])
        )


def test_a_kill_after_an_edit_of_the_target_loses_no_trial(folder: Path) -> None:
    search = EditedSearch(folder, grid())
    search.session(1)
    search.journal.add(ReachedTarget("t1", [0.1]))
    search.resume(grid(metric={"name": "loss", "goal": "minimize", "target": -1.0}))
    search.session(1, unfinished=1)
    history = search.resume().history
    assert [trial.over for trial in history.trials] == [True, False]


def test_what_a_file_left_out_is_tried_again_where_a_later_one_has_it(folder: Path) -> None:
    search = EditedSearch(folder, grid())
    (folder / "points.yaml").write_text("[{a: 3, b: 0.1, c: x}]")
    search.resume(enqueue=str(folder / "points.yaml"))
    search.resume(grid(a=[1, 2]))
    for _ in range(2):
        assert search.resume(grid()).history.waiting == {0: {"a": 3, "b": 0.1, "c": "x"}}


def test_results_of_a_warm_start_are_those_of_the_first_file(folder: Path) -> None:
    bayes = grid(method="bayes", run_cap=3)
    search = EditedSearch(folder, bayes)
    search.journal.add(WarmStartResult("old", "t1", {"a": 0, "b": 0, "c": 0}, [0.5]))
    assert len(search.resume().history.warm_start) == 1
    assert len(search.resume({**bayes, "run_cap": 4}).history.warm_start) == 1
    assert (
        search.resume({**grid(a=[2, 3]), "method": "bayes", "run_cap": 4}).history.warm_start == []
    )
    assert len(search.session(2)) == 2


def test_the_session_that_edits_a_file_back_knows_what_the_next_one_knows(folder: Path) -> None:
    """The file between has another target, and leaves the results of the warm start out."""
    reached = {"name": "loss", "goal": "minimize", "target": 0.5}
    first = grid(method="bayes", run_cap=6, metric=reached)
    search = EditedSearch(folder, first)
    search.journal.add(WarmStartResult("old", "t1", {"a": 1, "b": 0.1, "c": "x"}, [0.9]))
    search.session(1)
    search.journal.add(ReachedTarget("t1", [0.1]))
    between = reached | {"target": -9.0}
    search.resume({**grid(a=[2, 3]), "method": "bayes", "run_cap": 6, "metric": between})
    back = search.resume(first)
    later = search.resume()
    for experiment in (back, later):
        assert len(experiment.history.warm_start) == 1
        assert experiment.history.reached == ReachedTarget("t1", [0.1])
        assert experiment.over
