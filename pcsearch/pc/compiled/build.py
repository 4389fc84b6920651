"""Compiling a C source for this machine, once for all processes of a user."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from filelock import FileLock

from pcsearch.errors import PcsearchError

COMPILERS = ("cc", "gcc", "clang")
# Contracting a product and a sum is what the kernels are fast by; nothing else may be reordered.
FLAGS = ("-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
TIMEOUT_S = 120


class NoCompilerError(PcsearchError):
    """There is no compiler here, or it does not take the source."""


@cache
def built(source: Path) -> Path:
    """The shared library of a C source.

    Args:
        source: its file; the library is kept under a name that holds its text, the compiler and
            the processor, for a home folder may be shared by machines that differ.

    Raises:
        NoCompilerError: there is none, or it fails.
    """
    command = compiler()
    told = "\n".join((source.read_text(encoding="utf-8"), *FLAGS, _version(command), _processor()))
    name = f"{source.stem}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.so"
    folder = _folder()
    library = folder / name
    try:
        # A process that is killed while it compiles leaves no half of a library.
        with FileLock(folder / f"{name}.lock"):
            if not library.exists():
                made = folder / f".{os.getpid()}.{name}"
                _run([command, *FLAGS, str(source), "-o", str(made), "-lm"])
                made.replace(library)
    except OSError as error:
        raise NoCompilerError(f"{folder}: cannot be written ({error.strerror})") from error
    return library


def compiler() -> str:
    """The path of a C compiler: ``$CC``, or the first that there is.

    Raises:
        NoCompilerError: there is none.
    """
    named = os.environ.get("CC", "")
    for name in (named,) if named else COMPILERS:
        if found := shutil.which(name):
            return found
    raise NoCompilerError(f"no C compiler is here ({named or ', '.join(COMPILERS)})")


def _version(command: str) -> str:
    return _run([command, "--version"])


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the machine's own compiler
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoCompilerError(f"the C compiler {command[0]} fails ({error})") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise NoCompilerError(f"the C compiler {command[0]} fails ({lines[0]})")
    return done.stdout


def _processor() -> str:
    """What ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    # Of the first core; the frequency and the like change.
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features")))


def _folder() -> Path:
    """A folder of this user's alone: what lies there is run.

    Raises:
        NoCompilerError: there is none.
    """
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    usual = Path(cache_home) / "pcsearch" / "compiled"
    for folder in (usual, Path(gettempdir()) / f"pcsearch_compiled_{os.getuid()}"):
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
            own = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if own and os.access(folder, os.W_OK):
                return folder
    raise NoCompilerError(f"{usual} is not this user's alone, or cannot be written")
