"""The Ray of a search on one machine is its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pcsearch.engine.cluster import address as module
from pcsearch.engine.cluster import private_ray
from pcsearch.engine.cluster.private_ray import (
    LONGEST_PATH,
    LONGEST_SOCKET,
    MARK,
    MODE,
    TOKEN,
    hidden,
    own_folder,
    own_token,
    public_clusters,
)
from pcsearch.errors import PcsearchError
from pcsearch.system.temporary import FILES, FOLDER_OF_RAY, PREFIX

WAITING = "import sys; print(flush=True); sys.stdin.read()"


@pytest.fixture
def raylets(tmp_path: Path) -> Iterator[None]:
    """Processes that look like the nodes of two Rays: a private one, and one for others."""
    # The name of a process is that of its program.
    program = tmp_path / "raylet"
    program.symlink_to(sys.executable)
    started = []
    for port, is_private in (("1111", True), ("2222", False)):
        command = [str(program), "-c", WAITING, f"--gcs-address=127.0.0.1:{port}"]
        more = {MARK: "1"} if is_private else {}
        process = subprocess.Popen(
            command, env=os.environ | more, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
    yield
    for process in started:
        process.communicate(b"")


@pytest.mark.usefixtures("raylets")
def test_the_rays_of_a_machine_are_told_apart() -> None:
    public, private = public_clusters()
    assert "127.0.0.1:2222" in public
    assert "127.0.0.1:1111" in private


@pytest.mark.parametrize("found", ["127.0.0.1:1111", None])
def test_auto_is_the_one_that_is_for_others(
    found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "bootstrap_address", lambda _: found)
    private = {"127.0.0.1:1111"}
    for public, expected in (({"127.0.0.1:2222"}, "127.0.0.1:2222"), (set[str](), None)):
        monkeypatch.setattr(module, "public_clusters", lambda public=public: (public, private))
        if expected is not None:
            assert module._resolved("auto") == expected
            continue
        with pytest.raises(PcsearchError, match="no Ray cluster runs on this machine"):
            module._resolved("auto")


def test_several_that_are_for_others_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "bootstrap_address", lambda _: None)
    monkeypatch.setattr(module, "public_clusters", lambda: ({"b:2", "a:1"}, set[str]()))
    with pytest.raises(PcsearchError, match=r"several Ray clusters .* \(a:1, b:2\); give one"):
        module._resolved("auto")


def test_a_ray_is_marked_when_it_is_started() -> None:
    assert MARK not in os.environ
    with hidden():
        assert os.environ[MARK] == "1"
    assert MARK not in os.environ


def test_it_has_a_token_of_its_own_that_is_in_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (MODE, TOKEN):
        # So it is as before, whatever is set directly meanwhile.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with own_token():
        first = os.environ[TOKEN]
        assert len(first) == 64
        os.environ[MODE] = "token"
    assert MODE not in os.environ
    assert TOKEN not in os.environ
    with own_token():
        assert os.environ[TOKEN] != first
    monkeypatch.setenv(TOKEN, "mine")
    with own_token():
        assert os.environ[TOKEN] == "mine"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path that is short enough for sockets."""
    with TemporaryDirectory(prefix="t", dir="/tmp") as name:
        yield Path(name)


def test_it_has_a_folder_of_its_own_where_its_sockets_can_be(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = len(f"/{PREFIX}12345678/{FILES}/{LONGEST_SOCKET}")
    room = LONGEST_PATH - used - len(f"{short}/")
    long, fitting = short / ("x" * (room + 1)), short / ("x" * room)
    long.mkdir()
    fitting.mkdir()
    shut = short / "shut"
    shut.touch()
    monkeypatch.setenv(FOLDER_OF_RAY, "as before")
    monkeypatch.setattr(private_ray, "parents", lambda: [long, shut, fitting])
    with own_folder() as folder:
        assert folder is not None
        assert folder.parents[1] == fitting
        assert os.environ[FOLDER_OF_RAY] == str(folder)
        (folder / LONGEST_SOCKET).parent.mkdir(parents=True)
        with socket.socket(socket.AF_UNIX) as longest:
            longest.bind(str(folder / LONGEST_SOCKET))
    assert list(fitting.iterdir()) == []
    assert os.environ[FOLDER_OF_RAY] == "as before"
    monkeypatch.setattr(private_ray, "parents", lambda: [long])
    with own_folder() as folder:
        assert folder is None
        assert os.environ[FOLDER_OF_RAY] == "as before"
    assert list(long.iterdir()) == []


def test_a_process_forgets_with_its_token_that_there_are_tokens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every trial on a cluster without tokens would fail that it connects to later."""
    from ray._raylet import Config, get_authentication_mode

    monkeypatch.delenv(MODE, raising=False)
    Config.initialize("")
    before = get_authentication_mode()
    with own_token():
        # As Ray does when it starts.
        os.environ[MODE] = "token"
        Config.initialize("")
        assert get_authentication_mode() != before
    assert MODE not in os.environ
    assert get_authentication_mode() == before
