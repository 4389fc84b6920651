"""The environment variables of Ray, set before Ray is imported: then it reads most of them.

The user's own module may import Ray, so this comes before everything else. Nothing here imports it.
"""

from __future__ import annotations

import os
import sys

from pcsearch.engine.cluster.address import send_token

SETTINGS = {
    # Where the connection to a cluster is lost, Ray would start a Ray on this machine.
    "RAY_ENABLE_AUTO_CONNECT": "0",
    # The driver would print what nodes tell about themselves on standard output: the expression
    # for lines that are not printed matches every line.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",
    # Tune asks for no result of trials that it has ended; Ray would print how they failed.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    # Tune would start the processes of trials one after the other, and drop the one that is
    # starting whenever another becomes free. The trial source never has more trials than slots.
    "TUNE_MAX_PENDING_TRIALS_PG": "1000",
}


def set_environment() -> None:
    """Set what Ray reads from the environment, where the user has not set it."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # A process that has loaded Ray keeps the setting that it read then. The processes of a Ray that
    # it starts would read another, and refuse it.
    if "ray" not in sys.modules:
        send_token()
