"""Untrusted texts in HTML, in scripts and in plots."""

from __future__ import annotations

import json

import pytest

from pcsearch.page.html import LONGEST_LABEL, Html, escaped, joined, json_text, labelled, tag

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "<img src=x onerror=alert(1)>",
    "\" onclick='x' &amp;",
    "\u2028\u2029\x00",
    "\ud800",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_no_html(text: str) -> None:
    content = tag("p", text, title=text)
    inner = content.removeprefix("<p").removesuffix("</p>")
    assert "<" not in inner
    assert inner.count(">") == 1
    assert inner.count('"') == 2
    assert "'" not in inner
    content.encode()


def test_html_stays_html() -> None:
    assert tag("p", tag("b", "<"), " ", Html("<i></i>")) == "<p><b>&lt;</b> <i></i></p>"
    assert joined(["&", Html("&amp;")]) == "&amp;&amp;"


def test_attributes() -> None:
    content = tag("a", class_="x", aria_label="y", hidden=True, open=False, id=None)
    assert content == '<a class="x" aria-label="y" hidden></a>'


@pytest.mark.parametrize("text", HOSTILE)
def test_json_in_a_script_is_the_same_and_ends_no_script(text: str) -> None:
    written = json_text({text: [text, 1.5, None]})
    assert json.loads(written) == {text: [text, 1.5, None]}
    assert written.isascii()
    assert not set(written) & set("<>&")


def test_json_has_no_numbers_that_browsers_refuse() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text([float("nan")])


def test_a_plot_shows_the_tags_of_a_text() -> None:
    figure = {
        "x": ["<b>a</b>", 1],
        "title": {"text": "a & b\nc"},
        "ticktext": ["<b>"],
        "type": "scatter",
        "xref": "x",
    }
    assert labelled(figure, str.upper) == {
        "x": ["&lt;B&gt;A&lt;/B&gt;", 1],
        "title": {"text": "A &amp; B<br>C"},
        # Plotly shows these as they are.
        "ticktext": ["<B>"],
        # They are plotly's words.
        "type": "scatter",
        "xref": "x",
    }


def test_a_long_text_is_cut_in_a_plot() -> None:
    cut = labelled({"text": "<" * 1000}, str)
    assert cut == {"text": "&lt;" * (LONGEST_LABEL - 1) + "…"}


def test_categories_that_differ_still_differ() -> None:
    long = [f"{'a' * 50}{n}{'b' * 50}" for n in (1, 2)]
    first, second = f"{'a' * 39}…{'b' * 20}", f"{'a' * 39}…{'b' * 20} (2)"
    figure = {
        "data": [{"y": [*long, long[0], "c\nd"], "customdata": [1]}],
        "layout": {"yaxis": {"categoryarray": long[::-1]}},
    }
    assert labelled(figure, str) == {
        "data": [{"y": [first, second, first, "c d"], "customdata": [1]}],
        "layout": {"yaxis": {"categoryarray": [second, first]}},
    }
    paths = {"x": ["/a", "/b", "a path (2)"]}
    lines = labelled([{"name": name} for name in long], str)
    assert lines == [{"name": first}, {"name": second}]
    anonymous = labelled(paths, lambda text: "a path" if text.startswith("/") else text)
    assert anonymous == {"x": ["a path", "a path (2)", "a path (2) (2)"]}


def test_what_is_no_text_of_utf_8_is_a_question_mark() -> None:
    assert escaped("a\udc80") == "a?"
