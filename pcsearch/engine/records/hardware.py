"""What machines a search ran on: their processors, memory and GPUs, in a file of its directory."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pcsearch.engine.storage.files import reading, writing
from pcsearch.system.whole_files import replacing

FILE = "hardware.json"
PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Hardware:
    """What a machine has.

    Args:
        processor: the name of its processor's model.
        cpus: how many logical CPUs it has.
        memory: in bytes; 0 where it is not known.
        gpus: how many GPUs Ray knows there.
        gpu: the name of their model; empty where it is not known.
    """

    processor: str
    cpus: int
    memory: int
    gpus: int = 0
    gpu: str = ""


def own_hardware() -> Hardware:
    """What this machine has, without its GPUs."""
    memory = 0
    # Not every system has these names.
    with suppress(OSError, ValueError):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Hardware(_processor(), os.cpu_count() or 1, memory)


def read_hardware(directory: Path) -> dict[str, Hardware]:
    """The machines of a search, by their names; none where its file is missing or damaged.

    Args:
        directory: the experiment's.

    Raises:
        StorageError: the file is there and cannot be read.
    """
    file = directory / FILE
    if not file.exists():
        return {}
    with reading(file):
        content = file.read_bytes()
    try:
        found = {name: Hardware(**fields) for name, fields in json.loads(content).items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: each for name, each in found.items() if _is_whole(each)}


def add_hardware(directory: Path, machines: Mapping[str, Hardware]) -> None:
    """Write down machines of a search, beside those of earlier sessions.

    Args:
        directory: the experiment's.
        machines: by their names.

    Raises:
        StorageError: the file cannot be written.
    """
    known = read_hardware(directory)
    every = known | dict(machines)
    if every == known:
        return
    text = json.dumps({name: asdict(each) for name, each in every.items()}, indent=2)
    with writing(directory / FILE), replacing(directory / FILE) as file:
        file.write(f"{text}\n".encode())


def _is_whole(machine: Hardware) -> bool:
    texts, numbers = (machine.processor, machine.gpu), (machine.cpus, machine.memory, machine.gpus)
    return all(isinstance(each, str) for each in texts) and all(
        isinstance(each, int) for each in numbers
    )


def _processor() -> str:
    with suppress(OSError):
        for line in PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
