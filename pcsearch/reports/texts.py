"""Texts of other people, such as names and values, made safe to print."""

from __future__ import annotations


def one_line(text: str) -> str:
    """A text without the characters that break lines or steer a terminal: spaces stand for them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
