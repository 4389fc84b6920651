from __future__ import annotations

import pytest
import torch
from reference import (
    architecture,
    energies,
    model_of,
    random_hidden,
    random_images,
    random_weights,
    to_patches,
    vodes,
)
from torch import Tensor

from pcsearch.pc.model.energies import Penalty, vode_energies
from pcsearch.pc.model.inference import init_hidden
from pcsearch.pc.model.transformer import Weights


def one_pixel() -> tuple[Weights, Tensor]:
    """No blocks, one patch of one pixel, H 2: u_1 = (2 h0 + 1, 1), u_2 = h_1[0] - h_1[1] + 0.5.

    The position adds sin(0) for row 0 and sin(0) for column 0.
    """
    weights = {
        "patch_projection.weight": torch.tensor([[2.0], [0.0]]),
        "patch_projection.bias": torch.tensor([1.0, 1.0]),
        "output_projection.weight": torch.tensor([[1.0, -1.0]]),
        "output_projection.bias": torch.tensor([0.5]),
    }
    return weights, torch.tensor([[[3.0]]])


@pytest.mark.parametrize(
    ("penalty", "first"),
    [
        (Penalty(), 32.5),
        (Penalty(l1=0.1), 32.5 + 0.1 * 3),
        (Penalty(l2=0.1), 32.5 + 0.1 * 5),
        (Penalty(l1=2.0, l2=0.5), 32.5 + 2.0 * 3 + 0.5 * 5),
    ],
)
def test_the_energy_is_half_the_squared_errors_and_the_penalties(
    penalty: Penalty, first: float
) -> None:
    """A missing half, a penalty on squares halved, or one on h_0 would all train, only worse."""
    weights, top = one_pixel()
    shape = architecture(channels=1, image_size=1, patch_size=1, hidden_size=2, num_blocks=0)
    states = torch.tensor([[[[-1.0, 2.0]]]])  # errors: -1 - 7 = -8, 2 - 1 = 1; |h| 3, h^2 5
    image = torch.tensor([[[0.5]]])  # predicted -1 - 2 + 0.5 = -2.5, error 3
    found = vode_energies(model_of(shape), weights, top, states, image, penalty)
    assert found.tolist() == pytest.approx([first, 4.5])


@pytest.mark.parametrize("state_norm", [False, True])
@pytest.mark.parametrize("num_blocks", [0, 1, 3])
def test_each_vode_has_its_own_energy(num_blocks: int, state_norm: bool) -> None:
    shape = architecture(num_blocks=num_blocks, state_norm=state_norm)
    weights, hidden = random_weights(shape), random_hidden(shape)
    image = to_patches(random_images(shape), shape)
    found = vode_energies(
        model_of(shape), weights, hidden.top, hidden.states, image, Penalty(0.3, 0.7)
    )
    expected = torch.stack(energies(shape, weights, vodes(hidden, image), 0.3, 0.7))
    torch.testing.assert_close(found, expected)


def test_the_energy_is_a_sum_over_the_images_of_a_batch() -> None:
    """A mean over the batch would make the step of a hidden state depend on the batch size."""
    shape = architecture()
    weights, hidden = random_weights(shape), random_hidden(shape)
    image = to_patches(random_images(shape), shape)
    model, penalty = model_of(shape), Penalty(0.1, 0.1)
    whole = vode_energies(model, weights, hidden.top, hidden.states, image, penalty)
    parts = [
        vode_energies(
            model,
            weights,
            hidden.top[i : i + 1],
            hidden.states[:, i : i + 1],
            image[i : i + 1],
            penalty,
        )
        for i in range(len(image))
    ]
    torch.testing.assert_close(whole, torch.stack(parts).sum(dim=0))


def test_the_energy_is_zero_where_every_state_is_its_prediction() -> None:
    shape = architecture(state_norm=True)
    model, weights = model_of(shape), random_weights(shape)
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(shape.num_patches, shape.patch_dim, generator=random)
    hidden = init_hidden(model, weights, 2, noise)
    _, image = model.feed_forward(weights, hidden.top)
    found = vode_energies(model, weights, hidden.top, hidden.states, image, Penalty())
    torch.testing.assert_close(found, torch.zeros_like(found), atol=1e-10, rtol=0)
