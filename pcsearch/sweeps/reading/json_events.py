"""JSON text as the events that PyYAML's parser would give.

Almost all JSON is YAML too. The rest is why it is read as what it is: tabs as indentation, 1e-3,
and characters written as two escapes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import yaml

from pcsearch.sweeps.reading.scalars import BOOL, FLOAT, NULL

SYMBOL = re.compile(r'[\s,:]*([][{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^][{}",:\s]+)')
NAMES = {"true": BOOL, "false": BOOL, "null": NULL}


@dataclass(slots=True)
class _Mark:
    index: int


def is_json(text: str) -> bool:
    """Whether a text is a JSON object."""
    if not re.match(r"\s*\{", text):
        return False
    try:
        # The numbers are read later, with a bound on their length.
        json.loads(text, parse_int=len, parse_float=len, object_pairs_hook=len)
    except RecursionError:
        # It is too deep, and JSON at least until there.
        return True
    except ValueError:
        return False
    return True


def events(text: str) -> Generator[Any]:
    """The events of a text that is JSON."""
    for match in SYMBOL.finditer(text):
        symbol = match[1]
        mark: Any = _Mark(match.start(1))
        if symbol[0] == '"':
            value = json.loads(symbol) if "\\" in symbol else symbol[1:-1]
            yield yaml.ScalarEvent(None, None, (False, True), value, mark)
        elif symbol == "{":
            yield yaml.MappingStartEvent(None, None, True, mark)
        elif symbol == "}":
            yield yaml.MappingEndEvent(mark)
        elif symbol == "[":
            yield yaml.SequenceStartEvent(None, None, True, mark)
        elif symbol == "]":
            yield yaml.SequenceEndEvent(mark)
        else:
            # YAML reads numbers without an exponent the same way.
            tag = NAMES.get(symbol, FLOAT) if symbol.strip("-.0123456789") else None
            yield yaml.ScalarEvent(None, tag, (tag is None, False), symbol, mark)
