"""Data that W&B's server does not take: told, and uploaded by the commands that are printed."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from online_searches import (
    EPOCHS,
    SWEEP,
    Folder,
    check_complete,
    end_process,
    expected,
    later,
    losses,
    wait_for,
)
from PIL import Image
from wandb_server import WandbServer

from pcsearch.tracking.runs import manager, outage
from pcsearch.tracking.runs import run as wandb_run
from pcsearch.tracking.runs.offline_files import UPLOADED, has_unmarked

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]


@pytest.fixture(scope="module")
def cpus() -> int:
    """Two trials run side by side."""
    return 2


# The first trial ends before the server refuses anything, the second one is in its middle, and the
# third starts later.
MODULE = f"""
import time
from pathlib import Path
from ray import tune

def quick(config):
    here = Path(__file__)
    for epoch in range(1, {EPOCHS} + 1):
        while config["x"] > 1 and epoch > {EPOCHS // 2} and here.with_name("hold").exists():
            time.sleep(0.02)
        values = {{"loss": config["x"] / epoch, "VodeEnergy/vode_1": epoch / 8}}
        picture = str(here.with_name(f"{{epoch}}.png"))
        tune.report(values | {{"reconstructions_images": picture}})
"""
OUTAGE = 8.0
MUTATIONS = ("UpsertBucket", "CreateRunFiles", "NotifyScriptableRunAlert")


Limit = tuple[ModuleType, str, float]


class Fault(NamedTuple):
    """What is wrong with a server.

    Args:
        begin: makes it so.
        end: makes the server well again.
        told: in the line that the user sees, None where there may be none.
        limits: how long the session has patience with the server, where it would need minutes.
    """

    begin: Callable[[WandbServer], None]
    end: Callable[[WandbServer], None]
    told: str | None
    limits: tuple[Limit, ...] = ()


def refuses_rows(status: int, told: str, *limits: Limit) -> Fault:
    def begin(server: WandbServer) -> None:
        server.stream_status = status

    def end(server: WandbServer) -> None:
        server.stream_status = 200

    return Fault(begin, end, told, limits)


def revoke_key(server: WandbServer) -> None:
    server.key_revoked = True


def give_key_back(server: WandbServer) -> None:
    server.key_revoked = False


def end_permission(server: WandbServer) -> None:
    server.stream_status = 403
    server.refusals = dict.fromkeys(MUTATIONS, "permission denied")


def use_up_quota(server: WandbServer) -> None:
    server.refusals["CreateRunFiles"] = "the storage is used up"


def go_away_for_a_while(server: WandbServer) -> None:
    def come_back() -> None:
        if not server.wait_until_back(OUTAGE):
            server.come_back()

    server.go_away("error")
    later(come_back)


def allow_everything(server: WandbServer) -> None:
    server.stream_status = 200
    server.refusals = {}


FAULTS = {
    "rows 500": refuses_rows(
        500,
        r"took in nothing for \d+ s \(retrying HTTP 500: refused\)",
        (outage, "STALL_SECONDS", 5.0),
        (manager, "PATIENCE_SECONDS", 8.0),
    ),
    "revoked key": Fault(
        revoke_key, give_key_back, r"not taken all of a run \(HTTP status 401: invalid API key\)"
    ),
    "expired permission": Fault(
        end_permission,
        allow_everything,
        r"not taken all of a run \((HTTP status 403: refused|permission denied)",
    ),
    "quota": Fault(
        use_up_quota, allow_everything, r"not taken all of a run \(the storage is used up\)"
    ),
    "outage": Fault(
        lambda server: server.go_away("refused"),
        WandbServer.come_back,
        "not uploaded to the end: the server does not answer",
        (
            (outage, "STALL_SECONDS", 1.5),
            (manager, "PATIENCE_SECONDS", 2.5),
            (wandb_run, "INIT_SECONDS", 1.0),
        ),
    ),
    # It depends on the moment whether a run has begun offline meanwhile.
    "outage that ends": Fault(go_away_for_a_while, WandbServer.come_back, None),
}


@pytest.fixture
def pictures(folder: Folder) -> Folder:
    (folder.path / "online_mine.py").write_text(MODULE)
    for epoch in range(1, EPOCHS + 1):
        Image.new("RGB", (4, 4), (epoch, 0, 0)).save(folder.path / f"{epoch}.png")
    folder.write("s.yaml", SWEEP)
    return folder


def begin_in_the_middle(server: WandbServer, folder: Folder, begin: Callable[[], None]) -> None:
    """Let the fault begin when one run is complete and another has rows."""

    def is_middle() -> bool:
        runs = list(server.runs.values())
        return any(run.exit_code == 0 for run in runs) and any(
            run.exit_code is None and len(run.lines) == EPOCHS // 2 for run in runs
        )

    wait_for(is_middle)
    begin()
    folder.release()


def check_marks(server: WandbServer, here: Path) -> None:
    """What is marked as uploaded is at the server."""
    for mark in here.glob(f"wandb/*/*{UPLOADED}"):
        run = server.runs[mark.name.removeprefix("run-").removesuffix(UPLOADED)]
        assert losses(run) == expected(run.values["x"])
        assert run.exit_code == 0


def check_everything(server: WandbServer, folder: Folder) -> None:
    """Every row once, the summary, the state, the pictures and the alert."""
    check_complete(server, folder)
    assert not has_unmarked(folder.path / "here")
    for run in server.runs.values():
        assert run.summary["trial_status"] == "finished"
        rows = [row for row in run.rows if "loss" in row]
        assert {row["reconstructions_images"]["path"] for row in rows} <= run.uploads.keys()
        assert [row["_step"] for row in run.lines.values()] == list(range(1, EPOCHS + 2))
    assert [alert["title"] for alert in server.alerts] == ["The search is complete: here"]


@pytest.mark.parametrize("name", FAULTS)
def test_what_the_server_does_not_take_is_told_and_the_printed_command_uploads_it(
    name: str, server: WandbServer, pictures: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault, folder = FAULTS[name], pictures
    folder.hold()
    began = time.monotonic()
    # What comes before the fault, and the repair, have all the time that a busy machine needs.
    with monkeypatch.context() as hurried:

        def begin() -> None:
            for limit in fault.limits:
                hurried.setattr(*limit)
            fault.begin(server)

        thread = later(lambda: begin_in_the_middle(server, folder, begin))
        done = folder.search("--max-concurrent", "2")
    thread.join()
    assert done.status == 0, done.err
    assert time.monotonic() - began < 240
    if fault.told is not None:
        # A server that refuses two kinds of requests gives two reasons, each told once.
        told = re.findall(fault.told, done.err)
        assert told, done.err
        assert len(told) == len(set(told)), done.err
    check_marks(server, folder.path / "here")
    end_process()
    fault.end(server)
    printed = re.findall(r"^.*(?:python -m pcsearch|wandb sync).*$", done.out + done.err, re.M)
    assert len(printed) == 1 or fault.told is None
    for line in printed:
        command = line.removeprefix("Upload it to W&B: python -m pcsearch ")
        repaired = folder.command(*shlex.split(command))
        assert repaired.status == 0, repaired.err
        assert "upload it" not in repaired.out.lower(), repaired.err
        assert not re.search("W&B: the|W&B: an?", repaired.err)
    check_everything(server, folder)
