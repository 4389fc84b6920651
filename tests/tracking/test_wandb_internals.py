"""What W&B's client has no public name for: an upgrade that changes it should fail here first."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import wandb
from wandb.proto import wandb_internal_pb2
from wandb_http import Handler
from wandb_server import Outage, WandbServer

from pcsearch.system.temporary import folder_of_process
from pcsearch.tracking import wandb_internals
from pcsearch.tracking.server.api import NoAnswer, connect
from pcsearch.tracking.wandb_internals import (
    BRIEF_REQUESTS,
    GAVE_UP,
    NO_MESSAGE,
    PREFIXES,
    Failure,
    Uploading,
    artifact_error,
    client_settings,
    execute_graphql,
    failure_of,
    first_line,
    give_up_run,
    has_settings,
    let_print,
    read_records,
    run_settings,
    skip_wait_at_exit,
    upload_refusal,
    uploading,
)

pytestmark = pytest.mark.oldest

VIEWER = "query Viewer { viewer { entity } }"


def test_the_experimental_settings_have_their_names_and_defaults() -> None:
    """A setting that is gone is refused; one whose default has changed may not be needed."""
    names = {*run_settings(), *BRIEF_REQUESTS}
    defaults = {name: wandb.Settings.model_fields[name].default for name in names}
    assert defaults == {
        "x_disable_stats": False,
        "x_save_requirements": True,
        "x_transaction_log_flush_interval": 15.0,
        "x_file_stream_transmit_interval": None,
        "x_file_stream_retry_wait_max_seconds": None,
        "x_file_transfer_retry_wait_max_seconds": None,
        "x_graphql_retry_max": None,
        "x_graphql_retry_wait_min_seconds": None,
        "x_graphql_retry_wait_max_seconds": None,
        "x_graphql_timeout_seconds": None,
    }
    wandb.Settings(**run_settings())
    wandb.Settings(**BRIEF_REQUESTS)


def test_the_client_has_the_settings_that_it_has_read_until_its_end() -> None:
    """wandb.sdk.wandb_setup.singleton(), .settings_if_loaded, .settings."""
    wandb.teardown()
    assert not has_settings()
    assert client_settings() is wandb.setup().settings
    assert has_settings()
    wandb.teardown()
    assert not has_settings()


def test_a_client_that_was_silent_prints_as_its_settings_say(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """wandb.termsetup, wandb.termwarn."""
    settings = wandb.setup(wandb.Settings(silent=True)).settings
    wandb.termwarn("silent")
    let_print()
    wandb.termwarn("silent still")
    settings.silent = False
    let_print()
    wandb.termwarn("printed")
    lines = capfd.readouterr().err.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["printed"]


def test_execute_graphql_sends_a_request(server: WandbServer) -> None:
    """Api._service_api.execute_graphql."""
    api = connect()
    assert execute_graphql(api, VIEWER, {}, 8)["viewer"]["entity"] == server.user


def test_skip_wait_at_exit_takes_the_clients_function_from_those_of_the_exit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """wandb.setup()._connection._cleanup."""
    registered: set[Callable[..., Any]] = set()
    monkeypatch.setattr("atexit.register", registered.add)
    monkeypatch.setattr("atexit.unregister", registered.discard)
    wandb.setup(wandb.Settings(silent=True))
    before = set(registered)
    skip_wait_at_exit()
    assert len(before - registered) == 1


def test_the_id_of_a_run_that_failed_to_start_is_free_again(
    server: WandbServer, tmp_path: Path
) -> None:
    """wandb.setup()._connection.inform_attach, .inform_finish; the interface's deliver_exit."""
    server.refusals["UpsertBucket"] = "permission denied"
    wandb.setup(wandb.Settings(silent=True))
    arguments: dict[str, Any] = {"id": "again", "project": "pc", "dir": str(tmp_path)}
    arguments |= {"reinit": "create_new", "settings": wandb.Settings(silent=True)}
    with pytest.raises(wandb.Error, match="permission denied"):
        wandb.init(mode="online", **arguments)
    with pytest.raises(Exception, match="in use"):
        wandb.init(mode="offline", **arguments)
    assert give_up_run("again")
    assert not give_up_run("unknown")
    wandb.init(mode="offline", **arguments).finish()


