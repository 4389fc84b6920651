"""Reads YAML or JSON text into a document, and says in one line each what is wrong with it."""

from __future__ import annotations

import re
from typing import Any

import yaml

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.reading import json_events
from pcsearch.sweeps.reading.builder import Builder
from pcsearch.sweeps.reading.document import Document
from pcsearch.sweeps.reading.text import SourceText

# PyYAML may have been built without libyaml.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ITEMS = "items"
"""The key of the list in the document of a file that holds a list."""
# What YAML 1.1 allows in a stream; everything else would stop the parser without a position.
FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAB = "a tab, where YAML takes only spaces as indentation; replace the tabs by spaces"
# What to do about the commonest errors, by a part of the message that both loaders of PyYAML have.
HINTS = {
    "mapping values are not allowed": "check the indentation, and quote text that holds a colon",
    "cannot start any token": "quote text that begins with it",
    "expected <block end>": "check the indentation",
    "did not find expected key": "check the indentation",
    "expected ',' or '}'": "close the '{{' of line {line}, or put a comma between its parts",
    "expected ',' or ']'": "close the '[' of line {line}, or put a comma between its parts",
    "invalid Unicode character escape": "write the character itself",
}


def load(text: str, name: str, duplicates: list[Problem] | None = None) -> Document:
    """Parse YAML or JSON text that holds one mapping.

    Args:
        text: the text.
        name: the file as the user gave it, for positions.
        duplicates: where problems of keys given twice are appended, so that a caller can look
            for more; without it they are raised.

    Raises:
        PcsearchError: the text is neither YAML nor JSON, is empty, not one mapping, too large or
            too deep, or holds tags, keys or numbers that are not plain values.
    """
    source = SourceText(text.removeprefix("\ufeff"), name)
    builder, value, offset = _built(source)
    if builder.problems:
        raise PcsearchError((*builder.problems, *builder.duplicates))
    if value is None:
        raise PcsearchError(Problem("the file is empty", source.name))
    if not isinstance(value, dict):
        message = "a sweep file is a mapping of keys such as method and parameters"
        raise PcsearchError(source.problem(message, offset))
    if duplicates is not None:
        duplicates.extend(builder.duplicates)
    elif builder.duplicates:
        raise PcsearchError(builder.duplicates)
    notes = tuple(map(str, builder.notes.values()))
    return Document(source, value, builder.places, offset, notes)


def load_list(text: str, name: str) -> Document:
    """Parse YAML or JSON text that holds one list.

    Args:
        text: the text.
        name: the file as the user gave it, for positions.

    Returns:
        A document of one key, `ITEMS`, whose value is the list.

    Raises:
        PcsearchError: as of `load`.
    """
    source = SourceText(text.removeprefix("\ufeff"), name)
    builder, value, offset = _built(source)
    if builder.problems or builder.duplicates:
        raise PcsearchError((*builder.problems, *builder.duplicates))
    if value is None:
        raise PcsearchError(Problem("the file is empty", source.name))
    if not isinstance(value, list):
        message = "must be a list of mappings; write each as - {NAME: VALUE}"
        raise PcsearchError(source.problem(message, offset))
    whole = {ITEMS: value}
    places = {**builder.places, id(whole): {ITEMS: offset}}
    return Document(source, whole, places, offset, tuple(map(str, builder.notes.values())))


def _built(source: SourceText) -> tuple[Builder, Any, int]:
    """The builder of a text after its work, the value and its offset."""
    try:
        if json_events.is_json(source.text):
            builder = Builder(source, json_events.events(source.text))
        else:
            _check_characters(source)
            builder = Builder(source, yaml.parse(source.text, Loader=Loader))
        return builder, *builder.build()
    except yaml.MarkedYAMLError as error:
        raise PcsearchError(_yaml_problem(source, error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"cannot be read as YAML: {' '.join(str(error).split())}"
        raise PcsearchError(Problem(message, source.name)) from None


def _check_characters(source: SourceText) -> None:
    character = FORBIDDEN.search(source.text)
    if character is not None:
        message = f"character U+{ord(character[0]):04X} is not allowed in YAML"
        raise PcsearchError(source.problem(message, character.start()))


def _yaml_problem(source: SourceText, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    words = " ".join(", ".join(filter(None, (error.context, error.problem))).split())
    line = None if error.context_mark is None else source.line(error.context_mark.index)
    hints = (hint.format(line=line) for part, hint in HINTS.items() if part in words)
    message = "; ".join((words, *hints))
    if mark is None:
        return Problem(message, source.name)
    tab = _tab_in_indentation(source, mark.index)
    return source.problem(message, mark.index) if tab is None else source.problem(TAB, tab)


def _tab_in_indentation(source: SourceText, index: int) -> int | None:
    """The offset of the tab that a YAML error is about, if it is about one."""
    if source.text[index : index + 1] == "\t":
        return index
    tab = re.compile(r" *\t").match(source.text, source.line_start(index))
    return None if tab is None else tab.end() - 1
