"""A search whose seeds are replicates, online: a sweep at W&B, with a group a configuration."""

from __future__ import annotations

from collections import defaultdict

import pytest
import yaml
from commands import events, wait_for
from forking import finish, fork
from online_searches import Folder, expected, losses
from wandb_server import KEY, Run, WandbServer

SWEEP = {
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"x": {"values": [1.0, 2.0]}, "seed": {"values": [5, 6]}},
}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]


def with_result(server: WandbServer) -> list[Run]:
    """The runs whose summaries have the result of their search."""
    return [
        run
        for run in server.runs.values()
        if any(name.startswith("search/best") for name in run.summary)
    ]


def test_the_runs_of_a_configuration_are_a_group_with_its_number(
    server: WandbServer, folder: Folder
) -> None:
    folder.write("s.yaml", SWEEP)
    done = folder.search("--project", "pc", "--replicates", "seed", "--no-racing", "--confirm", "1")
    assert done.status == 0, done.err
    (sweep,) = server.sweeps.values()
    assert sweep.state == "FINISHED"
    # The sweep says so itself, for those who would join it.
    assert yaml.safe_load(sweep.config) == {**SWEEP, "replicates": "seed"}
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for run in server.runs.values():
        assert losses(run) == expected(run.values["x"] + run.values["seed"])
        assert (run.exit_code, run.sweep) == (0, sweep.name)
        groups[run.group].append(run)
    found = {
        group: ({run.values["configuration"] for run in runs}, {run.values["x"] for run in runs})
        for group, runs in groups.items()
    }
    assert found == {
        "here, configuration 1": ({1}, {1.0}),
        "here, configuration 2": ({2}, {2.0}),
    }
    for runs in groups.values():
        assert sorted(run.values["seed"] for run in runs) == [5, 6, 7]
    assert "Best configuration: number 1, loss 2 (1 fresh seed)" in done.out
    # What the fresh seeds have found is the result, beside what chose the configuration.
    (last,) = with_result(server)
    told = {name: last.summary[f"search/best_{name}"] for name in ("mean", "chosen_by")}
    assert (last.summary["search/best_configuration"], last.values["seed"]) == (1, 7)
    assert told == {"mean": 2.0, "chosen_by": 1.625}
    assert last.summary["search/best_chosen_by_seeds"] == 2
    assert all("configuration_mean" in run.summary for run in server.runs.values())
    (alert,) = server.alerts
    assert "configuration 1: loss 2 (1 fresh seed); it was chosen by 1.625 ±" in alert["text"]
    sweep.state = "RUNNING"
    joined = folder.run("--sweep-id", f"team/pc/{sweep.name}")
    assert joined.status == 2
    assert "a search with replicates has one driver" in joined.err


def test_a_target_that_the_mean_of_two_runs_reaches_is_told_once(
    server: WandbServer, folder: Folder
) -> None:
    metric = {"name": "loss", "goal": "minimize", "target": 1.625}
    folder.write("s.yaml", SWEEP | {"metric": metric})
    done = folder.search(
        "--project", "pc", "--replicates", "seed", "--no-racing", "--max-concurrent", "2"
    )
    assert done.status == 0, done.err
    assert "the mean of configuration 1 reached the target" in done.out
    (last,) = with_result(server)
    assert (last.values["x"], last.summary["search/best_mean"]) == (1.0, 1.625)
    assert last.summary["search/best_mean_seeds"] == 2
    (alert,) = server.alerts
    assert "The search has reached its target: here" in alert["title"]
    assert "the best is configuration 1: loss 1.625 ± 0.176777 (2 seeds)" in alert["text"]


def test_a_race_that_is_killed_goes_on_in_its_sweep(server: WandbServer, folder: Folder) -> None:
    """The ledger's claims are for the runs that the race asks for, before and after the kill."""
    seeds = {"seed": {"values": [5, 6, 7]}}
    folder.write("s.yaml", SWEEP | {"parameters": SWEEP["parameters"] | seeds})
    common = ("--trainable", "online_mine:quick", "--storage-path", ".", "--max-concurrent", "1")
    names = ("--project", "pc", "--replicates", "seed", "--name", "here", "--wandb", "online")
    # The process that forks may have started before the server did.
    environment = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}
    process = fork(folder.path, "s.yaml", *common, *names, environment=environment)
    directory = folder.path / "here"
    wait_for(lambda: len(events(directory, "suggested")) >= 3, process)
    process.kill()
    process.join()
    finish(fork(folder.path, "--resume", "here", environment=environment), folder.path)
    found = events(directory, "suggested")
    # The seed does the same to both: the first one is better after two seeds, if not before.
    assert 3 <= len(found) < 6
    assert {run["trial"] for run in found} == set(server.runs)
    # The race has ended before --num-samples, and the user is told.
    (alert,) = server.alerts
    assert "The search is complete: here" in alert["title"]
    assert "the best is configuration 1: loss 1." in alert["text"]
    (sweep,) = server.sweeps.values()
    assert sweep.state == "FINISHED"
    for run in server.runs.values():
        assert (run.exit_code, run.sweep) == (0, sweep.name)
        assert losses(run) == expected(run.values["x"] + run.values["seed"])
