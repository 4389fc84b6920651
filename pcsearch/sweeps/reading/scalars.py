"""What the text of a YAML scalar means: YAML 1.1 as PyYAML reads it, and so W&B's own client."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import yaml

from pcsearch.sweeps.messages import bare, shown
from pcsearch.sweeps.numbers import Text, as_number

# Reading a number takes time quadratic in its length.
MAX_NUMBER_LENGTH = 1000
TAG = "tag:yaml.org,2002:"
STR, INT, FLOAT, BOOL, NULL = (TAG + kind for kind in ("str", "int", "float", "bool", "null"))

# Numbers that every reader takes for the same number; most of a large file's values are such.
USUAL_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
USUAL_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
SURROGATE = re.compile("[\ud800-\udfff]")

KINDS = {INT: "a whole number", FLOAT: "a number", BOOL: "true or false"}

_constructor = yaml.constructor.SafeConstructor()
_resolver = yaml.resolver.Resolver()
READERS: dict[str, Callable[[Any], Any]] = {
    NULL: lambda _: None,
    BOOL: _constructor.construct_yaml_bool,
    INT: _constructor.construct_yaml_int,
    FLOAT: _constructor.construct_yaml_float,
    STR: lambda node: node.value,
    # A date has no meaning as a parameter's value; its text has.
    TAG + "timestamp": lambda node: node.value,
    TAG + "value": lambda node: node.value,
}


class _Merge:
    def __repr__(self) -> str:
        return "<<"


MERGE: Final = _Merge()
"""The value of the key ``<<``."""


class ScalarError(ValueError):
    """A scalar has no plain value; the message says why."""


def read_scalar(event: yaml.ScalarEvent) -> tuple[Any, str]:
    """The value of a scalar, and a message if it may not be what the user meant, else "".

    Raises:
        ScalarError: it has no plain value.
    """
    text: str = event.value
    if event.tag is None and event.implicit[0]:
        return _plain_scalar(text)
    half = SURROGATE.search(text)
    if half is not None:
        code = f"\\u{ord(half[0]):04x}"
        raise ScalarError(f"{code} is half of a character; write the character itself")
    if event.tag == STR and as_number(text) is not None:
        return Text(text), ""
    return text if event.tag in (None, "!", STR) else _tagged_scalar(text, event.tag), ""


def tag_message(tag: str) -> str:
    """What is wrong with a tag that is none of plain values."""
    return f"tag {bare(tag.replace(TAG, '!!', 1))} is not supported; only plain values are"


def _plain_scalar(text: str) -> tuple[Any, str]:
    if len(text) <= MAX_NUMBER_LENGTH:
        if USUAL_FLOAT.fullmatch(text):
            return float(text), ""
        if USUAL_INT.fullmatch(text):
            return int(text), ""
    tag = _tag(text)
    if tag == STR:
        return text, ""
    if tag == TAG + "merge":
        return MERGE, ""
    value = _tagged_scalar(text, tag)
    if not _surprising(text, tag):
        return value, ""
    meaning = f"{bare(text)} is read as {shown(value)}, as YAML 1.1 has it"
    return value, f"{meaning}; quote it to mean the text"


@lru_cache(maxsize=1024)
def _tag(text: str) -> str:
    """The tag of a plain scalar without one; it is often asked for the names of keys."""
    return str(_resolver.resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _tagged_scalar(text: str, tag: str) -> Any:
    if tag not in READERS:
        raise ScalarError(tag_message(tag))
    if tag not in (INT, FLOAT) or len(text) <= MAX_NUMBER_LENGTH:
        try:
            return READERS[tag](yaml.ScalarNode(tag, text))
        except (ValueError, LookupError, OverflowError):
            pass
    raise ScalarError(f"{shown(text)} cannot be read as {KINDS[tag]}")


def _surprising(text: str, tag: str) -> bool:
    """Whether YAML 1.1 sees a number or a boolean where many people, and YAML 1.2, do not."""
    if tag == BOOL:
        return text.lower() not in ("true", "false")
    octal = re.fullmatch(r"[-+]?0[0-7]+", text) is not None
    return tag in (INT, FLOAT) and (octal or ":" in text or "_" in text)
