"""Plain values with their places, built step by step as a parser goes through a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pcsearch.sweeps.frames import (
    MERGE,
    NOWHERE,
    OPEN,
    Built,
    ListFrame,
    MappingFrame,
    Path,
    Places,
)
from pcsearch.sweeps.wording import bare

MAX_NODES = 1_000_000
MAX_DEPTH = 100
TOO_LARGE = f"more than {MAX_NODES:,} values, counting what aliases repeat"
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
NO_MERGE = "<< merges mappings only as a key; quote it to mean the text"


@dataclass(frozen=True)
class Finding:
    """Something worth saying of the value at a path.

    Args:
        message: what it is.
        mark: the offset of its place in the text.
        path: keys and indices that lead to the value.
        line_of: the offset of a place whose line is to follow the message.
    """

    message: str
    mark: int
    path: Path
    line_of: int | None = None


class FatalFinding(Exception):  # noqa: N818 - not an error of the program
    """A finding that leaves no value to go on with."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding)
        self.finding = finding


def dotted(path: Path) -> str:
    """``parameters.batch_size``; items of lists by their index, from 0."""
    return ".".join(bare(part) for part in path)


class Builder:
    """Builds one value from a parser's steps, within bounds on its size and depth.

    Args:
        findings: of values that could not be built; another stands in their place.
        duplicates: of keys given twice; the first stays.
        notes: of values that may not mean what they seem to.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.duplicates: list[Finding] = []
        self.notes: dict[str, Finding] = {}
        self._top = ListFrame(0, None, 0)
        self._stack: list[ListFrame | MappingFrame] = [self._top]
        self._last: ListFrame | MappingFrame = self._top
        self._anchors: dict[str, Built] = {}
        self._size = 0

    @property
    def value(self) -> Any:
        """What was built."""
        return self._top.value[0] if self._top.value else None

    @property
    def places(self) -> Places:
        """The places of the value's parts."""
        return self._top.inner.get(0, NOWHERE)

    @property
    def mark(self) -> int:
        """The place of the value itself."""
        return self._top.marks[0] if self._top.marks else 0

    def path(self, more: Path = ()) -> Path:
        """Where in the value the builder is."""
        return (*(part for frame in self._stack[1:] for part in frame.path()), *more)

    def awaits_key(self) -> bool:
        """Whether what comes next is the key of a mapping."""
        return self._last.awaits_key()

    def find(self, message: str, mark: int, more: Path = ()) -> None:
        """Record that the value at hand cannot be built."""
        self.findings.append(Finding(message, mark, self.path(more)))

    def note(self, text: str, message: str, mark: int) -> None:
        """Record something of a scalar; of many that are written alike, once."""
        if text not in self.notes:
            self.notes[text] = Finding(message, mark, self.path())

    def repeated(self, key: Any, mark: int, first: int) -> None:
        """Record that a key of the mapping at hand is given twice."""
        message = "given twice; the first is on line"
        self.duplicates.append(Finding(message, mark, self.path((key,)), first))

    def scalar(self, value: Any, mark: int, anchor: str | None = None) -> None:
        """Add a value without parts."""
        self._size += 1
        if self._size > MAX_NODES:
            raise self._fatal(TOO_LARGE, mark)
        if value is MERGE and not self.awaits_key():
            self.find(NO_MERGE, mark)
        if anchor is not None:
            self._anchors[anchor] = Built(value)
        self._last.put(self, value, mark, None)

    def open_list(self, mark: int, anchor: str | None = None) -> None:
        """Begin a list."""
        self._open(ListFrame(mark, anchor, self._size))

    def open_mapping(self, mark: int, anchor: str | None = None) -> None:
        """Begin a mapping."""
        self._open(MappingFrame(mark, anchor, self._size))

    def _open(self, frame: ListFrame | MappingFrame) -> None:
        self._grow(1, 1, frame.mark)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = OPEN
        self._stack.append(frame)
        self._last = frame

    def close(self) -> None:
        """End the list or mapping that was begun last."""
        frame = self._stack.pop()
        built = frame.built(self._size)
        if frame.anchor is not None:
            self._anchors[frame.anchor] = built
        self._last = self._stack[-1]
        self._last.height = max(self._last.height, built.height)
        self._last.put(self, built.value, frame.mark, built.places)

    def alias(self, anchor: str, mark: int) -> None:
        """Add again what an anchor names."""
        built = self._anchors.get(anchor)
        if built is None:
            name = bare(anchor)
            raise self._fatal(f"alias *{name} without an anchor &{name} above it", mark)
        if built is OPEN:
            raise self._fatal("an alias stands inside what it repeats", mark)
        self._grow(built.size, built.height, mark)
        if built.value is MERGE and not self.awaits_key():
            self.find(NO_MERGE, mark)
        self._last.height = max(self._last.height, built.height)
        self._last.put(self, built.value, mark, built.places)

    def _grow(self, size: int, height: int, mark: int) -> None:
        self._size += size
        if len(self._stack) - 1 + height > MAX_DEPTH:
            # Its path would be that long.
            raise FatalFinding(Finding(TOO_DEEP, mark, ()))
        if self._size > MAX_NODES:
            raise self._fatal(TOO_LARGE, mark)

    def _fatal(self, message: str, mark: int) -> FatalFinding:
        return FatalFinding(Finding(message, mark, self.path()))
