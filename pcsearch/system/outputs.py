"""Standard output and error of a command, which go on where nobody reads them any more."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pcsearch.errors import PcsearchError, Problem

CLOSED = (errno.EPIPE, errno.EIO, errno.EBADF)
"""The errors of a pipe without a reader, and of a terminal that was closed."""


@contextmanager
def lasting_outputs() -> Iterator[None]:
    """Let standard output and error take every text, during the block.

    A closed one swallows what is written to it. So does a standard error that cannot be written,
    such as a file on a full disk, until it can. Characters that one's encoding lacks are escaped.

    Raises:
        PcsearchError: at a write to the output, which cannot be written; later ones are swallowed.
    """
    originals = sys.stdout, sys.stderr
    # One that was closed before the command began is None.
    lasting: list[Any] = [
        None if stream is None else _Lasting(stream, has_results)
        for stream, has_results in zip(originals, (True, False), strict=True)
    ]
    sys.stdout, sys.stderr = lasting
    try:
        yield
    finally:
        for stream in filter(None, lasting):
            stream.end()
        sys.stdout, sys.stderr = originals


class _Lasting:
    """A text stream that is another one as long as that can be written.

    Args:
        stream: the other one.
        has_results: whether it is an error where a text cannot be written though somebody reads.
    """

    def __init__(self, stream: Any, has_results: bool) -> None:
        self._stream, self._has_results = stream, has_results
        self._errors = getattr(stream, "errors", None)
        self._is_strict = self._errors == "strict" and hasattr(stream, "reconfigure")
        if self._is_strict:
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def write(self, text: str) -> int:
        """Write a text; how many characters."""
        try:
            return int(self._stream.write(text))
        except OSError as error:
            self._fail(error)
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
            self._fail(error)

    def end(self) -> None:
        """Write what is in the buffer, or drop it; the other stream is as it was."""
        try:
            self._stream.flush()
        except OSError:
            # Python would try it again at its end, and change the exit status.
            self._close()
        if self._is_strict:
            self._stream.reconfigure(errors=self._errors)

    def _fail(self, error: OSError) -> None:
        """Drop a text that cannot be written.

        Raises:
            PcsearchError: it is one of the results, and somebody reads them.
        """
        if error.errno in CLOSED:
            self._close()
        elif self._has_results:
            self._close()
            raise PcsearchError(Problem(error.strerror or str(error), "standard output")) from error

    def _close(self) -> None:
        """Let all that is still to come go nowhere, also what is in the buffer."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            # What is no file has no number.
            with suppress(OSError):
                os.dup2(nowhere, self._stream.fileno())
                self._stream.flush()
        finally:
            os.close(nowhere)
