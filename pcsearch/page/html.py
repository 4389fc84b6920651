"""HTML and scripts from untrusted texts."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

LONGEST_LABEL = 60
"""The most characters of a text in a plot."""


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


def labelled(data: Any, clean: Callable[[str], str]) -> Any:
    """A figure of plotly whose texts are shown as they are: plotly reads tags in them.

    Args:
        data: mappings, lists, texts and numbers; a line break in a text becomes one in the plot.
        clean: changes each text first.
    """
    if isinstance(data, str):
        lines = [_cut(line) for line in clean(data).splitlines()] or [""]
        return "<br>".join(html.escape(line, quote=False) for line in lines)
    if isinstance(data, dict):
        return {
            # The ticks of parallel coordinates are the one text in which it reads none.
            key: _ticks(value, clean) if key == "ticktext" else labelled(value, clean)
            for key, value in data.items()
        }
    if isinstance(data, list | tuple):
        return [labelled(value, clean) for value in data]
    return data


def script_hash(script: str) -> str:
    """What a content security policy calls a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _ticks(texts: Sequence[str], clean: Callable[[str], str]) -> list[str]:
    return [_cut(clean(text)) for text in texts]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _attributes(attributes: dict[str, str | bool | None]) -> str:
    return "".join(
        f" {name.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
