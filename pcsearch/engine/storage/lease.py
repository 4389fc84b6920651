"""Who runs the search of an experiment at an address: a sign of life there, for lack of a lock."""

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
BEAT_S = 4.0
"""How often a process that runs a search says so."""
DEAD_AFTER = 6.0
"""After so many beats without a sign the process is taken for dead."""
OLD_AFTER = 1.5
"""So many beats after the last sign it is looked at before anything is written: a write may take
some ten seconds, and must not come after another process has taken the search over."""
JOIN_S = 5.0
SETTLE_S = 1.0


class TakenOverError(StorageError):
    """Another process runs the search now; nothing may be written any more."""


class Owner:
    """This process as the one that runs the search of a store.

    Args:
        store: the experiment's.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._id = uuid4().hex
        self._beats = 0
        self._verified = 0.0
        self._lost = ""
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def claim(self) -> None:
        """Become it, and say so from now on.

        Raises:
            PcsearchError: another process runs the search.
            StorageError: the storage cannot be had.
        """
        found = self._read()
        if found is not None:
            self._see_that_it_is_dead(found)
        self._write()
        # Of two that start at once the later one's sign stays.
        time.sleep(SETTLE_S)
        now = self._read()
        if now is None or now.get("id") != self._id:
            raise self._running(now or {})
        self._verified = _clock()
        self._thread = threading.Thread(target=self._beat, name="owner", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """See that this process still is it, before it writes: its machine may have slept.

        Raises:
            TakenOverError: it is not.
            OSError: the storage is away.
        """
        if not self._lost and _clock() - self._verified > OLD_AFTER * BEAT_S:
            try:
                self._verify()
            except StorageError as error:
                raise OSError(str(error)) from error
        if self._lost:
            raise TakenOverError(self._lost)

    def release(self) -> None:
        """Let another process run the search."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(JOIN_S)
        # Where the storage is away, the sign grows old by itself.
        with contextlib.suppress(StorageError):
            if not self._lost and self._verify():
                self._store.delete(FILE, patience=0)

    def _see_that_it_is_dead(self, found: dict[str, Any]) -> None:
        deadline = time.monotonic() + DEAD_AFTER * BEAT_S
        while time.monotonic() < deadline:
            time.sleep(BEAT_S / 4)
            now = self._read()
            if now is None:
                return
            if now != found:
                raise self._running(now)

    def _running(self, who: dict[str, Any]) -> PcsearchError:
        by = f"process {who.get('process')} on {who.get('host')}" if who else "elsewhere"
        return PcsearchError(
            f"{self._store.address}: the search is running ({by}); wait for its end, or interrupt "
            "it there"
        )

    def _beat(self) -> None:
        while not self._end.wait(BEAT_S):
            try:
                if self._verify():
                    self._write(patience=0)
            # It is tried again; who wants to write meets the same error.
            except StorageError:
                continue
            if self._lost:
                return

    def _verify(self) -> bool:
        began = _clock()
        found = self._read(patience=0)
        if found is not None and found.get("id") == self._id:
            self._verified = began
            return True
        who = (
            f"process {found.get('process')} on {found.get('host')}" if found else "another process"
        )
        self._lost = f"{self._store.address}: {who} has taken the search over; it goes on there"
        return False

    def _read(self, patience: float | None = None) -> dict[str, Any] | None:
        data = self._store.get(FILE, patience)
        if data is None:
            return None
        try:
            found = json.loads(data)
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {}

    def _write(self, patience: float | None = None) -> None:
        self._beats += 1
        sign = {"id": self._id, "process": os.getpid(), "host": socket.gethostname()}
        self._store.put(FILE, json.dumps({**sign, "beats": self._beats}).encode(), patience)


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system tells them."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
