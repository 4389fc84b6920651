"""A search whose Ray dies goes on by itself on one machine, once, and else says how to resume."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from commands import COUNTED, computed, events, finish, hold, run, wait_for
from old_experiments import write_experiment
from ray_nodes import ray_nodes
from resuming import QUIET, START, check_histories, write

from pcsearch.engine.cluster.connection import Connection
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.ray_internals import ray_psutil
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.sessions import ray_death
from pcsearch.system.exits import DONE, INTERRUPTED, RAY_DIED

LOGS = "/ray/logs"
VALUES, EPOCHS = [0.1, 0.2, 0.3], 4


class LeftError(Exception):
    """In the place of the end of the process."""


@pytest.fixture
def ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Any, str]]:
    """How a session ends, and what it says."""
    left: list[Any] = []

    def leave(*arguments: Any) -> None:
        left.append(arguments)
        raise LeftError

    # Other tests of this process may have sent signals.
    monkeypatch.setattr(ray_death, "was_received", lambda: False)
    monkeypatch.setattr(ray_death, "_kill_children", lambda: None)
    monkeypatch.setattr(ray_death, "remove_own", lambda: None)
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(os, "execve", leave)
    write_experiment(
        tmp_path / "here", {"hidden_momentum": {"values": [0.1]}}, [None], num_samples=1
    )

    def end(environment: dict[str, str], **changes: Any) -> tuple[Any, str]:
        experiment, _ = resumed_experiment(ExperimentDirectory(tmp_path / "here"), changes)
        with pytest.raises(LeftError):
            ray_death.end_session(experiment, "The head", environment, Connection(LOGS))
        return left.pop(), capsys.readouterr().err

    return end


def test_on_one_machine_the_search_goes_on_with_the_environment_of_its_start(
    ending: Callable[..., tuple[Any, str]], tmp_path: Path
) -> None:
    (_, command, environment), said = ending({"A": "b"}, deadline=float("inf"), no_report=True)
    assert command[1:5] == ["-m", "pcsearch", "--resume", f"{tmp_path}/here"]
    assert command[5:] == ["--address", "local", "--no-report", "--time-budget", "infs"]
    assert environment == {"A": "b", ray_death.RESTARTED: "1"}
    assert said == (
        f"\nRay's own logs lie in {LOGS}\n"
        "The head has died; Ray is started again, and the search is resumed\n"
    )


@pytest.mark.parametrize("option", ["quiet", "verbose"])
def test_the_new_session_tells_as_much_as_the_old_one(
    option: str, ending: Callable[..., tuple[Any, str]]
) -> None:
    (_, command, _), _ = ending({}, **{option: True})
    assert command[-3:] == ["--address", "local", f"--{option}"]


@pytest.mark.parametrize(
    ("environment", "changes", "signalled", "expected"),
    [
        ({ray_death.RESTARTED: "1"}, {}, False, RAY_DIED),
        ({}, {"address": "auto"}, False, RAY_DIED),
        ({}, {}, True, INTERRUPTED),
        ({}, {"deadline": 0.0}, False, DONE),
    ],
    ids=["the second time", "on a cluster", "ended by a signal", "its time is up"],
)
def test_else_the_user_is_told_how_to_resume(
    environment: dict[str, str],
    changes: dict[str, Any],
    signalled: bool,
    expected: int,
    ending: Callable[..., tuple[Any, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_death, "was_received", lambda: signalled)
    (status,), said = ending(environment, **changes)
    assert status == expected
    logs = f"Ray's own logs lie in {LOGS}\n" if expected == RAY_DIED else ""
    assert said == (
        f"\n{logs}"
        f"The head has died; resume the search: python -m pcsearch --resume {tmp_path}/here\n"
    )


def test_the_session_ends_also_where_nothing_can_be_told_or_removed(
    ending: Callable[..., tuple[Any, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the full disk that Ray has died of."""

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for place, name in ((sys.stderr, "write"), (ray_death, "_kill_children")):
        monkeypatch.setattr(place, name, fail)
    monkeypatch.setattr(ray_death, "remove_own", fail)
    (status,), said = ending({}, address="auto")
    assert (status, said) == (RAY_DIED, "")


