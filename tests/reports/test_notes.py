"""What a command tells: not folded, without anything that steers the terminal."""

from __future__ import annotations

import pytest

from pcsearch.reports.notes import FILE_WIDTH, RECENT, Notes, console, say, warn


def test_lines_are_not_folded_and_empty_warnings_are_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "[red]" + "x" * (2 * FILE_WIDTH)
    say(console(), text)
    warn(console(stderr=True), "", "careful", "")
    assert capsys.readouterr() == (f"{text}\n", "careful\n")
    assert console().width == FILE_WIDTH


def test_a_text_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say(console(), "two\nlines\x1b[2J\r")
    assert capsys.readouterr().out == "two\nlines [2J \n"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_quiet_session_tells_warnings_only(
    quiet: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    notes = Notes(quiet)
    notes.say("one", "two")
    notes.warn("careful", "")
    expected = "careful\n" if quiet else "one\ntwo\ncareful\n"
    assert capsys.readouterr() == ("", expected)
    assert list(notes.warnings) == ["careful"]


def test_the_last_warnings_are_kept(capsys: pytest.CaptureFixture[str]) -> None:
    notes = Notes()
    for number in range(RECENT + 2):
        notes.warn(str(number))
    assert list(notes.warnings) == [str(number) for number in range(2, RECENT + 2)]
    assert len(capsys.readouterr().err.splitlines()) == RECENT + 2
