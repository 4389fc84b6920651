"""The page of a search as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.engine.records.directory import directory_at
from pcsearch.errors import PcsearchError
from pcsearch.page.writing import FILE, write_page


def test_a_page_is_where_it_was_asked_for(tmp_path: Path) -> None:
    searched = {"hidden_momentum": {"values": [0.1, 0.2]}}
    write_experiment(tmp_path / "here", searched, [ended([2.0])])
    directory = directory_at(str(tmp_path / "here"), "directory")
    assert write_page(directory, None, anonymous=False) == tmp_path / "here" / FILE
    page = tmp_path / "page.html"
    assert write_page(directory, page, anonymous=True) == page
    assert str(tmp_path) in (tmp_path / "here" / FILE).read_text(encoding="utf-8")
    assert str(tmp_path) not in page.read_text(encoding="utf-8")
    with pytest.raises(PcsearchError, match=r"--output: /.*nosuch/page.html: cannot be written"):
        write_page(directory, tmp_path / "nosuch" / "page.html", anonymous=True)
