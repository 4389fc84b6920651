"""Where a program runs on a node that does not see the folder of the start."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from pcsearch.engine.workloads.programs import sent_folder
from pcsearch.engine.workloads.programs.sent_folder import ARCHIVE, moved, start_folder


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What was sent to the node: the program and a file beside it."""
    root = tmp_path / "sent"
    root.mkdir()
    for name in ("train.py", "beside.txt"):
        (tmp_path / name).touch()
    with tarfile.open(root / ARCHIVE, "w:gz") as files:
        files.add(tmp_path / "train.py", "train.py")
        files.add(tmp_path / "beside.txt", "sub/beside.txt")
    monkeypatch.setattr(sent_folder, "code_folder", lambda _: root)
    return root


@pytest.mark.parametrize("word", ["train.py", "package.module", ""])
def test_a_node_without_the_folder_has_a_copy(word: str, sent: Path, tmp_path: Path) -> None:
    for start in (tmp_path / "none", tmp_path / "empty"):
        folder = start_folder(start, word)
        assert folder == sent / "program"
        assert sorted(each.name for each in folder.iterdir()) == ["sub", "train.py"]
        assert (folder / "sub" / "beside.txt").is_file()
        (tmp_path / "empty").mkdir(exist_ok=True)
    assert sorted(each.name for each in sent.iterdir()) == ["program", ARCHIVE]


@pytest.mark.parametrize(("word", "there"), [("train.py", "train.py"), ("package", "sub")])
@pytest.mark.usefixtures("sent")
def test_a_node_with_the_folder_uses_it(word: str, there: str, tmp_path: Path) -> None:
    start = tmp_path / "here"
    (start / there).mkdir(parents=True)
    assert start_folder(start, word) == start


def test_on_the_machine_of_the_start_nothing_was_sent(tmp_path: Path) -> None:
    assert start_folder(tmp_path, "train.py") == tmp_path


def test_paths_in_the_folder_move_with_it() -> None:
    text = "/a/b:/a/b/src:/a/bc:relative::/other"
    assert moved(text, Path("/a/b"), Path("/n")) == "/n:/n/src:/a/bc:relative::/other"
