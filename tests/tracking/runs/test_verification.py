"""What the server has of a run that has ended is what the server says, not the client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from wandb.sdk.lib import run_stopping
from wandb_server import WandbServer
from wandb_trials import (
    FakeOutcomes,
    FakeTrial,
    complete,
    history_of,
    make,
    metrics,
    outcomes_of,
    poll,
    report,
    start,
)

from pcsearch.tracking import wandb_internals
from pcsearch.tracking.runs import verification

REFUSED = "W&B: the server has not taken all of a run (HTTP status {}: refused)"


def novodes(epoch: int) -> dict[str, Any]:
    """A report without vodes: their charts need more of a server."""
    return {name: value for name, value in metrics(epoch).items() if "Vode" not in name}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_rows_that_are_refused_are_told_while_the_trial_runs_and_repaired(
    status: int, server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_internals, "TRANSMIT_SECONDS", 1.0)
    monkeypatch.setattr(run_stopping, "_SLEEP", lambda _: asyncio.sleep(0.1))
    told, outcomes, trial = list[str](), FakeOutcomes(), FakeTrial()
    callback = make(tmp_path, outcomes, mode="online", entity="team", tell=told.append)
    start(callback, trial)
    report(callback, trial, novodes(1))
    assert poll(lambda: server.runs[trial.trial_id].lines)
    server.stream_status = status
    report(callback, trial, novodes(2))
    assert poll(lambda: told)
    assert told[0].startswith(REFUSED.format(status))
    # Nobody has pressed the Stop button.
    assert not outcomes.of(trial.trial_id).stop_requested
    complete(callback, trial)
    assert told == callback.problems
    assert len(told) == 1
    assert callback.unfinished
    assert history_of(callback).complete == {}
    assert not list(tmp_path.rglob("*.synced"))


def test_a_server_that_is_silent_about_the_last_rows_does_not_have_them(
    server: WandbServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "LAG_SECONDS", 0.6)
    stream, lost = server.stream, list[dict[str, Any]]()

    def lose_history(name: str, sent: dict[str, Any]) -> dict[str, Any]:
        files = sent.get("files") or {}
        if "wandb-history.jsonl" in files:
            lost.append(files.pop("wandb-history.jsonl"))
        return stream(name, sent)

    monkeypatch.setattr(server, "stream", lose_history)
    callback, trial = make(tmp_path, mode="online", entity="team"), FakeTrial()
    start(callback, trial)
    report(callback, trial, novodes(1))
    complete(callback, trial)
    assert lost
    (problem,) = callback.problems
    assert "has not taken all of a run (it does not have the last rows); the training" in problem
    assert callback.unfinished


def test_the_alert_of_a_search_that_is_over_follows_when_it_was_refused(
    server: WandbServer, tmp_path: Path
) -> None:
    server.refusals["NotifyScriptableRunAlert"] = "permission denied"
    outcomes, trial = FakeOutcomes(ended=9), FakeTrial()
    callback = make(tmp_path, outcomes, mode="online", entity="team")
    start(callback, trial)
    report(callback, trial, novodes(1))
    complete(callback, trial)
    assert callback.problems == ["W&B: an alert was not sent: permission denied"]
    assert callback.unfinished
    # The run lacks nothing.
    assert history_of(callback).complete == {trial.trial_id: 1}
    server.refusals = {}
    trial.status = "TERMINATED"
    again = make(
        tmp_path, outcomes, mode="online", entity="team", history=history_of(callback, trial)
    )
    outcomes_of(again).note(trial)
    again.on_step_begin(iteration=1, trials=[trial])
    again.manager.settle()
    assert [alert["title"] for alert in server.alerts] == ["The search is complete: my-search"]
    assert not again.unfinished
    assert server.count("UpsertBucket") > 0
