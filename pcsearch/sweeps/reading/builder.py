"""Builds the value of a text from a parser's events, with the place of each of its parts.

The text is untrusted: only plain values are built, and their number and depth are bounded, also
after aliases are followed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import bare
from pcsearch.sweeps.numbers import plain
from pcsearch.sweeps.reading.scalars import MERGE, TAG, ScalarError, read_scalar, tag_message
from pcsearch.sweeps.reading.text import SourceText

MAX_VALUES = 1_000_000
MAX_DEPTH = 100
TOO_LARGE = f"more than {MAX_VALUES:,} values, counting what aliases repeat"
TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
Offsets = Sequence[int] | dict[Any, int]


class Builder:
    """Builds the one value of a text.

    It goes from event to event, so that a bound that is passed stops the parser too.

    Args:
        source: the text.
        events: the events of PyYAML's parser, or events like them.

    Attributes:
        places: by the ``id`` of each list or mapping of the value, the offset of each item or key.
        problems: values that could not be built; others stand in their place.
        duplicates: keys that are given twice, with values of two kinds (mapping, list or single
            value); the first one counts. Of one kind, the last counts, and there is a note.
        notes: values that may not mean what they seem to, by the message.
    """

    def __init__(self, source: SourceText, events: Iterator[Any]) -> None:
        self.places: dict[int, Offsets] = {}
        self.problems: list[Problem] = []
        self.duplicates: list[Problem] = []
        self.notes: dict[str, Problem] = {}
        self._source = source
        self._events = events
        self._path: list[Any] = []
        self._anchors: dict[str, tuple[Any, int, int] | None] = {}
        self._size = 0
        self._deepest = 0

    def build(self) -> tuple[Any, int]:
        """The value, None in an empty text, and its offset.

        Raises:
            PcsearchError: the text has a second document, is too large or too deep, or has an
                alias of nothing.
            yaml.YAMLError: it is not YAML.
        """
        value, offset, documents = None, 0, 0
        for event in self._events:
            start = event.start_mark.index
            if isinstance(event, yaml.NodeEvent):
                value, offset = self._node(event, 0), start
            documents += isinstance(event, yaml.DocumentStartEvent)
            if documents > 1:
                message = "a sweep file holds one YAML document; here begins another"
                raise self._fatal(message, start)
        return value, offset

    def _node(self, event: Any, depth: int, *, is_key: bool = False) -> Any:
        """The value that begins with an event, inside ``depth`` lists and mappings."""
        anchor, offset = event.anchor, event.start_mark.index
        if anchor is None:
            value = self._new(event, depth)
        elif type(event) is yaml.AliasEvent:
            value = self._alias(anchor, offset, depth)
        else:
            value = self._anchored(event, depth)
        if value is MERGE and not is_key:
            self._refuse("<< merges mappings only as a key; quote it to mean the text", offset)
        return value

    def _anchored(self, event: Any, depth: int) -> Any:
        """The value that begins with an event, remembered with its size and height."""
        size_before, deepest_before = self._size, self._deepest
        self._anchors[event.anchor] = None
        self._deepest = depth
        value = self._new(event, depth)
        self._anchors[event.anchor] = value, self._size - size_before, self._deepest - depth
        self._deepest = max(self._deepest, deepest_before)
        return value

    def _alias(self, anchor: str, offset: int, depth: int) -> Any:
        """The value of an anchor, which counts as if it was written again."""
        if anchor not in self._anchors:
            name = bare(anchor)
            raise self._fatal(f"alias *{name} without an anchor &{name} above it", offset)
        node = self._anchors[anchor]
        if node is None:
            raise self._fatal("an alias stands inside what it repeats", offset)
        value, size, height = node
        self._grow(size, offset)
        self._descend(depth + height, offset)
        return value

    def _new(self, event: Any, depth: int) -> Any:
        """The value that begins with an event, whether it has an anchor or not."""
        offset = event.start_mark.index
        self._grow(1, offset)
        if type(event) is yaml.ScalarEvent:
            try:
                value, note = read_scalar(event)
            except ScalarError as error:
                self._refuse(str(error), offset)
                return None
            if note:
                self.notes.setdefault(note, self._problem(note, offset))
            return value
        self._descend(depth + 1, offset)
        is_mapping = type(event) is yaml.MappingStartEvent
        if event.tag not in (None, "!", TAG + ("map" if is_mapping else "seq")):
            self._refuse(tag_message(event.tag), offset)
        return self._mapping(depth + 1) if is_mapping else self._list(depth + 1)

    def _list(self, depth: int) -> list[Any]:
        values: list[Any] = []
        offsets = array("Q")
        for event in self._events:
            if type(event) is yaml.SequenceEndEvent:
                break
            self._path.append(len(values))
            offsets.append(event.start_mark.index)
            values.append(self._node(event, depth))
            self._path.pop()
        self.places[id(values)] = offsets
        return values

    def _mapping(self, depth: int) -> dict[Any, Any]:
        values: dict[Any, Any] = {}
        offsets: dict[Any, int] = {}
        merged: list[Any] = []
        length = len(self._path)
        for event in self._events:
            if type(event) is yaml.MappingEndEvent:
                break
            offset = event.start_mark.index
            key = self._node(event, depth, is_key=True)
            if isinstance(key, list | dict):
                kind = "list" if isinstance(key, list) else "mapping"
                self._refuse(f"a key must be a plain value, not a {kind}", offset)
                self._node(next(self._events), depth)
                continue
            key = plain(key)
            self._path.append(key)
            value = self._node(next(self._events), depth)
            first = offsets.get(key)
            if first is not None and not self._replaces(values.get(key), value, first, offset):
                del self._path[length:]
                continue
            offsets[key] = offset
            if key is MERGE:
                merged = self._mappings(value, offset)
            else:
                values[key] = value
            del self._path[length:]
        offsets.pop(MERGE, None)
        self.places[id(values)] = offsets
        return self._merged((*merged, values)) if merged else values

    def _replaces(self, before: Any, value: Any, first: int, offset: int) -> bool:
        """Whether a key that is given again takes the place of the first one, as at W&B."""
        if _kind(before) != _kind(value):
            message = f"given twice; the first is on line {self._source.line(first)}"
            self.duplicates.append(self._problem(message, offset))
            return False
        lines = f"on lines {self._source.line(first)} and {self._source.line(offset)}"
        note = self._problem(f"given twice, {lines}; the last counts", offset)
        self.notes[str(note)] = note
        return True

    def _mappings(self, value: Any, offset: int) -> list[Any]:
        """The mappings that ``<<`` merges; the ones that count less come first."""
        mappings = value[::-1] if isinstance(value, list) else [value]
        if all(isinstance(each, dict) for each in mappings):
            return mappings
        self._refuse("<< merges a mapping or a list of mappings", offset)
        return []

    def _merged(self, mappings: tuple[Any, ...]) -> dict[Any, Any]:
        """One mapping of several; the later ones count more."""
        values: dict[Any, Any] = {}
        offsets: dict[Any, int] = {}
        for each in mappings:
            values |= each
            offsets |= self.places[id(each)]  # type: ignore[arg-type]
        self.places[id(values)] = offsets
        return values

    def _grow(self, size: int, offset: int) -> None:
        self._size += size
        if self._size > MAX_VALUES:
            raise self._fatal(TOO_LARGE, offset)

    def _descend(self, depth: int, offset: int) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            # Its path would be that long.
            raise PcsearchError(self._source.problem(TOO_DEEP, offset))

    def _refuse(self, message: str, offset: int) -> None:
        self.problems.append(self._problem(message, offset))

    def _fatal(self, message: str, offset: int) -> PcsearchError:
        return PcsearchError(self._problem(message, offset))

    def _problem(self, message: str, offset: int) -> Problem:
        return self._source.problem(message, offset, self._path)


def _kind(value: Any) -> str:
    return "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else "single"
