from __future__ import annotations

import pytest

from pcsearch.pc.data.progress import bar


@pytest.mark.parametrize(
    ("of_bytes", "total", "told"),
    [(False, 40, "30/40"), (False, None, "30/?"), (True, 40_000, "kB"), (True, None, "30/? bytes")],
)
def test_a_bar_shows_on_stderr_what_is_done(
    of_bytes: bool, total: int | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with bar("reading", total, True, of_bytes=of_bytes) as advance:
        advance(10)
        advance(20)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "reading" in shown.err
    assert told in shown.err


def test_without_a_bar_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("reading", 3, False) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
