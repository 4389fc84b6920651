"""What is read back of W&B's own files, also of torn and damaged ones."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import wandb
from offline_runs import cut_after, read_run
from PIL import Image

from pcsearch.tracking.runs.offline_files import (
    WrittenRows,
    files_of_runs,
    has_ended,
    has_unmarked,
    has_unmarked_online,
    largest_value,
    mark_uploaded,
    nothing_left_on_error,
    read_rows,
    remove_empty,
    run_files,
    unsent_media,
)

ROWS = 40


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A run's file over several blocks of 32 KiB, its end included."""
    run = wandb.init(
        reinit="create_new",
        id="a",
        project="p",
        dir=str(tmp_path),
        mode="offline",
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    for step in range(1, ROWS + 1):
        run.log({"text": f"{step}" * 2000, f"m{step}": step}, step=step, commit=True)
    run.finish()
    wandb.teardown()
    (file,) = tmp_path.glob("wandb/offline-run-*/run-a.wandb")
    assert file.stat().st_size > 4 * 32 * 1024
    return file


def test_pictures_of_rows_that_the_server_has_are_found_where_nothing_says_that_it_has_them(
    tmp_path: Path,
) -> None:
    run = wandb.init(
        reinit="create_new",
        id="a",
        project="p",
        dir=str(tmp_path),
        mode="offline",
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )
    for step in (1, 2, 3):
        picture = wandb.Image(Image.new("RGB", (4, 4), (step, 0, 0)))
        run.log({"loss": 1, "path": "media", "picture": picture}, step=step, commit=True)
    run.finish()
    wandb.teardown()
    (folder,) = tmp_path.glob("wandb/offline-run-*/files")
    found = list(unsent_media(tmp_path, "a", next_step=3))
    assert [each for each, _ in found] == [folder] * 2
    assert {file for _, file in found} == set(sorted(folder.glob("media/images/*"))[:2])
    assert has_unmarked(tmp_path)
    assert not has_unmarked_online(tmp_path)
    folder.parent.rename(folder.parent.with_name(folder.parent.name.removeprefix("offline-")))
    assert has_unmarked_online(tmp_path)
    mark_uploaded(tmp_path, "a")
    assert list(unsent_media(tmp_path, "a", next_step=3)) == []
    assert not has_unmarked(tmp_path)


@pytest.mark.usefixtures("file")
def test_rows_and_end_are_found(tmp_path: Path) -> None:
    found = read_rows(run_files(tmp_path, "a"))
    assert (found.sessions, found.last_step) == (1, ROWS)
    assert f"m{ROWS}" in found.names
    assert has_ended(run_files(tmp_path, "a"))
    assert largest_value(tmp_path, "a", f"m{ROWS}") == ROWS
    assert largest_value(tmp_path, "a", "none") is None
    assert largest_value(tmp_path, "b", f"m{ROWS}") is None


@pytest.mark.parametrize("rows", [0, 1, 17, ROWS])
def test_a_torn_file_has_what_is_whole(rows: int, file: Path, tmp_path: Path) -> None:
    cut_after(file, rows)
    assert len(read_run(file).history) == rows
    assert read_rows(run_files(tmp_path, "a")).last_step == rows
    assert not has_ended(run_files(tmp_path, "a"))


def test_damage_is_never_an_error(file: Path, tmp_path: Path) -> None:
    whole, rng = file.read_bytes(), random.Random(0)
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 50))):
            data[rng.randrange(len(data))] = rng.randrange(256)
        file.write_bytes(data[: rng.randrange(len(data))])
        assert read_rows(run_files(tmp_path, "a")).last_step >= 0
        largest_value(tmp_path, "a", "m3")
        has_ended(run_files(tmp_path, "a"))
    file.write_bytes(b"")
    assert read_rows(run_files(tmp_path, "a")) == WrittenRows(1, 0, frozenset())
    assert not has_ended(run_files(tmp_path, "a"))


def test_the_newest_of_several_sessions_says_whether_the_run_has_ended(
    file: Path, tmp_path: Path
) -> None:
    later = tmp_path / "wandb" / "run-20991231_235959-a" / file.name
    shutil.copytree(file.parent, later.parent)
    cut_after(later, 3)
    assert not has_ended(run_files(tmp_path, "a"))
    found = read_rows(run_files(tmp_path, "a"))
    assert (found.sessions, found.last_step) == (2, ROWS)


def test_sessions_that_were_killed_before_they_wrote_anything_are_removed(
    file: Path, tmp_path: Path
) -> None:
    for folder, content in (("run-20991231_235959-a", file.read_bytes()[:7]), ("run-1-b", b"")):
        empty = tmp_path / "wandb" / folder / f"run-{folder[-1]}.wandb"
        empty.parent.mkdir()
        empty.write_bytes(content)
    assert remove_empty(tmp_path) == {"a", "b"}
    assert [path.parent for path in tmp_path.rglob("*.wandb")] == [file.parent]
    assert has_ended(run_files(tmp_path, "a"))


def test_a_run_without_files_has_nothing(tmp_path: Path) -> None:
    assert read_rows(run_files(tmp_path, "a")) == WrittenRows(0, 0, frozenset())
    assert not has_ended(run_files(tmp_path, "a"))


def test_the_files_of_all_runs_are_those_of_each(tmp_path: Path) -> None:
    assert files_of_runs(tmp_path) == {}
    names = ("run-2-a", "offline-run-1-a", "run-1-a_2", "run-3-b-c", "offline-run-3-c")
    for name in names:
        folder = tmp_path / "wandb" / name
        folder.mkdir(parents=True)
        (folder / f"run-{name.rpartition('run-')[2].partition('-')[2]}.wandb").touch()
    (folder / "run-other.wandb").touch()
    found = files_of_runs(tmp_path)
    assert found == {each: run_files(tmp_path, each) for each in ("a", "a_2", "b-c", "c")}
    assert [file.parent.name for file in found["a"]] == ["offline-run-1-a", "run-2-a"]


@pytest.mark.parametrize("ended", [True, False])
def test_a_session_that_fails_to_start_leaves_no_files_once_it_has_ended(
    ended: bool, tmp_path: Path
) -> None:
    def begin(time: str) -> Path:
        folder = tmp_path / "wandb" / f"run-20250101_{time}-abc"
        folder.mkdir(parents=True)
        (folder / "run-abc.wandb").write_bytes(b"")
        return folder

    def fail() -> None:
        with nothing_left_on_error(tmp_path, "abc", lambda: ended):
            begin("000001")
            raise KeyError

    earlier = begin("000000")
    with pytest.raises(KeyError):
        fail()
    later = earlier.with_name("run-20250101_000001-abc")
    assert (earlier.exists(), later.exists()) == (True, not ended)
