"""Keeps the live screen on the terminal, below everything that is printed."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

REFRESHES_A_SECOND = 2

Draw = Callable[[int, int, bool], list[Text]]
"""Gives the lines for a width, a height, and whether the terminal knows ASCII only."""


class Frame:
    """Draws itself for the size that the terminal has at that moment.

    Args:
        draw: gives the lines.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Give rich the lines."""
        for line in self._draw(options.max_width, options.size.height, options.ascii_only):
            if options.ascii_only:
                # Names may have other characters too.
                line.plain = line.plain.encode("ascii", "replace").decode("ascii")
            line.no_wrap, line.overflow = True, "crop"
            yield line


def screen(draw: Draw, console: Console) -> Live:
    """A screen that is drawn anew twice a second, and is gone after the block.

    A terminal that gets narrower folds the lines that it has, or not; so a part of the screen
    before may stay above the new one. More is not erased: it may be what was printed.

    Args:
        draw: gives its lines.
        console: of the terminal.
    """
    return Live(
        Frame(draw),
        console=console,
        refresh_per_second=REFRESHES_A_SECOND,
        transient=True,
        vertical_overflow="crop",
    )
