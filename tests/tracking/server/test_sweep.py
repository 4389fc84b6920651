from __future__ import annotations

import os
import re
import time
from dataclasses import replace

import pytest
from wandb_server import Outage, WandbServer

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.sweep import Sweep, parse_sweep
from pcsearch.tracking.server import api as wandb_api
from pcsearch.tracking.server.api import NoAnswer
from pcsearch.tracking.server.sweep import (
    SweepAddress,
    create_sweep,
    fetch_sweep,
    parse_address,
    seed_of,
)
from pcsearch.tracking.wandb_internals import BRIEF_REQUESTS

TEXT = """# written by hand
description: what for
method: random
run_cap: 3
parameters:
  rate: {min: 9e-6, max: 1}   # W&B's own client refuses these bounds
  day: {value: 2024-01-01}
"""


@pytest.fixture(scope="module")
def sweep() -> Sweep:
    return parse_sweep(TEXT, "s.yaml", numeric=lambda name: name == "rate")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("abc", SweepAddress("abc")),
        ("pc/abc", SweepAddress("abc", "pc")),
        ("team/pc/abc", SweepAddress("abc", "pc", "team")),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: SweepAddress) -> None:
    assert parse_address(text) == parse_address(f"{text}/") == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://wandb.ai/team/my%20pc/sweeps/abc",
        "https://wandb.ai/team/my%20pc/sweeps/abc?nw=nwuserme#panel",
        "http://localhost:8080/wandb/team/my%20pc/sweeps/abc/table",
        "https://wandb.ai/team/my%20pc/sweeps/abc/",
        "wandb.ai/team/my%20pc/sweeps/abc?nw=nwuserme",
        "localhost:8080/team/my%20pc/sweeps/abc",
    ],
)
def test_the_address_of_a_page_is_read(text: str) -> None:
    assert parse_address(text) == SweepAddress("abc", "my pc", "team")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/abc",
        "abc//",
        "a/b/c/d",
        "team//abc",
        "a b",
        "abc?x=1",
        "https://x",
        "https://x/sweeps/a",
        "http://[abc/x",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(PcsearchError, match=r"--sweep-id: .* write ID, ENTITY/PROJECT/ID or"):
        parse_address(text)


def test_each_sweep_has_a_seed_of_its_own() -> None:
    assert seed_of("abc") == seed_of("abc") != seed_of("abd")


def test_a_sweep_is_registered_as_its_file_is_written_without_a_word(
    server: WandbServer, sweep: Sweep, capfd: pytest.CaptureFixture[str]
) -> None:
    before = dict(os.environ)
    created = create_sweep(sweep, "my pc", None)
    changed = {name for name in os.environ if before.get(name) != os.environ[name]}
    assert not changed - {"WANDB_SERVICE"}
    assert capfd.readouterr() == ("", "")
    assert server.sweeps[created.id].config == TEXT
    assert created.url == f"{server.url}/team/my%20pc/sweeps/{created.id}"
    (variables,) = [given for name, given in server.operations if name == "UpsertSweep"]
    assert variables["description"] == "what for"
    text, found = fetch_sweep(SweepAddress(created.id, "my pc"))
    assert (text, found) == (TEXT, replace(created, state="PENDING"))


def test_the_address_of_a_sweep_is_whole_where_the_server_is_terse(
    server: WandbServer, sweep: Sweep
) -> None:
    server.terse = True
    created = create_sweep(sweep, "pc", None)
    assert created.url == f"{server.url}/team/pc/sweeps/{created.id}"
    assert fetch_sweep(SweepAddress(created.id, "pc"))[1].url == created.url


def test_an_entity_in_the_environment_is_the_default(
    server: WandbServer, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_ENTITY", "lab")
    created = create_sweep(sweep, "pc", None)
    assert server.sweeps[created.id].entity == "lab"
    assert fetch_sweep(SweepAddress(created.id, "pc"))[1].url == created.url


def test_a_sweep_that_is_not_there_is_told_with_its_place(server: WandbServer) -> None:
    with pytest.raises(PcsearchError) as refused:
        fetch_sweep(SweepAddress("abc", "pc"))
    assert str(refused.value) == (
        f"--sweep-id: W&B has no sweep abc in team/pc ({server.url}); write ENTITY/PROJECT/ID, or "
        "the address of the sweep's page"
    )
    assert server.count("GetSweep") == 1


def test_a_refusal_is_told_in_one_line(server: WandbServer, sweep: Sweep) -> None:
    server.refusals["UpsertSweep"] = "permission denied\nfor pc"
    with pytest.raises(NoAnswer) as refused:
        create_sweep(sweep, "pc", None)
    assert str(refused.value) == "permission denied"
    assert not refused.value.gone


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("refused", "connection refused"),
        ("error", "HTTP status 500|it answers with errors"),
        ("silent", r"no answer in \d+ s"),
    ],
)
def test_a_server_that_is_gone_costs_seconds(
    how: Outage,
    reason: str,
    server: WandbServer,
    sweep: Sweep,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wandb_api, "ASK_SECONDS", 8)
    # A refusal that comes later than this would be no answer.
    timeout = 1 if how == "silent" else 3
    monkeypatch.setitem(BRIEF_REQUESTS, "x_graphql_timeout_seconds", timeout)
    server.go_away(how)
    began = time.monotonic()
    with pytest.raises(NoAnswer) as gone:
        create_sweep(sweep, "pc", None)
    assert time.monotonic() - began < 300
    assert re.fullmatch(reason, str(gone.value))
    assert gone.value.gone
