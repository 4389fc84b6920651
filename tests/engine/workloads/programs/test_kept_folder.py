"""What a trial keeps is where the next try finds it, also in a storage at an address."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.workloads.programs.kept_folder import kept_folder, remove_folders

NAMES = ("files/state", "logged/0000.jsonl", "output.txt")


def fail_in(folder: Path) -> None:
    for name in NAMES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    raise ValueError("of the try")


@pytest.mark.parametrize("is_remote", [False, True])
def test_another_try_finds_what_the_one_before_has_kept(is_remote: bool, tmp_path: Path) -> None:
    storage = LocalFileSystem() if is_remote else None
    with (
        pytest.raises(ValueError, match="of the try"),
        kept_folder(str(tmp_path), storage, "0001_abc") as first,
    ):
        fail_in(first)
    assert (first == tmp_path / "0001_abc") != is_remote
    (tmp_path / "0001_abc" / "result.json").write_text("of the driver")
    with kept_folder(str(tmp_path), storage, "0001_abc") as second:
        for name in NAMES:
            assert (second / name).read_text() == name
        assert (second / "result.json").exists() != is_remote


def test_folders_are_removed_by_a_pattern(tmp_path: Path) -> None:
    for name in ("run-1-abc", "run-2-xyz"):
        (tmp_path / "wandb" / name).mkdir(parents=True)
    remove_folders(LocalFileSystem(), str(tmp_path), "wandb/run-*-abc")
    remove_folders(LocalFileSystem(), str(tmp_path), "none/run-*-abc")
    assert [folder.name for folder in (tmp_path / "wandb").iterdir()] == ["run-2-xyz"]
