"""Searches that a signal or the end of their time interrupts."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from commands import computed, events, finish, hold, run, wait_for
from forking import Forked
from resuming import QUIET, START, Command, check_histories, write

from pcsearch.engine.ray_internals import ray_psutil

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("pages")
def test_a_signal_ends_a_search_in_good_order(number: int, folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2], epochs=5)
    held = hold(folder, 0.1, epoch=3)
    search = Forked(folder, *START, "--max-concurrent", "1")
    wait_for(lambda: len(list(folder.glob("here/0001_*/checkpoint_*"))) > 1, search.process)
    assert search.process.pid is not None
    os.kill(search.process.pid, number)
    status, out, err = search.finish()
    assert status == 130
    assert f"Resume it: python -m pcsearch --resume {folder}/here" in out
    assert re.search(r"^ *1 .* interrupted\b", out, re.MULTILINE)
    assert "Traceback" not in out + err
    page = folder / "here" / "report.html"
    assert out.endswith(f"The page of the search is {page}\n")
    assert ", interrupted; drawn on " in page.read_text(encoding="utf-8")
    before = len(computed(folder))
    held.unlink()
    status, out, err = command("--resume", "here", "--no-report")
    assert status == 0, err
    check_histories(folder / "here", epochs=5)
    assert before >= 2
    assert len(computed(folder)) <= 11


def test_a_signal_to_the_whole_group_of_processes_ends_it_too(
    folder: Path, command: Command
) -> None:
    write(folder, [0.1, 0.2], epochs=5)
    held = [hold(folder, x, epoch=3) for x in (0.1, 0.2)]
    process = run(folder, *START, *QUIET, start_new_session=True)
    wait_for((folder / "computed.jsonl").exists, process)
    os.killpg(process.pid, signal.SIGTERM)
    status, out, err = finish(process)
    for each in held:
        each.unlink()
    assert status == 130
    assert f"--resume {folder}/here" in out + err
    assert command("--resume", "here")[0] == 0
    check_histories(folder / "here", epochs=5)


def test_a_signal_while_ray_starts_leaves_nothing_behind(folder: Path, temporary: Path) -> None:
    write(folder, [0.1])
    psutil = ray_psutil()
    process = run(folder, *START, *QUIET)
    wait_for(lambda: psutil.Process(process.pid).children(), process)
    begun = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert status == 130, err
    assert "Traceback" not in out + err
    psutil.wait_procs(begun, timeout=60)
    assert not [each for each in begun if each.is_running()]
    assert not (folder / "here").exists()
    assert list(temporary.iterdir()) == []


def test_a_search_needs_no_home_folder_and_no_short_name_of_that_for_temporary_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch systems make long names, and the path of a socket has at most 107 bytes."""
    long = folder / ("x" * 60)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv("HOME", "/proc")
    module = folder / "counted.py"
    told = 'Path(config["folder"], "place").write_text(os.environ["RAY_TMPDIR"])'
    module.write_text(module.read_text().replace("    first, ", f"    {told}\n    first, "))
    write(folder, [0.1], epochs=2)
    status, out, err = finish(run(folder, *START, "--wandb", "offline"))
    assert status == 0, err
    assert "Traceback" not in out + err
    assert "INFO" not in err, "W&B's process has a place for its logs"
    check_histories(folder / "here", epochs=2)
    rays = Path((folder / "place").read_text())
    assert long not in rays.parents
    assert not rays.parent.exists()
    assert list(long.iterdir()) == []


def test_the_second_signal_ends_it_at_once(folder: Path) -> None:
    write(folder, [0.1, 0.2], seconds=30)
    process = run(folder, *START)
    wait_for((folder / "computed.jsonl").exists, process)
    # Two of a kind could become one.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    status, _, err = finish(process)
    assert status == 130
    assert "--resume" in err
    assert "Traceback" not in err


def test_a_time_budget_ends_a_session_and_the_next_goes_on(folder: Path, command: Command) -> None:
    write(folder, [0.1, 0.2], epochs=4)
    held = [hold(folder, x, epoch=2) for x in (0.1, 0.2)]
    status, out, err = command(*START, *QUIET, "--time-budget", "2s")
    assert status == 0, err
    assert "The session ended because its --time-budget was up." in out
    assert "Resume it: " in out
    assert not events(folder / "here", "ended")
    for each in held:
        each.unlink()
    status, out, err = command("--resume", "here", "--time-budget", "1h")
    assert status == 0, err
    assert "The session ended" not in out
    check_histories(folder / "here", epochs=4)
