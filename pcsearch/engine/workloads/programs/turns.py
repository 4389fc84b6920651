"""Lets a try of a trial begin when the program of the try before has ended.

That may still run after its search or its trial was killed: until its supervisor has noticed it,
and then for its grace. Two programs would write to the folder that the trial keeps.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "lock"
POLL_S = 0.05
LONGEST_NAME = 255


@contextmanager
def turn(folder: Path, patience: float) -> Iterator[int]:
    """Wait for the turn of a try.

    Args:
        folder: for the lock.
        patience: for how many seconds at most; the turn of a try on another machine is over then.

    Raises:
        TimeoutError: it has not come by then, and the program before runs on this machine.

    Yields:
        A descriptor: the turn lasts as long as a process has it open.
    """
    host = os.uname().nodename.encode()[:LONGEST_NAME]
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = time.monotonic() + patience
        while not _has(descriptor):
            if time.monotonic() > end:
                # The lock of a machine that has died may stay, where the folder is on a server.
                if os.pread(descriptor, LONGEST_NAME, 0) not in (b"", host):
                    break
                message = f"the program of the try before has not ended in {patience:g} s"
                raise TimeoutError(f"{folder / LOCK}: {message}; end the process that has it open")
            time.sleep(POLL_S)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, host, 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _has(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Some file systems know no locks.
    except OSError:
        pass
    return True