def test_the_answer_about_an_artifact_is_read(server: WandbServer, tmp_path: Path) -> None:
    """Artifact._save_handle."""
    server.refusals["CommitArtifact"] = "the quota is used up"
    errors = {}
    for mode in ("offline", "online"):
        run = wandb.init(
            reinit="create_new",
            project="p",
            dir=str(tmp_path),
            mode=mode,  # type: ignore[arg-type]
            settings=wandb.Settings(silent=True, console="off", **run_settings()),
        )
        artifact = run.log_artifact(wandb.Artifact("a", type="t"))
        run.finish()
        errors[mode] = artifact_error(artifact, 10)
    assert errors["offline"] == ""
    assert "the quota is used up" in errors["online"]


def answer_with(status: int, body: Any) -> Callable[[Handler], None]:
    def answer(request: Handler) -> None:
        request.body()
        if body is None:
            request.send_response(status)
            request.send_header("Content-Length", "0")
            request.end_headers()
        else:
            request.reply(body, status)

    return answer


def failure(api: wandb.Api) -> tuple[Failure, str]:
    """What `failure_of` reads of a request's error, and the error's own text."""
    try:
        execute_graphql(api, VIEWER, {}, 60)
    except Exception as error:
        return failure_of(error), str(error)
    raise AssertionError


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("status", "body", "expected", "text"),
    [
        (404, None, Failure(404, False, ""), NO_MESSAGE),
        (403, {}, Failure(403, False, 'returned error 403: {"data":null}'), "returned error"),
        (200, {"errors": [{"message": "no\nway"}]}, Failure(None, False, "no"), PREFIXES[1]),
        (429, {}, Failure(None, True, ""), GAVE_UP),
        (503, None, Failure(None, True, ""), GAVE_UP),
    ],
)
def test_the_errors_of_a_server_that_answers(
    status: int,
    body: Any,
    expected: Failure,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    api = connect()
    monkeypatch.setattr(Handler, "do_POST", answer_with(status, body))
    found, message = failure(api)
    assert found == expected
    assert text in message


def connected() -> wandb.Api:
    """The client, also where the limit of its requests is short for a server on a busy machine."""
    for _ in range(60):
        with suppress(NoAnswer):
            return connect()
    raise AssertionError


@pytest.mark.parametrize(
    ("how", "texts"),
    [
        ("refused", ("connection refused",)),
        ("error", ("",)),
        # By where the client is when its time is over.
        ("silent", ("headers)", "context deadline exceeded")),
    ],
)
def test_the_errors_of_a_server_that_is_away(
    how: Outage, texts: tuple[str, ...], server: WandbServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BRIEF_REQUESTS, "x_graphql_timeout_seconds", 1)
    api = connected()
    server.go_away(how)
    found, message = failure(api)
    assert (found.status, found.gave_up) == (None, True)
    assert found.text.endswith(texts)
    assert GAVE_UP in message
    assert server.url not in found.text


def run_online(folder: Path) -> wandb.Run:
    return wandb.init(
        reinit="create_new",
        project="p",
        dir=str(folder),
        mode="online",
        settings=wandb.Settings(
            silent=True, console="off", stop_on_fatal_error=True, **run_settings()
        ),
    )


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("rows", "HTTP status 403: refused"),
        ("files", "no more files"),
        ("uploads", "HTTP status 403"),
    ],
)
def test_what_the_server_refuses_for_good_is_in_the_clients_log(
    what: str,
    reason: str,
    server: WandbServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The messages of the log, and Settings.log_internal."""
    run = run_online(tmp_path)
    log = Path(run.settings.log_internal)
    assert upload_refusal(log) == ""
    if what == "rows":
        server.stream_status = 403
    elif what == "files":
        server.refusals["CreateRunFiles"] = "no more files"
    else:
        monkeypatch.setattr(Handler, "do_PUT", answer_with(403, {}))
    run.log({"loss": 1})
    run.finish()
    assert upload_refusal(log) == reason
    assert upload_refusal(log, of_rows=True) == (reason if what == "rows" else "")
    assert upload_refusal(tmp_path / "none") == ""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        # A torn line, one with a character that ends a line elsewhere, and odd ones.
        ('{"level":"ERROR","msg":"%sHTTP', "HTTP"),
        ('{"msg":"%sone\x85two"}', "one\x85two"),
        ('["%sodd"]', 'odd"]'),
        ('{"text":"%sodd"}', 'odd"}'),
    ],
)
def test_a_line_of_the_log_that_is_torn_or_odd_is_no_error(
    line: str, reason: str, tmp_path: Path
) -> None:
    log = tmp_path / "debug-internal.log"
    text = line % wandb_internals.ROWS_REFUSED
    log.write_text(f"{{}}\n{text}", encoding="utf-8")
    assert upload_refusal(log) == reason.partition("\x85")[0]


def test_the_client_tells_what_a_run_that_ends_waits_for(
    server: WandbServer, tmp_path: Path
) -> None:
    """Run._interface.deliver_poll_exit."""
    run = run_online(tmp_path)
    server.stream_status = 500
    run.log({"loss": 1})
    thread = threading.Thread(target=run.finish)
    thread.start()
    states = [Uploading(), Uploading()]

    def moves() -> bool:
        """Whether the files are still uploaded: then nothing moves any more."""
        *_, before, now = states
        return before != now or not now.error or now.progress[0] != now.progress[1]

    end = time.monotonic() + 240
    while moves() and time.monotonic() < end:
        time.sleep(0.5)
        states.append(uploading(run, 60))
    server.stream_status = 200
    thread.join()
    assert states[-1] == states[-2]
    assert states[-1].error == "retrying HTTP 500: refused"
    uploaded, total, _ = states[-1].progress
    assert uploaded == total > 0


def test_the_first_line_has_no_prefix_of_the_client() -> None:
    assert first_line("\n  input: no such entity\nmore") == "no such entity"
    assert first_line("Failed to execute API request: input: no") == "no"
    assert first_line(" \n") == ""


def test_the_records_of_a_runs_file_have_the_names_that_are_read(tmp_path: Path) -> None:
    """wandb.proto.wandb_internal_pb2, and the format of run-<id>.wandb."""
    run = wandb.init(
        reinit="create_new",
        id="a",
        project="p",
        dir=str(tmp_path),
        mode="offline",
        settings=wandb.Settings(silent=True, console="off", **run_settings()),
    )
    run.log({"loss": 0.5}, step=3, commit=True)
    run.finish()
    wandb.teardown()
    (file,) = tmp_path.glob("wandb/offline-run-*-a/run-a.wandb")
    records = list(read_records(file.read_bytes()))
    assert all(isinstance(each, wandb_internal_pb2.Record) for each in records)
    kinds = [each.WhichOneof("record_type") for each in records]
    assert kinds.count("exit") == 1
    (row,) = [each.history for each in records if each.WhichOneof("record_type") == "history"]
    assert row.step.num == 3
    assert "loss" in {item.key or item.nested_key[0] for item in row.item}


def test_the_clients_own_logs_have_a_place_where_the_user_has_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(wandb_internals.CACHE, "")
    monkeypatch.delenv(wandb_internals.CACHE)
    wandb_internals.provide_cache()
    assert wandb_internals.CACHE not in os.environ
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    wandb_internals.provide_cache()
    assert os.environ[wandb_internals.CACHE] == str(folder_of_process() / "wandb-cache")
    monkeypatch.setenv(wandb_internals.CACHE, "/mine")
    wandb_internals.provide_cache()
    assert os.environ[wandb_internals.CACHE] == "/mine"
