"""What is said of settings for W&B that have no effect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pcsearch.tracking.server.mode import WandbMode, resolve
from pcsearch.tracking.server.notes import (
    KEPT,
    UNUSED_IN_SEARCH,
    UNUSED_IN_SINGLE_RUN,
    notes_for_search,
    notes_for_single_run,
)
from pcsearch.tracking.server.settings import DISABLED, NAMES, USED, read_settings

PAGE = (Path(__file__).parents[3] / "docs" / "wandb.md").read_text(encoding="utf-8")
OFFLINE = WandbMode("offline", "W&B: offline (as requested)")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", UNUSED_IN_SEARCH)
def test_a_search_names_each_variable_that_it_does_not_use(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert notes_for_search(OFFLINE, {}, "what for") == []
    monkeypatch.setenv(name, "run0?_step=3" if name.endswith("FROM") else "allow")
    assert notes_for_search(OFFLINE, {}, "what for") == [
        f"W&B: {name} is not used: {UNUSED_IN_SEARCH[name]}"
    ]
    assert notes_for_search(WandbMode("disabled", ""), {}, "what for") == []


@pytest.mark.parametrize("name", UNUSED_IN_SINGLE_RUN)
def test_a_single_run_names_each_variable_that_it_does_not_use(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "run0?_step=3" if name.endswith("FROM") else "allow")
    notes = [f"W&B: {name} is not used: {UNUSED_IN_SINGLE_RUN[name]}"]
    assert notes_for_single_run(OFFLINE, in_agent=False) == notes
    # W&B's agent sets these variables itself.
    in_agent = [] if name in ("WANDB_DIR", "WANDB_RUN_ID") else notes
    assert notes_for_single_run(OFFLINE, in_agent=True) == in_agent
    assert notes_for_single_run(WandbMode("disabled", ""), in_agent=False) == []


def test_the_description_of_a_file_goes_before_the_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_NOTES", "why")
    assert notes_for_search(OFFLINE, read_settings().of_runs(), None) == []
    (note,) = notes_for_search(OFFLINE, read_settings().of_runs(), "what for")
    assert note == "W&B: WANDB_NOTES is not used: the search has what for"


def test_a_search_keeps_the_settings_of_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEPT:
        monkeypatch.setenv(name, "now")
    begun = {"project": "pc", "entity": None, "tags": ["a", "b"], "job_type": "now"}
    assert notes_for_search(OFFLINE, begun, None) == [
        "W&B: WANDB_PROJECT is not used: the search has pc",
        "W&B: WANDB_ENTITY is not used: the search has none",
        "W&B: WANDB_TAGS is not used: the search has a, b",
        "W&B: WANDB_NOTES is not used: the search has none",
    ]


def test_what_is_not_valid_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_CONSOLE", "nonsense")
    assert notes_for_search(OFFLINE, {}, None) == [
        "W&B: WANDB_CONSOLE is not used: it is not valid"
    ]
    mode = resolve("auto")
    assert "WANDB_CONSOLE" in mode.reason
    assert notes_for_search(mode, {}, None) == []


def test_the_page_has_every_variable_and_says_which_are_not_used() -> None:
    lines = PAGE.splitlines()
    rows = {
        name: line
        for line in lines
        if line.startswith("| `WANDB_")
        for name in re.findall(r"`(WANDB_\w+)`", line.split("|")[1])
    }
    plain = {f"WANDB_{name.upper()}" for name in USED if name not in NAMES.values()}
    for variable in {*NAMES, *plain, *UNUSED_IN_SEARCH, DISABLED}:
        _, _, _, search, single, _ = rows[variable].split("|")
        assert search.startswith(" not used: ") == (variable in UNUSED_IN_SEARCH), variable
        assert single.startswith(" not used: ") == (variable in UNUSED_IN_SINGLE_RUN), variable
    for variable, name in NAMES.items():
        assert f"| `{name}` |" in rows[variable]
