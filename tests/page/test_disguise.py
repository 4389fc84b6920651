"""What says who ran a search and where is in no text of an anonymous page."""

from __future__ import annotations

import getpass
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from made_findings import made_findings, made_origin, made_trial

from pcsearch.page.disguise import Disguise, disguised_nodes
from pcsearch.page.html import Html, tag

TEXT = """\
# Run by Bob on tuesday.
method: random
entity: alice-lab
metric: {name: loss, goal: minimize}
parameters:
  x: {values: [1, 2]}
  data: {value: /data/alice/images}
"""


@pytest.fixture
def disguise(monkeypatch: pytest.MonkeyPatch) -> Disguise:
    monkeypatch.setattr(getpass, "getuser", lambda: "bob")
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop.lan")
    trials = [made_trial(n, {"x": 1}, 0.5) for n in (1, 2)]
    trials = [replace(each, node=f"gpu{each.result.number}.uni.edu") for each in trials]
    findings = made_findings(TEXT, trials)
    findings = replace(findings, place="/home/carol/my searches/here")
    _, nodes = disguised_nodes(findings)
    return Disguise(findings, made_origin(findings, folder="/srv/Dora K/work"), nodes)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("died on gpu2.uni.edu", "died on node 2"),
        ("gpu1: out of memory", "node 1: out of memory"),
        ("by laptop", "by an address"),
        ("No such file: '/mnt/a b/c.pt'", "No such file: a path"),
        ("ERROR:/mnt/x/y.py:12", "ERROR:a path:12"),
        ("in /srv/Dora K/work", "in a path"),
        ("~/data/x.npy and C:\\Users\\x", "a path and a path"),
        ("s3://bucket/alice/x at 10.0.0.17:6379", "an address at an address:6379"),
        ("mail eve@example.com", "mail someone"),
        ("alice-lab and carol and bob", "someone and someone and someone"),
        ("Losses/train_mse_avg, 1/3, a / b, bobbin", "Losses/train_mse_avg, 1/3, a / b, bobbin"),
    ],
)
def test_texts(disguise: Disguise, text: str, shown: str) -> None:
    assert disguise.text(text) == shown


def test_html_keeps_its_tags(disguise: Disguise) -> None:
    content = tag("p", tag("b", "<gpu1> '/home/x'"), title="bob's", class_="status")
    expected = '<p title="someone&#x27;s" class="status"><b>&lt;node 1&gt; a path</b></p>'
    assert disguise.html(Html(content)) == expected


def test_a_sweep_file_loses_its_comments(disguise: Disguise) -> None:
    text = disguise.sweep(TEXT)
    assert text.splitlines()[:2] == ["method: random", "entity: someone"]
    assert "value: a path" in text
    assert "Bob" not in text


def test_nodes_are_numbered() -> None:
    trials = [made_trial(n, {"x": 1}, 0.5) for n in (1, 2, 3)]
    findings = made_findings(TEXT, [replace(t, node=n) for t, n in zip(trials, "ba", strict=False)])
    disguised, names = disguised_nodes(findings)
    assert [trial.node for trial in disguised.trials] == ["node 2", "node 1"]
    assert names == {"a": "node 1", "b": "node 2"}


def test_a_process_without_a_user_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr(getpass, "getuser", nobody)
    findings = made_findings(TEXT, [])
    text = Disguise(findings, made_origin(findings), {}).text(str(Path.home()))
    assert text in ("a path", "/")
