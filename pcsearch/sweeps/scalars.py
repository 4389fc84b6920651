"""What the text of a YAML scalar means: YAML 1.1 as PyYAML reads it, and so W&B's own client."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import yaml

from pcsearch.sweeps.frames import MERGE
from pcsearch.sweeps.nodes import Builder
from pcsearch.sweeps.wording import bare, shown

# Reading a number takes time quadratic in its length.
MAX_NUMBER_LENGTH = 1000
TAG = "tag:yaml.org,2002:"
STR, INT, FLOAT, BOOL = TAG + "str", TAG + "int", TAG + "float", TAG + "bool"

# Numbers that every reader takes for the same number; most of a large file's values are such.
USUAL_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
USUAL_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+][0-9]+)?")
SURROGATE = re.compile("[\ud800-\udfff]")

_constructor = yaml.constructor.SafeConstructor()
_resolver = yaml.resolver.Resolver()
READERS: dict[str, Callable[[Any], Any]] = {
    TAG + "null": lambda _: None,
    BOOL: _constructor.construct_yaml_bool,
    INT: _constructor.construct_yaml_int,
    FLOAT: _constructor.construct_yaml_float,
    STR: lambda node: node.value,
    # A date has no meaning as a parameter's value; its text has.
    TAG + "timestamp": lambda node: node.value,
    TAG + "value": lambda node: node.value,
}


def read_scalar(builder: Builder, event: yaml.ScalarEvent, mark: int) -> Any:
    """The value of a scalar; None, and a finding, where it has none."""
    text: str = event.value
    if event.tag is None and event.implicit[0]:
        return _plain(builder, text, mark)
    if SURROGATE.search(text):
        builder.find(half_character(text), mark)
        return None
    if event.tag is None or event.tag in ("!", STR):
        return text
    return _tagged(builder, text, event.tag, mark)


def half_character(text: str) -> str:
    """What to say of text with a surrogate that has no partner."""
    found = SURROGATE.search(text)
    assert found is not None, "there is one"
    return f"\\u{ord(found[0]):04x} is half of a character; write the character itself"


def bad_tag(tag: str) -> str:
    """What to say of a tag."""
    return f"tag {bare(tag.replace(TAG, '!!', 1))} is not supported; only plain values are"


def _plain(builder: Builder, text: str, mark: int) -> Any:
    if len(text) <= MAX_NUMBER_LENGTH:
        if USUAL_FLOAT.fullmatch(text):
            return float(text)
        if USUAL_INT.fullmatch(text):
            return int(text)
    tag = _tag(text) if len(text) <= MAX_NUMBER_LENGTH else _long_tag(text)
    if tag == STR:
        return text
    if tag == TAG + "merge":
        return MERGE
    value = _tagged(builder, text, tag, mark)
    if _surprising(text, tag):
        message = (
            f"{bare(text)} is read as {shown(value)}, as YAML 1.1 has it; quote it to mean the text"
        )
        builder.note(text, message, mark)
    return value


def _long_tag(text: str) -> str:
    return str(_resolver.resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


# Names of keys come again and again.
_tag = lru_cache(maxsize=4096)(_long_tag)


def _tagged(builder: Builder, text: str, tag: str, mark: int) -> Any:
    if tag not in READERS:
        builder.find(bad_tag(tag), mark)
        return None
    if tag not in (INT, FLOAT) or len(text) <= MAX_NUMBER_LENGTH:
        try:
            return READERS[tag](yaml.ScalarNode(tag, text))
        except (ValueError, LookupError, OverflowError):
            pass
    builder.find(f"{shown(text)} cannot be read as {tag.removeprefix(TAG)}", mark)
    return None


def _surprising(text: str, tag: str) -> bool:
    """Whether YAML 1.1 sees a number or a boolean where many people, and YAML 1.2, do not."""
    if tag == BOOL:
        return text.lower() not in ("true", "false")
    octal = re.fullmatch(r"[-+]?0[0-7]+", text) is not None
    return tag in (INT, FLOAT) and (octal or ":" in text or "_" in text)
