"""The Ray of one search on this machine: other commands neither find it nor may join it.

``--address auto`` means a cluster that somebody has started for others. Ray itself would take any
Ray of the machine, also that of another search, and end with it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pcsearch.engine.ray_internals import ray_psutil

TOKEN, TOKEN_PATH = "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
MARK = "PCSEARCH_PRIVATE_RAY"
"""The variable that is set in the processes of such a Ray."""
ADDRESS = re.compile(r"--gcs-address=(\S+)")


@contextmanager
def hidden() -> Iterator[None]:
    """Mark the Ray that is started in the block as a private one."""
    os.environ[MARK] = "1"
    try:
        yield
    finally:
        del os.environ[MARK]


def provide_token() -> None:
    """Make a token for this process, where Ray would write one and there is no place for it."""
    if os.environ.get(TOKEN) or os.environ.get(TOKEN_PATH):
        return
    try:
        folder = Path.home() / ".ray"
        if (folder / "auth_token").exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK)
    # A user may have no home folder, or none that can be written.
    except (OSError, RuntimeError):
        is_writable = False
    if not is_writable:
        os.environ[TOKEN] = secrets.token_hex(32)


def public_clusters() -> tuple[set[str], set[str]]:
    """The addresses of the Rays of this machine: those for others, and the private ones.

    Those of other users, whose environment cannot be read, count as public where there is no other.
    """
    psutil = ray_psutil()
    public, private, foreign = set[str](), set[str](), set[str]()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.name() != "raylet":
                continue
            found = ADDRESS.search(" ".join(process.cmdline()))
            if found is None:
                continue
            try:
                kind = private if MARK in process.environ() else public
            except psutil.AccessDenied:
                kind = foreign
            kind.add(found[1])
    return public or foreign, private
