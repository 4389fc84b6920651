"""How long a process of a test waits for a storage that does not answer."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pcsearch.engine.storage import lease, store


def lose_patience(file: Path) -> None:
    """Let this process tell of an outage quicker than anybody would want, once a file is there."""

    def wait() -> None:
        while not file.exists():
            time.sleep(0.02)
        store.OUTAGE_S = 2.0

    threading.Thread(target=wait, daemon=True).start()


def know_of_death() -> None:
    """Let this process soon take over the search of one that is dead."""
    lease.EXPIRES_AFTER = 0.5
