"""Where inference goes: downhill, and to the lowest point of the energy."""

from __future__ import annotations

from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_cases import PLAIN, Case
from reference import (
    architecture,
    prediction,
)

from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import (
    fresh_moments,
    update_hidden,
)


@settings(max_examples=30)
@given(
    num_blocks=st.integers(0, 3),
    state_norm=st.booleans(),
    free=st.booleans(),
    l2=st.sampled_from([0.0, 0.5]),
    base=st.sampled_from([None, 1.25, 0.7]),
    norm_target=st.sampled_from([None, 1.0]),
    clip=st.sampled_from([None, 1.0]),
)
def test_a_small_step_lowers_the_energy(
    num_blocks: int,
    state_norm: bool,
    free: bool,
    l2: float,
    base: float | None,
    norm_target: float | None,
    clip: float | None,
) -> None:
    """However the gradients are rescaled, every vode still moves downhill."""
    case = Case(architecture(num_blocks=num_blocks, state_norm=state_norm), free=free)
    chosen = replace(
        PLAIN,
        penalty=Penalty(l2=l2),
        scale_base=base,
        norm_target=norm_target,
        clip_norm=clip,
    )
    first, second = case.run(chosen, steps=2, lr=1e-6)
    assert second.energies.sum() < first.energies.sum()


def test_inference_of_a_linear_model_lands_on_its_equilibrium() -> None:
    """Without blocks E is quadratic, and its lowest point is a least squares solution."""
    shape = architecture(num_blocks=0)
    case = Case(shape)
    w, images = case.weights, len(case.images)
    # Orthogonal columns, so that the lowest point is reached soon.
    w_in = torch.linalg.qr(w["patch_projection.weight"])[0]
    w_out = 1.5 * w_in.T
    w |= {"patch_projection.weight": w_in, "output_projection.weight": w_out}
    updates = case.run(replace(PLAIN, momentum=0.6), steps=300, lr=0.15)
    dim, hidden = shape.patch_dim, shape.hidden_size
    # Residuals of (h0, h1): h1 - W_in h0 - c and x - W_out h1 - b_out.
    matrix = torch.zeros(hidden + dim, dim + hidden).double()
    matrix[:hidden, :dim], matrix[:hidden, dim:] = -w_in, torch.eye(hidden)
    matrix[hidden:, dim:] = w_out
    at_zero = torch.zeros_like(case.hidden.top)
    c = prediction(shape, w, 1, at_zero)
    right = torch.cat([c, case.images - w["output_projection.bias"]], dim=-1)
    solution = torch.linalg.lstsq(matrix, right.reshape(-1, hidden + dim).T).solution.T
    solution = solution.view(images, shape.num_patches, dim + hidden)
    found = torch.cat([updates[-1].hidden.top, updates[-1].hidden.states[0]], dim=-1)
    torch.testing.assert_close(found, solution, rtol=1e-6, atol=1e-6)


def test_with_h0_and_the_image_fixed_the_hidden_state_is_drawn_by_both() -> None:
    """h1 = (I + W^T W)^-1 (u1 + W^T (x - b)): the closed form of jpc for a linear layer."""
    shape = architecture(num_blocks=0)
    case = Case(shape)
    w_out, bias = case.weights["output_projection.weight"], case.weights["output_projection.bias"]
    u1 = prediction(shape, case.weights, 1, case.hidden.top)
    right = u1 + (case.images - bias) @ w_out
    inverse = torch.linalg.inv(torch.eye(shape.hidden_size).double() + w_out.T @ w_out)
    equilibrium = case.hidden._replace(states=(right @ inverse.T)[None])
    update = update_hidden(
        case.model,
        case.weights,
        equilibrium,
        fresh_moments(equilibrium),
        case.images,
        0.1,
        PLAIN,
    )
    torch.testing.assert_close(
        update.gradient[1], torch.zeros_like(update.gradient[1]), rtol=0, atol=1e-12
    )
