"""Lists and mappings that are being built, with the place of every part.

Places are offsets into the text: one small number for each of perhaps a million values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Protocol

Path = tuple[Any, ...]


class Places:
    """Where the parts of a mapping or a list stand.

    Args:
        marks: of each key, or of each item.
        inner: by key or index, the places of the parts that are mappings or lists themselves.
    """

    __slots__ = ("inner", "marks")

    def __init__(self, marks: Mapping[Any, int] | Sequence[int], inner: Mapping[Any, Places]):
        self.marks = marks
        self.inner = inner

    def mark(self, key: Any) -> int | None:
        """Where the part with this key or index stands, if there is one."""
        if isinstance(self.marks, Mapping):
            return self.marks.get(key)
        inside = isinstance(key, int) and 0 <= key < len(self.marks)
        return self.marks[key] if inside else None


NOTHING: Final[Mapping[Any, Places]] = MappingProxyType({})
NOWHERE: Final = Places((), NOTHING)


class Report(Protocol):
    """Where frames say what is wrong."""

    def find(self, message: str, mark: int, more: Path = ()) -> None:
        """The value at hand cannot be built."""

    def repeated(self, key: Any, mark: int, first: int) -> None:
        """A key of the mapping at hand is given twice."""


class Token:
    """What stands for something that is no plain value."""


MERGE: Final = Token()
"""The key ``<<``."""
_NO_KEY, _BAD_KEY = Token(), Token()


@dataclass(slots=True)
class Built:
    """What an anchor names: a value, its places if it has parts, how many nodes, how high."""

    value: Any
    places: Places | None = None
    size: int = 1
    height: int = 0


OPEN: Final = Built(None)
"""What an anchor names while it is being built."""


class ListFrame:
    """A list that is being built."""

    __slots__ = ("anchor", "height", "inner", "mark", "marks", "size_before", "value")

    def __init__(self, mark: int, anchor: str | None, size_before: int) -> None:
        self.mark = mark
        self.anchor = anchor
        self.size_before = size_before
        self.height = 0
        self.value: list[Any] = []
        self.marks: list[int] = []
        self.inner: dict[int, Places] = {}

    def path(self) -> Path:
        """The index of the item at hand."""
        return (len(self.value),)

    def awaits_key(self) -> bool:
        """Never."""
        return False

    def put(self, report: Report, value: Any, mark: int, places: Places | None) -> None:
        """Add an item."""
        if places is not None:
            self.inner[len(self.value)] = places
        self.value.append(value)
        self.marks.append(mark)

    def built(self, size: int) -> Built:
        """The list, when the whole text has ``size`` nodes up to its end."""
        places = Places(self.marks, self.inner or NOTHING)
        return Built(self.value, places, size - self.size_before, self.height + 1)


class MappingFrame:
    """A mapping that is being built; of a key given twice, the first stays."""

    __slots__ = (
        *("anchor", "height", "inner", "key", "key_mark", "mark", "marks", "merge_mark"),
        *("merged", "size_before", "value"),
    )

    def __init__(self, mark: int, anchor: str | None, size_before: int) -> None:
        self.mark = mark
        self.anchor = anchor
        self.size_before = size_before
        self.height = 0
        self.value: dict[Any, Any] = {}
        self.marks: dict[Any, int] = {}
        self.inner: dict[Any, Places] = {}
        self.merged: list[Built] = []
        self.merge_mark: int | None = None
        self.key: Any = _NO_KEY
        self.key_mark = 0

    def path(self) -> Path:
        """The key at hand; nothing before it is known."""
        if isinstance(self.key, Token):
            return ("<<",) if self.key is MERGE else ()
        return (self.key,)

    def awaits_key(self) -> bool:
        """Whether a key comes next."""
        return self.key is _NO_KEY

    def put(self, report: Report, value: Any, mark: int, places: Places | None) -> None:
        """Add a key, or the value of the key before."""
        key = self.key
        if key is _NO_KEY:
            self.key_mark = mark
            if places is None:
                self.key = value
            else:
                self.key = _BAD_KEY
                kind = "list" if isinstance(value, list) else "mapping"
                report.find(f"a key must be a plain value, not a {kind}", mark)
            return
        self.key = _NO_KEY
        if isinstance(key, Token):
            if key is MERGE:
                self._merge(report, value, places)
        elif key in self.value:
            report.repeated(key, self.key_mark, self.marks[key])
        else:
            self.value[key] = value
            self.marks[key] = self.key_mark
            if places is not None:
                self.inner[key] = places

    def _merge(self, report: Report, value: Any, places: Places | None) -> None:
        """Keep what ``<<`` brings; of several mappings, the first has precedence."""
        if self.merge_mark is not None:
            report.repeated("<<", self.key_mark, self.merge_mark)
        self.merge_mark = self.key_mark
        parts = [Built(value, places)]
        if isinstance(value, list) and places is not None:
            parts = [Built(each, places.inner.get(i)) for i, each in enumerate(value)]
        if all(isinstance(part.value, dict) for part in parts):
            self.merged.extend(reversed(parts))
        else:
            message = "<< merges a mapping or a list of mappings"
            report.find(message, self.key_mark, ("<<",))

    def built(self, size: int) -> Built:
        """The mapping with what is merged into it; size as in `ListFrame`."""
        value, marks, inner = self.value, self.marks, self.inner
        if self.merged:
            value, marks, inner = {}, {}, {}
            own = Built(self.value, Places(self.marks, self.inner))
            for part in (*self.merged, own):
                assert part.places is not None, "a mapping has places"
                assert isinstance(part.places.marks, Mapping), "by its keys"
                for key in part.value:
                    inner.pop(key, None)
                value |= part.value
                marks |= part.places.marks
                inner |= part.places.inner
        places = Places(marks, inner or NOTHING)
        return Built(value, places, size - self.size_before, self.height + 1)
