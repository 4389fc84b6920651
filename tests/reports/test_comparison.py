"""Searches beside each other, as tables and sentences."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from made_findings import made_findings, made_trial
from rich.console import Console

from pcsearch.engine.results.comparison import Comparison, compared
from pcsearch.reports.comparison import (
    best_table,
    conclusions,
    document,
    names_of,
    progress_table,
)

TEXT = (
    "method: grid\nmetric: {name: loss, goal: minimize}\nparameters:\n"
    "  x: {values: [1, 2]}\n  seed: {values: [1, 2, 3]}\n"
)


def comparison(*searches: tuple[int, list[float | None]]) -> Comparison:
    found = [
        replace(
            made_findings(
                TEXT,
                [
                    made_trial(
                        *(i, {"x": x, "seed": i}, value),
                        status="failed" if value is None else "finished",
                    )
                    for i, value in enumerate(values, start=1)
                ],
            ),
            place=f"/results/{name}",
        )
        for name, (x, values) in zip("abc", searches, strict=False)
    ]
    return compared(found, ["seed"])


def printed(renderable: Any) -> list[list[str]]:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(renderable)
    return [line.split() for line in capture.get().splitlines() if line.strip(" ─")]


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (["/r/a", "/r/b"], ["a", "b"]),
        (["/r/a/x", "/r/b/x/"], ["a/x", "b/x"]),
        (["s3://b/x", "/r/y"], ["x", "y"]),
        (["/r/a", "/r/a"], ["/r/a", "/r/a"]),
    ],
)
def test_names_are_short_and_different(places: list[str], names: list[str]) -> None:
    assert names_of(places) == names


def test_a_row_for_each_search() -> None:
    found = comparison((1, [0.5, 0.4]), (2, [0.3, None]))
    header, *rows = printed(progress_table(found, 160))
    assert header[:7] == ["search", "best", "loss", "found", "at", "trials", "epochs"]
    assert rows == [
        ["a", "0.4", "10", "2", "10", "20", "s", "-", "0.5", "0.4"],
        ["b", "0.3", "5", "2", "10", "20", "s", "-", "0.3", "0.3"],
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_on_a_narrow_terminal_numbers_stand_for_long_names(width: int) -> None:
    found = comparison((1, [0.5, 0.4]), (2, [0.3, None]))
    names = ["quickstart_2026-11-30_03-12-25", "quickstart_2026-11-29_12-00-00"]
    searches = [
        replace(each, place=f"/results/{name}")
        for each, name in zip(found.searches, names, strict=True)
    ]
    found = replace(found, searches=tuple(searches))
    for table in (progress_table, best_table):
        console = Console(width=width)
        with console.capture() as capture:
            console.print(table(found, width))
        text = capture.get()
        assert all(len(line) <= width for line in text.splitlines())
        assert all(name in text for name in names)
        assert "…" not in text
        # What the table is for is there at every width.
        rows = [line.split() for line in text.splitlines()]
        if table is best_table:
            assert ["x", "1", "2"] in rows
        else:
            values = [row[1] for row in rows if row and row[0] in ("1", "2", *names)]
            assert values == ["0.4", "0.3"]


def test_only_parameters_that_differ_are_shown() -> None:
    assert printed(best_table(comparison((1, [0.5]), (2, [0.3])), 160))[1:] == [["x", "1", "2"]]
    same = printed(best_table(comparison((1, [0.5]), (1, [0.3])), 160))
    assert same[1:] == [["no", "difference", "-", "-"]]


def test_the_conclusions_are_sentences() -> None:
    found = comparison((1, [0.5, 0.52, 0.51]), (2, [0.3, 0.31, 0.32]), (1, [None]))
    assert list(conclusions(found)) == [
        "c: no trial has a value",
        "b is better than a by 0.2 (means 0.31 and 0.51): more than the spread over 3 and 3 seeds "
        "explains (p = 1.6e-05)",
    ]
    assert list(conclusions(comparison((1, [0.5]), (2, [0.25])))) == [
        "b is better than a by 0.25 (means 0.25 and 0.5); that may be chance: b and a have one "
        "seed for a configuration"
    ]


def test_the_document_has_everything() -> None:
    read = json.loads(document(comparison((1, [0.5, 0.7]), (2, [0.25, 0.3]))))
    assert read["budgets"] == [2, 5, 10]
    assert [each["best"]["trials"] for each in read["searches"]] == [[1, 2], [1, 2]]
    assert read["searches"][1]["best_so_far"]["values"] == [0.25]
    assert read["differences"][0]["better"] == "/results/b"
