"""Files at an address, who may write them, and the folder that stands for them here."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.cluster.node_checks import PROBE_FILE, unseen
from pcsearch.engine.storage import lease, working_copy
from pcsearch.engine.storage import store as stores
from pcsearch.engine.storage.files import StorageError, here, joined, parted, writing
from pcsearch.engine.storage.lease import FILE, Owner, TakenOverError
from pcsearch.engine.storage.store import Store, is_address
from pcsearch.engine.storage.working_copy import WorkingCopy
from pcsearch.errors import PcsearchError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    monkeypatch.setattr(lease, "SETTLE_S", 0.05)
    monkeypatch.setattr(stores, "OUTAGE_S", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Its file system is this machine's, which has folders; S3 is in the searches' tests."""
    return Store("test://there/exp", LocalFileSystem(), str(tmp_path / "there" / "exp"))


def test_files_are_put_listed_read_and_deleted(store: Store) -> None:
    assert store.files() == {}
    assert store.get("a/b.txt") is None
    store.put("a/b.txt", b"one")
    store.put("a/b.txt", b"three")
    store.put("c.txt", b"")
    assert store.files() == {"a/b.txt": 5, "c.txt": 0}
    assert store.below("a").get("b.txt") == b"three"
    store.delete("a/b.txt")
    store.delete("a/b.txt")
    assert store.files() == {"c.txt": 0}


def test_what_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(StorageError, match=r"^test://there/exp/x: cannot be written \("):
        store.put("x", b"")


def test_a_query_stays_at_the_end_of_an_address() -> None:
    store = Store("s3://b/results?region=eu", LocalFileSystem(), "b/results")
    below = store.below("exp")
    assert (below.address, below.root) == ("s3://b/results/exp?region=eu", "b/results/exp")
    assert (below.name, below.parent) == ("exp", store)


@pytest.mark.parametrize(
    ("place", "address"),
    [("s3://b/x", True), ("results", False), ("file:///x", False), ("a:b", False)],
)
def test_addresses_are_told_from_folders(place: str, address: bool) -> None:
    assert is_address(place) == address


def test_one_process_runs_a_search_until_it_lets_go(store: Store) -> None:
    first, second = Owner(store), Owner(store)
    first.claim()
    with pytest.raises(PcsearchError, match=r"the search is running \(process \d+ on "):
        second.claim()
    first.check()
    first.release()
    assert store.get(FILE) is None
    second.claim()
    second.release()


def test_a_process_that_gives_no_sign_is_taken_for_dead(store: Store) -> None:
    store.put(FILE, json.dumps({"id": "dead", "process": 1, "host": "gone", "beats": 7}).encode())
    owner = Owner(store)
    owner.claim()
    owner.check()
    owner.release()


def test_a_damaged_sign_is_no_obstacle(store: Store) -> None:
    store.put(FILE, b"{")
    owner = Owner(store)
    owner.claim()
    owner.release()


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


def test_checkpoints_come_when_they_are_asked_for(store: Store) -> None:
    for name in ("journal.jsonl", "0001_a/result.json", "0001_a/checkpoint_000001/state.pt"):
        store.put(name, name.encode())
    copy = WorkingCopy(store)
    copy.fetch()
    checkpoint = copy.folder / "0001_a" / "checkpoint_000001"
    assert (copy.folder / "0001_a" / "result.json").read_bytes() == b"0001_a/result.json"
    assert list(checkpoint.iterdir()) == []
    joined(copy.folder, copy)
    try:
        assert (here(checkpoint) / "state.pt").read_bytes() == b"0001_a/checkpoint_000001/state.pt"
    finally:
        parted(copy.folder)
    copy.clear()


def test_a_node_that_cannot_use_the_storage_says_why(store: Store, tmp_path: Path) -> None:
    store.put(PROBE_FILE, b"word")
    assert unseen(store, "word") == ""
    assert len(store.files()) == 2
    assert unseen(store, "another") == "it is another folder there"
    (tmp_path / "file").touch()
    blind = Store("test://file", LocalFileSystem(), str(tmp_path / "file"))
    assert "cannot be" in unseen(blind, "word")


def test_a_write_that_waited_out_an_outage_does_not_land_on_anothers_search(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is tried again, another process takes the search over."""
    monkeypatch.setattr(stores, "OUTAGE_S", 30.0)
    monkeypatch.setattr(stores, "PAUSE_S", 0.0)
    owner = Owner(store)
    owner.claim()
    tries = []

    def away() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("away")
        store.put(FILE, json.dumps({"id": "other", "process": 5, "host": "other"}).encode())
        monkeypatch.setattr(lease, "_clock", lambda: 1e9)
        owner.check()

    with pytest.raises(TakenOverError):
        store.put("journal.jsonl", b"old", before=away)
    assert store.get("journal.jsonl") is None
    owner.release()
    assert b"other" in (store.get(FILE) or b"")


def test_what_decides_is_sent_when_it_is_written_and_by_nobody_else(store: Store) -> None:
    copy = WorkingCopy(store)
    with copy.owned():
        (copy.folder / "0001_a").mkdir(parents=True)
        for name in ("journal.jsonl", "journal.0002.jsonl", "0001_a/result.json", "0001_a/x.txt"):
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


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "CONTACT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = f"s3://bucket/x?endpoint_override=127.0.0.1%3A{port}&scheme=http&region=r"
        with pytest.raises(PcsearchError, match="does not answer within 2 s"):
            stores.opened(address, "--resume")


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("s3://key:secret@bucket/x", True),
        ("s3://key@bucket/x", True),
        ("abfs://container@account.dfs.core.windows.net/x", False),
        ("abfs://a/x?ACCOUNT_KEY=k", True),
        ("sftp://me@host/x", False),
        ("sftp://me:word@host/x", True),
        ("hdfs:///x", False),
        ("s3://bucket/x?region=eu", False),
    ],
)
def test_addresses_with_secrets_are_told_from_others(address: str, secret: bool) -> None:
    if not secret:
        stores._check(address, "--resume")
        return
    with pytest.raises(PcsearchError, match="holds a secret") as caught:
        stores._check(address, "--resume")
    assert address not in str(caught.value)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
def test_names_in_the_storage_do_not_lead_out_of_the_folder(name: str) -> None:
    assert not working_copy._is_below(name)
