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
