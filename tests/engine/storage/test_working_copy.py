"""The folder on this machine that is a copy of an experiment at an address."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pcsearch.engine.storage import lease, working_copy
from pcsearch.engine.storage.files import local_path, register, unregister, writing
from pcsearch.engine.storage.lease import FILE, TakenOverError
from pcsearch.engine.storage.store import Store
from pcsearch.engine.storage.working_copy import WorkingCopy


def test_who_was_taken_for_dead_writes_nothing_any_more(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after its machine has slept."""
    copy = WorkingCopy(store)
    other = {"id": "other", "process": 5, "host": "other", "beats": 1}

    def run() -> None:
        with copy.owned():
            copy.folder.mkdir(parents=True)
            store.put(FILE, json.dumps(other).encode())
            monkeypatch.setattr(lease, "_clock", lambda: 1e9)
            file = copy.folder / "result.json"
            with writing(file):
                file.write_text("{}\n")

    with pytest.raises(TakenOverError, match="process 5 on other has taken the search over"):
        run()
    assert store.files().keys() == {FILE}
    assert json.loads(store.get(FILE) or b"") == other
    assert not copy.folder.exists()


def test_what_is_written_is_there_at_once_and_the_rest_at_the_end(store: Store) -> None:
    copy = WorkingCopy(store)
    with copy.owned():
        copy.folder.mkdir(parents=True)
        for name in ("journal.jsonl", ".hidden"):
            with writing(copy.folder / name):
                (copy.folder / name).write_text("line\n")
        (copy.folder / "0001_a").mkdir()
        (copy.folder / "0001_a" / "error.txt").write_text("what went wrong")
        assert store.get("journal.jsonl") == b"line\n"
        assert store.get("0001_a/error.txt") is None
    assert store.files().keys() == {"journal.jsonl", "0001_a/error.txt"}
    assert not copy.folder.exists()


def test_runs_that_are_to_be_uploaded_to_wandb_stay_here(store: Store) -> None:
    copy = WorkingCopy(store)
    with copy.owned():
        run = copy.folder / "wandb" / "offline-run-1-a"
        run.mkdir(parents=True)
        (run / "run-a.wandb").write_text("rows")
        (copy.folder / "journal.jsonl").write_text("line\n")
    assert not copy.folder.exists()
    kept = copy.leftover / "wandb" / "offline-run-1-a" / "run-a.wandb"
    assert kept.read_text() == "rows"
    assert store.get("wandb/offline-run-1-a/run-a.wandb") == b"rows"
    # As `wandb sync` leaves it.
    kept.with_name("run-a.wandb.synced").touch()
    again = WorkingCopy(store)
    with again.owned():
        again.fetch()
    assert "wandb/offline-run-1-a/run-a.wandb.synced" in store.files()
    assert not again.leftover.exists()


def test_runs_that_only_the_store_has_are_kept_for_an_upload(store: Store) -> None:
    copy = WorkingCopy(store)
    with copy.owned():
        copy.fetch()
        name = "wandb/offline-run-1-b/run-b.wandb"
        store.put(name, b"of a program")
        store.put("0001_a/wandb/x", b"")
        copy.fetch_runs()
    assert (copy.leftover / name).read_text() == "of a program"
    assert not (copy.leftover / "0001_a").exists()


def test_checkpoints_come_when_they_are_asked_for(store: Store) -> None:
    for name in ("journal.jsonl", "0001_a/result.json", "0001_a/checkpoint_000001/state.pt"):
        store.put(name, name.encode())
    copy = WorkingCopy(store)
    copy.fetch()
    checkpoint = copy.folder / "0001_a" / "checkpoint_000001"
    assert (copy.folder / "0001_a" / "result.json").read_bytes() == b"0001_a/result.json"
    assert list(checkpoint.iterdir()) == []
    register(copy.folder, copy)
    try:
        assert (
            local_path(checkpoint) / "state.pt"
        ).read_bytes() == b"0001_a/checkpoint_000001/state.pt"
    finally:
        unregister(copy.folder)
    copy.clear()


def test_of_the_best_model_a_start_needs_only_how_good_it_is(store: Store) -> None:
    for name in ("metrics.json", "model.safetensors", "shards/1.bin"):
        store.put(f"best/{name}", b"{}")
    copy = WorkingCopy(store)
    copy.fetch()
    assert [path.name for path in (copy.folder / "best").rglob("*")] == ["metrics.json"]
    copy.clear()


def test_what_decides_is_sent_when_it_is_written_and_by_nobody_else(store: Store) -> None:
    copy = WorkingCopy(store)
    with copy.owned():
        decisive = (
            "journal.jsonl",
            "journal.0002.jsonl",
            "0001_a/result.json",
            "best/metrics.json",
        )
        for name in (*decisive, "0001_a/x.txt"):
            (copy.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (copy.folder / name).write_text("older")
        copy._send_others()
    assert store.files().keys() == {"0001_a/x.txt"}


def test_a_place_with_files_of_others_is_not_taken(store: Store) -> None:
    store.put("mine.csv", b"1,2")
    assert not WorkingCopy(store).is_free()
    store.delete("mine.csv")
    for name in ("sweep.yaml", "journal.jsonl", "journal.0002.jsonl", FILE):
        store.put(name, b"")
    copy = WorkingCopy(store)
    assert copy.is_free()
    copy.discard_leftovers()
    assert store.files().keys() == {FILE}


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_names_in_the_storage_do_not_lead_out_of_the_folder(name: str) -> None:
    assert not working_copy._is_below(name)


def test_a_folder_that_goes_while_others_are_sent_is_passed_over(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swaps of the best model make folders for a moment, and W&B renames its own."""
    copy = WorkingCopy(store)
    with copy.owned():
        for name in ("a", "b"):
            (copy.folder / name).mkdir(parents=True)
            (copy.folder / name / "file").write_text(name)
        send = copy.send

        def removes_the_next(file: Path, patience: float | None = None) -> None:
            send(file, patience)
            shutil.rmtree(copy.folder / "b", ignore_errors=True)

        monkeypatch.setattr(copy, "send", removes_the_next)
    assert store.files().keys() == {"a/file"}
