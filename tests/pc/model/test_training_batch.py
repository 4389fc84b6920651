from __future__ import annotations

from typing import Any

import plain
import pytest
import torch
from learning_cases import INFERENCE, PLAIN, patches_of
from reference import (
    architecture,
    assert_equal_lists,
    model_of,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
)
from torch import Tensor

from pcsearch.pc.architecture import Architecture
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model import microbatches
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import (
    Hidden,
    InferenceSettings,
    fresh_moments,
    update_hidden,
)
from pcsearch.pc.model.learning import Learner, LearningSettings, fresh_learner, step_weights
from pcsearch.pc.model.training_batch import BatchSettings, clipped_mse, train_batch


@pytest.fixture(autouse=True)
def small_microbatches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a tiny batch has several, and the last one is smaller."""
    monkeypatch.setitem(microbatches.MICROBATCH_BYTES, "cpu", 6000)


def by_hand(
    shape: Architecture, learner: Learner, images: Tensor, *, incremental: bool
) -> tuple[Hidden, Learner]:
    """Three hidden updates and the weight steps between or after them."""
    model, hidden = model_of(shape), random_hidden(shape)
    moments = fresh_moments(hidden)
    for update in range(3):
        found = update_hidden(model, learner.weights, hidden, moments, images, 0.05, INFERENCE)
        hidden, moments = found.hidden, found.moments
        if incremental or update == 2:
            learner = step_weights(model, learner, hidden, images, 0.01, PLAIN).learner
    return hidden, learner


@pytest.mark.parametrize("incremental", [False, True])
def test_a_batch_learns_after_its_inference_or_after_every_step_of_it(incremental: bool) -> None:
    shape = architecture()
    learner, images = fresh_learner(random_weights(shape)), patches_of(shape)
    settings = BatchSettings(INFERENCE, PLAIN, inference_steps=3, incremental=incremental)
    trained = train_batch(
        model_of(shape), learner, random_hidden(shape), images, 0.05, 0.01, settings
    )
    hidden, expected = by_hand(shape, learner, images, incremental=incremental)
    assert trained.learner.moments.step == (3 if incremental else 1)
    assert_equal_lists(trained.hidden.free(), hidden.free())
    found = list(trained.learner.weights.values())
    assert_equal_lists(found, list(expected.weights.values()))
    _, image = model_of(shape).feed_forward(expected.weights, hidden.top)
    torch.testing.assert_close(trained.reconstruction, image)
    error = (image.clamp(0, 1) - images.clamp(0, 1)).square().mean()
    torch.testing.assert_close(trained.mse, error)


def test_the_train_mse_compares_what_both_show_between_0_and_1() -> None:
    """Normalised images reach far outside; what lies there counts as black or white."""
    reconstruction = torch.tensor([[-3.0, 0.5, 7.0, 0.2]])
    images = torch.tensor([[-0.5, 1.5, 1.2, 0.6]])
    assert float(clipped_mse(reconstruction, images)) == pytest.approx((0.25 + 0.16) / 4)


def test_batch_settings_follow_the_configuration() -> None:
    config = ModelConfig(
        inference_steps=7, update_weights_every_inference_step=True, use_vode_grad_norm=True
    )
    settings = BatchSettings.of(config)
    assert (settings.inference_steps, settings.incremental) == (7, True)
    assert settings.inference.norm_target == config.vode_grad_norm_target
    assert settings.learning == LearningSettings.of(config)


@pytest.mark.parametrize("incremental", [False, True])
@pytest.mark.parametrize(
    "changes",
    [{"num_blocks": 0}, {"num_heads": 1, "num_blocks": 3}, {"state_norm": True}],
    ids=str,
)
def test_a_batch_ends_where_the_plain_one_does(changes: Any, incremental: bool) -> None:
    shape = architecture(**changes)
    model, learner, hidden = model_of(shape), fresh_learner(random_weights(shape)), None
    hidden = random_hidden(shape, images=7)
    images = to_patches(random_images(shape, images=7), shape)
    chosen = BatchSettings(
        InferenceSettings(Penalty(0.01, 0.02), 0.4, 1.25, None, 50.0, adamw=False),
        LearningSettings(Penalty(), weight_decay=0.1, clip_norm=5.0),
        inference_steps=5,
        incremental=incremental,
    )
    trained = train_batch(model, learner, hidden, images, 0.02, 0.01, chosen)
    plainly, states, image = plain.train_batch(model, learner, hidden, images, 0.02, 0.01, chosen)
    assert_equal_lists(trained.hidden.free(), states.free(), rtol=1e-7, atol=1e-9)
    # AdamW divides by the size of the gradient: where that is next to nothing, so is agreement.
    found, expected = list(trained.learner.weights.values()), list(plainly.weights.values())
    assert_equal_lists(found, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(trained.reconstruction, image, rtol=1e-5, atol=1e-6)
