"""What is kept of Ray's own logs."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from pcsearch.engine.cluster import ray_logs
from pcsearch.engine.cluster.ray_logs import keep_logs


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of logs, beside the one for temporary files."""
    for name in ("logs", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return tmp_path / "logs"


def write(file: Path, text: str, seconds: int) -> None:
    file.write_text(text)
    os.utime(file, (seconds, seconds))


def kept(logs: Path) -> dict[str, str]:
    """The texts of the logs that are kept, by their names."""
    folder = Path(keep_logs(logs))
    assert folder.parent == logs.parent / "tmp"
    assert folder.stat().st_mode & 0o777 == 0o700
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_the_ends_of_logs_are_kept_but_no_empty_ones_and_no_links(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_logs, "FILE_BYTES", 4)
    write(logs / "worker-1.err", "abcdef", 1)
    write(logs / "raylet.out", "raylet", 1)
    (logs / "worker-1.out").touch()
    (logs / "old").mkdir()
    (logs / "link").symlink_to(logs / "raylet.out")
    assert kept(logs) == {"worker-1.err": "cdef", "raylet.out": "ylet"}


def test_where_there_are_too_many_those_of_trials_are_kept_and_the_newest(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_logs, "ALL_BYTES", 10)
    for name, seconds in (("worker-1.err", 1), ("worker-2.err", 2), ("raylet.out", 3)):
        write(logs / name, f"12{seconds}", seconds)
    write(logs / "gcs_server.out", "1234", 2)
    assert kept(logs) == {
        "worker-1.err": "121",
        "worker-2.err": "122",
        "raylet.out": "123",
        "gcs_server.out": "4",
    }
    write(logs / "worker-3.err", "1234567890", 3)
    assert kept(logs) == {"worker-3.err": "1234567890"}


def test_without_logs_or_without_room_nothing_is_kept(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keep_logs(logs) == ""
    assert keep_logs(logs / "nowhere") == ""
    write(logs / "raylet.out", "x", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(logs / "nowhere"))
    assert keep_logs(logs) == ""
    assert list((logs.parent / "tmp").iterdir()) == []
