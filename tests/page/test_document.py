"""The file of a page."""

from __future__ import annotations

import json
import re

from pcsearch.page.document import document
from pcsearch.page.figures.figure import Figure
from pcsearch.page.html import script_hash, tag

HOSTILE = "</title></script><script>hack()</script>"


def made_document() -> str:
    figure = Figure("one", "One", "It is one.", [{"type": "scatter", "name": HOSTILE}])
    return document(HOSTILE, tag("p", "body"), [figure], str.upper)


def test_hostile_texts_end_no_element() -> None:
    page = made_document()
    assert "<title>&lt;/title&gt;" in page
    assert "<p>body</p>" in page
    data = re.findall(r'<script type="application/json" id="figures">(.*?)</script>', page)
    name = "&lt;/TITLE&gt;&lt;/SCRIPT&gt;&lt;SCRIPT&gt;HACK()&lt;/SCRIPT&gt;"
    shown = {"type": "scatter", "name": name}
    assert json.loads(data[0]) == [{"name": "one", "undrawn": [], "data": [shown], "layout": {}}]


def test_the_policy_allows_the_scripts_of_the_file_and_no_others() -> None:
    page = made_document()
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2
    policy = re.findall(r"script-src (.*?);", page)[0]
    assert policy.split() == [*map(script_hash, scripts), "'unsafe-eval'"]
    assert not re.search(r"<script[^>]* src=|<link[^>]* href=\"(?!data:)", page)
