from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from reference import assert_equal_lists, copies, joined
from torch import Tensor

from pcsearch.pc.model.optimisers import AdamState, adamw, clip_by_global_norm, fresh_adam

SHAPES = [(3, 4), (5,), (), (2, 1, 3)]


def tensors(seed: int, scale: float = 1.0) -> list[Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(s, generator=random, dtype=torch.float64) for s in SHAPES]


@pytest.mark.parametrize("weight_decay", [0.0, 0.3])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_adamw_takes_the_steps_of_torch(scale: float, weight_decay: float) -> None:
    """Gradients as small as epsilon tell where epsilon is added and what is corrected."""
    parameters, state = tensors(0), fresh_adam(tensors(0))
    theirs = [parameter.clone().requires_grad_() for parameter in parameters]
    optimiser = torch.optim.AdamW(theirs, lr=0.05, weight_decay=weight_decay)
    for step in range(6):
        gradients = tensors(10 + step, scale)
        parameters, state = adamw(parameters, gradients, state, lr=0.05, weight_decay=weight_decay)
        for parameter, gradient in zip(theirs, gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        assert_equal_lists(parameters, [parameter.detach() for parameter in theirs])
    assert state.step == 6


def test_adamw_moves_by_the_rate_at_its_first_step() -> None:
    """Both corrected means are then the gradient's own, so the step is lr times its sign."""
    parameter, gradient = torch.zeros(3).double(), torch.tensor([5.0, -0.1, 1e3]).double()
    moved, _ = adamw([parameter], [gradient], fresh_adam([parameter]), lr=0.2, weight_decay=0.0)
    assert moved[0].tolist() == pytest.approx([-0.2, 0.2, -0.2], rel=1e-6)


def test_adamw_with_a_zero_gradient_only_decays() -> None:
    parameters = tensors(1)
    zeros = [torch.zeros_like(parameter) for parameter in parameters]
    moved, _ = adamw(parameters, zeros, fresh_adam(parameters), lr=0.1, weight_decay=0.5)
    assert_equal_lists(moved, [parameter * 0.95 for parameter in parameters])


def test_adamw_changes_nothing_in_place() -> None:
    """A checkpoint, the saved model and evaluation's copy all share the tensors of training."""
    parameters, gradients = tensors(1), tensors(2)
    _, state = adamw(parameters, gradients, fresh_adam(parameters), lr=0.1, weight_decay=0.1)
    given_ones = [*parameters, *gradients, *state.first, *state.second]
    before = copies(given_ones)
    one, _ = adamw(parameters, gradients, state, lr=0.1, weight_decay=0.1)
    other, _ = adamw(parameters, gradients, state, lr=0.1, weight_decay=0.1)
    assert_equal_lists(given_ones, before, rtol=0, atol=0)
    assert_equal_lists(one, other, rtol=0, atol=0)
    assert state.step == 1


def test_fresh_states_are_zeros_that_share_no_memory() -> None:
    state = fresh_adam(tensors(0))
    assert isinstance(state, AdamState)
    assert state.step == 0
    state.first[0].add_(1)
    assert joined(state.second).abs().sum() == 0
    assert [zero.shape for zero in state.second] == [torch.Size(shape) for shape in SHAPES]


@given(limit=st.floats(1e-3, 1e4), scale=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_clipping_bounds_the_joint_norm_and_keeps_the_direction(
    limit: float, scale: float, seed: int
) -> None:
    given_ones = tensors(seed, scale)
    norm = joined(given_ones).norm()
    clipped = joined(clip_by_global_norm(given_ones, limit))
    expected = joined(given_ones) * min(1.0, limit / float(norm))
    torch.testing.assert_close(clipped, expected, rtol=1e-12, atol=0)


def test_clipping_equals_the_clipping_of_torch() -> None:
    given_ones, theirs = tensors(3), [torch.zeros(shape).double() for shape in SHAPES]
    for tensor, gradient in zip(theirs, given_ones, strict=True):
        tensor.grad = gradient.clone()
    torch.nn.utils.clip_grad_norm_(theirs, 0.5)
    expected = [tensor.grad for tensor in theirs if tensor.grad is not None]
    # torch adds 1e-6 to the norm.
    assert_equal_lists(clip_by_global_norm(given_ones, 0.5), expected, rtol=1e-5)


def test_without_a_limit_nothing_is_clipped() -> None:
    given_ones = tensors(3, 1e9)
    assert_equal_lists(clip_by_global_norm(given_ones, None), given_ones, rtol=0, atol=0)


def test_a_zero_gradient_stays_zero_when_it_is_clipped() -> None:
    """The limit over a norm of 0 must not turn it into NaN."""
    zeros = [torch.zeros(2, 3), torch.zeros(4)]
    assert_equal_lists(clip_by_global_norm(zeros, 1.0), zeros, rtol=0, atol=0)
