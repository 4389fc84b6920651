"""The mapping that a file holds, and the line and column of every key and list item in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import bare, suggestion
from pcsearch.sweeps.reading.builder import Offsets
from pcsearch.sweeps.reading.text import SourceText

KeyPath = tuple[Any, ...]
"""Keys and indices that lead from the top of a document to one of its values."""


@dataclass(frozen=True)
class Document:
    """A file's mapping and its places.

    Args:
        source: the file's text and name.
        value: the mapping, of plain Python values.
        places: by the ``id`` of each list or mapping in it, the offset of each item or key.
        offset: where the mapping itself begins.
        notes: what the user should know of how values are read, a line each.
    """

    source: SourceText = field(repr=False)
    value: dict[Any, Any]
    places: Mapping[int, Offsets] = field(repr=False)
    offset: int = 0
    notes: tuple[str, ...] = ()

    def at(self, path: KeyPath) -> Any:
        """The value that a path leads to."""
        value: Any = self.value
        for key in path:
            value = value[key]
        return value

    def position(self, path: KeyPath = ()) -> str:
        """``file:line:column`` of a mapping's key or a list's item.

        Where the path leads nowhere, that of the last part that exists.
        """
        offset = self.offset
        value: Any = self.value
        for key in path:
            if not isinstance(value, list | dict):
                break
            try:
                offset, value = self.places[id(value)][key], value[key]
            except (LookupError, TypeError):
                break
        return self.source.position(offset)

    def problem(self, path: KeyPath, message: str, at: KeyPath = ()) -> Problem:
        """A problem of the key at ``path``, placed at ``path + at``."""
        return Problem(message, self.position(path + at), ".".join(map(bare, path)))

    def unknown_keys(
        self,
        path: KeyPath,
        known: Collection[str],
        refused: Mapping[str, str] | None = None,
        besides: Collection[str] = (),
    ) -> list[Problem]:
        """A problem for each key of a mapping that is not known.

        Args:
            path: of the mapping.
            known: the keys that are understood.
            refused: by key, the message for a key that W&B has and this program does not.
            besides: other keys that are no problem here.
        """
        problems = []
        for key in self.at(path):
            if key in besides:
                continue
            if refused and key in refused:
                problems.append(self.problem((*path, key), refused[key]))
            elif key not in known:
                message = "unknown key" + suggestion(key, known)
                problems.append(self.problem((*path, key), message))
        return problems

    def not_a_mapping(self, path: KeyPath, example: str) -> Problem:
        """The problem of a value that should have been a mapping."""
        key = "" if isinstance(path[-1], int) else f"{bare(path[-1])}: "
        return self.problem(path, f"must be a mapping; write {key}{example}")
