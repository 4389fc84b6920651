from __future__ import annotations

import subprocess
import sys

import torch
from hypothesis import given
from hypothesis import strategies as st

from pcsearch.pc.seeds import derive_seed, generator

PURPOSES = st.lists(st.one_of(st.integers(0, 1000), st.sampled_from(["order", "hidden"])))


@given(seed=st.integers(), purpose=PURPOSES)
def test_a_seed_has_63_bits_and_follows_from_seed_and_purpose(
    seed: int, purpose: list[str | int]
) -> None:
    found = derive_seed(seed, *purpose)
    assert 0 <= found < 2**63
    assert derive_seed(seed, *purpose) == found


def test_neighbouring_seeds_epochs_and_batches_have_seeds_of_their_own() -> None:
    """Adding them up, as it is often done, would give epoch 1 of seed 2 the draws of 2 of 1."""
    found = {
        derive_seed(seed, purpose, epoch, batch)
        for seed in range(10)
        for purpose in ("hidden", "augmentation")
        for epoch in range(20)
        for batch in range(20)
    }
    assert len(found) == 10 * 2 * 20 * 20


def test_a_seed_is_the_same_in_every_process() -> None:
    """Python's own hash is not: a run that goes on in a new process would draw anew."""
    code = "from pcsearch.pc.seeds import derive_seed; print(derive_seed(42, 'order', 3))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(found.stdout) == derive_seed(42, "order", 3)


def test_generators_of_a_purpose_draw_the_same_whatever_was_drawn_before() -> None:
    first = torch.rand(4, generator=generator(1, "order", 2))
    torch.rand(100)
    assert torch.equal(torch.rand(4, generator=generator(1, "order", 2)), first)
    assert not torch.equal(torch.rand(4, generator=generator(1, "order", 3)), first)


def test_a_generator_leaves_the_global_one_alone() -> None:
    before = torch.random.get_rng_state()
    torch.rand(100, generator=generator(1, "order"))
    assert torch.equal(torch.random.get_rng_state(), before)
