"""The notes on the texts of a sweep file that spell numbers: one note a file for each outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import listed, shown

READ = "text in YAML, read as a number, also in quotes; where the text is meant write !!str {}"
LEFT = "text in YAML, left as text; where a number is meant write a point, as in 1.0e-3"
PLACES_SHOWN = 20


class NumbersInText:
    """Collects the texts of a file that spell numbers."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[Problem, list[str]]]] = {READ: [], LEFT: []}

    def add(self, outcome: str, texts: list[str], place: Problem) -> None:
        """Note the texts of one key.

        Args:
            outcome: `READ` or `LEFT`.
            texts: at least one.
            place: of the key; its message does not count.
        """
        self._found[outcome].append((place, texts))

    def notes(self) -> Iterator[str]:
        """A line for each outcome: the first text, how many more there are, and where."""
        for outcome, found in self._found.items():
            if found:
                yield _note(outcome, found)


def _note(outcome: str, found: list[tuple[Problem, list[str]]]) -> str:
    (first, (text, *_)), *others = found
    count = sum(len(texts) for _, texts in found) - 1
    # Without the file's name, which the note begins with.
    places = [":".join(place.where.rsplit(":", 2)[1:]) or place.key for place, _ in others]
    shown_places = places[:PLACES_SHOWN]
    if len(places) > PLACES_SHOWN:
        shown_places.append(f"{len(places) - PLACES_SHOWN} more places")
    at = f", also at {listed(shown_places, 'and')}" if places else ""
    more = f" (and {count} more{at})" if count else ""
    return str(replace(first, message=f"{shown(text)}{more}: {outcome.format(text)}"))
