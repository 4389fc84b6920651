"""Whole searches online, with real Ray and W&B's real client, against a stand-in for its server."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from disks import grow, small_disk
from offline_runs import read_runs
from online_searches import (
    EPOCHS,
    SWEEP,
    Folder,
    check_complete,
    end_process,
    later,
    losses,
    sync,
    wait_for,
)
from searching import reports
from wandb.sdk.lib import run_stopping
from wandb_server import KEY, WandbServer

from pcsearch.engine.records.outcome import TrialOutcome
from pcsearch.tracking import wandb_internals
from pcsearch.tracking.runs import manager
from pcsearch.tracking.server import api, registration
from pcsearch.tracking.server import mode as wandb_mode

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]


@pytest.fixture(scope="module")
def cpus() -> int:
    """Three trials run side by side."""
    return 3


def test_a_search_is_a_sweep_that_all_its_runs_belong_to(
    server: WandbServer, folder: Folder
) -> None:
    before = dict(os.environ)
    done = folder.search("--project", "pc", "--max-concurrent", "3")
    assert done.status == 0, done.err
    check_complete(server, folder)
    assert [alert["title"] for alert in server.alerts] == ["The search is complete: here"]
    (sweep,) = server.sweeps.values()
    assert sweep.config == folder.sweep.read_text()
    assert (sweep.entity, sweep.project, sweep.state) == ("team", "pc", "FINISHED")
    for run in server.runs.values():
        assert (run.entity, run.project, run.group, run.sweep) == ("team", "pc", "here", sweep.name)
        assert run.job_type == "trial"
        assert run.display_name == folder.trials()[run.id].name
        assert run.id.rpartition("_")[0] == sweep.name
        assert run.notes == "what for"
        assert run.rows[0]["note"] == "fine"
    assert f"W&B sweep: {server.url}/team/pc/sweeps/{sweep.name}" in done.err
    assert "wandb sync" not in done.out
    record = json.loads((folder.path / "here" / "experiment.json").read_text())
    assert record["tracking"]["sweep_id"] == sweep.name
    operations = [name for name, _ in server.operations]
    assert operations.index("UpsertSweep") < operations.index("UpsertBucket")
    changed = {k for k, v in os.environ.items() if k.startswith("WANDB") and before.get(k) != v}
    assert not changed - {"WANDB_SERVICE"}
    assert all(
        KEY.encode() not in file.read_bytes()
        for file in (folder.path / "here").rglob("*")
        if file.is_file()
    )

    # The file is edited: the sweep has the new one, its runs stay, and what is missing joins them.
    before_edit = {name: (losses(run), run.exit_code) for name, run in server.runs.items()}
    edited = SWEEP | {"parameters": {"x": {"values": [2.0, 3.0, 4.0, 5.0]}}}
    folder.write("s.yaml", edited)
    done = folder.command("s.yaml", "--resume", str(folder.path / "here"))
    assert done.status == 0, done.err
    assert "  x: values added: 4.0, 5.0; value removed: 1.0" in done.err
    assert list(server.sweeps) == [sweep.name]
    assert sweep.state == "FINISHED"
    assert yaml.safe_load(sweep.config) == edited | {"one_driver": True}
    joined = folder.run("--sweep-id", f"team/pc/{sweep.name}")
    assert joined.status == 2
    assert "was edited, or has configurations to try first, which one driver runs" in joined.err
    check_complete(server, folder, count=5)
    assert sorted(run.values["x"] for run in server.runs.values()) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert {run.sweep for run in server.runs.values()} == {sweep.name}
    now = {name: (losses(run), run.exit_code) for name, run in server.runs.items()}
    assert {name: now[name] for name in before_edit} == before_edit


def test_a_trial_that_is_stopped_from_w_and_b_is_stopped_everywhere(
    server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_stopping, "_SLEEP", lambda _: asyncio.sleep(0.1))
    server.stop_pressed = True
    folder.hold()
    told = threading.Event()
    stop = TrialOutcome.stop_by_user

    def listening(self: TrialOutcome) -> None:
        stop(self)
        told.set()

    monkeypatch.setattr(TrialOutcome, "stop_by_user", listening)

    def release() -> None:
        # The client asks now and then.
        told.wait(240)
        folder.release()

    thread = later(release)
    done = folder.search("--num-samples", "1")
    thread.join()
    assert done.status == 0, done.err
    (run,) = server.runs.values()
    assert run.summary["trial_status"] == "stopped by hand"
    assert len(losses(run)) == EPOCHS // 2 + 1
    assert "trial 1 stopped after epoch 3" in done.err
    assert re.search(r"^ *1 .* stopped\b", done.out, re.MULTILINE)
    # A later session tells the same of it.
    server.stop_pressed = False
    more = folder.command("--resume", str(folder.path / "here"), "--num-samples", "2")
    assert more.status == 0, more.err
    assert run.summary["trial_status"] == "stopped by hand"
    assert re.search(r"^ *1 .* stopped\b", more.out, re.MULTILINE)
    assert re.search(r"^ *2 .* finished\b", more.out, re.MULTILINE)


def test_a_search_that_is_resumed_stays_in_its_sweep_and_keeps_its_settings(
    server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as first:
        first.setenv("WANDB_PROJECT", "hers")
        first.setenv("WANDB_TAGS", "mine")
        first.setenv("WANDB_JOB_TYPE", "halving")
        first.setenv("WANDB_RUN_GROUP", "ours")
        done = folder.search("--num-samples", "2")
    assert done.status == 0, done.err
    assert done.err.count("W&B: WANDB_RUN_GROUP is not used: the group of a search") == 1
    wandb.teardown()
    done = folder.command("--resume", str(folder.path / "here"), "--num-samples", "3")
    assert done.status == 0, done.err
    (sweep,) = server.sweeps
    check_complete(server, folder)
    for run in server.runs.values():
        assert (run.sweep, run.project, run.group) == (sweep, "hers", "here")
        assert run.tags == ["grid", "mine"]
        assert run.job_type == "halving"
    assert f"/sweeps/{sweep}" in done.err


def test_create_only_prints_the_id_and_runs_nothing(
    server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    done = folder.run("s.yaml", "--create-only", "--entity", "lab", "--project", "pc")
    assert done.status == 0, done.err
    (sweep,) = server.sweeps.values()
    assert done.out == f"{sweep.name}\n"
    assert f"{server.url}/lab/pc/sweeps/{sweep.name}" in done.err
    assert sweep.config == folder.sweep.read_text()
    assert not server.runs
    assert sorted(path.name for path in folder.path.iterdir() if path.suffix) == [
        "online_mine.py",
        "s.yaml",
    ]


def test_a_sweep_of_wandb_runs_without_its_file(server: WandbServer, folder: Folder) -> None:
    created = folder.run("s.yaml", "--create-only", "--entity", "lab", "--project", "pc")
    sweep = created.out.strip()
    one = ("--max-concurrent", "1")
    done = folder.run("--sweep-id", f"lab/pc/{sweep}", "--name", "here", *one)
    assert done.status == 0, done.err
    assert list(server.sweeps) == [sweep]
    check_complete(server, folder)
    for run in server.runs.values():
        assert (run.entity, run.project, run.sweep) == ("lab", "pc", sweep)
    assert (folder.path / "here" / "sweep.yaml").read_text() == folder.sweep.read_text()
    # Another file is another search, and an equal one written otherwise is none.
    changed = SWEEP | {"name": "other", "parameters": {"x": {"values": [1.0, 4.0]}}}
    folder.write("other.yaml", changed)
    refused = folder.run("other.yaml", "--sweep-id", f"lab/pc/{sweep}")
    assert refused.status == 2
    assert "parameters.x: the file says {'values': [1.0, 4.0]}, W&B's sweep" in refused.err
    folder.write("same.yaml", {**dict(reversed(SWEEP.items())), "name": "another"})
    again = ("same.yaml", "--sweep-id", sweep, "--project", "pc", "--entity", "lab")
    over = folder.run(*again)
    assert over.status == 2
    assert f"W&B's sweep lab/pc/{sweep} is finished, or was stopped; wandb sweep" in over.err
    server.sweeps[sweep].state = "RUNNING"
    same = folder.run(*again)
    assert same.status == 0, same.err
    assert "The other trials of the sweep are those of other drivers." in same.out
    assert len(server.runs) == 3
    missing = folder.run("--sweep-id", "lab/pc/nosuch")
    assert missing.status == 2
    assert "error: --sweep-id: W&B has no sweep nosuch in lab/pc" in missing.err


def test_the_parts_of_a_run_that_was_interrupted_are_synced_into_one_of_the_given_sweep(
    server: WandbServer, folder: Folder
) -> None:
    folder.hold()

    def interrupt() -> None:
        wait_for(lambda: len(list((folder.path / "here").glob("*/result.json"))) == 3)
        os.kill(os.getpid(), signal.SIGINT)
        folder.release()

    thread = later(interrupt)
    together = ("--max-concurrent", "3")
    first = folder.search("--wandb", "offline", "--sweep-id", "team/pc/abc12345", *together)
    thread.join()
    assert first.status == 130, first.err
    again = folder.command("--resume", str(folder.path / "here"))
    assert again.status == 0, again.err
    for name in folder.trials():
        assert len(list((folder.path / "here" / "wandb").glob(f"offline-run-*-{name}"))) > 1
    assert not server.runs
    sync(again.out)
    check_complete(server, folder)
    assert {run.sweep for run in server.runs.values()} == {"abc12345"}


def test_the_end_waits_for_w_and_b_after_the_results_and_not_against_the_users_will(
    server: WandbServer, folder: Folder
) -> None:
    folder.hold()
    command = [sys.executable, "-m", "pcsearch", "s.yaml", "--trainable", "online_mine:quick"]
    # A run that the silent server has not heard of would wait for it before it goes offline.
    command += ["--storage-path", str(folder.path), "--name", "here", "--num-samples", "1"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    with (
        (folder.path / "out").open("w") as out,
        subprocess.Popen(
            command,
            cwd=folder.path,
            env=environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            # Tests that a shell runs in the background have inherited that SIGINT is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process,
    ):
        wait_for(lambda: any(run.lines for run in server.runs.values()))
        server.go_away("silent")
        folder.release()
        wait_for(lambda: "Best configuration" in (folder.path / "out").read_text())
        assert process.stderr is not None
        said = ""
        while "Waiting for W&B" not in said:
            assert process.poll() is None
            said += process.stderr.readline()
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
        assert process.wait(240) == 0
        assert time.monotonic() - began < 240
    assert re.search(r"not uploaded to the end: the wait was interrupted\n$", said)
    assert "Traceback" not in said
    assert "Upload it to W&B: python -m pcsearch --resume" in (folder.path / "out").read_text()


def test_a_wrong_key_is_offline_or_refused(
    server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = "9" * 40
    monkeypatch.setenv("WANDB_API_KEY", wrong)
    refused = folder.search("--wandb", "online")
    assert refused.status == 2
    assert "--wandb online needs an API key that the server accepts; run wandb login" in refused.err
    assert not (folder.path / "here").exists()
    created = folder.run("s.yaml", "--create-only")
    assert created.status == 2
    assert "error: --create-only needs an API key that the server accepts" in created.err
    done = folder.search("--num-samples", "1")
    assert done.status == 0, done.err
    assert "W&B: offline (the server does not accept the API key" in done.err
    assert "wandb sync" in done.out
    assert wrong not in refused.err + created.err + done.err + done.out
    assert not server.runs


@pytest.mark.parametrize("how", ["refused", "silent", "error"])
def test_online_that_cannot_be_had_is_refused_before_any_trial(
    how: Any, server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wandb_mode, "PROBE_SECONDS", 0.5)
    server.go_away(how)
    began = time.monotonic()
    done = folder.search("--wandb", "online")
    assert time.monotonic() - began < 240
    assert done.status == 2
    assert re.search(r"error: --wandb online cannot (reach|use) 127\.0\.0\.1:\d+: ", done.err)
    assert not (folder.path / "here").exists()


def test_auto_goes_offline_when_the_server_is_gone(server: WandbServer, folder: Folder) -> None:
    server.go_away("refused")
    done = folder.search("--num-samples", "1")
    assert done.status == 0, done.err
    assert "W&B: offline (cannot reach" in done.err
    server.come_back()
    sync(done.out)
    check_complete(server, folder, count=1)


def test_a_sweep_that_is_not_registered_is_told_and_stops_online_only(
    server: WandbServer, folder: Folder
) -> None:
    server.refusals["UpsertSweep"] = "permission denied"
    refused = folder.search("--wandb", "online")
    assert refused.status == 2
    told = "W&B did not register the search as a sweep: permission denied"
    assert f"error: {told}; --wandb auto searches without a sweep" in refused.err
    assert not (folder.path / "here").exists()
    done = folder.search("--num-samples", "1")
    assert done.status == 0, done.err
    assert f"{told}; the search continues without a sweep" in done.err
    check_complete(server, folder, count=1)


def test_a_server_that_goes_silent_before_the_sweep_takes_seconds(
    server: WandbServer, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The client begins with this limit, and until then the server answers.
    monkeypatch.setitem(wandb_internals.BRIEF_REQUESTS, "x_graphql_timeout_seconds", 5)
    monkeypatch.setitem(wandb_internals.BRIEF_REQUESTS, "x_graphql_retry_max", 0)
    answer = server.answer

    def silent_after_the_key(query: str, variables: dict[str, Any]) -> dict[str, Any]:
        if "UpsertSweep" in query:
            monkeypatch.setattr(wandb_mode, "PROBE_SECONDS", 0.5)
            server.go_away("silent")
            server.wait_until_back()
        return answer(query, variables)

    def create_soon(*arguments: Any) -> Any:
        # What was asked before could take its time.
        monkeypatch.setattr(api, "ASK_SECONDS", 5)
        return create_sweep(*arguments)

    create_sweep = registration.create_sweep
    monkeypatch.setattr(registration, "create_sweep", create_soon)
    monkeypatch.setattr(server, "answer", silent_after_the_key)
    done = folder.search("--num-samples", "1")
    assert done.status == 0, done.err
    assert re.search(r"as a sweep: no answer in \d+ s; the search continues offline", done.err)
    assert not server.runs


def test_runs_that_a_full_disk_cut_off_are_written_when_there_is_room(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = folder.path / "here"
    assert folder.search("--wandb", "disabled", "--num-samples", "1").status == 0
    (here / "wandb").mkdir()
    with small_disk(here / "wandb", kilobytes=20):
        with monkeypatch.context() as hurried:
            hurried.setattr(manager, "WRITING_SECONDS", 3.0)
            full = folder.command("--resume", str(here), "--wandb", "offline", "--num-samples", "3")
        assert full.status == 0, full.err
        assert re.search(r"W&B: .* not written to the end .*is the disk full\?", full.err)
        assert "uploaded" not in full.err
        end_process()
        grow(here / "wandb", kilobytes=20_000)
        again = folder.command("--resume", str(here), "--wandb", "offline")
        assert again.status == 0, again.err
        assert "W&B: " not in again.err.replace("W&B: offline", "")
        wandb.teardown()
        sessions = [run for run in read_runs(here) if run.id]
    assert {run.id for run in sessions} == set(folder.trials())
    for name, trial in folder.trials().items():
        parts = [run for run in sessions if run.id == name]
        rows = [row["loss"] for part in parts for row in part.history if "loss" in row]
        assert rows == [report["loss"] for report in reports(trial)]
        assert parts[-1].exit_code == 0
