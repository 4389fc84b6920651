"""The program that draws the page of a search once, and ends when its session does.

    python -m pcsearch.page.live.drawer DIRECTORY PLACE running|over

Its standard input is a pipe of the session, on which nothing comes: it is closed when the session
lets go of it, or is killed.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

from pcsearch.engine.records.drivers.driver_directories import search_directory
from pcsearch.engine.storage.store import error_line
from pcsearch.page import FILE
from pcsearch.system.whole_files import replacing

RUNNING, OVER = "running", "over"
"""What becomes of the session that wants the page."""
GRACE_S = 5.0
"""How long a drawing that is to end may take to do so."""
LOWEST_PRIORITY = 19


def main(arguments: Sequence[str]) -> int:
    """Draw the page.

    Args:
        arguments: the driver's directory on this machine, the path or address of the search, and
            `RUNNING` or `OVER`.

    Returns:
        The exit status: 1 where the page cannot be drawn, and standard error has a line that says
        why.
    """
    driver, place, session = Path(arguments[0]), arguments[1], arguments[2]
    try:
        # A session in the background may have been started where it is ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        over = Event()
        Thread(target=_end_with_session, args=(over,), daemon=True).start()
        if session == RUNNING:
            os.nice(LOWEST_PRIORITY)
        # It takes long to load, and the session may end meanwhile.
        from pcsearch.page.drawing import page_of_session

        search = search_directory(driver)
        page = page_of_session(search, place, {driver: session == RUNNING})
        if over.is_set():
            # A library may have swallowed the interruption.
            return 1
        with replacing(search / FILE, is_shared=True) as file:
            file.write(page.encode())
    except KeyboardInterrupt:
        return 1
    # No error of the page is an error of the search.
    except Exception as error:
        print(error_line(error), file=sys.stderr)
        return 1
    return 0


def _end_with_session(over: Event) -> None:
    """Interrupt the drawing when the session closes the pipe, so that it leaves no draft."""
    # Not sys.stdin: Python cannot end while a thread reads that.
    os.read(0, 1)
    over.set()
    _thread.interrupt_main()
    time.sleep(GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
