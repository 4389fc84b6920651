"""Temporary files, also those of processes that were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pcsearch import temporary
from pcsearch.temporary import (
    LOCK,
    PREFIX,
    default_folder,
    folder_of_process,
    remove_leftovers,
    temporary_folder,
)

CLIENT = """
import sys
from pcsearch.tracking.wandb_internals import load_client
load_client()
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(temporary, "SETTLE_S", 0.0)
    return tmp_path


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
