"""The W&B sweep of a search: made once, and kept."""

from __future__ import annotations

from typing import Any

import pytest
from wandb_server import WandbServer

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import Sweep, parse_sweep
from pcsearch.tracking.server.registration import Registration, register_search

TRACKING: dict[str, Any] = {"project": "pc", "entity": None, "wandb": "auto"}


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return parse_sweep("method: random\nrun_cap: 3\nparameters: {x: {min: 0.0, max: 1.0}}\n", "s")


def test_a_search_is_registered_once(server: WandbServer, sweep: Sweep) -> None:
    first = register_search(sweep, TRACKING, "online", resumed=False)
    (name,) = server.sweeps
    assert first.tracking == TRACKING | {
        "sweep_id": name,
        "sweep_url": f"{server.url}/team/pc/sweeps/{name}",
    }
    assert (first.mode, first.problem) == ("online", "")
    assert first.message == f"W&B sweep: {first.tracking['sweep_url']}"
    again = register_search(sweep, first.tracking, "online", resumed=True)
    assert again == first
    assert len(server.sweeps) == 1


@pytest.mark.parametrize(("mode", "resumed"), [("offline", False), ("online", True)])
def test_a_search_without_a_sweep_stays_without_one(mode: Any, resumed: bool, sweep: Sweep) -> None:
    assert register_search(sweep, TRACKING, mode, resumed) == Registration(TRACKING, mode)


def test_a_refusal_ends_online_only(server: WandbServer, sweep: Sweep) -> None:
    server.refusals["UpsertSweep"] = "permission denied"
    message = "W&B did not register the search as a sweep: permission denied"
    found = register_search(sweep, TRACKING, "online", resumed=False)
    assert (found.mode, found.message) == ("online", "")
    assert found.problem == f"{message}; the search continues without a sweep"
    with pytest.raises(PcsearchError, match=f"^{message}; --wandb auto searches without a sweep$"):
        register_search(sweep, TRACKING | {"wandb": "online"}, "online", resumed=False)


def test_a_server_that_is_gone_means_offline(server: WandbServer, sweep: Sweep) -> None:
    server.go_away("refused")
    found = register_search(sweep, TRACKING, "online", resumed=False)
    assert found.mode == "offline"
    assert found.problem.endswith("connection refused; the search continues offline")


def test_a_sweep_whose_file_was_edited_gets_the_new_one_and_its_runs_stay(
    server: WandbServer, sweep: Sweep
) -> None:
    first = register_search(sweep, TRACKING, "online", resumed=False)
    (there,) = server.sweeps.values()
    server.add_run("team", "pc", "r1").sweep = there.name
    there.state = "FINISHED"
    new = parse_sweep("method: random\nparameters: {x: {min: 0.0, max: 2.0}}\n", "s")
    edited = register_search(new, first.tracking, "online", resumed=True, changed=True)
    assert edited == first
    assert (there.config, there.state) == (new.text, "FINISHED")
    assert server.runs["r1"].sweep == there.name
    assert len(server.sweeps) == 1
    # The next session has nothing to send.
    sent = server.count("UpsertSweep")
    assert register_search(new, first.tracking, "online", resumed=True, changed=True) == first
    assert server.count("UpsertSweep") == sent


def test_an_edit_that_wandb_does_not_take_is_told(server: WandbServer, sweep: Sweep) -> None:
    first = register_search(sweep, TRACKING, "online", resumed=False)
    (there,) = server.sweeps.values()
    new = parse_sweep("method: random\nparameters: {x: {min: 0.0, max: 2.0}}\n", "s")
    server.refusals["UpsertSweep"] = "permission denied"
    found = register_search(new, first.tracking, "online", resumed=True, changed=True)
    assert found.problem == (
        "W&B's sweep lacks the change of the search: permission denied; --resume tries again"
    )
    assert (found.message, found.mode) == (first.message, "online")
    assert there.config == sweep.text
    del server.refusals["UpsertSweep"]
    assert not register_search(new, first.tracking, "online", resumed=True, changed=True).problem
    assert there.config == new.text
