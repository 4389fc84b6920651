"""Runs that go to a server: one of the test's own, with as much of W&B's interface as needed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import wandb
from test_wandb_callback import FakeTrial, complete, logged, make, metrics, read_one, report, start
from wandb.sdk.lib import run_stopping

from pcsearch.tracking import wandb_runs

KEY = "0123456789" * 4


class Server(ThreadingHTTPServer):
    """Has a run with some epochs, and keeps what it is sent."""

    daemon_threads = True
    has_epochs = 0
    stop_pressed = False
    gone = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.upserts: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.exits: list[int] = []

    def answer(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        project = {"id": "p", "name": "pc", "entity": {"id": "e", "name": "team"}}
        if "RunResumeStatus" in query:
            bucket = self.resume_status() if self.has_epochs else None
            return {"model": {**project, "bucket": bucket}}
        if "UpsertBucket" in query:
            self.upserts.append(variables)
            run = {"id": "r", "name": variables["name"], "displayName": "n", "project": project}
            return {"upsertBucket": {"bucket": run, "inserted": not self.has_epochs}}
        if "CreateRunFiles" in query:
            return {"createRunFiles": {"runID": "r", "uploadHeaders": [], "files": []}}
        return {"viewer": {"id": "v", "entity": "team", "username": "u", "flags": "{}"}}

    def resume_status(self) -> dict[str, Any]:
        last = json.dumps({"_step": self.has_epochs, "epoch": self.has_epochs})
        return {
            "id": "r",
            "name": "ab12c_00003",
            "displayName": "n",
            "summaryMetrics": last,
            "historyTail": json.dumps([last]),
            "historyLineCount": self.has_epochs,
            "eventsTail": "[]",
            "eventsLineCount": 0,
            "logLineCount": 0,
            "config": "{}",
            "wandbConfig": json.dumps({"t": 1}),
            "tags": [],
        }

    def stream(self, sent: dict[str, Any]) -> dict[str, Any]:
        history = sent.get("files", {}).get("wandb-history.jsonl", {"content": []})
        self.rows += [json.loads(line) for line in history["content"]]
        if sent.get("complete"):
            self.exits.append(sent["exitcode"])
        return {"stopped": self.stop_pressed}


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.gone:
            self.send_error(503)
            return
        if self.path.startswith("/graphql"):
            self.reply({"data": self.server.answer(sent["query"], sent["variables"])})
        else:
            self.reply(self.server.stream(sent))

    def reply(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    yield server
    wandb.teardown()
    server.shutdown()
    thread.join()
    server.server_close()


def novodes(epoch: int) -> dict[str, Any]:
    """A report without vodes: their charts need more of a server."""
    return {name: value for name, value in metrics(epoch).items() if "Vode" not in name}


def run_online(directory: Path, epochs: list[int]) -> list[str]:
    """A trial from start to end; the problems with W&B."""
    callback, trial = make(directory, mode="online", entity="team"), FakeTrial()
    start(callback, trial)
    for epoch in epochs:
        report(callback, trial, novodes(epoch))
    complete(callback, trial)
    return callback.problems


def without_own(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without W&B's own keys."""
    return [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]


def test_the_server_gets_every_report_once_and_the_end(server: Server, tmp_path: Path) -> None:
    assert run_online(tmp_path, [1, 2, 3]) == []
    assert without_own(server.rows) == [logged(novodes(epoch)) for epoch in (1, 2, 3)]
    assert [row["_step"] for row in server.rows] == [1, 2, 3]
    assert server.exits == [0]
    first = server.upserts[0]
    assert (first["name"], first["displayName"]) == ("ab12c_00003", "trial-0003")
    assert (first["entity"], first["project"], first["groupName"]) == ("team", "pc", "my-search")
    assert json.loads(first["config"])["hidden_size"]["value"] == 48


def test_a_resumed_run_gets_exactly_the_epochs_that_the_server_lacks(
    server: Server, tmp_path: Path
) -> None:
    server.has_epochs = 5
    assert run_online(tmp_path, [4, 5, 6, 7]) == []
    assert [row["epoch"] for row in server.rows] == [6, 7]


def test_nothing_is_printed_and_the_key_is_in_no_file(
    server: Server, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_online(tmp_path, [1])
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".wandb" for file in files)
    assert all(KEY.encode() not in file.read_bytes() for file in files)
    assert len(server.rows) == 1


def test_a_server_that_goes_away_holds_the_search_up_briefly_and_only_once(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_runs, "FINISH_SECONDS", 1.0)
    callback = make(tmp_path, mode="online", entity="team")
    first, second = FakeTrial("first"), FakeTrial("second")
    start(callback, first)
    server.gone = True
    began = time.monotonic()
    report(callback, first, novodes(1))
    complete(callback, first)
    start(callback, second)
    report(callback, second, novodes(1))
    complete(callback, second)
    assert time.monotonic() - began < 10
    (problem,) = callback.problems
    assert problem.startswith("W&B: a run was not uploaded to its end: ")
    assert "later runs are offline: wandb sync" in problem
    server.gone = False
    assert read_one(tmp_path).id == "second"


def test_the_stop_button_reaches_its_trial_and_interrupts_nobody(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_runs, "TRANSMIT_SECONDS", 0.1)
    monkeypatch.setattr(run_stopping, "_SLEEP", lambda _: asyncio.sleep(0.1))
    server.stop_pressed = True
    callback, trial = make(tmp_path, mode="online", entity="team"), FakeTrial()
    start(callback, trial)
    report(callback, trial, novodes(1))
    for _ in range(100):
        if trial.stopping_criterion:
            break
        time.sleep(0.1)
    assert trial.stopping_criterion == {"training_iteration": 0}
    complete(callback, trial)
    assert callback.problems == []
