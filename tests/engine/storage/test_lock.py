"""The lock of an experiment's directory on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.lock import is_locked, locked, owner
from pcsearch.errors import PcsearchError


def test_a_search_has_one_process_which_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; "
        "from pcsearch.engine.storage.lock import locked\n"
        "with locked(Path(sys.argv[1])): print('owned', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"owned\n"
        with pytest.raises(PcsearchError) as refused, locked(tmp_path):
            pass
        assert str(refused.value) == (
            f"{tmp_path}: the search is running (process {other.pid} on {socket.gethostname()}); "
            "wait for its end, or interrupt it there"
        )
        assert is_locked(tmp_path)
        other.kill()
    assert owner(tmp_path).startswith("process "), "it was killed"
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        pass
    assert owner(tmp_path) == ""
    assert not (tmp_path / ".owner").exists()


def test_what_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be written"), locked(tmp_path / "file"):
        pass
