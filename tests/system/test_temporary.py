"""Temporary files, also those of processes that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from pcsearch.system import temporary
from pcsearch.system.temporary import (
    LOCK,
    PREFIX,
    default_folder,
    folder_of_process,
    kept_folder,
    remove_leftovers,
    temporary_folder,
)

CLIENT = """
import sys
from pcsearch.tracking.server.settings import read_settings
read_settings()
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "SETTLE_S", 0.0)
    # Without the wait, a folder of another process could be removed from /tmp when it is made.
    monkeypatch.setattr(temporary, "parents", lambda: [tmp_path, tmp_path / "nowhere"])
    return tmp_path


def test_folders_are_where_ray_and_python_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    last = Path("/", "tmp")
    monkeypatch.setattr(tempfile, "tempdir", str(last))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    assert temporary.parents() == [last]
    monkeypatch.setenv("RAY_TMPDIR", "rays")
    monkeypatch.setattr(tempfile, "tempdir", "/pythons")
    assert temporary.parents() == [Path.cwd() / "rays", Path("/pythons"), last]


def test_a_folder_is_there_for_a_block_and_not_removed_meanwhile(folder: Path) -> None:
    with temporary_folder() as mine, temporary_folder() as other:
        assert mine != other
        (mine / "file").write_text("x")
        remove_leftovers()
        assert (mine / "file").exists()
        assert other.is_dir()
        with default_folder(mine):
            assert Path(tempfile.mkdtemp()).parent == mine
        assert Path(tempfile.gettempdir()) == folder
    assert list(folder.iterdir()) == []


def test_what_is_new_or_somebody_elses_stays(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / f"{PREFIX}dead").mkdir()
    (folder / "tmp_wandb-media").mkdir()
    monkeypatch.setattr(temporary, "SETTLE_S", 60.0)
    remove_leftovers()
    assert (folder / f"{PREFIX}dead").is_dir()
    monkeypatch.setattr(temporary, "SETTLE_S", 0.0)
    remove_leftovers()
    assert [path.name for path in folder.iterdir()] == ["tmp_wandb-media"]


def test_a_folder_may_be_elsewhere_and_is_only_the_users(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    with temporary_folder(folder / "elsewhere") as mine:
        assert mine.parents[1] == folder / "elsewhere"
        assert mine.parent.stat().st_mode & 0o777 == 0o700
    assert list((folder / "elsewhere").iterdir()) == []


def test_another_users_folder_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock could be a link to a file of this user, which would be emptied."""
    (folder / f"{PREFIX}theirs").mkdir()
    mine = folder / "mine"
    mine.write_text("x")
    (folder / f"{PREFIX}theirs" / LOCK).symlink_to(mine)
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    remove_leftovers()
    assert mine.read_text() == "x"
    assert (folder / f"{PREFIX}theirs" / LOCK).exists()


def test_a_folder_is_removed_although_a_process_still_writes_there(folder: Path) -> None:
    end = time.monotonic() + 1

    def write(into: Path) -> None:
        for number in count():
            if time.monotonic() > end:
                return
            with suppress(FileNotFoundError):
                (into / str(number)).touch()

    with temporary_folder() as mine:
        writer = Thread(target=write, args=(mine,))
        writer.start()
    writer.join()
    assert list(folder.iterdir()) == []


def test_a_process_that_leaves_no_block_removes_its_own_folders_and_no_others(
    folder: Path,
) -> None:
    with temporary_folder() as mine:
        child = os.fork()
        if not child:
            temporary.remove_own()
            os._exit(0)
        os.waitpid(child, 0)
        assert mine.is_dir()
        temporary.remove_own()
        assert list(folder.iterdir()) == []


def test_what_is_kept_is_removed_after_a_week(folder: Path) -> None:
    kept = kept_folder()
    assert kept.stat().st_mode & 0o777 == 0o700
    (kept / "log").write_text("x")
    for days, expected in ((6, True), (8, False)):
        then = time.time() - days * 24 * 3600
        os.utime(kept, (then, then))
        remove_leftovers()
        assert kept.exists() == expected
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("killed", [False, True])
def test_what_the_client_of_w_and_b_makes_is_removed_also_when_its_process_was_killed(
    killed: bool, folder: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        env=os.environ | {"TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (made,) = folder.iterdir()
        assert (made / LOCK).exists()
        assert {path.name[-5:] for path in made.glob("*/*")} == {"media", "facts"}
        remove_leftovers()
        assert len(list(made.glob("*/*"))) == 2
        if killed:
            process.kill()
    assert list(folder.iterdir()) == ([made] if killed else [])
    remove_leftovers()
    assert list(folder.iterdir()) == []


def test_a_process_has_one_folder() -> None:
    folder_of_process.cache_clear()
    folder = folder_of_process()
    assert folder.is_dir()
    assert folder_of_process() == folder
