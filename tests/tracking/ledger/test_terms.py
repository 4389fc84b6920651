"""What the states of a sweep at W&B allow."""

from __future__ import annotations

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.tracking.ledger.terms import check_open
from pcsearch.tracking.server.sweep import SweepAddress, WandbSweep


@pytest.mark.parametrize("state", ["FINISHED", "CANCELED", "STOPPED"])
def test_a_sweep_that_is_over_is_refused(state: str) -> None:
    address = SweepAddress("abc", "pc", "team")
    check_open(WandbSweep("abc", "", "RUNNING"), address)
    check_open(WandbSweep("abc", "", "PAUSED"), address)
    with pytest.raises(PcsearchError, match=r"sweep team/pc/abc (is|was) .*; wandb sweep --r"):
        check_open(WandbSweep("abc", "", state), address)
