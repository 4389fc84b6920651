"""Settings of Ray and Tune that are environment variables: set before Ray is imported.

Nothing here imports Ray.
"""

from __future__ import annotations

import os

from pcsearch.engine.cluster.address import is_local, send_token

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


def set_environment(address: str | None) -> None:
    """Set what Ray and Tune read from the environment, where the user has not set it.

    Ray reads most of it when it is imported.

    Args:
        address: of a running cluster, None for a Ray on this machine.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if not is_local(address):
        send_token()
