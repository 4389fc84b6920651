from __future__ import annotations

from typing import Any

import pytest

from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.schedule.evaluations import EvaluationSchedule

EPOCHS = range(1, 8)


def config(**changes: Any) -> ModelConfig:
    values = {"epochs": 7, "validation_every_n_epochs": 3, "linear_probe_every_n_epochs": 4}
    return model_config(values | changes)


def test_the_model_is_validated_as_configured_at_the_last_epoch_and_where_the_search_asks() -> None:
    assert list(filter(EvaluationSchedule(config()).validates, EPOCHS)) == [3, 6, 7]
    asked = EvaluationSchedule(config(), validate_at=[2, 3])
    assert list(filter(asked.validates, EPOCHS)) == [2, 3, 6, 7]


@pytest.mark.parametrize(
    ("every", "probe_at", "epochs"),
    [(4, [], [4, 7]), (4, [2], [2, 4, 7]), (0, [2], [2, 7]), (0, [], [])],
)
def test_the_last_epoch_is_probed_where_any_is(
    every: int, probe_at: list[int], epochs: list[int]
) -> None:
    schedule = EvaluationSchedule(config(linear_probe_every_n_epochs=every), probe_at=probe_at)
    assert list(filter(schedule.probes, EPOCHS)) == epochs
    assert schedule.has_probe == bool(epochs)


@pytest.mark.parametrize(
    ("measure", "epochs"),
    [("train_mse", [*EPOCHS]), ("val_mse", [3, 6]), ("probe_accuracy", [4])],
)
def test_what_the_search_asks_for_is_not_configured(measure: str, epochs: list[int]) -> None:
    schedule = EvaluationSchedule(config(), validate_at=[2], probe_at=[1])
    assert [epoch for epoch in EPOCHS if schedule.configured(measure, epoch)] == epochs


def test_model_saving_looks_at_configured_evaluations_and_at_the_last() -> None:
    schedule = EvaluationSchedule(config(model_saving_metric="val_mse"), validate_at=[2])
    assert list(filter(schedule.counts_for_saving, EPOCHS)) == [3, 6, 7]


@pytest.mark.parametrize(
    ("images", "video", "epochs"),
    [(True, False, [2, 4, 6, 7]), (False, True, [2, 4, 6, 7]), (False, False, [])],
)
def test_images_are_reconstructed_as_configured_and_at_the_last_epoch_where_pictures_are_wanted(
    images: bool, video: bool, epochs: list[int]
) -> None:
    wanted = {"save_reconstruction_images": images, "save_reconstruction_video": video}
    schedule = EvaluationSchedule(config(reconstruction_every_n_epochs=2, **wanted))
    assert list(filter(schedule.reconstructs, EPOCHS)) == epochs
    assert schedule.has_pictures == bool(epochs)