def children(process: subprocess.Popen[str], name: str) -> list[Any]:
    """The processes of a name that a process has started."""
    psutil, found = ray_psutil(), []
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):
            is_alive = child.status() != psutil.STATUS_ZOMBIE
            found += [child] if is_alive and child.name() == name else []
    return found


@pytest.fixture
def process(tmp_path: Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:  # noqa: ARG001
    """A search of three trials on its own Ray, which are held in their third epoch."""
    (tmp_path / "counted.py").write_text(COUNTED)
    write(tmp_path, VALUES, epochs=EPOCHS)
    for x in VALUES:
        hold(tmp_path, x, epoch=3)
    with run(tmp_path, *START, *QUIET) as process:
        yield process
        if process.poll() is None:
            for child in ray_psutil().Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


def kill_ray(process: subprocess.Popen[str], folder: Path, name: str) -> int:
    """Kill a process of a search's Ray when the search has reports; its id."""
    wait_for(lambda: any(file.read_bytes() for file in folder.glob("here/*/result.json")), process)
    (server,) = children(process, name)
    server.kill()
    return int(server.pid)


@pytest.mark.slow
def test_a_search_survives_the_death_of_ray_once(
    process: subprocess.Popen[str], tmp_path: Path, temporary: Path
) -> None:
    killed = kill_ray(process, tmp_path, "raylet")
    # Its workers could end the trials before its death is seen.
    wait_for(lambda: {each.pid for each in children(process, "raylet")} - {killed}, process)
    for x in VALUES:
        (tmp_path / f"hold {x}").unlink()
    status, _, err = finish(process)
    assert status == DONE, err
    assert len(re.findall(r"has died; Ray is started again, and the search is resumed", err)) == 1
    (logs,) = (Path(each) for each in re.findall(r"Ray's own logs lie in (.*)", err))
    assert (logs / "raylet.out").is_file()
    assert [*temporary.iterdir()] == [logs]
    assert len(events(tmp_path / "here", "ended")) == len(VALUES)
    check_histories(tmp_path / "here", epochs=EPOCHS)


@pytest.mark.slow
def test_a_search_does_not_survive_the_second_death_of_ray(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What the session that was started again finds.
    monkeypatch.setenv(ray_death.RESTARTED, "1")
    process = request.getfixturevalue("process")
    kill_ray(process, tmp_path, "gcs_server")
    status, out, err = finish(process)
    assert status == RAY_DIED, (out, err)
    assert "Ray is started again" not in err
    (logs,) = (Path(each) for each in re.findall(r"Ray's own logs lie in (.*)", err))
    assert (logs / "raylet.out").is_file()
    assert [*temporary.iterdir()] == [logs]
    assert err.rstrip().endswith(f"python -m pcsearch --resume {tmp_path / 'here'}")


@pytest.mark.slow
def test_where_the_ray_of_a_cluster_dies_the_search_can_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    write(tmp_path, [0.1], epochs=100)
    with ray_nodes() as nodes:
        head = nodes.start("--num-cpus=1")
        begin = START[: START.index("--storage-path")]
        with nodes.search(*begin, "--storage-path", tmp_path, cwd=tmp_path) as process:
            wait_for(
                lambda: (tmp_path / "computed.jsonl").exists() and len(computed(tmp_path)) > 2,
                process,
            )
            nodes.kill(head)
            status, _, err = finish(process)
    assert status == RAY_DIED, err
    assert len(re.findall("has died; resume the search: ", err)) == 1
    assert "Ray is started again" not in err
    assert "Traceback" not in err
    assert err.rstrip().endswith(f"python -m pcsearch --resume {tmp_path}/here")


@pytest.mark.slow
def test_a_signal_to_the_whole_job_ends_the_search(
    process: subprocess.Popen[str], tmp_path: Path
) -> None:
    """As of Slurm: Ray's processes get it too."""
    wait_for(lambda: [*tmp_path.glob("here/*/result.json")], process)
    job = [ray_psutil().Process(process.pid)]
    job += job[0].children(recursive=True)
    for each in job:
        with suppress(ray_psutil().Error):
            each.terminate()
    status, out, err = finish(process)
    assert status == INTERRUPTED, err
    assert "Ray is started again" not in err
    assert f"python -m pcsearch --resume {tmp_path}/here" in out + err
