"""Does something again and again in a thread, while a block runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread


@contextmanager
def repeated(
    action: Callable[[], object], seconds: float, name: str, *, at_once: bool = False
) -> Iterator[None]:
    """Call a function every few seconds, in a thread, until the block ends.

    An error of a call is dropped: the next call may do better. After the block no call begins, and
    one that runs is waited for, for at most ``seconds``.

    Args:
        action: the function.
        seconds: between the end of a call and the next.
        name: of the thread.
        at_once: whether the first call is at the begin of the block, not only after ``seconds``.
    """
    end = Event()

    def work() -> None:
        if end.wait(0 if at_once else seconds):
            return
        while True:
            with suppress(Exception):
                action()
            if end.wait(seconds):
                return

    thread = Thread(target=work, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join(seconds)
