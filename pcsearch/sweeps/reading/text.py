"""The text of a file: read as UTF-8, and with the line and column of every offset."""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import bare

MAX_BYTES = 16 * 2**20
STANDARD_INPUT = "-"
LINE_END = re.compile(r"\r\n?|\n")
# The longer ones first: UTF-32's mark begins with that of UTF-16.
OTHER_ENCODINGS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class SourceText:
    """A text and the name of its file, for messages that say where something is.

    Args:
        text: the text.
        name: the file as the user gave it; empty for what a program has made, where lines and
            columns mean nothing.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name if name.isprintable() else bare(name)

    @cached_property
    def _starts(self) -> array[int]:
        """The offset of each line's first character, the lines as editors count them."""
        starts = array("Q", [0])
        starts.extend(match.end() for match in LINE_END.finditer(self.text))
        return starts

    def line(self, offset: int) -> int:
        """The number, from 1, of the line that holds the character at an offset."""
        return bisect_right(self._starts, offset)

    def line_start(self, offset: int) -> int:
        """The offset of that line's first character."""
        return self._starts[self.line(offset) - 1]

    def position(self, offset: int) -> str:
        """``file:line:column``; lines and columns count from 1. Empty without a file."""
        if not self.name:
            return ""
        return f"{self.name}:{self.line(offset)}:{offset - self.line_start(offset) + 1}"

    def problem(self, message: str, offset: int, path: Iterable[Any] = ()) -> Problem:
        """A problem at an offset, of the value that keys and indices lead to."""
        return Problem(message, self.position(offset), ".".join(map(bare, path)))


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Args:
        path: of the file; ``-`` is standard input.

    Raises:
        PcsearchError: the file cannot be read, is too large or is not UTF-8.
    """
    name = SourceText("", str(path)).name
    try:
        if str(path) == STANDARD_INPUT:
            content = _standard_input(name)
        else:
            with Path(path).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PcsearchError(Problem("no such file", name)) from None
    except IsADirectoryError:
        raise PcsearchError(Problem("is a directory, not a file", name)) from None
    except PermissionError:
        raise PcsearchError(Problem("no permission to read the file", name)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PcsearchError(Problem(f"cannot be read: {reason}", name)) from None
    if len(content) > MAX_BYTES:
        raise PcsearchError(Problem(f"larger than {MAX_BYTES // 2**20} MiB", name))
    return _decoded(content, name)


def _standard_input(name: str) -> bytes:
    if sys.stdin is None:
        raise PcsearchError(Problem("standard input is closed; give the name of a file", name))
    return sys.stdin.buffer.read(MAX_BYTES + 1)


def _decoded(content: bytes, name: str) -> str:
    for mark, encoding in OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise PcsearchError(Problem(f"{encoding} text; save the file as UTF-8", name))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind the byte order mark.
        before = error.object[: error.start].decode("utf-8")
        message = f"not UTF-8 text: byte 0x{error.object[error.start]:02x}; save the file as UTF-8"
        raise PcsearchError(SourceText(before, name).problem(message, len(before))) from None
