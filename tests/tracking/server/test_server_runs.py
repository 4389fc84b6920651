"""What the server is asked about runs."""

from __future__ import annotations

import pytest
from wandb_server import Run, WandbServer

from pcsearch.tracking.server.api import NoAnswer
from pcsearch.tracking.server.server_runs import FILES_AT_ONCE, ServerRun, ServerRuns


def test_the_server_tells_the_last_step_the_end_and_the_files(server: WandbServer) -> None:
    runs = ServerRuns("pc", None)
    assert runs.read("a") is None
    run = server.runs["a"] = Run("team", "pc", "a")
    assert runs.read("a") == ServerRun(False, 0, frozenset())
    run.lines = {0: {"_step": 3, "x": 1}, 1: {"_step": 7, "x": 2}}
    run.exit_code = 1
    names = [f"media/{number}.png" for number in range(FILES_AT_ONCE + 2)]
    run.uploads = dict.fromkeys(names[1:], b"")
    assert runs.read("a", names) == ServerRun(True, 7, frozenset(names[1:]))
    assert {variables.get("entity") for name, variables in server.operations[-2:]} == {"team"}


def test_an_alert_is_sent_or_told_to_be_refused(server: WandbServer) -> None:
    server.runs["a"] = Run("team", "pc", "a")
    runs = ServerRuns("pc", "team")
    runs.send_alert("a", "Title", "Text", "WARN")
    (alert,) = server.alerts
    assert (alert["runName"], alert["title"], alert["severity"]) == ("a", "Title", "WARN")
    server.refusals["NotifyScriptableRunAlert"] = "no such run"
    with pytest.raises(NoAnswer, match="no such run"):
        runs.send_alert("a", "Title", "Text", "WARN")
