"""Standard output and error of a command, which go on where nobody reads them any more."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

CLOSED = (errno.EPIPE, errno.EIO, errno.EBADF)
"""The errors of a pipe without a reader, and of a terminal that was closed."""


@contextmanager
def lasting_outputs() -> Iterator[None]:
    """Let a closed standard output or error swallow what is written to it, during the block."""
    originals = sys.stdout, sys.stderr
    # One that was closed before the command began is None.
    lasting: list[Any] = [None if each is None else _Lasting(each) for each in originals]
    sys.stdout, sys.stderr = lasting
    try:
        yield
    finally:
        for stream in filter(None, lasting):
            stream.flush()
        sys.stdout, sys.stderr = originals


class _Lasting:
    """A text stream that is another one as long as somebody reads that.

    Args:
        stream: the other one.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def write(self, text: str) -> int:
        """Write a text; how many characters."""
        try:
            return int(self._stream.write(text))
        except OSError as error:
            self._close(error)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what is in the buffer."""
        try:
            self._stream.flush()
        except OSError as error:
            self._close(error)

    def _close(self, error: OSError) -> None:
        """Let all that is still to come go nowhere, also what is in the buffer.

        Raises:
            OSError: the error, where it is another one.
        """
        if error.errno not in CLOSED:
            raise error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self._stream.fileno())
        finally:
            os.close(nowhere)
        with suppress(OSError):
            self._stream.flush()
