"""The compiled blocks against those of torch in double precision."""

from __future__ import annotations

import platform

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import architecture, random_hidden, random_images, random_weights, to_patches

from pcsearch.pc.compiled import build
from pcsearch.pc.compiled.blocks import Blocks
from pcsearch.pc.model.energies import Penalty
from pcsearch.pc.model.inference import Hidden, InferenceSettings, fresh_moments, update_hidden
from pcsearch.pc.model.learning import LearningSettings, fresh_learner, step_weights
from pcsearch.pc.model.transformer import Architecture, Model, Weights

CPU = torch.device("cpu")
SETTINGS = InferenceSettings(Penalty(), 0.4, 1.25, None, None, adamw=False)
LEARNING = LearningSettings(Penalty(), weight_decay=0.1, clip_norm=None)
# Vectors of 4, 8 and 16 floats, where the processor has them.
X86 = ("x86-64", "x86-64-v3") if platform.machine() == "x86_64" else ()
MACHINES = ("native", *X86)


@pytest.fixture(autouse=True, params=MACHINES)
def machine(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Compile for one of them, in a cache of the test session."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "compiled"))
    flags = [flag.replace("native", request.param) for flag in build.FLAGS]
    monkeypatch.setattr(build, "FLAGS", tuple(flags))


def compiled(shape: Architecture) -> Model:
    return Model(
        shape, CPU, Blocks(shape.num_patches, shape.hidden_size, shape.mlp_size, shape.num_heads)
    )


def single(weights: Weights) -> Weights:
    return {name: tensor.float() for name, tensor in weights.items()}


def assert_near(found: torch.Tensor, expected: torch.Tensor) -> None:
    """Near for single precision: by the largest value, for small ones are differences of large.

    Torch's own single precision comes to 3e-5 of it in one of some hundred draws.
    """
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() <= 5e-5 * expected.abs().max().clamp(min=0.1)


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    heads = draw(st.sampled_from([1, 2, 3, 4, 6]))
    return architecture(
        channels=draw(st.integers(1, 3)),
        patch_size=1,
        image_size=draw(st.integers(1, 11)),
        hidden_size=48 * draw(st.integers(1, 2)),
        num_heads=heads,
        num_blocks=draw(st.integers(1, 3)),
        mlp_size=draw(st.integers(1, 90)),
        state_norm=draw(st.booleans()),
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(shape=architectures(), images=st.integers(1, 3), seed=st.integers(0, 2**16))
def test_gradients_are_torchs(shape: Architecture, images: int, seed: int) -> None:
    weights, hidden = random_weights(shape, seed), random_hidden(shape, seed + 1, images)
    patches = to_patches(random_images(shape, seed + 2, images), shape)
    expected = update_hidden(
        Model(shape, CPU), weights, hidden, fresh_moments(hidden), patches, 0.1, SETTINGS
    )
    step = step_weights(Model(shape, CPU), fresh_learner(weights), hidden, patches, 0.1, LEARNING)
    model, states = compiled(shape), Hidden(hidden.top.float(), hidden.states.float())
    assert model.compiled is not None
    assert model.compiled.fits(states.top)
    found = update_hidden(
        model, single(weights), states, fresh_moments(states), patches.float(), 0.1, SETTINGS
    )
    for one, other in zip(found.gradient, expected.gradient, strict=True):
        assert_near(one, other)
    torch.testing.assert_close(found.energies.double(), expected.energies, rtol=2e-5, atol=1e-4)
    learned = step_weights(
        model, fresh_learner(single(weights)), states, patches.float(), 0.1, LEARNING
    )
    assert learned.gradient.keys() == step.gradient.keys()
    for name, gradient in step.gradient.items():
        assert_near(learned.gradient[name], gradient)


def test_what_is_not_a_number_stays_so_and_no_other_image_is_touched() -> None:
    shape = architecture(hidden_size=48, num_heads=1, num_blocks=1, mlp_size=32)
    weights, hidden = single(random_weights(shape)), random_hidden(shape)
    states = hidden.states.float()
    states[0, 1, 0, 0] = torch.nan
    patches = to_patches(random_images(shape), shape).float()
    start = Hidden(hidden.top.float(), states)
    update = update_hidden(
        compiled(shape), weights, start, fresh_moments(start), patches, 0.1, SETTINGS
    )
    top, moved = update.gradient
    assert moved[0, 1].isnan().any()
    assert top[0].isfinite().all()
    assert moved[:, [0, 2]].isfinite().all()


def test_large_scores_and_activations_are_no_overflow() -> None:
    shape = architecture(hidden_size=48, num_heads=3, num_blocks=1, mlp_size=32)
    weights = {name: 60 * tensor for name, tensor in random_weights(shape).items()}
    hidden, patches = random_hidden(shape), to_patches(random_images(shape), shape)
    expected = update_hidden(
        Model(shape, CPU), weights, hidden, fresh_moments(hidden), patches, 0.1, SETTINGS
    )
    start = Hidden(hidden.top.float(), hidden.states.float())
    found = update_hidden(
        compiled(shape),
        single(weights),
        start,
        fresh_moments(start),
        patches.float(),
        0.1,
        SETTINGS,
    )
    torch.testing.assert_close(found.energies.double(), expected.energies, rtol=1e-3, atol=0)
    assert all(each.isfinite().all() for each in found.gradient)


def test_sizes_and_types_that_do_not_fit_are_torchs() -> None:
    """Here those of double precision."""
    for hidden_size in (18, 48):
        shape = architecture(hidden_size=hidden_size, num_heads=1)
        hidden, weights = random_hidden(shape), random_weights(shape)
        patches = to_patches(random_images(shape), shape)
        given = (weights, hidden, fresh_moments(hidden), patches, 0.1, SETTINGS)
        found = update_hidden(compiled(shape), *given).gradient
        for one, other in zip(
            found, update_hidden(Model(shape, CPU), *given).gradient, strict=True
        ):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
