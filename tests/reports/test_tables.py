"""Tables of any width: whole names and values, and the others named below."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from pcsearch.reports.tables import fitting, fitting_table
from pcsearch.reports.texts import one_line

NAMES = ["trial", "loss", "status", "peak_lr_hidden", "[red]x\x1b[31m\ny", "größe_漢字"]
ROWS = [
    ["1", "0.25", "finished", "0.0125", "[b]a[/b]", "7"],
    ["2", "0.5", "stopped", "0.5", "\x1b[2Jb", "漢"],
]


def printed(width: int, **given: object) -> list[str]:
    console = Console(width=width, force_terminal=True)
    with console.capture() as capture:
        console.print(fitting_table(NAMES, ROWS, width, **given))  # type: ignore[arg-type]
    text = re.sub(r"\x1b\[[\d;]*m", "", capture.get())
    assert "\x1b" not in text
    return [line for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120])
def test_columns_that_do_not_fit_are_named_below(width: int) -> None:
    lines = printed(width, where="--json has everything")
    assert all(cell_len(line) <= width for line in lines)
    header, _, *rest = lines
    text = " ".join(" ".join(rest).split())
    names = [" ".join(one_line(name).split()) for name in NAMES]
    shown = [name for name in names if name in " ".join(header.split())]
    assert shown == names[: len(shown)]
    note = f"not shown: {', '.join(names[len(shown) :])} (--json has everything)"
    assert (note in text) == (len(shown) < len(names))
    assert "..." not in text
    assert "…" not in text


def test_a_table_has_a_title_and_rows_that_stand_out() -> None:
    lines = printed(120, title="2 trials")
    assert lines[0].strip() == "2 trials"
    assert "[b]a[/b]" in lines[3]
    console = Console(width=120, force_terminal=True)
    with console.capture() as capture:
        console.print(fitting_table(NAMES, ROWS, 120, bold=[1]))
    bold = [line for line in capture.get().splitlines() if "0.5" in line or "0.25" in line]
    assert ["\x1b[1m" in line for line in bold] == [False, True]


def test_a_first_column_that_is_too_wide_is_folded_and_not_cut() -> None:
    name = "a_name_that_is_much_longer_than_the_terminal"
    console = Console(width=20)
    with console.capture() as capture:
        console.print(fitting_table([name, "b"], [["1", "2"]], 20))
    lines = capture.get().splitlines()
    assert "".join(re.findall(r"[a_-z]+", "".join(lines[1:4]))) == name
    assert lines[-1] == "not shown: b"


@given(
    st.lists(st.text("ab漢", min_size=1, max_size=9), min_size=1, max_size=9), st.integers(1, 90)
)
def test_as_many_columns_are_shown_as_fit(names: list[str], width: int) -> None:
    fit = fitting(names, [], width)
    assert (*names,) == (*names[: len(fit.widths)], *fit.left_out)
    console = Console(width=200)
    for count in (len(fit.widths), len(fit.widths) + 1):
        with console.capture() as capture:
            console.print(fitting_table(names[:count], [], 200))
        widest = max(cell_len(line) for line in capture.get().splitlines())
        if count > len(fit.widths):
            assert widest > width or not fit.left_out
        elif count > 1:
            assert widest <= width
