"""The gradients that are written out, against autograd over the energy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import (
    architecture,
    assert_equal_lists,
    copies,
    model_of,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
)

from pcsearch.pc import batch, gradients, inference, learning, parts
from pcsearch.pc.batch import train_batch
from pcsearch.pc.device import computing
from pcsearch.pc.energies import Penalty
from pcsearch.pc.inference import fresh_moments, update_hidden
from pcsearch.pc.learning import fresh_learner, step_weights
from pcsearch.pc.model import Architecture

SMALL_PART = 6000


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
    inference.Settings,
    penalty=st.builds(Penalty, st.just(0.0) | amounts, st.just(0.0) | amounts),
    momentum=st.sampled_from([0.0, 0.4, 0.9]),
    scale_base=st.none() | st.floats(0.7, 1.5),
    norm_target=st.none() | amounts,
    clip_norm=st.none() | amounts,
    adamw=st.booleans(),
)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that tiny batches are taken in parts, and the last one is smaller."""
    monkeypatch.setitem(parts.PART_BYTES, "cpu", SMALL_PART)
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
    shape: Architecture, chosen: inference.Settings, images: int, free: bool, seed: int
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

    learned = learning.Settings(chosen.penalty, weight_decay=0.1, clip_norm=None)
    energy, slopes = plain.weight_gradient(model, weights, hidden, clamped, learned)
    step = step_weights(model, fresh_learner(weights), hidden, clamped, 0.1, learned)
    torch.testing.assert_close(step.energy, energy)
    assert step.gradient.keys() == slopes.keys()
    assert_equal_lists(list(step.gradient.values()), list(slopes.values()), rtol=1e-7, atol=1e-9)


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
    chosen = batch.Settings(
        inference.Settings(Penalty(0.01, 0.02), 0.4, 1.25, None, 50.0, adamw=False),
        learning.Settings(Penalty(), weight_decay=0.1, clip_norm=5.0),
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


def test_an_image_is_the_same_in_any_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the norms join the images of a batch: without them, each goes its own way."""
    shape = architecture(num_heads=1)
    model, weights, hidden = model_of(shape), random_weights(shape), random_hidden(shape, images=7)
    images = to_patches(random_images(shape, images=7), shape)
    chosen = inference.Settings(Penalty(), 0.0, None, None, None, adamw=False)
    found = []
    for room in (1, SMALL_PART, 10**9):
        monkeypatch.setitem(parts.PART_BYTES, "cpu", room)
        moments = fresh_moments(hidden)
        update = update_hidden(model, weights, hidden, moments, images, 0.1, chosen)
        found.append(copies(update.hidden.free()))
    assert len(parts.parts(images, shape.widest)) == 1
    for one in found[:-1]:
        assert_equal_lists(one, found[-1], rtol=1e-12)


def test_parts_do_not_depend_on_the_thread_that_takes_them() -> None:
    """Nor on how many there are: on tensors this small, nothing else is done in threads."""
    shape = architecture()
    model, learner = model_of(shape), fresh_learner(random_weights(shape))
    hidden = random_hidden(shape, images=7)
    images = to_patches(random_images(shape, images=7), shape)
    chosen = batch.Settings(
        inference.Settings(Penalty(0.01, 0.02), 0.4, 1.25, None, 50.0, adamw=False),
        learning.Settings(Penalty(), weight_decay=0.1, clip_norm=5.0),
        inference_steps=3,
        incremental=True,
    )
    found = []
    for threads in (1, 2, 3):
        with computing(torch.device("cpu"), threads):
            trained = train_batch(model, learner, hidden, images, 0.02, 0.01, chosen)
            assert torch.get_num_threads() == threads
        found.append([*trained.hidden.free(), *trained.learner.weights.values()])
    assert_equal_lists(found[1], found[0], rtol=0, atol=0)
    assert_equal_lists(found[2], found[0], rtol=0, atol=0)


def test_parts_follow_from_shapes_alone_and_cover_the_batch() -> None:
    images = torch.zeros(7, 9, 8)
    slices = parts.parts(images, widest=40)
    assert [part.stop - part.start for part in slices] == [4, 3]
    assert torch.cat([torch.arange(7)[part] for part in slices]).tolist() == list(range(7))
    assert len(parts.parts(images, widest=10**6)) == 7


def test_an_update_in_the_place_of_the_one_before_gives_the_same() -> None:
    shape = architecture()
    model, weights, hidden = model_of(shape), random_weights(shape), random_hidden(shape)
    images = to_patches(random_images(shape), shape)
    chosen = inference.Settings(Penalty(), 0.5, 1.25, None, 1.0, adamw=False)

    def run(reuse: bool) -> inference.Update:
        update = update_hidden(model, weights, hidden, fresh_moments(hidden), images, 0.1, chosen)
        for _ in range(3):
            spare = update if reuse else None
            before = update
            update = update_hidden(
                model, weights, update.hidden, update.moments, images, 0.1, chosen, spare
            )
            taken = update.hidden.states.data_ptr() == before.hidden.states.data_ptr()
            assert taken == reuse
        return update

    start = copies(hidden.free())
    one, other = run(True), run(False)
    assert_equal_lists(hidden.free(), start, rtol=0, atol=0)
    for field in ("gradient", "energies"):
        torch.testing.assert_close(getattr(one, field), getattr(other, field), rtol=0, atol=0)
    assert_equal_lists(one.hidden.free(), other.hidden.free(), rtol=0, atol=0)
    assert_equal_lists(one.moments.first, other.moments.first, rtol=0, atol=0)


def test_results_do_not_change_when_the_next_update_computes_in_the_same_memory() -> None:
    shape = architecture()
    model, weights, hidden = model_of(shape), random_weights(shape), random_hidden(shape)
    images = to_patches(random_images(shape), shape)
    chosen = inference.Settings(Penalty(), 0.5, 1.25, None, 1.0, adamw=False)
    update = update_hidden(model, weights, hidden, fresh_moments(hidden), images, 0.1, chosen)
    kept = [*update.hidden.free(), *update.gradient, *update.moments.first, update.energies]
    before = copies(kept)
    update_hidden(
        model, weights, update.hidden, update.moments, images, 0.1, replace(chosen, momentum=0.1)
    )
    assert_equal_lists(kept, before, rtol=0, atol=0)
