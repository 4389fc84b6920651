"""What is known of the model that a search keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.kept_model import KeptModel, kept_model

FILE = '{"trial": 3, "trial_id": "abc", "metric": "loss", "value": 0.25, "metrics": {}}'


def test_its_trial_and_value_are_in_the_file_of_its_metrics(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path)
    assert kept_model(directory) is None
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "metrics.json").write_text(FILE)
    assert kept_model(directory) == KeptModel(str(tmp_path / "best"), 3, "abc", "loss", 0.25)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", FILE.replace("0.25", "null"), '{"trial": 3}']
)
def test_a_file_that_says_something_else_is_none_of_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "metrics.json").write_text(text)
    assert kept_model(ExperimentDirectory(tmp_path)) is None
