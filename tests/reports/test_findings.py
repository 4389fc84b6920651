"""What a search has found, as tables of any width, and as JSON that every reader takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.groups import grouped
from pcsearch.engine.results.importance import Importance
from pcsearch.reports.findings import document, groups_table, summary, trials_table
from pcsearch.reports.results import heads, number
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = parse_sweep(
    "method: random\nmetric: {name: val/loss, goal: minimize}\nparameters:\n"
    "  learning_rate: {min: 0.0, max: 1.0}\n  limit: {values: [1, .inf]}\n"
    "  optimizer: {values: [adam, '[red]sgd[/red]']}\n",
    "s.yaml",
)


def finding(number: int, reason: str = "") -> Finding:
    config: dict[str, Any] = {
        "learning_rate": 0.5 / number,
        "limit": float("inf"),
        "optimizer": "[red]sgd[/red]",
    }
    status = "stopped" if reason else "finished"
    result = TrialResult(number, f"t{number}", f"000{number}", config, status, 3, (0.1,), 100.0)
    return Finding(result, Path(), False, reason, "node-one", 0.0, 100.0, 9)


def findings(*trials: Finding) -> Findings:
    return Findings("here", SWEEP, SWEEP.metrics, trials, 9, "running", ("a note",))


def printed(renderable: Any, width: int) -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(renderable)
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_columns_that_do_not_fit_are_left_out_from_the_right_and_named() -> None:
    found = findings(finding(1), finding(2, "by the scheduler"))
    whole = printed(trials_table(found, found.trials, 20, 160), 160)
    assert whole[0].split() == [
        *("trial", "loss", "epochs", "status", "time", "learning_rate", "limit", "optimizer"),
        *("node", "why"),
    ]
    assert whole[2].split()[-3:] == ["[red]sgd[/red]", "node-one", "-"]
    for width in (80, 60, 40, 20):
        lines = printed(trials_table(found, found.trials, 20, width), width)
        header, last = lines[0].split(), " ".join(lines[4:])
        assert all(len(line) <= width for line in lines[:4])
        assert header == whole[0].split()[: len(header)]
        left_out = whole[0].split()[len(header) :]
        assert left_out
        named = f"not shown: {', '.join(left_out)} (--json has everything)"
        assert named in " ".join(last.split())


def test_a_reason_is_a_column_only_where_there_is_one() -> None:
    found = findings(finding(1))
    assert printed(trials_table(found, found.trials, 20, 160), 160)[0].split()[-1] == "node"


def test_text_of_a_file_is_no_markup() -> None:
    found = findings(finding(1))
    assert "[red]sgd[/red]" in printed(trials_table(found, found.trials, 20, 160), 160)[2]
    groups = grouped(found.results, found.searched, found.metrics, ["limit"])
    assert "[red]sgd[/red]" in printed(groups_table(found, groups, 20, 160), 160)[2]


@pytest.mark.parametrize(
    ("importance", "told"),
    [
        ("all trials have the same value", "all trials have the same value"),
        (
            [Importance("a", 0.75, True), Importance("b", 0.25, False)],
            "a 75%, b 25% (no more than chance)",
        ),
    ],
)
def test_the_summary(importance: Any, told: str) -> None:
    found = findings(finding(1), finding(2))
    lines = list(summary(found, found.trials, importance))
    assert lines == [
        "here: running, 2 of 9 trials ended",
        "6 epochs, 3 min of trials in 2 min, on node-one",
        f"Importance of the parameters: {told}",
        "a note",
    ]


def test_the_document_is_json_of_the_standard() -> None:
    found = findings(finding(1, "by hand"))
    text = document(found, found.trials, None, [Importance("limit", 1.0, True)])
    read = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert read["trials"][0]["config"]["limit"] == ".inf"
    assert read["trials"][0]["reason"] == "by hand"
    assert read["importance"] == {"limit": {"share": 1.0, "real": True}}
    assert read["metrics"] == [SWEEP.metrics[0].spec()]


def test_of_many_failures_some_have_a_line() -> None:
    failed = [
        replace(each, result=replace(each.result, status="failed", error="boom"))
        for each in (finding(number) for number in range(1, 9))
    ]
    lines = list(summary(findings(*failed), failed[1:], "nothing"))
    assert lines[3] == "trial 2 failed (0002/error.txt): boom"
    assert lines[8] == "and 2 more failed trials (--where status=failed --top N)"


def test_heads_of_columns_are_short_where_no_other_has_the_name() -> None:
    metrics = [Metric(name, "minimize") for name in ("train/loss", "val/loss", "val/size", "a/x")]
    assert heads(metrics, ["x"]) == ["train/loss", "val/loss", "size", "a/x"]


def test_a_cell_is_one_line() -> None:
    assert number("line\nbreak\x1b[31m") == "line break [31m"
