from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcsearch.engine.storage import swap
from pcsearch.engine.storage.swap import draft_of, put, put_back

FILES = ("one", "two", "sub/three")


def fill(folder: Path, text: str) -> None:
    (folder / "sub").mkdir()
    for name in FILES:
        (folder / name).write_text(text)


def content(place: Path) -> set[str]:
    """What its files say; all of them are there."""
    assert {f.relative_to(place).as_posix() for f in place.rglob("*") if f.is_file()} == {*FILES}
    return {(place / name).read_text() for name in FILES}


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_takes_the_place_of_another(
    can_exchange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system cannot exchange two folders, in two steps."""
    if not can_exchange:
        monkeypatch.setattr(swap, "_exchange", lambda *_: False)
    place = tmp_path / "best"
    for text in ("1", "2", "3"):
        fill(draft_of(place), text)
        put(place)
        assert content(place) == {text}
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_this_system_exchanges_folders_in_one_step(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert swap._exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    assert (tmp_path / "b" / "a").exists()
    with pytest.raises(FileNotFoundError, match="nosuch"):
        swap._exchange(tmp_path / "a", tmp_path / "nosuch")


def test_everything_is_on_the_disk_before_the_folder_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "best"
    flushed: list[str] = []

    def fsync(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    fill(draft_of(place), "1")
    put(place)
    draft = str(tmp_path / ".best.new")
    assert sorted(flushed[:3]) == sorted(f"{draft}/{name}" for name in FILES)
    assert flushed[3:] == [draft, str(tmp_path)]


def test_a_full_disk_leaves_the_old_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "best"
    fill(draft_of(place), "1")
    put(place)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    fill(draft_of(place), "2")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        put(place)
    assert content(place) == {"1"}
    put_back(place)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_what_a_kill_between_two_steps_has_left_is_mended(tmp_path: Path) -> None:
    place = tmp_path / "best"
    fill(draft_of(place), "1")
    place.with_name(".best.old").mkdir()
    fill(place.with_name(".best.old"), "0")
    put_back(place)
    assert content(place) == {"0"}
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    put_back(place)
    assert content(place) == {"0"}


# It writes what it puts there in pieces, so that a kill has something to tear.
WRITER = """
import itertools, sys
from pathlib import Path
from pcsearch.engine.storage.swap import draft_of, put, put_back

place = Path(sys.argv[1])
put_back(place)
for number in itertools.count():
    draft = draft_of(place)
    (draft / "sub").mkdir()
    for name in ("one", "two", "sub/three"):
        with (draft / name).open("w", buffering=1) as file:
            for _ in range(50):
                file.write(f"{number}\\n")
    put(place)
    print(number, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_folder(tmp_path: Path) -> None:
    """Ten times, at random moments, with another process that keeps a core busy."""
    place, random_moments = tmp_path / "best", random.Random(5)
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        for _ in range(10):
            writer = subprocess.Popen(
                [sys.executable, "-c", WRITER, str(place)], stdout=subprocess.PIPE, text=True
            )
            assert writer.stdout is not None
            assert writer.stdout.readline() == "0\n"
            time.sleep(random_moments.uniform(0, 0.05))
            writer.kill()
            writer.communicate()
            (text,) = content(place)
            lines = text.splitlines()
            assert (len(lines), len(set(lines))) == (50, 1)
    finally:
        busy.kill()
        busy.wait()
    put_back(place)
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
