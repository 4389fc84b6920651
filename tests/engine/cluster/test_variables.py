"""Environment variables for a block."""

from __future__ import annotations

import os

import pytest

from pcsearch.engine.cluster.variables import restored, variable

NAME = "PCSEARCH_TEST_VARIABLE"


@pytest.mark.parametrize("before", [None, "old"])
def test_a_variable_is_after_the_block_what_it_was_before(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, before or "")
    if before is None:
        monkeypatch.delenv(NAME)
    with variable(NAME, "new"):
        assert os.environ[NAME] == "new"
        os.environ.pop(NAME)
    assert os.environ.get(NAME) == before
    with restored(NAME):
        assert os.environ.get(NAME) == before
        os.environ[NAME] = "new"
    assert os.environ.get(NAME) == before
