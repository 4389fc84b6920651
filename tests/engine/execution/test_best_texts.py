"""What describes the best model beside its weights; `test_best_model.py` has the rest of it."""

from __future__ import annotations

from pcsearch.engine.execution.best_texts import CONFIG_FILE, README, TITLE, is_ours
from pcsearch.engine.records.kept_model import METRICS_FILE


def test_a_file_of_a_checkpoint_is_not_taken_for_ours() -> None:
    assert is_ours(README, f"{TITLE}here\n")
    assert not is_ours(README, "# Mine\n")
    assert is_ours(METRICS_FILE, "{}")
    assert not is_ours(CONFIG_FILE, "{}")
