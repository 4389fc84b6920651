"""What says who ran a search and where is in no text of an anonymous page."""

from __future__ import annotations

import getpass
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from made_findings import made_findings, made_origin, made_trial

from pcsearch.page.disguise import Disguise, disguised
from pcsearch.page.html import Html, tag

TEXT = """\
# Run by Bob on tuesday.
method: random
entity: alice-lab
metric: {name: loss, goal: minimize}
parameters:
  x: {values: [1, 2]}
  data: {value: /data/alice/images}
  more: {value: /mnt/My Drive}
"""


@pytest.fixture
def disguise(monkeypatch: pytest.MonkeyPatch) -> Disguise:
    monkeypatch.setattr(getpass, "getuser", lambda: "bob")
    monkeypatch.setattr(socket, "gethostname", lambda: "laptop.lan")
    trials = [made_trial(n, {"x": 1}, 0.5) for n in (1, 2)]
    trials = [replace(each, node=f"gpu{each.result.number}.uni.edu") for each in trials]
    findings = made_findings(TEXT, trials)
    findings = replace(findings, place="/home/carol/my searches/here")
    _, nodes = disguised(findings, ["login.uni.edu"])
    origin = made_origin(findings, folder="/srv/Dora K/work", address="ray://Head0:10001")
    return Disguise(findings, origin, nodes)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("died on gpu2.uni.edu", "died on node 2"),
        ("gpu1: out of memory", "node 1: out of memory"),
        ("login.uni.edu", "node 3"),
        ("GPU1 and gpu2.inst.uni.edu, gpu1. And gpu12", "node 1 and node 2, node 1. And gpu12"),
        ("by laptop, Laptop.lan, head0:6379", "by an address, an address, an address:6379"),
        ("No such file: '/mnt/a b/c.pt'", "No such file: a path"),
        ("ERROR:/mnt/x/y.py:12", "ERROR:a path:12"),
        ("in /srv/Dora K/work", "in a path"),
        ("at ../../home/bob/x, ./y, home/zoe/x", "at a path, a path, a path"),
        ("more: constant /mnt/My Drive", "more: constant a path"),
        ("/mnt/Our Own Drive/x has gone", "a path has gone"),
        ("~/data/x.npy and C:\\Users\\x", "a path and a path"),
        ("s3://bucket/alice/x at 10.0.0.17:6379", "an address at an address:6379"),
        ("mail eve@example.com", "mail someone"),
        ("alice-lab and Carol and bob", "someone and someone and someone"),
        ("Losses/train_mse_avg, 1/3, a / b, bobbin", "Losses/train_mse_avg, 1/3, a / b, bobbin"),
    ],
)
def test_texts(disguise: Disguise, text: str, shown: str) -> None:
    assert disguise.text(text) == shown


def test_html_keeps_its_tags_and_their_names(disguise: Disguise) -> None:
    content = tag(
        "p", tag("b", "<gpu1> '/home/x'"), title="bob's", class_="bob", id="gpu1", aria_label="bob"
    )
    expected = (
        '<p title="someone&#x27;s" class="bob" id="gpu1" aria-label="someone">'
        "<b>&lt;node 1&gt; a path</b></p>"
    )
    assert disguise.html(Html(content)) == expected


def test_a_sweep_file_loses_its_comments(disguise: Disguise) -> None:
    text = disguise.sweep(TEXT)
    assert text.splitlines()[:2] == ["method: random", "entity: someone"]
    assert "value: a path" in text
    assert "Bob" not in text


def test_a_sweep_file_is_read_as_every_one_is(disguise: Disguise) -> None:
    text = "method: grid\nparameters:\n  x: {values: [a, =, 2024-13-45, 1e-3]}\n"
    values = [line.strip("- ") for line in disguise.sweep(text).splitlines()[-4:]]
    assert values == ["a", "'='", "'2024-13-45'", "1e-3"]


def test_machines_are_numbered_also_those_of_earlier_reports(tmp_path: Path) -> None:
    trials = [made_trial(n, {"x": 1}, 0.5, folder=tmp_path) for n in (1, 2)]
    reports = [{"hostname": host} for host in ("c", 'd"', "b")]
    text = "".join(f"{json.dumps(each)}\n" for each in reports)
    (trials[0].folder / "result.json").write_text(text + '{"hostname": "cut')
    findings = made_findings(TEXT, [replace(t, node=n) for t, n in zip(trials, "ba", strict=True)])
    shown, names = disguised(findings, [])
    assert [trial.node for trial in shown.trials] == ["node 2", "node 1"]
    assert names == {"a": "node 1", "b": "node 2", "c": "node 3", 'd"': "node 4"}


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        ("FileNotFoundError: gpu7 has no such file", "FileNotFoundError"),
        ("eves_code.OddError: x", "OddError"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
        ("gpu7: out of memory", "an error"),
        ("its process died on gpu7", "an error"),
    ],
)
def test_of_an_error_the_type_is_left(error: str, shown: str) -> None:
    trial = made_trial(1, {"x": 1}, None, status="failed")
    trial = replace(trial, result=replace(trial.result, error=error), reason=error)
    (left,) = disguised(made_findings(TEXT, [trial]), [])[0].trials
    assert (left.result.error, left.reason) == (shown, shown)


def test_the_machine_of_a_driver_that_joined(tmp_path: Path) -> None:
    trial = made_trial(1, {"x": 1}, 0.5, folder=tmp_path / "drivers" / "gpu9_ab12")
    findings = made_findings(TEXT, [trial])
    disguise = Disguise(findings, made_origin(findings), {})
    shown = disguise.text(f"on gpu9: {trial.folder} is damaged")
    assert shown == f"on an address: a path/{trial.folder.name} is damaged"


def test_a_process_without_a_user_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user")

    monkeypatch.setattr(getpass, "getuser", nobody)
    findings = made_findings(TEXT, [])
    text = Disguise(findings, made_origin(findings), {}).text(str(Path.home()))
    assert text in ("a path", "/")
