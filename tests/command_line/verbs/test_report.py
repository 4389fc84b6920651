"""The command that draws a search as a page."""

from __future__ import annotations

import getpass
import re
import socket
from pathlib import Path

import pytest
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    searched = {"num_blocks": {"values": [0, 1]}, "seed": {"values": [1, 2, 3]}}
    facts = {"hostname": "gpu7.lab.example", "timestamp": 1000, "time_total_s": 5.0}
    trials = [ended([1.0, value], **facts) for value in (0.5, 0.7, 0.6, 0.2, 0.3)]
    trials.append(ended([0.9], failed=True, **facts))
    write_experiment(tmp_path / "here", searched, trials, entity="scatter")
    return tmp_path / "here"


def test_the_page_lies_in_the_directory_and_nothing_else_changes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    assert main(["report", "here"]) == 0
    assert capsys.readouterr().out == f"{here / 'report.html'}\n"
    page = (here / "report.html").read_text(encoding="utf-8")
    for text in ("<h1>here</h1>", "gpu7.lab.example", f"--resume {here}", "--seed 0"):
        assert text in page
    assert "By configuration, over seeds" in page
    after = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    del after[here / "report.html"]
    assert after == before


def test_an_anonymous_page_names_nobody_and_is_still_a_page(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A user and an entity whose names are words of the page and of plotly.
    monkeypatch.setattr(getpass, "getuser", lambda: "plot")
    assert main(["report", "here", "--anonymous", "--output", "page.html"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    # What plotly and the page's script say is no matter of the search.
    scripts = re.findall(r"<script>.*?</script>", page, re.DOTALL)
    assert len(scripts) == 2
    for script in scripts:
        page = page.replace(script, "")
    assert "node 1" in page
    for name in ("gpu7", "lab.example", str(here.parent), "--resume"):
        assert name not in page
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", page)
    assert "entity: someone" in page
    assert "every plot" not in page
    assert 'class="plot" id="plot-best-trials"' in page
    assert '"type":"scatter"' in page
    assert not re.search(r"""[\s"'>](/home|/tmp|/root|/Users)/""", page)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "nowhere: no experiment is here"),
        (["here", "--output", "no/such/p.html"], "--output: no/such/p.html: cannot be written"),
    ],
)
def test_mistakes(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not [path for path in Path().iterdir() if path.name.startswith(".")]
