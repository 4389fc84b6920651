"""The page on Python has functions, options and results that are there, and its notebook runs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from notebooks import NOTEBOOK, traces
from pages import PAGES, blocks

import pcsearch
from pcsearch.library.options import OPTIONS

PAGE = PAGES["python.md"]
RUNNER = Path(__file__).parents[1] / "helpers" / "notebooks.py"


def test_the_code_of_the_page_uses_what_is_there() -> None:
    code = "\n".join(blocks("python.md", "python"))
    called = {
        node.func.attr: {each.arg for each in node.keywords}
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "pcsearch"
    }
    assert called.keys() == {"search", "resume", "open_search", "start_search"}
    for name, keywords in called.items():
        assert keywords <= {*OPTIONS, "rerun_failed", "progress"}, name


def test_the_page_names_every_function_and_result() -> None:
    for name in pcsearch.__all__:
        assert name in PAGE or name in ("BestTrial", "RunningSearch", "Sweep"), name
    for part, of in (("SearchResult", pcsearch.SearchResult), ("BestTrial", pcsearch.BestTrial)):
        public = {name for name in dir(of) if not name.startswith("_")}
        public |= set(getattr(of, "__dataclass_fields__", {})) - {"model"}
        for name in public:
            assert re.search(rf"`{name}[`(]", PAGE), f"{part}.{name}"


def shown(document: Any) -> list[tuple[list[str], list[str]]]:
    """The code of each cell, and the kinds of what it shows."""
    return [
        (cell["source"], [output["output_type"] for output in cell["outputs"]])
        for cell in document["cells"]
        if cell["cell_type"] == "code"
    ]


@pytest.mark.slow
def test_the_notebook_runs_and_shows_what_it_is_committed_with(tmp_path: Path) -> None:
    file = tmp_path / "again.ipynb"
    run = subprocess.run(
        [sys.executable, RUNNER, file], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    committed, again = (json.loads(each.read_text(encoding="utf-8")) for each in (NOTEBOOK, file))
    assert len(committed["cells"]) == 12
    assert shown(committed) == shown(again)
    assert "3 of 3 trials ended" in NOTEBOOK.read_text(encoding="utf-8")
    assert traces(NOTEBOOK.read_text(encoding="utf-8")) == []
