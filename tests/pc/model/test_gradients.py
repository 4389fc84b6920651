"""The gradients that are written out, against autograd over the energy."""

from __future__ import annotations

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import (
    architecture,
    assert_equal_lists,
    model_of,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
)

from pcsearch.pc.model import gradients, microbatches
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import InferenceSettings, fresh_moments, update_hidden
from pcsearch.pc.model.learning import LearningSettings, fresh_learner, step_weights
from pcsearch.pc.model.transformer import Architecture

SMALL_MICROBATCH = 6000


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    heads = draw(st.integers(1, 3))
    patch = draw(st.integers(1, 3))
    return architecture(
        channels=draw(st.integers(1, 3)),
        patch_size=patch,
        image_size=patch * draw(st.integers(1, 3)),
        hidden_size=2 * heads * draw(st.integers(1, 3)),
        num_heads=heads,
        num_blocks=draw(st.integers(0, 4)),
        mlp_size=draw(st.integers(1, 20)),
        state_norm=draw(st.booleans()),
    )


amounts = st.floats(0.01, 3.0)
inference_settings = st.builds(
    InferenceSettings,
    penalty=st.builds(Penalty, st.just(0.0) | amounts, st.just(0.0) | amounts),
    momentum=st.sampled_from([0.0, 0.4, 0.9]),
    scale_base=st.none() | st.floats(0.7, 1.5),
    norm_target=st.none() | amounts,
    clip_norm=st.none() | amounts,
    adamw=st.booleans(),
)


@pytest.fixture(autouse=True)
def small_microbatches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a tiny batch has several, and the last one is smaller."""
    monkeypatch.setitem(microbatches.MICROBATCH_BYTES, "cpu", SMALL_MICROBATCH)
    monkeypatch.setitem(gradients.MLP_BYTES, "cpu", 1000)


@settings(max_examples=150, deadline=None)
@given(
    shape=architectures(),
    chosen=inference_settings,
    images=st.integers(1, 7),
    free=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_gradients_and_updates_are_those_of_autograd(
    shape: Architecture, chosen: InferenceSettings, images: int, free: bool, seed: int
) -> None:
    model, weights = model_of(shape), random_weights(shape, seed)
    hidden = random_hidden(shape, seed + 1, images)
    clamped = to_patches(random_images(shape, seed + 2, images), shape)
    if free:
        hidden = hidden._replace(sensory=1 - clamped)
    energies, expected = plain.hidden_gradient(model, weights, hidden, clamped, chosen)
    moments = fresh_moments(hidden)
    update = update_hidden(model, weights, hidden, moments, clamped, 0.1, chosen)
    torch.testing.assert_close(update.energies, energies)
    assert_equal_lists(update.gradient, expected, rtol=1e-7, atol=1e-9)
    if not chosen.adamw:
        # AdamW's first step is nearly the gradient's sign, whatever its size.
        moved, _ = plain.update_hidden(model, weights, hidden, moments, clamped, 0.1, chosen)
        assert_equal_lists(update.hidden.free(), moved.free(), rtol=1e-7, atol=1e-9)

    learned = LearningSettings(chosen.penalty, weight_decay=0.1, clip_norm=None)
    energy, slopes = plain.weight_gradient(model, weights, hidden, clamped, learned)
    step = step_weights(model, fresh_learner(weights), hidden, clamped, 0.1, learned)
    torch.testing.assert_close(step.energy, energy)
    assert step.gradient.keys() == slopes.keys()
    assert_equal_lists(list(step.gradient.values()), list(slopes.values()), rtol=1e-7, atol=1e-9)
