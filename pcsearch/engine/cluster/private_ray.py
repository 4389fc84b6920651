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

from pcsearch.engine.cluster.variables import restored, variable
from pcsearch.engine.ray_internals import forget_token, ray_psutil
from pcsearch.system.temporary import FILES, FOLDER_OF_RAY, PREFIX, parents, temporary_folder

MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
MARK = "PCSEARCH_PRIVATE_RAY"
"""The variable that is set in the processes of such a Ray."""
LONGEST_PATH = 107
"""The longest path that a Unix socket may have, in bytes."""
LONGEST_SOCKET = "session_2026-11-29_23-20-32_234874_4194304/sockets/plasma_store"
ADDRESS = re.compile(r"--gcs-address=(\S+)")


@contextmanager
def hidden() -> Iterator[None]:
    """Mark the Ray that is started in the block as a private one."""
    with variable(MARK, "1"):
        yield


@contextmanager
def own_token() -> Iterator[None]:
    """Set a new token, in the environment only, for the Ray that the block starts.

    Ray would take the token of ``~/.ray/auth_token``, or write one there, for all users to read.
    """
    # This process may have had another Ray, and may have another one later.
    try:
        with restored(MODE, TOKEN):
            if not os.environ.get(TOKEN, "").strip():
                os.environ[TOKEN] = secrets.token_hex(32)
            forget_token()
            yield
    finally:
        forget_token()


@contextmanager
def own_folder() -> Iterator[Path | None]:
    """Make a folder for all files of the Ray of the block; None where every path is too long."""
    parent = next(filter(_can_hold_sockets, parents()), None)
    if parent is None:
        yield None
        return
    # Not only Ray's processes use it: Tune locks files there, here and in the trials.
    with temporary_folder(parent) as folder, variable(FOLDER_OF_RAY, str(folder)):
        yield folder


def _can_hold_sockets(parent: Path) -> bool:
    path = parent / f"{PREFIX}12345678" / FILES / LONGEST_SOCKET
    return len(os.fsencode(path)) <= LONGEST_PATH and os.access(parent, os.W_OK | os.X_OK)


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
