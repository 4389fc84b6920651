"""Parts of a line on the live screen: bars, curves, and texts that are cut between words only."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

LEVELS, PLAIN_LEVELS = "▁▂▃▄▅▆▇█", "_.-~=+*#"
BARS, PLAIN_BARS = ("━", "─"), ("=", "-")
MORE = "…"


def sparkline(curve: Sequence[tuple[float, float]], width: int, plain: bool = False) -> str:
    """A learning curve in a line: low values are low, as in this curve.

    Args:
        curve: the values, each after its epoch, in rising order.
        width: of the line at most, in characters.
        plain: whether the terminal knows ASCII only.
    """
    if not curve:
        return ""
    levels = PLAIN_LEVELS if plain else LEVELS
    values = [value for _, value in curve]
    # In halves: the span of huge values would be infinite.
    least, span = min(values) / 2, max(values) / 2 - min(values) / 2
    first, last = curve[0][0], curve[-1][0]
    columns = min(width, len(curve))
    shown, place = [], 0
    for column in range(columns):
        at = first + (last - first) * column / max(1, columns - 1)
        # The newest value that is there at this epoch.
        while place + 1 < len(curve) and curve[place + 1][0] <= at + 1e-9:
            place += 1
        height = (values[place] / 2 - least) / span if span else 0.0
        shown.append(levels[min(len(levels) - 1, int(height * len(levels)))])
    return "".join(shown)


def bar(share: float, width: int, plain: bool = False) -> str:
    """A bar of which a share, from 0 to 1, is full."""
    full, rest = PLAIN_BARS if plain else BARS
    filled = round(min(max(share, 0.0), 1.0) * width)
    return full * filled + rest * (width - filled)


def filled(parts: Sequence[str], width: int, lines: int = 1, *, counted: bool = True) -> list[str]:
    """Texts beside each other, each whole; the last line says that some have no room.

    Args:
        parts: the texts.
        width: of a line, in columns of the terminal.
        lines: how many there may be.
        counted: whether it says how many.
    """
    # A part takes two columns at least.
    for count in range(min(len(parts), width * lines // 2), -1, -1):
        rest = len(parts) - count
        last = f"{'and ' if count else ''}{rest} more" if counted else MORE
        made = _packed([*parts[:count], *([last] if rest else [])], width)
        if len(made) <= lines and all(cell_len(line) <= width for line in made):
            return made
    return []


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """Texts in as few lines as there is room for, separated by commas."""
    lines: list[str] = []
    for place, part in enumerate(parts):
        text = part if place == len(parts) - 1 else f"{part},"
        if lines and cell_len(lines[-1]) + 1 + cell_len(text) <= width:
            lines[-1] += f" {text}"
        else:
            lines.append(text)
    return lines


def cut(text: str, width: int) -> str:
    """The first words of a text for which there is room, with a sign where more follow."""
    if cell_len(text) <= width:
        return text
    shown = ""
    for word in text.split(" "):
        longer = f"{shown} {word}" if shown else word
        if cell_len(longer) + 2 > width:
            break
        shown = longer
    return f"{shown} {MORE}".strip()
