"""What the command does that starts no search; `tests/searches` runs the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from old_experiments import ended, write_experiment
from searching import write_sweep
from wandb_client import end_client
from wandb_server import KEY, WandbServer, running

from pcsearch import commands
from pcsearch.cli import command, main
from pcsearch.engine.experiment.experiment import new_experiment, resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.errors import PcsearchError
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
    return commands._options(values)


def sweep_of(top: str = "") -> Sweep:
    return parse_sweep(f"method: grid\nparameters: {{seed: {{value: 1}}}}\n{top}", "s.yaml")


def test_a_seed_is_drawn_where_none_is_given() -> None:
    assert options("--seed", "0").seed == 0
    assert len({options().seed for _ in range(5)}) > 1


def test_the_options_of_runs_are_none_of_the_search() -> None:
    values = options("--project", "a", "--entity", "b", "--wandb", "offline", "--name", "here")
    assert values.name == "here"
    assert not hasattr(values, "project")


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
    tracking = commands._tracking(given(*arguments), sweep_of(top), address)
    assert (tracking["project"], tracking["entity"]) == (project, entity)
    assert (tracking["wandb"], tracking["artifacts"]) == ("auto", "none")


@pytest.mark.parametrize(
    ("name", "group"),
    [("here", None), ("größe 1 / 2", "größe 1 / 2"), ("x y" * 60, ("x y" * 60)[:128])],
)
def test_the_group_of_the_runs_is_the_name_where_the_folder_has_another(
    name: str, group: str | None
) -> None:
    tracking = commands._tracking(given("--name", name), sweep_of())
    assert tracking.get("group") == group


def test_a_plan_is_text_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = str(write_sweep(tmp_path / "s.yaml", MOMENTUM))
    assert main([sweep, "--plan", "--draw", "1"]) == 0
    assert "trial 1: {hidden_momentum: 0.1}" in capsys.readouterr().out
    assert main([sweep, "--plan", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["trials"] == 2


def test_the_results_of_a_warm_start_are_counted_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_experiment(tmp_path / "old", MOMENTUM, [ended([1.0]), ended([2.0])])
    space = {"hidden_momentum": {"min": 0.0, "max": 0.5}}
    sweep = write_sweep(tmp_path / "new.yaml", space, method="bayes")
    old, storage = str(tmp_path / "old"), ("--storage-path", str(tmp_path), "--num-samples", "1")
    experiment = new_experiment(sweep, options("--warm-start", old, *storage))
    started = commands._with_warm_start(experiment)
    assert [result.values for result in started.history.warm_start] == [[1.0], [2.0]]
    assert capsys.readouterr().err == f"--warm-start {old}: 2 of 2 results used\n"
    without = new_experiment(sweep, options(*storage))
    assert commands._with_warm_start(without) is without


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([ended([1.0]), ended([1.0])], "all 2 trials of it, which are all that its grid has"),
        ([ended([1.0])], "all 1 trials of it; --num-samples N runs more"),
        (
            [ended([1.0], failed=True)],
            "all 1 trials of it; --num-samples N runs more; --rerun-failed retries the failed ones",
        ),
    ],
)
def test_a_finished_search_says_what_would_continue_it(
    trials: list[Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_experiment(tmp_path / "here", MOMENTUM, trials, num_samples=len(trials))
    experiment, _ = resumed_experiment(ExperimentDirectory(tmp_path / "here"), {})
    assert experiment.over
    commands._print_finished(experiment)
    assert capsys.readouterr().err == f"{tmp_path}/here: the search is finished, {told}\n"


def test_there_is_nothing_to_retry_where_nothing_has_failed(tmp_path: Path) -> None:
    write_experiment(tmp_path / "here", MOMENTUM, [ended([1.0]), ended([1.0])], num_samples=2)
    with pytest.raises(PcsearchError, match=r"--rerun-failed: no trial of .*/here has failed"):
        commands.resume(str(tmp_path / "here"), None, {}, (), rerun_failed=True)


# With W&B's server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbServer]:
    """The stand-in for W&B's server, and a user who has a key for it."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    end_client()
    with running() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server
        end_client()


def test_a_sweep_is_registered_and_its_id_printed_alone(
    server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", MOMENTUM)
    assert main([str(sweep), "--create-only", "--project", "pc", "--entity", "lab"]) == 0
    (registered,) = server.sweeps.values()
    assert registered.config == sweep.read_text(encoding="utf-8")
    out, err = capsys.readouterr()
    assert out == f"{registered.name}\n"
    assert err == f"W&B sweep: {server.url}/lab/pc/sweeps/{registered.name}\n"

    server.refusals["UpsertSweep"] = "permission denied"
    assert main([str(sweep), "--create-only"]) == 2
    assert capsys.readouterr().err == (
        "error: --create-only: W&B did not register the sweep: permission denied\n"
    )


def test_a_file_of_another_search_is_not_run_in_a_sweep(
    server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", MOMENTUM)
    assert main([str(sweep), "--create-only", "--project", "pc"]) == 0
    name = capsys.readouterr().out.strip()
    other = write_sweep(tmp_path / "other.yaml", {"hidden_momentum": {"values": [0.3]}})
    assert main([str(other), "--sweep-id", f"pc/{name}", "--storage-path", str(tmp_path)]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith(
        f"error: {other}: parameters.hidden_momentum: the file says {{'values': [0.3]}}, W&B's"
    )
    assert hint == ("error: --sweep-id: is another search; leave SWEEP out to run W&B's sweep")
    assert not server.runs
