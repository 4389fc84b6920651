"""Bars, curves, and texts that are cut between words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pcsearch.reports.screen.widgets import LEVELS, PLAIN_LEVELS, bar, cut, filled, sparkline


@pytest.mark.parametrize(
    ("curve", "width", "shown"),
    [
        ([], 8, ""),
        ([(1, 0.5)], 8, "▁"),
        ([(1, 8.0), (2, 4.0), (3, 1.0)], 8, "█▄▁"),
        # The newest value at each of the epochs 1, 34, 67 and 100.
        ([(1, 1.0), (50, 2.0), (51, 3.0), (99, 4.0), (100, 8.0)], 4, "▁▁▃█"),
        ([(1, 2.0), (2, 2.0)], 8, "▁▁"),
        ([(1, -1.7e308), (2, 1.7e308)], 8, "▁█"),
    ],
)
def test_a_curve_in_a_line(curve: list[tuple[float, float]], width: int, shown: str) -> None:
    assert sparkline(curve, width) == shown
    plain = shown.translate(str.maketrans(LEVELS, PLAIN_LEVELS))
    assert sparkline(curve, width, plain=True) == plain


@pytest.mark.parametrize(
    ("share", "shown"), [(0, "────"), (0.5, "━━──"), (1, "━━━━"), (1.5, "━━━━"), (-1, "────")]
)
def test_a_bar(share: float, shown: str) -> None:
    assert bar(share, 4) == shown
    assert bar(share, 4, plain=True) == shown.translate(str.maketrans("━─", "=-"))


@pytest.mark.parametrize(
    ("width", "lines", "shown"),
    [
        (30, 1, ["alpha 1, beta 2, gamma 3"]),
        (22, 1, ["alpha 1, and 2 more"]),
        (8, 1, ["3 more"]),
        (3, 1, []),
        (17, 2, ["alpha 1, beta 2,", "gamma 3"]),
        (8, 3, ["alpha 1,", "beta 2,", "gamma 3"]),
    ],
)
def test_texts_beside_each_other(width: int, lines: int, shown: list[str]) -> None:
    assert filled(["alpha 1", "beta 2", "gamma 3"], width, lines) == shown


def test_what_is_left_out_needs_no_count() -> None:
    assert filled(["offline", "3 runs wait"], 12, counted=False) == ["offline, …"]


WORDS = st.lists(st.text(alphabet="aé漢 _", min_size=1, max_size=12), max_size=30)


@given(WORDS, st.integers(1, 60), st.integers(1, 4))
def test_no_text_is_wider_than_there_is_room_and_each_is_whole(
    words: list[str], width: int, lines: int
) -> None:
    shown = filled(words, width, lines)
    assert len(shown) <= lines
    assert all(cell_len(line) <= width for line in shown)
    text = " ".join(shown)
    if text and not text.endswith(" more"):
        assert text == ", ".join(words)
    line = cut(" ".join(words), width)
    assert cell_len(line) <= max(width, 1)
    kept = line.removesuffix("…").strip()
    assert " ".join(words).strip().startswith(kept)


@pytest.mark.parametrize(
    ("width", "shown"), [(20, "one two three"), (12, "one two …"), (5, "one …"), (3, "…")]
)
def test_a_text_is_cut_between_words(width: int, shown: str) -> None:
    assert cut("one two three", width) == shown
