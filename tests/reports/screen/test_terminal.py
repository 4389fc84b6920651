"""The screen on a terminal: drawn below what is printed, and gone at the end."""

from __future__ import annotations

import io
import re
import time
from functools import partial

from rich.console import Console, ConsoleDimensions
from rich.text import Text
from screens import made_view

from pcsearch.reports.screen.frame import frame
from pcsearch.reports.screen.terminal import REFRESHES_A_SECOND, screen


def drawn(width: int, height: int, plain: bool) -> list[Text]:
    return [Text("x" * min(width, 60)), Text(f"[b]{height} {plain}"), Text("…é漢")]


def sized(width: int, height: int, _: bool) -> list[Text]:
    return [Text("x" * width)] * height


def made(**settings: object) -> tuple[io.StringIO, Console]:
    file = io.StringIO()
    options = {"force_terminal": True, "color_system": None, "legacy_windows": False, **settings}
    return file, Console(file=file, width=60, height=10, **options)  # type: ignore[arg-type]


def test_what_is_printed_stays_above_the_screen_which_goes() -> None:
    file, console = made()
    with screen(drawn, console) as shown:
        console.print("a line of the search")
        shown.refresh()
    text = file.getvalue()
    assert text.count("a line of the search\n") == 1
    assert "[b]10 False\n" in text
    # At the end the cursor goes up, and erases each of the three lines.
    assert re.search(r"(\x1b\[1A\x1b\[2K){3}\Z", text)


def test_a_terminal_that_changes_its_size_loses_nothing_that_was_printed() -> None:
    file, console = made()
    with screen(sized, console) as shown:
        before = 10
        for width, height in ((60, 10), (25, 5), (80, 12), (40, 10)):
            console.size = ConsoleDimensions(width, height)
            length = len(file.getvalue())
            shown.refresh()
            text = file.getvalue()[length:]
            # Of the lines above the cursor, those of the screen before are erased.
            assert text.count("\x1b[1A") == before - 1
            lines = re.sub(r"\x1b\[\d+[AK]", "", text).strip("\r\n").split("\n")
            assert lines == ["x" * width] * height
            before = height


def test_drawing_takes_little_of_a_core() -> None:
    """Two refreshes a second with eight running trials; measured, 4 ms each."""
    view = made_view(running=8)
    _, console = made(color_system="truecolor")
    console.size = ConsoleDimensions(120, 40)
    with screen(partial(frame, view), console) as shown:
        shown.refresh()
        begin = time.thread_time()
        for _ in range(20):
            shown.refresh()
        seconds = (time.thread_time() - begin) / 20
    assert seconds * REFRESHES_A_SECOND < 0.05


def test_a_terminal_without_other_characters_gets_ascii() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(file=file, force_terminal=True, color_system=None, width=60, height=10)
    with screen(drawn, console):
        pass
    file.flush()
    assert b"[b]10 True" in raw.getvalue()
    assert b"???" in raw.getvalue()
