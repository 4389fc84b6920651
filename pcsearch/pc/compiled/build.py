"""`blocks.c` compiled for this machine, once for all processes of a user, and loaded."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from filelock import FileLock

from pcsearch.errors import PcsearchError
from pcsearch.user_files import cache_folder

SOURCE = Path(__file__).with_name("blocks.c")
COMPILERS = ("cc", "gcc", "clang")
# Contracting a product and a sum is what the kernels are fast by; nothing else may be reordered.
FLAGS = ("-x", "c", "-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
TIMEOUT_S = 120


class NoCompilerError(PcsearchError):
    """There is no compiler here, or it does not take the source."""


def loaded() -> ctypes.CDLL:
    """The compiled `blocks.c`.

    Raises:
        NoCompilerError: it cannot be had on this machine.
    """
    found = _found(SOURCE)
    if isinstance(found, NoCompilerError):
        raise found
    return found


@cache
def _found(source: Path) -> ctypes.CDLL | NoCompilerError:
    """The library, or why there is none: each trial of a process would ask again."""
    try:
        library = ctypes.CDLL(str(built(source)))
        pointer, number = ctypes.c_void_p, ctypes.c_float
        library.pc_room.argtypes, library.pc_room.restype = [pointer], ctypes.c_long
        library.pc_blocks.argtypes = [pointer, pointer, pointer, number, number, *[pointer] * 4]
        library.pc_blocks.restype = None
    except NoCompilerError as error:
        return error
    # Where nothing in the cache may be run, or the compiler is one of another language.
    except (OSError, AttributeError) as error:
        return NoCompilerError(f"the compiled code cannot be loaded ({error})")
    return library


def built(source: Path) -> Path:
    """The shared library of a C source, compiled where it is not there or not whole.

    Args:
        source: its file; the library is kept under a name that holds its text, the compiler and
            the processor, for a home folder may be shared by machines that differ.

    Raises:
        NoCompilerError: there is no compiler, or it fails.
    """
    command = compiler()
    told = "\n".join((source.read_text(encoding="utf-8"), *FLAGS, _version(command), _processor()))
    name = f"{source.stem}-{hashlib.sha256(told.encode()).hexdigest()[:16]}.so"
    folder = _folder()
    library = folder / name
    try:
        with FileLock(folder / f"{name}.lock"):
            if not _is_whole(library):
                _compile([*command, *FLAGS, str(source)], library)
    except OSError as error:
        raise NoCompilerError(f"{folder}: cannot be written ({error.strerror})") from error
    return library


def compiler() -> list[str]:
    """The command of a C compiler: ``$CC``, or the first that there is.

    Raises:
        NoCompilerError: there is none.
    """
    named = os.environ.get("CC", "").strip()
    for name in (named,) if named else COMPILERS:
        with contextlib.suppress(ValueError):
            command, *options = shlex.split(name)
            if found := shutil.which(command):
                return [found, *options]
    raise NoCompilerError(f"no C compiler is here ({named or ', '.join(COMPILERS)})")


def _compile(command: list[str], library: Path) -> None:
    # A process that is killed meanwhile leaves no half of a library.
    made = library.with_name(f".{os.getpid()}.{library.name}")
    try:
        _run([*command, "-o", str(made), "-lm"])
        if not made.exists():
            raise NoCompilerError(f"the C compiler {command[0]} makes nothing")
        _digest_of(library).write_text(_digest(made), encoding="ascii")
        made.replace(library)
    finally:
        made.unlink(missing_ok=True)


def _is_whole(library: Path) -> bool:
    """Whether it is what was compiled: to load half of a library ends the process."""
    try:
        return _digest_of(library).read_text(encoding="utf-8") == _digest(library)
    except (OSError, UnicodeDecodeError):
        return False


def _digest_of(library: Path) -> Path:
    return library.with_name(f"{library.name}.sha256")


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def _version(command: list[str]) -> str:
    return "\n".join((*command[1:], _run([*command, "--version"])))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the machine's own compiler
            command,
            capture_output=True,
            text=True,
            errors="replace",
            env=os.environ | {"LC_ALL": "C"},
            timeout=TIMEOUT_S,
            check=False,
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
    folders = [Path(gettempdir()) / f"pcsearch_compiled_{os.getuid()}"]
    with contextlib.suppress(PcsearchError):
        folders.insert(0, cache_folder() / "compiled")
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.stat()
            own = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if own and os.access(folder, os.W_OK):
                return folder
    raise NoCompilerError(f"{folders[0]} is not this user's alone, or cannot be written")
