"""Reads what a program logs from a file that grows: the hook's, its output, or one of its own."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

WANDB, STDOUT = "wandb", "stdout"
"""Sources that are no file of the program's own: its calls of W&B, and what it prints."""
POLL_S = 0.1
CHUNK = 1 << 20
LONGEST_LINE = 1 << 20
PAIR = re.compile(
    r"(?<![\w.])([A-Za-z_][\w./-]*+)(?:\s*[:=]\s*"
    r"([-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf))(?![\w.:]))?"
)
"""A name and a number, such as ``val_loss: 0.25`` or ``acc=0.9``; or a name without one.

A word that is no name of a number is passed over whole, or long words would take minutes.
"""

Message = Mapping[str, Any]
"""A call of the program: its ``kind`` and ``values``, and what `Rows` needs of it."""
Receive = Callable[[Message, int], None]
"""Gets each message, with the place in the file where its line ends, in bytes."""


class Follower:
    """Follows a file that grows, in a thread.

    One that has become smaller is read again from its start. The lines that come again are left
    out: a program may write its whole table again to add a row.

    Args:
        file: which may not be there yet.
        source: as of `reader`.
        receive: is called in the thread with each message.
        start: how many bytes of the file are older, and left out.
    """

    def __init__(
        self,
        file: Path,
        source: str,
        receive: Receive,
        start: int = 0,
    ) -> None:
        self._file, self._source, self._receive = file, source, receive
        self._given = array("q")
        """The hashes of the lines with messages, in their order."""
        self._begin()
        if start and source == STDOUT:
            # It never becomes smaller, and may be long.
            self._offset = start
        elif start:
            self._pass_over()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read what is there, and end."""
        self._is_over.set()
        self._thread.join()
        self._take()
        # The last line may have no end.
        self._give(self._rest, self._offset)

    def _begin(self) -> None:
        self._offset, self._rest, self._line = 0, b"", 0
        self._read = reader(self._source)

    def _pass_over(self) -> None:
        """Know the header and the lines that are there, and give none."""
        receive, self._receive = self._receive, lambda *_: None
        self._take()
        self._receive, self._rest = receive, b""

    def _follow(self) -> None:
        while not self._is_over.wait(POLL_S):
            self._take()

    def _take(self) -> None:
        with suppress(OSError), self._file.open("rb") as stream:
            if os.fstat(stream.fileno()).st_size < self._offset:
                self._begin()
            stream.seek(self._offset)
            while data := stream.read(CHUNK):
                *ends, begun = data.split(b"\n")
                for end in ends:
                    self._offset += len(end) + 1
                    line, self._rest = self._rest + end, b""
                    self._give(line, self._offset)
                self._offset += len(begun)
                self._rest = (self._rest + begun)[:LONGEST_LINE]

    def _give(self, line: bytes, end: int) -> None:
        messages = list(self._read(line.decode(errors="replace").strip()))
        if messages and not self._was_given(hash(line)):
            for message in messages:
                self._receive(message, end)

    def _was_given(self, line: int) -> bool:
        """Whether a line is that which stood in its place before the file became smaller."""
        place, self._line = self._line, self._line + 1
        if place < len(self._given) and self._given[place] == line:
            return True
        del self._given[place:]
        self._given.append(line)
        return False


def read_messages(
    file: Path, source: str, start: int, end: int | None
) -> Iterator[tuple[Message, int]]:
    """The messages of a part of a file, each with the place where its line ends, in bytes.

    Args:
        file: which may not be there.
        source: as of `reader`.
        start: where the part begins.
        end: where it ends, None for the end of the file. A line that is not whole is left out.
    """
    read, at = reader(source), start
    with suppress(OSError), file.open("rb") as lines:
        if start and source.endswith(".csv"):
            # It knows the names of the columns then.
            header = lines.readline()
            list(read(header.decode(errors="replace").strip()))
            at = max(start, len(header))
        # An older line may have no end: what comes after it is a line by itself.
        lines.seek(at)
        for line in lines:
            at += len(line)
            if not line.endswith(b"\n") or (end is not None and at > end):
                return
            for message in read(line.decode(errors="replace").strip()):
                yield message, at


def reader(source: str) -> Callable[[str], Iterator[Message]]:
    """What makes messages of the lines of ``--metrics-from``.

    Args:
        source: `WANDB`, `STDOUT`, or the name of a file that ends in ``.jsonl`` or ``.csv``.
    """
    if source == WANDB:
        return _sent
    if source == STDOUT:
        return _printed
    return _Table() if source.endswith(".csv") else _json


def _sent(line: str) -> Iterator[Message]:
    with suppress(ValueError, RecursionError):
        message = json.loads(line)
        if isinstance(message, dict):
            yield message


def _json(line: str) -> Iterator[Message]:
    with suppress(ValueError, RecursionError):
        values = json.loads(line)
        if isinstance(values, dict):
            yield {"kind": "log", "values": flat(values), "commit": True}


def _printed(line: str) -> Iterator[Message]:
    if line.startswith("{"):
        yield from _json(line) if _is_json(line) else _python(line)
        return
    values = {name: float(number) for name, number in PAIR.findall(line) if number}
    if values:
        # Other lines may follow that belong to the same epoch.
        yield {"kind": "log", "values": values, "commit": False}


def _is_json(line: str) -> bool:
    with suppress(ValueError, RecursionError):
        json.loads(line)
        return True
    return False


def _python(line: str) -> Iterator[Message]:
    """The message of a dictionary as Python prints it, such as those of Transformers' Trainer."""
    with suppress(ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        values = ast.literal_eval(_Numbers().visit(ast.parse(line, mode="eval")))
        if isinstance(values, dict):
            named = {str(name): value for name, value in values.items()}
            yield {"kind": "log", "values": flat(named), "commit": True}


class _Numbers(ast.NodeTransformer):
    """Makes literals of the numbers that Python prints as names, and NumPy as calls."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A number for ``nan`` and ``inf``."""
        return ast.Constant(float(node.id)) if node.id in ("nan", "inf") else node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """The number in ``np.float64(0.5)``."""
        match node:
            case ast.Call(ast.Attribute(ast.Name("np")), [number], []):
                return self.visit(number)  # type: ignore[no-any-return]
        return node


class _Table:
    """Makes messages of the lines of a table with a header."""

    def __init__(self) -> None:
        self._names: list[str] | None = None
        # A text in a cell may be long.
        csv.field_size_limit(CHUNK + LONGEST_LINE)

    def __call__(self, line: str) -> Iterator[Message]:
        """The messages of a line, none of the header; a line may have several rows."""
        # Python's own reader takes no return inside a line for the end of one.
        for cells in csv.reader(line.split("\r")):
            if self._names is None:
                self._names = [name.strip() for name in cells]
            elif cells:
                yield {"kind": "log", "values": dict(self._numbers(cells)), "commit": True}

    def _numbers(self, cells: list[str]) -> Iterator[tuple[str, float]]:
        for name, cell in zip(self._names or (), cells, strict=False):
            with suppress(ValueError):
                yield name, float(cell)


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested numbers and texts under one name each, as W&B names them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, bool | int | float | str):
            found[f"{prefix}{name}"] = value
    return found
