"""A search whose seeds are replicates, online: the runs of a configuration are a group at W&B."""

from __future__ import annotations

from collections import defaultdict

import pytest
from online_searches import Folder, expected, losses
from wandb_server import Run, WandbServer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


def test_the_runs_of_a_configuration_are_a_group_with_its_number(
    server: WandbServer, folder: Folder
) -> None:
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "replicates": "seed",
        "parameters": {"x": {"values": [1.0, 2.0]}, "seed": {"values": [5, 6]}},
    }
    folder.write("s.yaml", sweep)
    done = folder.search("--project", "pc", "--no-racing", "--confirm", "1")
    assert done.status == 0, done.err
    assert not server.sweeps
    groups: defaultdict[str, list[Run]] = defaultdict(list)
    for run in server.runs.values():
        assert losses(run) == expected(run.values["x"])
        assert run.exit_code == 0
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
    assert "Best configuration: number 1, loss 0.25" in done.out
