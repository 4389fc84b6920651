"""How a search is started with the options of the command; `tests/searches` runs whole searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment
from searching import shown, write_sweep

from pcsearch.command_line.cli import command
from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.storage.lock import locked
from pcsearch.reports.terminal import Terminal
from pcsearch.sessions import launching
from pcsearch.sweeps.sweep import Sweep, parse_sweep
from pcsearch.tracking.server.sweep import SweepAddress

MOMENTUM = {"hidden_momentum": {"values": [0.1, 0.2]}}


def given(*arguments: str) -> dict[str, Any]:
    """The values of the command's options."""
    return dict(command.make_context("pcsearch", ["s.yaml", *arguments]).params)


def options(*arguments: str) -> Any:
    values = given(*arguments)
    for name in ("sweep", "plan", "draw", "as_json", "resume", "rerun_failed", "create_only"):
        del values[name]
    del values["sweep_id"], values["join"]
    return launching.options_of(values)


def sweep_of(top: str = "") -> Sweep:
    return parse_sweep(f"method: grid\nparameters: {{seed: {{value: 1}}}}\n{top}", "s.yaml")


def test_a_seed_is_drawn_where_none_is_given() -> None:
    assert options("--seed", "0").seed == 0
    assert len({options().seed for _ in range(5)}) > 1


def test_the_options_of_runs_are_none_of_the_search() -> None:
    values = options("--project", "a", "--entity", "b", "--wandb", "offline", "--name", "here")
    assert values.name == "here"
    assert not hasattr(values, "project")


def test_programs_have_no_models_for_artifacts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").touch()
    text = "program: train.py\nmethod: grid\nmetric: {name: loss}\nparameters: {x: {value: 1}}\n"
    (tmp_path / "s.yaml").write_text(text)
    experiment = new_experiment("s.yaml", options("--trainable", "program"))
    launching.check_artifacts(experiment, {"artifacts": "none"})
    message = "--wandb-artifacts: is not for programs, whose models only they know; leave it out"
    asked = ("--wandb-artifacts", "best", "--wandb", "offline")
    plans = (("s.yaml", "--plan"), ("s.yaml", "--plan", "--enqueue", "points.yaml"))
    (tmp_path / "points.yaml").write_text("- {x: 1}\n")
    for begin in (("s.yaml",), ("s.yaml", "--sweep-id", "team/pc/abc"), *plans):
        status, _, err = shown(*begin, *asked)
        assert (status, message in err) == (2, True)
    assert not (tmp_path / "pcsearch_results").exists()


def test_a_program_that_has_begun_gets_no_artifacts_either(tmp_path: Path) -> None:
    (tmp_path / "train.py").touch()
    folder = tmp_path / "here"
    write_experiment(folder, MOMENTUM, [ended([1.0]), None], program="train.py")
    directory = ExperimentDirectory(folder)
    record = directory.record()
    options = record["options"] | {"trainable": "program", "program": "train.py"}
    directory.rewrite(record | {"options": options})
    status, _, err = shown("--resume", str(folder), "--wandb-artifacts", "best")
    assert (status, "--wandb-artifacts: is not for programs" in err) == (2, True)
    with locked(folder):
        status, _, err = shown("--join", str(folder), "--wandb-artifacts", "best")
    assert (status, "--wandb-artifacts: is not for programs" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "top", "address", "project", "entity"),
    [
        ([], "", None, "pcsearch", None),
        ([], "project: file\nentity: lab", None, "file", "lab"),
        (["--project", "mine"], "project: file\nentity: lab", None, "mine", "lab"),
        (["--entity", "me"], "project: file\nentity: lab", None, "file", "me"),
        (["--project", "mine"], "project: file", SweepAddress("abc", "its", "team"), "its", "team"),
        (["--entity", "me"], "project: file", SweepAddress("abc"), "file", "me"),
    ],
)
def test_runs_go_where_the_address_the_option_or_the_file_says(
    arguments: list[str], top: str, address: SweepAddress | None, project: str, entity: str | None
) -> None:
    tracking = launching.tracking_of(given(*arguments), sweep_of(top), address)
    assert (tracking["project"], tracking["entity"]) == (project, entity)
    assert (tracking["wandb"], tracking["artifacts"]) == ("auto", "none")


@pytest.mark.parametrize(
    ("name", "group"),
    [("here", None), ("größe 1 / 2", "größe 1 / 2"), ("x y" * 60, ("x y" * 60)[:128])],
)
def test_the_group_of_the_runs_is_the_name_where_the_folder_has_another(
    name: str, group: str | None
) -> None:
    tracking = launching.tracking_of(given("--name", name), sweep_of())
    assert tracking.get("group") == group


def test_the_results_of_a_warm_start_are_counted_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_experiment(tmp_path / "old", MOMENTUM, [ended([1.0]), ended([2.0])])
    space = {"hidden_momentum": {"min": 0.0, "max": 0.5}}
    sweep = write_sweep(tmp_path / "new.yaml", space, method="bayes")
    old, storage = str(tmp_path / "old"), ("--storage-path", str(tmp_path), "--num-samples", "1")
    experiment = new_experiment(sweep, options("--warm-start", old, *storage))
    started = launching.with_warm_start(experiment, Terminal())
    assert [result.values for result in started.history.warm_start] == [[1.0], [2.0]]
    assert capsys.readouterr().err == f"--warm-start {old}: 2 of 2 results used\n"
    without = new_experiment(sweep, options(*storage))
    assert launching.with_warm_start(without, Terminal()) is without
