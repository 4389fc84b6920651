"""Tables of any width: columns that do not fit are left out from the right, and named below.

This is the one rule for the live screen, the table at the end of a search, `results` and `compare`:
names and values stay whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from pcsearch.reports.texts import one_line

GAP = 3
"""Columns of the terminal between two texts in a row; one more is at the edge."""
LEFT = ("status", "why", "curve")
"""The columns whose texts begin at the left."""
STYLES = {
    "finished": "green",
    "stopped": "yellow",
    "diverged": "red",
    "failed": "bold red",
    "interrupted": "magenta",
    "running": "cyan",
}
"""The styles of cells with these texts."""


@dataclass(frozen=True)
class Fitting:
    """The columns of a table for which there is room.

    Args:
        widths: of the columns that are shown, in columns of the terminal.
        left_out: the names of the others.
    """

    widths: tuple[int, ...]
    left_out: tuple[str, ...]


def fitting(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Fitting:
    """The first columns of a table that fit into a width, with the gaps; at least one.

    Args:
        names: of the columns.
        rows: texts, as many in each as there are names.
        width: in columns of the terminal.
    """
    widths = [max(map(cell_len, column)) for column in zip(names, *rows, strict=True)]
    used = accumulate((each + GAP for each in widths), initial=1)
    shown = max(1, sum(end <= width for end in used) - 1)
    return Fitting(tuple(widths[:shown]), tuple(names[shown:]))


def fitting_table(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    title: str = "",
    bold: Sequence[int] = (),
    where: str = "",
) -> Lines:
    """A table of texts for which there is room in a width, with the names of other columns below.

    A first column that is wider than the terminal is folded.

    Args:
        names: of the columns; the last ones are left out first.
        rows: of the table.
        width: in columns of the terminal.
        title: above the table.
        bold: the places of the rows that stand out.
        where: says where the other columns are.
    """
    names, rows = [*map(one_line, names)], [[*map(one_line, row)] for row in rows]
    fit = fitting(names, rows, width)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for name in names[: len(fit.widths)]:
        justify: Literal["left", "right"] = "left" if name in LEFT else "right"
        # As a text the name is no markup.
        table.add_column(Text(name), justify=justify, overflow="fold")
    for place, row in enumerate(rows):
        cells = (Text(text, STYLES.get(text, "")) for text in row[: len(fit.widths)])
        table.add_row(*cells, style="bold" if place in bold else None)
    lines: list[RenderableType] = [Text(title, "italic")] if title else []
    lines.append(table)
    if fit.left_out:
        note = f"not shown: {', '.join(fit.left_out)}{where and f' ({where})'}"
        lines.append(Text(note))
    return Lines(*lines)
