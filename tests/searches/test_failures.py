"""Trials that fail, hang or are killed, and disks that are full."""

from __future__ import annotations

import errno
import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import events
from disks import small_disk
from searching import reports, trial_folders

from pcsearch.command_line.cli import main
from pcsearch.engine.execution.result_log import ResultLog
from pcsearch.engine.execution.watchdog import Watchdog
from pcsearch.engine.search.schedulers import target
from pcsearch.engine.storage.files import writing

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_here")]

MODULE = '''
import os, signal, time
from pathlib import Path
from tempfile import TemporaryDirectory
from ray import tune
from pcsearch.errors import PcsearchError


def train(config):
    """Five epochs; what is asked for happens at the third, once or always."""
    kind, folder = config["kind"], Path(config["folder"])
    first, checkpoint = 1, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as kept:
            first = int(Path(kept, "epoch").read_text()) + 1
    with (folder / "begun").open("a") as file:
        file.write(f"{kind} {first}\\n")
    if kind == "refused":
        raise PcsearchError("no such setting")
    if kind == "no memory":
        import torch
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    for epoch in range(first, 6):
        if epoch == 3 and not (folder / kind).exists():
            if kind != "always":
                (folder / kind).touch()
            if kind in ("raises", "always"):
                raise ValueError(f"{kind} at {os.getpid()}")
            if kind == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "hangs":
                time.sleep(600)
        with TemporaryDirectory() as made:
            Path(made, "epoch").write_text(str(epoch))
            Path(made, "data").write_bytes(bytes(config.get("bytes", 0)))
            tune.report({"loss": 1 / epoch}, checkpoint=tune.Checkpoint.from_directory(made))
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "failing.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, kinds: list[str], **constants: Any) -> None:
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "kind": {"values": kinds},
            **{k: {"value": v} for k, v in {"folder": str(folder), **constants}.items()},
        },
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))


START = ["s.yaml", "--trainable", "failing:train", "--wandb", "disabled", "--name", "here"]


def begun(folder: Path) -> Counter[str]:
    """How often trials of each kind have begun, and where."""
    return Counter((folder / "begun").read_text().splitlines())


def errors(directory: Path) -> dict[int, str]:
    """By number, the errors of the trials that have failed."""
    numbers = {event["trial"]: event["number"] for event in events(directory, "suggested")}
    return {
        numbers[event["trial"]]: event["error"]
        for event in events(directory, "ended")
        if event["failed"]
    }


def test_trials_are_tried_again_where_that_helps(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped, late = Watchdog.on_step_begin, set[str]()

    def begin_step(self: Watchdog, **info: Any) -> None:
        """The time of the trial that hangs is over as soon as it does: nobody waits for it."""
        for trial in info["trials"] if (folder / "hangs").exists() and not late else ():
            if trial.config["kind"] == "hangs" and trial.trial_id in self._heard_at:
                self._heard_at[trial.trial_id] -= 1000
                late.add(trial.trial_id)
        stepped(self, **info)

    monkeypatch.setattr(Watchdog, "on_step_begin", begin_step)
    kinds = ["fine", "raises", "killed", "hangs", "always", "refused", "no memory"]
    write(folder, kinds)
    assert main([*START, "--storage-path", ".", "--trial-timeout", "90s"]) == 1
    shown = capfd.readouterr()
    found = begun(folder)
    for kind in ("raises", "killed", "hangs"):
        assert (found[f"{kind} 1"], found[f"{kind} 3"]) == (1, 1), kind
    assert (found["always 1"], found["always 3"]) == (1, 2)
    assert (found["refused 1"], found["no memory 1"]) == (1, 1)
    lengths = {"always": 2, "refused": 0, "no memory": 0}
    for trial in trial_folders(folder / "here"):
        kind = json.loads((trial / "params.json").read_text())["kind"]
        numbers = [report["training_iteration"] for report in reports(trial)]
        assert numbers == [1, 2, 3, 4, 5][: lengths.get(kind, 5)], kind
    failed = errors(folder / "here")
    assert sorted(failed) == [5, 6, 7]
    assert failed[5].startswith("ValueError: always at")
    assert failed[6].endswith("no such setting")
    assert failed[7].startswith("the GPU's memory is too small for the trial: try a smaller")
    assert "--gpus-per-trial" in failed[7]
    (folder_of_always,) = (folder / "here").glob("0005_*")
    text = (folder_of_always / "error.txt").read_text()
    assert text.count("Failure # ") == 3
    assert "failing.py" in text
    assert shown.out.count("error.txt): ") == 3
    (folder_of_hung,) = (folder / "here").glob("0004_*")
    assert "no report for 90 s (--trial-timeout)" in (folder_of_hung / "error.txt").read_text()
    assert "Traceback" not in shown.out + shown.err


def test_a_search_in_which_nothing_works_is_given_up(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "HOPELESS", 3)
    write(folder, [f"refused {i}" for i in range(20)])
    module = folder / "failing.py"
    module.write_text(MODULE.replace('kind == "refused"', 'kind.startswith("refused")'))
    assert main([*START, "--storage-path", "."]) == 1
    out = capfd.readouterr().out
    assert "The search was given up: its first 3 trials failed in the same way." in out
    assert out.count("no such setting") >= 3
    assert len(events(folder / "here", "suggested")) < 20


def test_a_full_disk_ends_a_session_that_goes_on_when_there_is_room(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(folder, [f"fine {i}" for i in range(4)], bytes=400_000)
    (folder / "disk").mkdir()
    directory = folder / "disk" / "here"
    with small_disk(folder / "disk", kilobytes=2500):
        assert main([*START, "--storage-path", "disk"]) == 2
        shown = capfd.readouterr()
        assert f"error: {directory}: cannot be written (" in shown.err
        assert "No space left on device" in shown.err
        assert f"make room there and resume it: python -m pcsearch --resume {directory}" in (
            shown.err
        )
        assert "Traceback" not in shown.out + shown.err
        assert not errors(directory)
        remount = ["/bin/mount", "-o", "remount,size=50m", str(folder / "disk")]
        subprocess.run(remount, check=True)
        assert main(["--resume", str(directory)]) == 0
        assert len(events(directory, "suggested")) == 4
        for trial in trial_folders(directory):
            numbers = [report["training_iteration"] for report in reports(trial)]
            assert numbers == [1, 2, 3, 4, 5]


def test_a_report_that_cannot_be_written_ends_the_session_in_a_line(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk may be full for a report as for a checkpoint."""

    def full(*_: Any) -> None:
        with writing(folder / "pcsearch_results" / "here"):
            raise OSError(errno.ENOSPC, "No space left on device")

    write(folder, ["fine"])
    with monkeypatch.context() as patched:
        patched.setattr(ResultLog, "log_trial_result", full)
        assert main(START) == 2
    err = capfd.readouterr().err
    path = folder / "pcsearch_results" / "here"
    assert f"error: {path}: cannot be written (No space left on device); make room there" in err
    assert "Traceback" not in err
    status = main(["--resume", str(path)])
    assert status == 0, capfd.readouterr().err


def test_a_disk_that_cannot_be_written_is_told_at_the_start(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(folder, ["fine"])
    (folder / "disk").mkdir()
    with small_disk(folder / "disk", kilobytes=100):
        subprocess.run(["/bin/mount", "-o", "remount,ro", str(folder / "disk")], check=True)
        assert main([*START, "--storage-path", "disk"]) == 2
    shown = capfd.readouterr()
    assert "cannot be written (Read-only file system); choose another --storage-path" in shown.err
    assert "Traceback" not in shown.out + shown.err
