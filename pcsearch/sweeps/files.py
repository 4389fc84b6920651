"""The text of a file in UTF-8, its lines, and what a file can be refused for unread."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from functools import cached_property
from pathlib import Path

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.wording import bare

MAX_BYTES = 16 * 2**20
# What YAML 1.1 allows in a stream; everything else would stop the parser without a position.
FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BREAK = re.compile(r"\r\n?|\n")
# The longer ones first: UTF-32's mark begins with that of UTF-16.
OTHER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class Lines:
    """The lines of a text as editors count them, for the positions of offsets.

    Args:
        text: the text.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _starts(self) -> array[int]:
        starts = array("Q", [0])
        starts.extend(match.end() for match in BREAK.finditer(self._text))
        return starts

    def line(self, offset: int) -> int:
        """The number of the line that an offset is in, from 1."""
        return bisect_right(self._starts, offset)

    def start(self, offset: int) -> int:
        """The offset at which that line begins."""
        return self._starts[self.line(offset) - 1]

    def position(self, offset: int) -> str:
        """``line:column``, both from 1."""
        line = bisect_right(self._starts, offset)
        return f"{line}:{offset - self._starts[line - 1] + 1}"


def read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        PcsearchError: the file cannot be read, is too large or is not UTF-8.
    """
    source = bare_source(str(path))
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise PcsearchError(Problem("no such file", source)) from None
    except IsADirectoryError:
        raise PcsearchError(Problem("is a directory, not a file", source)) from None
    except PermissionError:
        raise PcsearchError(Problem("no permission to read the file", source)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PcsearchError(Problem(f"cannot be read: {reason}", source)) from None
    if len(content) > MAX_BYTES:
        raise PcsearchError(Problem(f"larger than {MAX_BYTES // 2**20} MiB", source))
    return _decoded(content, source)


def bare_source(source: str) -> str:
    """A file's name as the user gave it, unless it would break the line."""
    return source if source.isprintable() and source else bare(source)


def _decoded(content: bytes, source: str) -> str:
    for mark, encoding in OTHER_MARKS.items():
        if content.startswith(mark):
            raise PcsearchError(Problem(f"{encoding} text; save the file as UTF-8", source))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The decoder counts from behind the byte order mark.
        before = error.object[: error.start].decode("utf-8")
        where = f"{source}:{Lines(before).position(len(before))}"
        message = f"not UTF-8 text: byte 0x{error.object[error.start]:02x}; save the file as UTF-8"
        raise PcsearchError(Problem(message, where)) from None
