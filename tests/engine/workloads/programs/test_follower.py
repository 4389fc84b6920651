"""Metrics are read from what a program prints, and from files that grow."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.workloads.programs.follower import Follower, flat, read_messages, reader


def read(source: str, *lines: str) -> list[Any]:
    take = reader(source)
    return [message["values"] for line in lines for message in take(line)]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("loss: 0.5", {"loss": 0.5}),
        ("epoch 3 | val/loss=1e-3, acc = .75", {"val/loss": 0.001, "acc": 0.75}),
        ("loss: nan", {"loss": pytest.approx(float("nan"), nan_ok=True)}),
        ('{"loss": 1, "val": {"acc": 0.5}, "list": [1]}', {"loss": 1, "val.acc": 0.5}),
        ("{'eval_loss': 0.5, 'more': {'acc': 1}, 'x': None}", {"eval_loss": 0.5, "more.acc": 1}),
        (
            "{'loss': nan, 'least': -inf, 'acc': np.float64(0.5)}",
            {"loss": pytest.approx(float("nan"), nan_ok=True), "least": -math.inf, "acc": 0.5},
        ),
        ("model.layer-1: 3", {"model.layer-1": 3.0}),
        ("epoch=3-loss=0.5/acc=1. name: b: 2e3", {"epoch": 3, "loss": 0.5, "acc": 1, "b": 2000}),
    ],
)
def test_a_printed_line_with_numbers_is_a_message(line: str, values: dict[str, Any]) -> None:
    assert read("stdout", line) == [values]


@pytest.mark.parametrize(
    "line", ["", "hello", "at 12:30:01", "time: 12:30", "loss: high", "{broken", "3: 4"]
)
def test_other_lines_are_none(line: str) -> None:
    assert read("stdout", line) == []


def test_a_table_is_read_by_its_header() -> None:
    assert read("m.csv", "epoch, loss,note", "1,0.5,fine", "", "2,,x") == [
        {"epoch": 1.0, "loss": 0.5},
        {"epoch": 2.0},
    ]


def test_odd_lines_of_a_table_hide_no_other() -> None:
    lines = ("loss,note", f"1,{'x' * 200_000}", "2,a\r3,b", "", ",")
    assert read("m.csv", *lines) == [
        {"loss": 1.0},
        {"loss": 2.0},
        {"loss": 3.0},
        {},
    ]


@pytest.mark.parametrize("line", ["a-" * 500_000, "a=" + "1" * 500_000 + "x", "a " * 500_000])
def test_long_lines_take_a_moment(line: str) -> None:
    start = time.process_time()
    assert read("stdout", line) == []
    assert time.process_time() - start < 60


def test_lines_of_json_are_read_from_any_other_file() -> None:
    assert read("m.jsonl", '{"a": 1}', "[1]", "x") == [{"a": 1}]


def test_nested_names_have_dots() -> None:
    assert flat({"a": {"b": {"c": 1}}, "d": None}) == {"a.b.c": 1}


def test_a_file_is_followed_from_its_start_until_the_end(tmp_path: Path) -> None:
    file, found = tmp_path / "out.txt", list[Any]()
    file.write_text("loss: 9\n")
    follower = Follower(
        file, "stdout", lambda message, _: found.append(message["values"]["loss"]), 8
    )
    with file.open("a") as stream:
        for part in ("loss: 1\nlo", "ss: 2\n", "loss: 3"):
            stream.write(part)
            stream.flush()
            time.sleep(0.15)
    follower.close()
    assert found == [1.0, 2.0, 3.0], "the last line has no end"


def test_a_file_that_never_comes_has_nothing(tmp_path: Path) -> None:
    found: list[Any] = []
    Follower(tmp_path / "none", "stdout", lambda *each: found.append(each)).close()
    assert found == []


def test_a_file_that_is_written_again_is_read_again_without_what_was_there(tmp_path: Path) -> None:
    file, found, expected = tmp_path / "m.csv", list[Any](), list[dict[str, float]]()
    file.write_text("a,loss\n0,9\n")
    follower = Follower(file, "m.csv", lambda message, _: found.append(message["values"]), 11)
    for text, values in [
        ("a,loss\n0,9\n1,0.5\n", [{"a": 1, "loss": 0.5}]),
        # It is smaller, and another one.
        ("b,loss\n1,3\n", [{"b": 1, "loss": 3}]),
        ("", []),
        ("b,loss\n1,3\n2,4\n", [{"b": 2, "loss": 4}]),
        ("b,loss\n7,3\n", [{"b": 7, "loss": 3}]),
    ]:
        file.write_text(text)
        expected += values
        end = time.monotonic() + 240
        while len(found) < len(expected):
            time.sleep(0.01)
            assert time.monotonic() < end, found
    follower.close()
    assert found == expected


def test_a_part_of_a_file_has_the_whole_lines_in_it(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text("a,loss\n0,9\n1,8\n2,7\n3,")
    found = [
        (dict(message["values"]), end) for message, end in read_messages(file, "m.csv", 11, 19)
    ]
    assert found == [({"a": 1, "loss": 8}, 15), ({"a": 2, "loss": 7}, 19)]
    assert list(read_messages(file, "m.csv", 19, None)) == []
    assert list(read_messages(tmp_path / "none", "wandb", 0, None)) == []


@pytest.mark.parametrize(
    ("source", "torn", "line"),
    [
        ("stdout", "loss: 0.1", "loss: 0.5"),
        ("stdout", "\r 50%|####| 3/6", "loss: 0.5"),
        ("m.jsonl", '{"loss": 0.1', '{"loss": 0.5}'),
        ("m.csv", "0.1", "0.5"),
    ],
)
def test_a_line_that_a_kill_has_cut_hides_not_the_one_after_it(
    source: str, torn: str, line: str, tmp_path: Path
) -> None:
    file, older = tmp_path / "out", "loss\n" if source == "m.csv" else "loss: 1\n"
    file.write_text(older + torn)
    start = file.stat().st_size
    with file.open("a") as more:
        more.write(line + "\n")
    end = file.stat().st_size
    found = [(dict(each["values"]), at) for each, at in read_messages(file, source, start, None)]
    assert found == [({"loss": 0.5}, end)]
    assert list(read_messages(file, source, start, end)) != []
    assert list(read_messages(file, source, start, end - 1)) == []


def test_each_message_says_where_its_line_ends(tmp_path: Path) -> None:
    file, ends = tmp_path / "out.txt", list[int]()
    file.write_text("loss: 1\nno number\n" + "x" * 3_000_000 + "\nloss: 2\nloss: 3")
    Follower(file, "stdout", lambda _, end: ends.append(end)).close()
    assert ends == [8, 3_000_027, 3_000_034]
