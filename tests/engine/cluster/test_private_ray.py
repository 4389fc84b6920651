"""The Ray of a search on one machine is its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcsearch.engine.cluster import address as module
from pcsearch.engine.cluster import private_ray
from pcsearch.engine.cluster.private_ray import MARK, hidden, provide_token, public_clusters
from pcsearch.errors import PcsearchError

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


def test_a_token_is_made_only_where_ray_cannot_write_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (private_ray.TOKEN, private_ray.TOKEN_PATH):
        # So it is as before, whatever is set directly meanwhile.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    provide_token()
    assert private_ray.TOKEN not in os.environ
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    provide_token()
    token = os.environ[private_ray.TOKEN]
    assert len(token) == 64
    provide_token()
    assert os.environ.pop(private_ray.TOKEN) == token
    monkeypatch.setenv(private_ray.TOKEN_PATH, "/somewhere")
    provide_token()
    assert private_ray.TOKEN not in os.environ
