"""One process at a time runs the search of an experiment at an address."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from pcsearch.engine.storage import lease
from pcsearch.engine.storage import store as stores
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.lease import FILE, Holder, Lease, TakenOverError
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError


def test_one_process_runs_a_search_until_it_lets_go(store: Store) -> None:
    first, second = Lease(store), Lease(store)
    first.take()
    with pytest.raises(PcsearchError, match=r"the search is running \(process \d+ on "):
        second.take()
    first.check()
    first.release()
    assert store.get(FILE) is None
    second.take()
    second.release()


def test_a_process_that_gives_no_sign_is_taken_for_dead(store: Store) -> None:
    store.put(FILE, json.dumps({"id": "dead", "process": 1, "host": "gone", "beats": 7}).encode())
    own = Lease(store)
    own.take()
    own.check()
    own.release()


def test_a_damaged_sign_is_no_obstacle(store: Store) -> None:
    store.put(FILE, b"{")
    own = Lease(store)
    own.take()
    own.release()


def test_a_file_that_is_being_written_is_no_loss(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Lease(store)
    own.take()
    whole = store.get(FILE)
    assert whole is not None
    monkeypatch.setattr(lease, "_clock", lambda: 1e9)
    store.put(FILE, b"")
    with pytest.raises(OSError, match=f"{FILE}: it is damaged"):
        own.check()
    store.put(FILE, whole)
    own.check()
    own.release()


def test_a_sign_that_broke_off_is_written_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file servers keep the half of a file whose writer was cut off."""
    own = Lease(store)
    own.take()
    holder = Holder(store)
    put, torn = Store.put, threading.Event()

    def cut_off(self: Store, name: str, data: bytes, *arguments: Any) -> None:
        if torn.is_set():
            put(self, name, data, *arguments)
            return
        put(self, name, b"", *arguments)
        torn.set()
        raise StorageError("the connection was lost")

    monkeypatch.setattr(Store, "put", cut_off)
    assert torn.wait(60)
    assert holder.lives(), "a damaged file says nothing new"
    end = time.monotonic() + 60
    while not store.get(FILE):
        assert time.monotonic() < end
        time.sleep(0.01)
    own.check()
    own.release()


def test_a_write_that_waited_out_an_outage_does_not_land_on_anothers_search(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is tried again, another process takes the search over."""
    monkeypatch.setattr(stores, "OUTAGE_S", 30.0)
    monkeypatch.setattr(stores, "PAUSE_S", 0.0)
    own = Lease(store)
    own.take()
    tries = []

    def away() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("away")
        store.put(FILE, json.dumps({"id": "other", "process": 5, "host": "other"}).encode())
        monkeypatch.setattr(lease, "_clock", lambda: 1e9)
        own.check()

    with pytest.raises(TakenOverError):
        store.put("journal.jsonl", b"old", before=away)
    assert store.get("journal.jsonl") is None
    own.release()
    assert b"other" in (store.get(FILE) or b"")


def test_who_has_the_lease_is_seen_without_taking_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (Holder(store).name, Holder(store).lives()) == ("", False)
    monkeypatch.setattr(lease, "EXPIRES_AFTER", 600.0)
    own = Lease(store)
    own.take()
    first = Holder(store)
    assert first.name.startswith("process ")
    assert first.lives()
    own.release()
    assert not first.lives()
    own = Lease(store)
    own.take()
    assert Holder(store).lives()
    assert not first.lives(), "another one has it"
    own.release()
    store.put(FILE, b"{")
    assert Holder(store).name == ""


def test_a_holder_that_gives_no_sign_is_taken_for_dead(store: Store) -> None:
    store.put(FILE, json.dumps({"id": "dead", "process": 1, "host": "gone", "beats": 7}).encode())
    holder = Holder(store)
    assert holder.name == "process 1 on gone"
    end = time.monotonic() + 60
    while holder.lives():
        assert time.monotonic() < end
        time.sleep(0.02)
