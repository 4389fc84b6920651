"""What nodes get of a program's folder, with git and without."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from pcsearch.engine.cluster import program_folder
from pcsearch.engine.cluster.program_folder import files_of, pack, too_large
from pcsearch.errors import PcsearchError

NAMES = [
    *("train.py", "data/one.csv", "lib/deep/util.py", "tests/test_it.py", "run.sh", "notes ä.txt"),
    *("pcsearch_results/here/experiment.json", "pcsearch_results/here/0001_abc/result.json"),
    *("wandb/offline-run-1/run.wandb", "old/experiment.json"),
]
WANTED = {"train.py", "data/one.csv", "lib/deep/util.py", "tests/test_it.py", "run.sh"}
WANTED |= {"notes ä.txt"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "run.sh").chmod(0o755)
    return tmp_path


def git(folder: Path, *words: str) -> None:
    command = ["git", "-C", str(folder), *words]
    subprocess.run(command, check=True, capture_output=True)


def found(folder: Path) -> set[str]:
    return set(map(str, files_of(folder)))


def test_without_git_it_is_all_but_environments_outputs_and_what_is_hidden(folder: Path) -> None:
    for name in (".cache/a", "env/pyvenv.cfg", "env/lib/a.py", "lib/__pycache__/u.pyc", ".secret"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert found(folder) == WANTED


def test_with_git_it_is_what_git_tracks_and_does_not_ignore(folder: Path) -> None:
    for name in ("ignored.bin", "deleted.py", "data/.hidden", "old/kept.json"):
        (folder / name).touch()
    (folder / ".gitignore").write_text("*.bin\n")
    (folder / "tracked.bin").touch()

    git(folder, "init")
    git(folder, "add", "-f", "train.py", "deleted.py", "tracked.bin", "old/kept.json")
    (folder / "deleted.py").unlink()
    more = {".gitignore", "data/.hidden", "tracked.bin", "old/kept.json"}
    assert found(folder) == WANTED | more
    assert found(folder / "lib") == {"deep/util.py"}


def test_where_git_refuses_nothing_is_sent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(folder, "init")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(PcsearchError, match=r"git does not list .*dubious ownership"):
        found(folder)


def test_a_folder_that_the_repository_around_it_ignores_is_sent_all_the_same(folder: Path) -> None:
    git(folder, "init")
    (folder / ".gitignore").write_text("lib/\n")
    assert found(folder / "lib") == {"deep/util.py"}


def test_a_folder_that_is_too_large_is_told_with_what_is_large(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert too_large(folder) == ""
    monkeypatch.setattr(program_folder, "LARGEST", 1024**2)
    (folder / "data" / "two.csv").write_bytes(bytes(3 * 1024**2))
    assert f"{folder} has 3 MB of files, and at most 1 MB are sent" in too_large(folder)
    assert "(the largest: data 3 MB, " in too_large(folder)


def test_files_keep_their_modes_and_links_are_files(folder: Path) -> None:
    (folder / "link.py").symlink_to(folder / "train.py")
    archive = folder / "wandb" / "packed.tar.gz"
    pack(folder, archive)
    with tarfile.open(archive) as files:
        modes = {each.name: each.mode for each in files if each.isfile()}
    assert set(modes) == WANTED | {"link.py"}
    assert modes["run.sh"] & 0o111
    assert not modes["train.py"] & 0o111
