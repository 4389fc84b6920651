"""The hidden states that inference starts from."""

from __future__ import annotations

import pytest
import torch
from inference_cases import ARCHITECTURES, Case, each_vode
from reference import (
    assert_equal_lists,
    joined,
    label,
    model_of,
    prediction,
    random_weights,
)

from pcsearch.pc.model.energies import Penalty, vode_energies
from pcsearch.pc.model.inference import (
    init_hidden,
)
from pcsearch.pc.model.transformer import Architecture


@pytest.mark.parametrize("shape", ARCHITECTURES, ids=label)
def test_fresh_states_are_a_hundredth_of_shared_noise_and_its_predictions(
    shape: Architecture,
) -> None:
    weights = random_weights(shape)
    random = torch.Generator().manual_seed(4)
    noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random).double()
    hidden = init_hidden(model_of(shape), weights, 3, noise)
    assert hidden.sensory is None
    expected = [(0.01 * noise).expand(3, -1, -1)]
    for vode in range(1, shape.num_blocks + 2):
        expected.append(prediction(shape, weights, vode, expected[-1]))
    assert_equal_lists(each_vode(hidden), expected)


def test_without_noise_the_top_latent_starts_at_zero() -> None:
    case = Case()
    hidden = init_hidden(case.model, case.weights, 3, None)
    assert hidden.top.shape == case.hidden.top.shape
    assert joined([hidden.top]).abs().sum() == 0
    found = vode_energies(
        case.model, case.weights, hidden.top, hidden.states, case.images, Penalty()
    )
    assert joined([found[:-1]]).max() < 1e-20


def test_fresh_states_of_a_batch_share_no_memory() -> None:
    """Expanded tensors would let one image's state overwrite the others'."""
    case = Case()
    hidden = init_hidden(case.model, case.weights, 3, None)
    hidden.top[0] += 1
    hidden.states[:, 0] += 1
    assert joined([hidden.top[1:]]).abs().sum() == 0
    torch.testing.assert_close(hidden.states[:, 1], hidden.states[:, 2], rtol=0, atol=0)
    assert (hidden.states[:, 0] - hidden.states[:, 1]).min() > 0.5


def test_the_first_images_of_a_batch_keep_their_states() -> None:
    hidden = Case(free=True).hidden
    first = hidden.first(2)
    assert hidden.sensory is not None
    assert first.sensory is not None
    expected = [hidden.top[:2], hidden.states[:, :2], hidden.sensory[:2]]
    assert_equal_lists(first.free(), expected, rtol=0, atol=0)
    assert Case().hidden.first(1).sensory is None
