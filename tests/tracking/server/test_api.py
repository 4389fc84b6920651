"""Requests to W&B's server: each is answered within seconds, or given up with one line."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb_server import KEY, Handler, WandbServer

from pcsearch.tracking.server.api import (
    NoAnswer,
    ask,
    connect,
    environment,
    has_credentials,
    request_settings,
    set_up,
)
from pcsearch.tracking.wandb_internals import BRIEF_REQUESTS

VIEWER = "query Viewer { viewer { entity } }"


def test_the_environment_is_changed_in_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_A", "a")
    monkeypatch.setenv("WANDB_B", "b")
    monkeypatch.delenv("WANDB_C", raising=False)
    before = dict(os.environ)
    with environment(without=["WANDB_A", "WANDB_D"], having={"WANDB_B": "2", "WANDB_C": "3"}):
        inside = {name: os.environ.get(name) for name in ("WANDB_A", "WANDB_B", "WANDB_C")}
    assert inside == {"WANDB_A": None, "WANDB_B": "2", "WANDB_C": "3"}
    assert dict(os.environ) == before


@pytest.mark.parametrize("mode", [None, "offline", "disabled"])
def test_the_key_is_found_in_every_mode_without_a_word_or_a_request(
    mode: str | None,
    asked_server: WandbServer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if mode is not None:
        monkeypatch.setenv("WANDB_MODE", mode)
    assert not has_credentials()
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert has_credentials()
    assert "WANDB_SERVICE" not in os.environ, "the client's process is not started"
    assert os.environ.get("WANDB_MODE") == mode
    assert capfd.readouterr() == ("", "")
    assert not asked_server.requests


def test_a_key_of_the_wrong_form_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "short")
    with pytest.raises(wandb.errors.AuthenticationError):
        has_credentials()


def test_the_clients_settings_are_read_without_an_agents_variables(
    asked_server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "abc12345")
    monkeypatch.setenv("WANDB_RUN_ID", "elsewhere")
    settings = set_up()
    assert (settings.sweep_id, settings.run_id) == (None, None)
    assert settings.base_url == asked_server.url
    assert os.environ["WANDB_SWEEP_ID"] == "abc12345"


def test_a_client_that_has_started_is_asked_again_without_a_change_of_the_environment(
    server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other threads, which start runs, would find a variable gone that they have just listed."""
    assert set_up().base_url == server.url
    changed: list[str] = []
    for name in ("pop", "update"):
        monkeypatch.setattr(os.environ, name, lambda *_, name=name: changed.append(name))
    connect()
    assert has_credentials()
    assert set_up().base_url == server.url
    assert not changed


@pytest.mark.parametrize("started", [False, True])
def test_the_users_own_runs_go_where_the_user_has_set(
    started: bool, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    if started:
        wandb.setup()
    connect()
    assert has_credentials()
    settings = set_up()
    assert (settings.mode, settings.silent) == ("offline", False)
    with wandb.init(dir=str(tmp_path), settings=wandb.Settings(silent=True, console="off")) as run:
        assert run.offline
    assert not server.runs


@pytest.mark.usefixtures("server")
def test_a_run_that_starts_while_another_thread_connects_has_the_users_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "33")
    found, real = list[dict[str, Any]](), wandb.Api
    thread = threading.Thread(target=lambda: found.append(request_settings()))

    def connecting(timeout: int) -> wandb.Api:
        thread.start()
        thread.join(0.5)
        return real(timeout=timeout)

    monkeypatch.setattr(wandb, "Api", connecting)
    connect()
    thread.join()
    assert found == [dict.fromkeys(BRIEF_REQUESTS) | {"x_graphql_timeout_seconds": 33}]


@pytest.mark.usefixtures("server")
def test_requests_are_brief_and_runs_keep_the_users_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_HTTP_TIMEOUT", "33")
    connect()
    settings = set_up()
    assert settings.x_graphql_timeout_seconds == 33
    others = [name for name in BRIEF_REQUESTS if name != "x_graphql_timeout_seconds"]
    assert [getattr(settings, name) for name in others] == [None, None, None]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("status", "reason", "gone"),
    [
        (429, "it answers with errors", True),
        (503, "it answers with errors", True),
        (403, 'returned error 403: {"data":null}', False),
    ],
)
def test_an_answer_that_refuses_is_told_in_one_line(
    status: int, reason: str, gone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = connect()

    def refuse(request: Handler) -> None:
        request.body()
        request.reply({}, status)

    monkeypatch.setattr(Handler, "do_POST", refuse)
    with pytest.raises(NoAnswer) as refused:
        ask(api, VIEWER, {})
    assert (str(refused.value), refused.value.gone) == (reason, gone)
    assert refused.value.status == (None if gone else status)
