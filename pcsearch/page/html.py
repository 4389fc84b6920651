"""HTML and scripts from untrusted texts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

LONGEST_LABEL = 60
"""The most characters of a text in a plot."""
LABEL_END = 20
"""So many of them are the end of a category: names that begin alike often end otherwise."""
TEXTS = {"text", "hovertext", "label"}
"""The keys of plotly whose texts are only shown."""
CATEGORIES = {"x", "y", "categoryarray", "ticktext", "name"}
"""Those whose texts tell values or lines apart."""


class Html(str):
    """Text that is HTML; any other text is escaped where it becomes a part of one."""

    __slots__ = ()


def tag(name: str, *content: str, **attributes: str | bool | None) -> Html:
    """An element.

    Args:
        name: of the element.
        content: texts, and elements as `Html`.
        attributes: by their names, of which underscores become hyphens (``class_`` is ``class``);
            True for one without a value, False and None for one that is left out.
    """
    return Html(f"<{name}{_attributes(attributes)}>{joined(content)}</{name}>")


def joined(parts: Iterable[str]) -> Html:
    """Texts and elements in a row."""
    return Html("".join(part if isinstance(part, Html) else escaped(part) for part in parts))


def escaped(text: str) -> Html:
    """A text as HTML shows it; what UTF-8 cannot write becomes a question mark."""
    return Html(html.escape(text.encode("utf-8", "replace").decode()))


def json_text(data: Any) -> str:
    """Data as JSON that can stand in a script: it has no ``<``, ``>`` or ``&``, and ASCII only."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def labelled(figure: Any, clean: Callable[[str], str]) -> Any:
    """A figure of plotly whose texts are shown as they are: plotly reads tags in them.

    Texts that are no text of a user, such as the type of a trace, stay as they are. Categories
    that differ still differ.

    Args:
        figure: mappings, lists, texts and numbers; a line break in a text becomes one in the plot.
        clean: changes each text of a user first.
    """
    return _labelled(figure, "", _Categories(clean))


class _Categories:
    """The labels of the categories of a figure, a different one for each.

    Args:
        clean: changes each text first.
    """

    def __init__(self, clean: Callable[[str], str]) -> None:
        self.clean = clean
        self._labels: dict[str, str] = {}
        self._taken: set[str] = set()

    def label(self, text: str) -> str:
        """The label of a category."""
        if text not in self._labels:
            line = " ".join(self.clean(text).splitlines())
            if len(line) > LONGEST_LABEL:
                line = f"{line[: LONGEST_LABEL - LABEL_END - 1]}…{line[-LABEL_END:]}"
            numbered = (line if n == 1 else f"{line} ({n})" for n in count(1))
            new = next(each for each in numbered if each not in self._taken)
            self._taken.add(new)
            self._labels[text] = new
        return self._labels[text]


def _labelled(data: Any, key: str, categories: _Categories) -> Any:
    if isinstance(data, dict):
        return {name: _labelled(value, name, categories) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [_labelled(value, key, categories) for value in data]
    if not isinstance(data, str):
        return data
    if key in CATEGORIES:
        label = categories.label(data)
        # The ticks of parallel coordinates are the one text in which plotly reads no tags.
        return label if key == "ticktext" else html.escape(label, quote=False)
    if key in TEXTS:
        lines = [_cut(line) for line in categories.clean(data).splitlines()] or [""]
        return "<br>".join(html.escape(line, quote=False) for line in lines)
    return data


def script_hash(script: str) -> str:
    """What a content security policy calls a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _attributes(attributes: dict[str, str | bool | None]) -> str:
    return "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
