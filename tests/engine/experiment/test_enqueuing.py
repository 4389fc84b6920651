"""Configurations that a search tries first: each once, in a new search and in a resumed one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from edited_searches import EditedSearch, edited_searches
from histories import MadeTrialHistory
from searching import write_sweep

from pcsearch.engine.experiment.definition import define_search
from pcsearch.engine.experiment.enqueuing import enqueued, without_a_trial
from pcsearch.engine.records.journal.changes import Enqueued
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.options import Options
from pcsearch.errors import PcsearchError

GRID = {
    "method": "grid",
    "parameters": {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}, "c": {"value": 7}},
}
BAYES = {
    "method": "bayes",
    "parameters": {"a": {"min": 0.0, "max": 1.0}, "b": {"min": 1, "max": 9}, "c": {"value": 7}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


def write(folder: Path, *configs: dict[str, Any]) -> str:
    (folder / "points.yaml").write_text(yaml.safe_dump(list(configs)))
    return "points.yaml"


@pytest.mark.parametrize(
    ("cap", "reach", "line"),
    [
        (5, None, ""),
        (4, None, "has 1 trial left for 2 enqueued configurations; --num-samples 5, also with"),
        (3, 9, "has no trial left for 2 enqueued configurations; --num-samples 5, also with"),
        (3, 4, "has no trial left for 2 enqueued configurations; it can have 4 trials in all"),
        # An edit has made it shorter than it was.
        (1, None, "has no trial left for 2 enqueued configurations; --num-samples 3, also with"),
    ],
)
def test_those_without_a_trial_are_told(cap: int, reach: int | None, line: str) -> None:
    trials = [MadeTrialHistory(f"t{n}", n, None, Path()) for n in (1, 2, 3)]
    history = History(list(trials), enqueued=[{"a": 1}, {"a": 2}])
    assert line in without_a_trial(history, cap, reach)
    assert bool(line) == bool(without_a_trial(history, cap, reach))
    assert not without_a_trial(History(list(trials)), 1, None)


def test_a_grid_tries_them_first_and_then_the_rest_of_itself(folder: Path) -> None:
    file = write(folder, {"a": 3}, {"b": "y", "a": 2}, {"b": "y"})
    search = EditedSearch(folder, GRID, enqueue=file)
    assert search.experiment.queue is not None
    assert search.experiment.queue.lines == (
        "--enqueue points.yaml: configurations to try first: 3",
    )
    configs = search.session(2)
    # A kill loses none and doubles none: what no trial has is tried by the next session.
    search.resume()
    configs += search.session()
    pairs = [(config["a"], config["b"]) for config in configs]
    assert pairs == [(3, "x"), (2, "y"), (1, "y"), (1, "x"), (2, "x"), (3, "y")]
    search.check_whole()
    assert search.resume().over
    history = read_history(search.directory.path)
    assert history.waiting == {}
    assert history.taken == {0, 1, 2}


@pytest.mark.parametrize("method", ["bayes", "random"])
def test_others_take_the_given_values_and_choose_the_rest(method: str, folder: Path) -> None:
    file = write(folder, {"a": 0.125, "b": 4}, {"a": 0.5}, {"b": 9}, {"a": 0.75})
    sampler = {"sampler": "tpe"} if method == "bayes" else {}
    sweep = BAYES | {"method": method}
    search = EditedSearch(folder, sweep, enqueue=file, num_samples=6, **sampler)
    configs = search.session(2, unfinished=1)
    search.resume()
    configs += search.session()
    assert configs[0] == {"a": 0.125, "b": 4, "c": 7}
    assert (configs[1]["a"], configs[2]["b"], configs[3]["a"]) == (0.5, 9, 0.75)
    assert all(0 <= each["a"] <= 1 and each["b"] in range(1, 10) for each in configs)
    assert len(configs) == 6
    search.check_whole()


def test_a_finite_space_repeats_nothing_for_them(folder: Path) -> None:
    sweep = {"method": "bayes", "parameters": GRID["parameters"]}
    file = write(folder, {"a": 1}, {"a": 1}, {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"b": "x"})
    search = EditedSearch(folder, sweep, enqueue=file, num_samples=6, sampler="tpe")
    assert search.experiment.queue is not None
    assert "try first: 4 (left out: 1 enqueued already)" in search.experiment.queue.lines[0]
    configs = search.session()
    assert {config["b"] for config in configs[:2]} == {"x", "y"}
    assert [config["a"] for config in configs[:2]] == [1, 1]
    assert configs[2]["b"] == "x"
    assert len(configs) == 6
    search.check_whole()


def test_a_resumed_search_tries_them_next_and_the_command_may_be_repeated(folder: Path) -> None:
    search = EditedSearch(folder, GRID)
    search.session(2)
    file = write(folder, {"a": 3, "b": "y"}, {"a": 1, "b": "x"})
    for lines in (
        "try first: 1 (left out: 1 had run already)",
        "try first: 0 (left out: 1 had run already, 1 enqueued already)",
    ):
        queue = search.resume(enqueue=file).queue
        assert queue is not None
        assert lines in queue.lines[0]
    events = [event for event in search.journal.events() if isinstance(event, Enqueued)]
    assert events == [Enqueued([{"a": 3, "b": "y"}])]
    configs = search.session()
    assert [(each["a"], each["b"]) for each in configs] == [(3, "y"), (2, "x"), (2, "y"), (3, "x")]
    search.check_whole()


def test_a_value_that_is_read_otherwise_than_most_people_do_is_told(folder: Path) -> None:
    (folder / "points.yaml").write_text("- {a: 0b11}\n- {a: 02}\n")
    queue = EditedSearch(folder, GRID, enqueue="points.yaml").experiment.queue
    assert queue is not None
    assert queue.event == Enqueued([{"a": 3}, {"a": 2}])
    assert queue.lines[1:] == (
        "points.yaml:2:7: 1.a: 02 is read as 2, as YAML 1.1 has it; quote it to mean the text",
    )


def test_an_edit_leaves_out_those_that_are_outside_of_the_new_file(folder: Path) -> None:
    file = write(folder, {"a": 3}, {"b": "y"}, {"a": 2})
    search = EditedSearch(folder, GRID, enqueue=file)
    less = {"method": "grid", "parameters": {**GRID["parameters"], "a": {"values": [1, 2, 4]}}}
    experiment = search.resume(less)
    assert experiment.edit is not None
    assert "enqueued configurations outside of it, which are not tried: 1" in experiment.edit.lines
    configs = search.session()
    assert [(each["a"], each["b"]) for each in configs[:2]] == [(1, "y"), (2, "x")]
    assert len(configs) == 6
    search.check_whole()


def test_an_edit_that_makes_room_has_those_tried_that_were_left_out(folder: Path) -> None:
    search = EditedSearch(folder, GRID)
    search.session(2)
    search.resume(enqueue=write(folder, {"a": 1}))
    assert len(search.session()) == 4
    assert not search.resume().history.waiting
    more = {**GRID["parameters"], "b": {"values": ["x", "y", "z"]}}
    experiment = search.resume({"method": "grid", "parameters": more})
    assert experiment.edit is not None
    again = "enqueued configurations that were left out, and are looked at again: 1"
    assert again in experiment.edit.lines
    configs = search.session()
    assert [(each["a"], each["b"]) for each in configs] == [(1, "z"), (2, "z"), (3, "z")]
    search.check_whole()


def test_an_edit_that_makes_no_room_has_them_left_out_again(folder: Path) -> None:
    search = EditedSearch(folder, GRID)
    search.session()
    search.resume(enqueue=write(folder, {"a": 1}))
    search.session()
    more = {**GRID["parameters"], "a": {"values": [1, 2, 3, 4]}}
    search.resume({"method": "grid", "parameters": more})
    assert [(each["a"], each["b"]) for each in search.session()] == [(4, "x"), (4, "y")]
    assert not search.resume().history.waiting
    search.check_whole()


def test_the_defaults_are_those_of_the_file(folder: Path) -> None:
    sweep: dict[str, Any] = {"method": "bayes", "parameters": dict(BAYES["parameters"])}
    sweep["parameters"]["a"] = {"min": 0.0, "max": 1.0, "default": 0.375}
    search = EditedSearch(folder, sweep, enqueue="defaults", num_samples=3, sampler="tpe")
    assert search.experiment.queue is not None
    assert search.experiment.queue.lines[1:] == (
        "without a default in their range: b; they are drawn",
    )
    assert [config["a"] == 0.375 for config in search.session()] == [True, False, False]
    del sweep["parameters"]["a"]["default"]
    search.write(sweep)
    function = Options(trainable="edited_mine:main")
    with pytest.raises(PcsearchError, match=r"^--enqueue: no parameter has a default in its range"):
        enqueued("defaults", define_search(search.file, function), History())


def test_the_model_has_defaults(tmp_path: Path) -> None:
    searched = {
        "hidden_size": {"values": [8, 16]},
        "num_heads": {"values": [2, 4]},
        "hidden_momentum": {"values": [0.1, 0.5]},
    }
    search = define_search(write_sweep(tmp_path / "s.yaml", searched), Options())
    history = History()
    queue = enqueued("defaults", search, history)
    assert history.enqueued == [{"hidden_momentum": 0.1}]
    assert queue.event.configs == history.enqueued


def test_a_value_that_optuna_cannot_try_is_refused(folder: Path) -> None:
    (folder / "points.yaml").write_text("[{lr: 0.1}]")
    lr = {"distribution": "log_normal", "mu": -7, "sigma": 0.5}
    sweep = {"method": "bayes", "run_cap": 3, "parameters": {"lr": lr}}
    with pytest.raises(PcsearchError, match="values of lr are too far out"):
        EditedSearch(folder, sweep, str(folder / "points.yaml"))


def race(method: str = "grid") -> dict[str, Any]:
    a = {"values": [1, 2, 3, 4]} if method == "grid" else {"min": 0.0, "max": 4.0}
    parameters = {"a": {**a, "default": 3}, "seed": {"values": [0.0, 0.01, 0.02]}}
    return {"method": method, "replicates": "seed", "parameters": parameters}


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_with_replicates_a_configuration_begins_first_and_gets_its_seeds(
    method: str, folder: Path
) -> None:
    four, one, three = (4, 1, 3) if method == "grid" else (4.0, 1.0, 3.0)
    sampler = {"sampler": "tpe"} if method == "bayes" else {}
    file = write(folder, {"a": four}, {"a": one})
    search = EditedSearch(folder, race(method), enqueue=file, num_samples=10, **sampler)
    configs = search.session(3, unfinished=1)
    assert [(each["a"], each["seed"]) for each in configs[:2]] == [(4, 0.0), (1, 0.0)]
    again = write(folder, {"a": three}, {"a": one}, {"a": four})
    experiment = search.resume(enqueue=again)
    assert experiment.queue is not None
    assert "try first: 1 (left out: 2 had run already)" in experiment.queue.lines[0]
    more = search.session()
    assert more[0] == {"a": 3, "seed": 0.0}
    assert 0.01 in {each["seed"] for each in more if each["a"] == 1}
    history = search.resume().history
    assert (history.waiting, len(history.trials)) == ({}, 3 + len(more))
    known = [search.searcher.config(trial) for trial in history.trials]
    assert known == search.configs() == configs + more
    assert len(set(map(str, known))) == len(known)


def test_with_replicates_no_configuration_has_a_seed(folder: Path) -> None:
    file = write(folder, {"a": 4, "seed": 0.01}, {"seed": 0.0})
    with pytest.raises(PcsearchError) as caught:
        EditedSearch(folder, race(), enqueue=file)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("points.yaml:2:3: seed: is the seed of the race; leave it out")
    assert lines[1].startswith("points.yaml:3:3: seed: is the seed of the race; leave it out")
    search = EditedSearch(folder, race(), enqueue="defaults")
    assert search.session(1) == [{"a": 3, "seed": 0.0}]
