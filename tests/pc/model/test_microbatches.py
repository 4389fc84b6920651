from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
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

from pcsearch.pc.device import computing
from pcsearch.pc.model import microbatches
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import (
    InferenceSettings,
    fresh_moments,
    update_hidden,
)
from pcsearch.pc.model.learning import LearningSettings, fresh_learner
from pcsearch.pc.model.microbatches import Microbatches, Workspace
from pcsearch.pc.model.training_batch import BatchSettings, train_batch

SMALL_MICROBATCH = 6000


@pytest.fixture(autouse=True)
def small_microbatches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that a tiny batch has several, and the last one is smaller."""
    monkeypatch.setitem(microbatches.MICROBATCH_BYTES, "cpu", SMALL_MICROBATCH)


def test_an_image_is_the_same_in_any_microbatch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the norms join the images of a batch: without them, each goes its own way."""
    shape = architecture(num_heads=1)
    model, weights, hidden = model_of(shape), random_weights(shape), random_hidden(shape, images=7)
    images = to_patches(random_images(shape, images=7), shape)
    chosen = InferenceSettings(Penalty(), 0.0, None, None, None, adamw=False)
    found = []
    for room in (1, SMALL_MICROBATCH, 10**9):
        monkeypatch.setitem(microbatches.MICROBATCH_BYTES, "cpu", room)
        moments = fresh_moments(hidden)
        update = update_hidden(model, weights, hidden, moments, images, 0.1, chosen)
        found.append(copies(update.hidden.free()))
    assert len(model.microbatches.slices(images)) == 1
    for one in found[:-1]:
        assert_equal_lists(one, found[-1], rtol=1e-12)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    """Tensors as small as these are computed in threads by nothing else."""
    shape = architecture()
    model, learner = model_of(shape), fresh_learner(random_weights(shape))
    hidden = random_hidden(shape, images=7)
    images = to_patches(random_images(shape, images=7), shape)
    chosen = BatchSettings(
        InferenceSettings(Penalty(0.01, 0.02), 0.4, 1.25, None, 50.0, adamw=False),
        LearningSettings(Penalty(), weight_decay=0.1, clip_norm=5.0),
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


def test_microbatches_follow_from_shapes_alone_and_cover_the_batch() -> None:
    images = torch.zeros(7, 9, 8)
    slices = Microbatches(values_per_patch=40).slices(images)
    assert [part.stop - part.start for part in slices] == [4, 3]
    assert torch.cat([torch.arange(7)[part] for part in slices]).tolist() == list(range(7))
    assert len(Microbatches(10**6).slices(images)) == 7


def test_a_workspace_has_the_memory_of_the_largest_tensor_of_a_name() -> None:
    """A model that is loaded once may see batches of any number of images."""
    workspace, like = Workspace(), torch.zeros(1)
    largest = workspace("a", (3, 5, 4), like)
    for images in (1, 2, 3):
        smaller = workspace("a", (images, 5, 4), like)
        assert smaller.shape == (images, 5, 4)
        assert smaller.is_contiguous()
        assert smaller.data_ptr() == largest.data_ptr()
    others = workspace("b", (5,), like), workspace("a", (5,), like.double())
    with ThreadPoolExecutor(1) as pool:
        others += (pool.submit(workspace, "a", (5,), like).result(),)
    assert len({each.data_ptr() for each in (largest, *others)}) == 4
    assert workspace("a", (4, 5, 4), like).shape == (4, 5, 4)
