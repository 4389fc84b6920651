"""The table of trials on the live screen: those that run, and where there is room the newest."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from pcsearch.reports.results import heads, number
from pcsearch.reports.screen.view import Row, View
from pcsearch.reports.screen.widgets import filled, sparkline
from pcsearch.reports.tables import GAP, LEFT, STYLES, fitting
from pcsearch.reports.texts import one_line
from pcsearch.sweeps.parameters import value_of

CURVE, LONG_CURVE = 8, 16
"""The length of a curve, and that where all columns have room even so."""


def table(view: View, width: int, height: int, plain: bool) -> list[Text]:
    """The lines of the table: the heads of its columns, trials, and what is not shown.

    Running trials come before those that have ended; of too many, the newest are shown.

    Args:
        view: of the search.
        width: of the terminal, in columns.
        height: the most lines.
        plain: whether the terminal knows ASCII only.
    """
    columns = _columns(view)
    for length in (LONG_CURVE, CURVE):
        every = [_cells(row, view, length, plain) for row in (*view.latest, *view.running)]
        fit = fitting(columns, every, width)
        if not fit.left_out:
            break
    room = max(0, height - 1)
    hidden = len(view.running) > room
    if hidden or fit.left_out:
        room = max(0, room - 1)
    shown = every[max(0, len(every) - room) :] if room else []
    lines = [_line(columns, fit.widths, columns, "bold")]
    lines += [_line(row, fit.widths, columns) for row in shown]
    missing = list(fit.left_out)
    if len(view.running) > room:
        missing.insert(0, f"{len(view.running) - room} running trials")
    if missing:
        prefix = "not shown: "
        lines += [Text(prefix + text, "dim") for text in filled(missing, width - len(prefix))]
    return lines[:height]


def _columns(view: View) -> list[str]:
    parameters = [one_line(parameter.name) for parameter in view.searched]
    measured = [one_line(name) for name in heads(view.metrics, parameters)]
    curve = ["curve"] if view.metrics else []
    return ["trial", "epochs", *measured, *curve, "status", *parameters]


def _cells(row: Row, view: View, length: int, plain: bool) -> list[str]:
    # As long as it will be, so that the columns after it stay where they are.
    curve = [sparkline(row.curve, length, plain).ljust(length)] if view.metrics else []
    values = (value_of(row.config, parameter) for parameter in view.searched)
    measured = [*map(number, row.values)]
    return [str(row.number), row.epochs, *measured, *curve, row.status, *map(number, values)]


def _line(row: list[str], widths: tuple[int, ...], columns: list[str], style: str = "") -> Text:
    """A row; each text has the style of what it says."""
    line = Text(" ", style)
    for text, name, width in zip(row, columns, widths, strict=False):
        space = " " * (width - cell_len(text))
        left = name in LEFT
        line.append("" if left else space).append(text, STYLES.get(text, ""))
        line.append((space if left else "") + " " * GAP)
    line.rstrip()
    return line
