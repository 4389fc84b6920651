"""The distributions by W&B's names."""

from __future__ import annotations

from distribution_examples import DISTRIBUTIONS, EXAMPLES, IDS

from pcsearch.sweeps.distributions import registry


def test_every_kind_of_wandb_has_examples() -> None:
    assert EXAMPLES.keys() == set(registry.KINDS)
    assert len(registry.KINDS) == 18
    for name, distribution in zip(IDS, DISTRIBUTIONS, strict=True):
        assert distribution.kind == name.rsplit("-", 1)[0]
