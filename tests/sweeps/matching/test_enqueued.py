"""Files of configurations to try first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.sweeps.matching.enqueued import default_values, read_configurations
from pcsearch.sweeps.sweep import Sweep, parse_sweep

SWEEP = """method: random
parameters:
  lr: {min: 0.0, max: 1.0, default: 0.25}
  name: {values: [adam, sgd]}
  whole: {min: 1, max: 9, default: 3}
  data: {value: {k: 1}}
  o: {parameters: {depth: {values: [1, 2]}, widths: {values: [[8, 8], {a: 1}]}}}
"""


@pytest.fixture
def sweep() -> Sweep:
    return parse_sweep(SWEEP, "s.yaml")


def read(
    folder: Path, name: str, text: str, sweep: Sweep, notes: list[str] | None = None
) -> list[Any]:
    """The configurations of a file; its notes are added to those that are given, else none."""
    (folder / name).write_text(text, encoding="utf-8")
    found: list[str] = []
    configs = read_configurations(
        folder / name, sweep, {"lr"}.__contains__, {"whole"}.__contains__, found
    )
    if notes is None:
        assert not found
    else:
        notes += [each.removeprefix(f"{folder}/") for each in found]
    return configs


def problems(folder: Path, name: str, text: str, sweep: Sweep) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        read(folder, name, text, sweep)
    return [str(each).removeprefix(f"{folder}/") for each in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "p.yaml",
            "- {lr: 1e-1, name: sgd}\n- o: {depth: 2, widths: {a: 1}}\n- {o.depth: 1.0, whole: 4}",
        ),
        (
            "p.json",
            '[{"lr": 0.1, "name": "sgd"}, {"o.depth": 2, "o": {"widths": {"a": 1}}},'
            '{"o": {"depth": 1}, "whole": 4.0, "data": {"k": 1}}]',
        ),
        (
            "p.CSV",
            "lr, name,whole,o.depth,o.widths\r\n1e-1,sgd,,,\r\n,,,2,{a: 1}\r\n\r\n,,4,1,\r\n",
        ),
    ],
)
def test_each_form_gives_the_values_as_the_sweep_has_them(
    name: str, text: str, sweep: Sweep, tmp_path: Path
) -> None:
    assert repr(read(tmp_path, name, text, sweep)) == repr(
        [
            {"lr": 0.1, "name": "sgd"},
            {"o": {"depth": 2, "widths": {"a": 1}}},
            {"o": {"depth": 1}, "whole": 4} if name != "p.CSV" else {"whole": 4, "o": {"depth": 1}},
        ]
    )


def test_all_problems_of_a_list_come_at_once_with_their_places(
    sweep: Sweep, tmp_path: Path
) -> None:
    text = "- {lr: 2, nam: sgd}\n- [1]\n- {}\n- {name: lbfgs, o: {depht: 1}, data: 3}\n"
    assert problems(tmp_path, "p.yaml", text, sweep) == [
        "p.yaml:2:3: must be a mapping; write - {NAME: VALUE}, not [1]",
        "p.yaml:1:4: lr: 2 is outside of: uniform from 0.0 to 1.0",
        "p.yaml:1:11: nam: the sweep has no such parameter; did you mean 'name'?",
        "p.yaml:3:3: has no value; give at least one",
        "p.yaml:4:4: name: 'lbfgs' is outside of: one of ['adam', 'sgd']",
        "p.yaml:4:21: o.depht: the sweep has no such parameter; did you mean 'o.depth'?",
        "p.yaml:4:32: data: 3 is outside of: {'k': 1}",
    ]


def test_all_problems_of_a_table_come_at_once_with_their_lines(
    sweep: Sweep, tmp_path: Path
) -> None:
    text = "lr,whole\n0.5,10\n1,2,3\n[,1\n"
    assert problems(tmp_path, "p.csv", text, sweep) == [
        "p.csv:3: 3 cells under 2 columns",
        "p.csv:2: whole: 10 is outside of: a whole number from 1 to 9",
        "p.csv:4: lr: '[' is not YAML: while parsing a flow node, did not find expected node "
        "content",
    ]
    assert problems(tmp_path, "p.csv", "lr\n[\n", sweep)[0].startswith("p.csv:2: lr: '[' is not")
    assert len(problems(tmp_path, "p.csv", "lr\n[\n", sweep)) == 1
    assert problems(tmp_path, "p.csv", "lr,lr,\n1,1,1\n", sweep)[:2] == [
        "p.csv:1: a column has no name",
        "p.csv:1: the column 'lr' is there twice",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "p.yaml: the file is empty"),
        ("[]", "p.yaml: has no configuration; list at least one"),
        ("lr: 1", "p.yaml:1:1: must be a list of mappings; write each as - {NAME: VALUE}"),
        ("- {lr: 1, lr: [1]}", "p.yaml:1:11: 0.lr: given twice"),
        ("- {o.depth: 1, o: {depth: 2}}", "p.yaml:1:20: o.depth: given twice"),
    ],
)
def test_what_is_no_list_is_told(text: str, problem: str, sweep: Sweep, tmp_path: Path) -> None:
    assert problems(tmp_path, "p.yaml", text, sweep)[0].startswith(problem)


def test_values_that_are_read_otherwise_than_most_people_do_are_notes(tmp_path: Path) -> None:
    notes: list[str] = []
    text = "- {whole: 010, lr: 0.5, lr: 0.25}\n- {whole: 0_3}\n"
    wide = parse_sweep(SWEEP.replace("max: 9", "max: 99"), "s.yaml")
    assert read(tmp_path, "p.yaml", text, wide, notes) == [{"whole": 8, "lr": 0.25}, {"whole": 3}]
    assert notes == [
        "p.yaml:1:11: 0.whole: 010 is read as 8, as YAML 1.1 has it; quote it to mean the text",
        "p.yaml:1:25: 0.lr: given twice, on lines 1 and 1; the last counts",
        "p.yaml:2:11: 1.whole: 0_3 is read as 3, as YAML 1.1 has it; quote it to mean the text",
    ]
    notes.clear()
    text = 'whole,o.widths\n010,\n010,"{a: 3, a: 1}"\n1:30,\n'
    assert read(tmp_path, "p.csv", text, wide, notes) == [
        {"whole": 8},
        {"whole": 8, "o": {"widths": {"a": 1}}},
        {"whole": 90},
    ]
    assert notes == [
        "p.csv:2: whole: 010 is read as 8, as YAML 1.1 has it; quote it to mean the text",
        "p.csv:3: o.widths.a: given twice, on lines 1 and 1; the last counts",
        "p.csv:4: whole: 1:30 is read as 90, as YAML 1.1 has it; quote it to mean the text",
    ]


TEXTS = ["1.10", "on", "off", "2024", "None", "a: b", "null", "[x", "010", "'q'", "2024-01-02"]


def test_a_cell_may_be_a_text_that_yaml_reads_otherwise(tmp_path: Path) -> None:
    """Of a table that a program has written, nobody quotes the cells for YAML."""
    texts = parse_sweep(f"method: random\nparameters: {{v: {{values: {TEXTS!r}}}}}", "s.yaml")
    table = "\n".join(["v", *TEXTS, "'on'"])
    assert read(tmp_path, "p.csv", table, texts) == [{"v": each} for each in [*TEXTS, "on"]]
    both = parse_sweep("method: random\nparameters: {v: {values: [true, 8, 'on', x]}}", "s.yaml")
    notes: list[str] = []
    assert read(tmp_path, "p.csv", "v\non\n'on'\n", both, notes) == [{"v": True}, {"v": "on"}]
    assert notes == [
        "p.csv:2: v: on is read as true, as YAML 1.1 has it; quote it to mean the text"
    ]
    assert problems(tmp_path, "p.csv", "v\noff\n", both) == [
        "p.csv:2: v: false is outside of: one of [true, 8, 'on', 'x']"
    ]


def test_a_grid_has_the_values_of_the_grid_only(tmp_path: Path) -> None:
    text = "method: grid\nparameters: {q: {distribution: q_uniform, min: 1, max: 3, q: 1}}"
    grid = parse_sweep(text, "s.yaml")
    assert problems(tmp_path, "p.yaml", "- {q: 2}\n- {q: 3}\n", grid) == [
        "p.yaml:2:4: q: 3 is outside of: uniform from 1 to 3, in multiples of 1"
    ]


def test_defaults_are_those_of_the_file_and_then_of_what_runs(sweep: Sweep) -> None:
    known = {"name": "sgd", "whole": 7, "o": {"depth": 1}}
    values, without = default_values(sweep.searched(), known, is_grid=False)
    assert values == {"lr": 0.25, "name": "sgd", "whole": 3}
    assert without == ["o.depth", "o.widths"]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{min: 0, max: 9, default: 10}", "10 is outside of: a whole number from 0 to 9"),
        ("{values: [a, b], default: c}", "'c' is outside of: one of ['a', 'b']"),
        ("{value: 1, default: 1}", None),
        ("{min: 0.0, max: 1.0, default: 1e-1}", None),
        ("{distribution: q_uniform, min: 0.5, max: 3, q: 1, default: 0.5}", None),
        ("{default: 1}", "is empty; give value, values, or min and max"),
    ],
)
def test_a_default_is_in_its_range(entry: str, problem: str | None) -> None:
    text = f"method: random\nparameters: {{x: {entry}}}"
    if problem is None:
        parse_sweep(text, "s.yaml")
        return
    with pytest.raises(PcsearchError) as caught:
        parse_sweep(text, "s.yaml")
    assert [each.message for each in caught.value.problems] == [problem]
