"""What is known of the model that a search keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.kept_model import KeptModel, best_kept_model, kept_model
from pcsearch.sweeps.metrics import Metric

FILE = '{"trial": 3, "trial_id": "abc", "metric": "loss", "value": 0.25, "metrics": {}}'


def test_its_trial_and_value_are_in_the_file_of_its_metrics(tmp_path: Path) -> None:
    directory = ExperimentDirectory(tmp_path)
    assert kept_model(directory) is None
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "metrics.json").write_text(FILE)
    assert kept_model(directory) == KeptModel(str(tmp_path / "best"), 3, "abc", "loss", 0.25)


def test_of_several_drivers_the_best_model_is_that_of_any(tmp_path: Path) -> None:
    folders = [tmp_path, tmp_path / "drivers" / "one_1", tmp_path / "drivers" / "two_2"]
    (tmp_path / "experiment.json").touch()
    for folder, value in zip(folders, (0.25, 0.125, 0.5), strict=True):
        (folder / "best").mkdir(parents=True)
        (folder / "best" / "metrics.json").write_text(FILE.replace("0.25", str(value)))

    def value(folder: Path, *metrics: Metric) -> float:
        model = best_kept_model(ExperimentDirectory(folder), metrics)
        assert model is not None
        assert Path(model.place).parent in folders
        return model.value

    loss, gain = Metric("loss", "minimize"), Metric("loss", "maximize")
    assert [value(folder, loss) for folder in folders] == [0.125] * 3
    assert [value(folder, gain) for folder in folders] == [0.5] * 3
    # Models by an earlier metric, or by none that is known, cannot be compared.
    for metrics in ([Metric("other", "minimize")], []):
        assert [value(folder, *metrics) for folder in folders] == [0.25, 0.125, 0.5]
    assert best_kept_model(ExperimentDirectory(tmp_path / "nowhere"), [loss]) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", FILE.replace("0.25", "null"), '{"trial": 3}']
)
def test_a_file_that_says_something_else_is_none_of_it(text: str, tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "metrics.json").write_text(text)
    assert kept_model(ExperimentDirectory(tmp_path)) is None
