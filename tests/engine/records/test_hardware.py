"""The machines of a search, as its directory has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pcsearch.engine.records import hardware
from pcsearch.engine.records.hardware import Hardware, add_hardware, own_hardware, read_hardware


def test_this_machine_has_a_processor_and_memory() -> None:
    own = own_hardware()
    assert own.processor
    assert own.cpus == os.cpu_count()
    assert own.memory > 2**28
    assert (own.gpus, own.gpu) == (0, "")


def test_a_processor_without_a_model_name_has_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "PROCESSORS", tmp_path / "cpuinfo")
    assert own_hardware().processor
    (tmp_path / "cpuinfo").write_bytes(b"processor\t: 0\nmodel name\t: Ryzen: 9 \xff\n")
    assert own_hardware().processor == "Ryzen: 9 \ufffd"


def test_machines_of_later_sessions_are_added(tmp_path: Path) -> None:
    assert read_hardware(tmp_path) == {}
    one, two = Hardware("EPYC", 64, 2**37, 8, "H200"), Hardware("Xeon", 2, 0)
    add_hardware(tmp_path, {"one": one})
    add_hardware(tmp_path, {"two": two})
    assert read_hardware(tmp_path) == {"one": one, "two": two}
    written = (tmp_path / hardware.FILE).stat().st_mtime_ns
    add_hardware(tmp_path, {"one": one})
    assert (tmp_path / hardware.FILE).stat().st_mtime_ns == written


MANY = '{"one": {"processor": "x", "cpus": "many", "memory": 0}}'


@pytest.mark.parametrize(
    "content", ["", "[]", '{"one": 3}', '{"one": {"cpus": "many"}}', "\x00", MANY]
)
def test_a_damaged_file_has_none_and_is_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / hardware.FILE).write_text(content)
    assert read_hardware(tmp_path) == {}
    add_hardware(tmp_path, {"one": own_hardware()})
    assert list(read_hardware(tmp_path)) == ["one"]
