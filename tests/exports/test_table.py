"""The trials as a table: every column has one type, and programs read it back."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from made_findings import made_findings, made_race, made_trial

from pcsearch.engine.results.findings import Findings
from pcsearch.exports.table import as_csv, as_parquet, table

TEXT = (
    "method: random\nmetric: {name: loss, goal: minimize}\nparameters:\n"
    "  layers: {min: 1, max: 9}\n  rate: {min: 0.0, max: 1.0}\n  flag: {values: [true, false]}\n"
    "  mixed: {values: [1, adam, [1, 2]]}\n  status: {values: [a, b]}\n"
    "  big: {values: [1, 100000000000000000000]}\n  opt: {parameters: {name: {values: [x, ü]}}}\n"
)


def findings() -> Findings:
    one = {"layers": 3, "rate": 0.5, "flag": True, "mixed": [1, 2], "status": "a", "big": 10**20}
    two = {"layers": 4, "rate": 1, "flag": False, "mixed": "adam", "status": "b", "big": 1}
    return made_findings(
        TEXT,
        [
            made_trial(1, {**one, "opt": {"name": "x"}}, 0.5),
            made_trial(2, {**two, "opt": {"name": 'ü, "quoted"\n'}}, None, status="failed"),
            made_trial(3, {}, None, status="interrupted"),
        ],
    )


def test_columns_have_types_and_names_that_are_not_taken() -> None:
    made = table(findings(), findings().trials)
    assert made.column_names == [
        *("trial", "id", "status", "reason", "epochs", "seconds", "node", "start", "end", "loss"),
        *("layers", "rate", "flag", "mixed", "config.status", "big", "opt.name"),
    ]
    kinds = {name: str(made.schema.field(name).type) for name in made.column_names}
    assert {name: kinds[name] for name in ("layers", "rate", "flag", "mixed", "big", "loss")} == {
        "layers": "int64",
        "rate": "double",
        "flag": "bool",
        "mixed": "string",
        "big": "string",
        "loss": "double",
    }
    assert made["mixed"].to_pylist() == ["[1, 2]", "adam", None]
    assert made["config.status"].to_pylist() == ["a", "b", None]
    assert made["status"].to_pylist() == ["finished", "failed", "interrupted"]


def test_csv_and_parquet_are_read_back() -> None:
    csv = pa.BufferReader(as_csv(findings(), findings().trials))
    parquet = pa.BufferReader(as_parquet(findings(), findings().trials))
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    from_csv = pyarrow.csv.read_csv(csv, parse_options=options).to_pylist()
    from_parquet = pyarrow.parquet.read_table(parquet)
    assert from_parquet.to_pylist() == table(findings(), findings().trials).to_pylist()
    assert from_parquet.schema.metadata[b"pcsearch.place"] == b"/results/here"
    assert from_csv[1]["opt.name"] == 'ü, "quoted"\n'
    assert from_csv[0]["rate"] == 0.5
    assert from_csv[2]["layers"] is None


def test_columns_whose_new_names_are_taken_too_are_all_there() -> None:
    text = (
        "method: random\nmetric: {name: seconds}\nparameters:\n  epochs: {values: [1]}\n"
        "  metric.seconds: {values: [2]}\n  config.epochs: {values: [3]}\n"
    )
    values = {"epochs": 1, "metric.seconds": 2, "config.epochs": 3}
    made = table(made_findings(text, [made_trial(1, values, 0.5)]), [made_trial(1, values, 0.5)])
    assert made.column_names[-4:] == [
        *("metric.seconds", "config.config.epochs", "config.metric.seconds", "config.epochs")
    ]
    assert [made[name].to_pylist() for name in made.column_names[-4:]] == [[0.5], [1], [2], [3]]


def test_a_metric_that_is_named_like_a_fact_has_a_column_of_its_own() -> None:
    text = TEXT.replace("name: loss", "name: seconds")
    made = table(made_findings(text, [made_trial(1, {}, 0.5)]), [made_trial(1, {}, 0.5)])
    assert made["metric.seconds"].to_pylist() == [0.5]
    assert made["seconds"].to_pylist() != [0.5]


def test_runs_have_the_means_of_their_configuration_with_fresh_seeds_and_without() -> None:
    race = made_race({1: [1.0, 2.0, 4.0], 2: [5.0]})
    made = table(race, race.trials)
    names = [name for name in made.column_names if name.startswith("configuration")]
    rows = [list(row.values()) for row in made.select(names).to_pylist()]
    assert names == [
        *("configuration", "configuration_mean", "configuration_mean_deviation"),
        *("configuration_mean_seeds", "configuration_chosen_by"),
        *("configuration_chosen_by_deviation", "configuration_chosen_by_seeds"),
    ]
    assert rows[:3] == [[1, 4.0, None, 1, 1.5, pytest.approx(0.5**0.5), 2]] * 3
    assert rows[3] == [2, 5.0, None, 1, None, None, None]
    assert str(made.schema.field("configuration_mean_seeds").type) == "int64"
