"""Compiles `blocks.c` for this machine, once for all processes of a user, and loads it."""

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
from pathlib import Path
from tempfile import gettempdir

from filelock import FileLock

from pcsearch.errors import PcsearchError
from pcsearch.system.user_files import cache_folder

SOURCE = Path(__file__).with_name("blocks.c")
COMPILERS = ("cc", "gcc", "clang")
# A contraction is a product and a sum in one instruction, which the kernels owe their speed to. All
# other operations keep their order.
FLAGS = ("-x", "c", "-std=gnu11", "-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC")
TIMEOUT_S = 120


class NoCompilerError(PcsearchError):
    """There is no C compiler on this machine, or it does not compile the source."""


def load_library() -> ctypes.CDLL:
    """The compiled `blocks.c`, which is compiled first where need be.

    Raises:
        NoCompilerError: it cannot be compiled or loaded on this machine.
    """
    try:
        library = ctypes.CDLL(str(compiled_library(SOURCE)))
        pointer, number = ctypes.c_void_p, ctypes.c_float
        library.pc_workspace_size.argtypes = [pointer]
        library.pc_workspace_size.restype = ctypes.c_long
        library.pc_blocks.argtypes = [pointer, pointer, pointer, number, number, *[pointer] * 4]
        library.pc_blocks.restype = None
    # The cache may be on a file system that runs no programs, or $CC may compile another language.
    except (OSError, AttributeError) as error:
        raise NoCompilerError(f"the compiled code cannot be loaded ({error})") from error
    return library


def compiled_library(source: Path) -> Path:
    """The shared library of a C source; compiled where it is missing or incomplete.

    Args:
        source: its file. The library's name has a hash of its text, the compiler and the
            processor, for machines that differ may share a home folder.

    Raises:
        NoCompilerError: there is no compiler, or it fails.
    """
    command = compiler()
    text = source.read_text(encoding="utf-8")
    key = "\n".join((text, *FLAGS, _version(command), _processor()))
    name = f"{source.stem}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.so"
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
    """The command of the C compiler: ``$CC``, or the first of cc, gcc and clang that is installed.

    Raises:
        NoCompilerError: none is installed.
    """
    own = os.environ.get("CC", "").strip()
    for name in (own,) if own else COMPILERS:
        with contextlib.suppress(ValueError):
            command, *options = shlex.split(name)
            if path := shutil.which(command):
                return [path, *options]
    raise NoCompilerError(f"no C compiler is installed ({own or ', '.join(COMPILERS)})")


def _compile(command: list[str], library: Path) -> None:
    # Compiled under another name: a process that is killed leaves no incomplete library.
    temporary = library.with_name(f".{os.getpid()}.{library.name}")
    try:
        _run([*command, "-o", str(temporary), "-lm"])
        if not temporary.exists():
            raise NoCompilerError(f"the C compiler {command[0]} writes no file")
        _digest_file(library).write_text(_digest(temporary), encoding="ascii")
        temporary.replace(library)
    finally:
        temporary.unlink(missing_ok=True)


def _is_whole(library: Path) -> bool:
    """Whether the library is complete: loading an incomplete one ends the process."""
    try:
        return _digest_file(library).read_text(encoding="utf-8") == _digest(library)
    except (OSError, UnicodeDecodeError):
        return False


def _digest_file(library: Path) -> Path:
    return library.with_name(f"{library.name}.sha256")


def _digest(library: Path) -> str:
    return hashlib.sha256(library.read_bytes()).hexdigest()


def _version(command: list[str]) -> str:
    return "\n".join((*command[1:], _run([*command, "--version"])))


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the user's own compiler
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
    """A text of all that ``-march=native`` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    # Other lines, like the frequency, change all the time.
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features")))


def _folder() -> Path:
    """A folder that only this user can write to: the code in it is run.

    Raises:
        NoCompilerError: there is none.
    """
    folders = [Path(gettempdir()) / f"pcsearch_compiled_{os.getuid()}"]
    with contextlib.suppress(PcsearchError):
        folders.insert(0, cache_folder() / "compiled")
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In a folder that all may write to, a link may be another user's, who can turn it.
            status = folder.lstat()
            is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            if is_own and not others_write and os.access(folder, os.W_OK):
                return folder
    raise NoCompilerError(f"{folders[0]} is not this user's alone, or cannot be written")
