"""Lets one process at a time run the search of an experiment at an address.

A storage at an address has no locks. So the process that runs the search writes a file there every
few seconds. Another process takes the search over only when the file stays the same for long.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from typing import Any
from uuid import uuid4

from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError

FILE = "owner.json"
RENEW_S = 4.0
"""How often the process that has the lease renews it, in seconds."""
EXPIRES_AFTER = 6.0
"""After so many periods without a renewal, another process may take the lease."""
VERIFY_AFTER = 1.5
"""So many periods after the lease was last seen to be valid, it is read again before a write: a
write may take ten seconds, and must not come after another process has taken the lease."""
JOIN_S = 5.0
SETTLE_S = 1.0


class TakenOverError(StorageError):
    """Another process runs the search now; this one may not write any more."""


class DamagedLeaseError(StorageError):
    """The file of the lease is not whole: some file servers show a file while it is written."""


class Lease:
    """The right of this process to run the search of a store.

    Args:
        store: of the experiment.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = uuid4().hex
        self._renewals = 0
        # Whether the newest write has failed, which may have left half of the file.
        self._is_torn = False
        self._verified_at = 0.0
        self._loss = ""
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Take the lease, and renew it from now on.

        Raises:
            PcsearchError: another process runs the search.
            StorageError: the storage cannot be read or written.
        """
        holder = self._read()
        if holder is not None:
            self._await_expiry(holder)
        self._write()
        # Of two processes that start at once, the one that writes last has the lease.
        time.sleep(SETTLE_S)
        holder = self._read()
        if holder is None or holder.get("id") != self._id:
            raise self._running(holder or {})
        self._verified_at = _clock()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check before a write that this process has the lease: its machine may have slept.

        Raises:
            TakenOverError: another process has it.
            OSError: the storage does not answer.
        """
        if not self._loss and _clock() - self._verified_at > VERIFY_AFTER * RENEW_S:
            try:
                self._verify()
            except StorageError as error:
                raise OSError(str(error)) from error
        if self._loss:
            raise TakenOverError(self._loss)

    def release(self) -> None:
        """Give the lease back."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)
        # Where the storage does not answer, the lease expires.
        with contextlib.suppress(StorageError):
            if not self._loss and self._verify():
                self._store.delete(FILE, patience=0)

    def _await_expiry(self, holder: dict[str, Any]) -> None:
        deadline = time.monotonic() + EXPIRES_AFTER * RENEW_S
        while time.monotonic() < deadline:
            time.sleep(RENEW_S / 4)
            now = self._read()
            if now is None:
                return
            if now != holder:
                raise self._running(now)

    def _running(self, holder: dict[str, Any]) -> PcsearchError:
        by = _words(holder) if holder else "elsewhere"
        return PcsearchError(
            f"{self._store.address}: the search is running ({by}); wait for its end, or interrupt "
            "it there"
        )

    def _renew(self) -> None:
        while not self._end.wait(RENEW_S):
            try:
                if self._verify():
                    self._write(patience=0)
            except DamagedLeaseError:
                if self._is_torn:
                    with contextlib.suppress(StorageError):
                        self._write(patience=0)
            # The next turn tries again, and a write meets the same error.
            except StorageError:
                continue
            if self._loss:
                return

    def _verify(self) -> bool:
        start = _clock()
        holder = self._read(patience=0)
        if holder is not None and holder.get("id") == self._id:
            self._verified_at = start
            return True
        if holder == {}:
            raise DamagedLeaseError(f"{self._store.below(FILE).address}: it is damaged")
        other = _words(holder) if holder else "another process"
        self._loss = f"{self._store.address}: {other} has taken the search over and runs it now"
        return False

    def _read(self, patience: float | None = None) -> dict[str, Any] | None:
        return _holder(self._store, patience)

    def _write(self, patience: float | None = None) -> None:
        self._renewals += 1
        holder = {
            "id": self._id,
            "process": os.getpid(),
            "host": socket.gethostname(),
            "beats": self._renewals,
        }
        self._is_torn = True
        self._store.put(FILE, json.dumps(holder).encode(), patience)
        self._is_torn = False


class Holder:
    """Who has the lease of a store, as another process sees it, which takes no lease.

    Args:
        store: of the experiment.

    Raises:
        StorageError: the storage cannot be read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest = _holder(store)
        self._changed_at = time.monotonic()

    @property
    def name(self) -> str:
        """The process, in words; empty where there is none."""
        return _words(self._newest) if self._newest else ""

    def lives(self) -> bool:
        """Whether it still has the lease: one that was killed has it until the lease expires.

        Raises:
            StorageError: the storage cannot be read.
        """
        before, now = self._newest, _holder(self._store)
        is_damaged = now == {}
        if before is None or now is None or (now.get("id") != before.get("id") and not is_damaged):
            return False
        # A file that is being written says nothing new.
        if now != before and not is_damaged:
            self._newest, self._changed_at = now, time.monotonic()
        return time.monotonic() - self._changed_at < EXPIRES_AFTER * RENEW_S


def _holder(store: Store, patience: float | None = None) -> dict[str, Any] | None:
    """What the file of a lease says, None where there is none; empty where it is damaged."""
    data = store.get(FILE, patience)
    if data is None:
        return None
    try:
        holder = json.loads(data)
    except ValueError:
        holder = None
    return holder if isinstance(holder, dict) else {}


def _words(holder: dict[str, Any]) -> str:
    return f"process {holder.get('process')} on {holder.get('host')}"


def _clock() -> float:
    """A clock in seconds that does not stop while the machine sleeps, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
