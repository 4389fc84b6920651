"""From JSON to plain values and their places.

Almost all JSON is YAML too. The rest is why it is read as what it is: tabs as indentation, 1e-3,
and characters written as two escapes.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pcsearch.sweeps.nodes import Builder
from pcsearch.sweeps.scalars import MAX_NUMBER_LENGTH, SURROGATE, half_character
from pcsearch.sweeps.wording import shown

SPACE = re.compile(r"[ \t\n\r]*")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?(?![\w.+-])")
STRING = re.compile(r'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"')
NAME = re.compile(r"-?\w+")
# Python and JavaScript write the last three, which JSON does not have.
NAMES = {
    "true": True,
    "false": False,
    "null": None,
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": float("-inf"),
}


class NotJson(Exception):  # noqa: N818 - another way of reading is left
    """The text is not JSON."""


def build(text: str, builder: Builder) -> None:
    """Build the value of a text.

    Raises:
        NotJson: the text is not JSON; the builder is of no more use.
        FatalFinding: it is too large or too deep.
    """
    end = _Reader(text, builder).read()
    if end != len(text):
        raise NotJson


class _Reader:
    def __init__(self, text: str, builder: Builder) -> None:
        self.text = text
        self.builder = builder

    def read(self) -> int:
        """Read one value from the text's beginning; where what follows it begins."""
        closings: list[str] = []
        at = self._skip(0)
        while True:
            opening = self.text[at : at + 1]
            if opening in ("{", "["):
                open_ = self.builder.open_mapping if opening == "{" else self.builder.open_list
                open_(at)
                closings.append("}" if opening == "{" else "]")
                at = self._skip(at + 1)
                if self.text[at : at + 1] != closings[-1]:
                    at = self._key(at) if opening == "{" else at
                    continue
            else:
                at = self._scalar(at)
            at = self._close(at, closings)
            if not closings:
                return at
            at = self._skip(at + 1)
            at = self._key(at) if closings[-1] == "}" else at

    def _close(self, at: int, closings: list[str]) -> int:
        """Go through ends of lists and mappings to the next comma, or to the end."""
        while closings and self.text[at : at + 1] == closings[-1]:
            self.builder.close()
            closings.pop()
            at = self._skip(at + 1)
        if closings and self.text[at : at + 1] != ",":
            raise NotJson
        return at

    def _skip(self, at: int) -> int:
        match = SPACE.match(self.text, at)
        assert match is not None, "no space is space enough"
        return match.end()

    def _key(self, at: int) -> int:
        if self.text[at : at + 1] != '"':
            raise NotJson
        at = self._scalar(at)
        if self.text[at : at + 1] != ":":
            raise NotJson
        return self._skip(at + 1)

    def _scalar(self, at: int) -> int:
        value: Any
        if self.text[at : at + 1] == '"':
            value, end = self._string(at)
        elif match := NUMBER.match(self.text, at):
            value, end = self._number(match), match.end()
        else:
            match = NAME.match(self.text, at)
            if match is None or match[0] not in NAMES:
                raise NotJson
            value, end = NAMES[match[0]], match.end()
        self.builder.scalar(value, at)
        return self._skip(end)

    def _string(self, at: int) -> tuple[str, int]:
        match = STRING.match(self.text, at)
        if match is None:
            raise NotJson
        value = match[0][1:-1]
        if "\\" in value:
            try:
                value = json.loads(match[0])
            except ValueError:
                raise NotJson from None
        if not value.isascii() and SURROGATE.search(value):
            self.builder.find(half_character(value), at)
        return value, match.end()

    def _number(self, match: re.Match[str]) -> float | None:
        if len(match[0]) > MAX_NUMBER_LENGTH:
            self.builder.find(f"{shown(match[0])} cannot be read as a number", match.start())
            return None
        return float(match[0]) if match[1] or match[2] else int(match[0])
