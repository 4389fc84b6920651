"""What a command tells on the terminal besides its results: lines that are not folded."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from pcsearch.reports.texts import one_line

if TYPE_CHECKING:
    from rich.console import Console

FILE_WIDTH = 160
RECENT = 5


class Notes:
    """The lines of a session on standard error; safe in any thread.

    Args:
        quiet: whether only warnings are printed.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.console = console(stderr=True)
        self.quiet = quiet
        self.warnings: deque[str] = deque(maxlen=RECENT)
        """The last warnings, the newest last."""

    def say(self, *lines: str) -> None:
        """Print lines, unless the session is quiet."""
        if not self.quiet:
            for line in lines:
                say(self.console, line)

    def warn(self, *lines: str) -> None:
        """Print the lines that are not empty, as warnings."""
        self.warnings += filter(None, lines)
        warn(self.console, *lines)


def console(stderr: bool = False) -> Console:
    """Standard output, or standard error."""
    from rich.console import Console

    terminal = Console(stderr=stderr)
    # A file or a pipe has no width of its own, and 80 columns would fold the tables.
    return terminal if terminal.is_terminal else Console(stderr=stderr, width=FILE_WIDTH)


def say(to: Console, text: str, style: str | None = None) -> None:
    """Print a text without folding it; what would steer the terminal becomes spaces."""
    plain = "\n".join(map(one_line, text.split("\n")))
    to.print(plain, style=style, highlight=False, soft_wrap=True, markup=False)


def warn(to: Console, *texts: str) -> None:
    """Print the texts that are not empty, as warnings."""
    for text in texts:
        if text:
            say(to, text, style="yellow")
