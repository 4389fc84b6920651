"""How the values of options are read."""

from __future__ import annotations

import click
import pytest

from pcsearch.command_line.option_values import Duration

pytestmark = pytest.mark.oldest


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("1.5", 1.5),
        ("90s", 90),
        ("30m", 1800),
        ("8h", 28800),
        ("1h30m", 5400),
        ("2d", 172800),
    ],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "8x", "-5", "8h3", "1 h", "nan", "inf", "0", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="time"):
        Duration().convert(text, None, None)
