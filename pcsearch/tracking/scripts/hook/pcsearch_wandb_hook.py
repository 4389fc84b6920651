"""Writes what a program logs to W&B to a file of its trial, beside what W&B's client does.

It changes public names of wandb when the program imports that: ``wandb.init``, ``wandb.login``,
``Run.log``, ``Run.finish`` and ``Run.__exit__``. It needs nothing but Python, because it runs in
the program's own, and no error of it reaches the program.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from inspect import signature
from typing import Any

import pcsearch_wandb_calls as calls  # type: ignore[import-not-found]
import pcsearch_wandb_service as service  # type: ignore[import-not-found]
import pcsearch_wandb_sweeps as sweeps  # type: ignore[import-not-found]

CHANNEL = "PCSEARCH_CHANNEL"
"""The variable with the file, to which all processes of the program write."""
OF_THE_TRIAL = {
    "project": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "id": "WANDB_RUN_ID",
    "group": "WANDB_RUN_GROUP",
    "dir": "WANDB_DIR",
    "mode": "WANDB_MODE",
    "resume": "WANDB_RESUME",
}
"""The arguments of ``wandb.init`` that the search decides, as at W&B, and their variables."""
TAGS = "PCSEARCH_WANDB_TAGS"
LOGGED = "PCSEARCH_LOGGED"
"""The variable with a name and a number: rows up to it are in the run, by an earlier try."""
NEW_RUN = "PCSEARCH_NEW_RUN"
"""The variable with a file that is made when the run begins, where it begins anew."""
LONGEST_TEXT = 1000
MOST_UNWRITTEN = 1000
LONGEST_MESSAGE = 1 << 19
"""In bytes; a longer one is sent in parts."""
LARGEST_BITS = 1024
"""Of a whole number; a larger one is no number of JSON."""
DEEPEST = 10


class Sender:
    """Writes to the trial's file; a call is in the file when it returns, also if a kill follows."""

    def __init__(self) -> None:
        self._file: tuple[int, tuple[int, int]] | None = None
        """The file's descriptor, and the identity of the file."""
        self._unwritten: list[tuple[int, bytes]] = []
        """The newest messages that could not be written, as where a disk is full, and their
        processes: one that was forked from another leaves those of the other to it."""
        self._unlock()
        # A thread of the process that was forked may have had it.
        os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self._lock = threading.RLock()

    def send(self, kind: str, values: dict[str, Any], **more: Any) -> None:
        """Write a message, where the trial has made the file."""
        message = {"kind": kind, "values": values, "process": os.getpid(), **more}
        # One that was killed while it wrote has left a line without an end.
        data = b"\n" + json.dumps(message).encode() + b"\n"
        if len(data) > LONGEST_MESSAGE and len(values) > 1:
            pairs = list(values.items())
            first, second = dict(pairs[: len(pairs) // 2]), dict(pairs[len(pairs) // 2 :])
            # They are of one row.
            self.send(kind, first, **{**more, "commit": False})
            self.send(kind, second, **more)
            return
        if os.environ.get(CHANNEL):
            with self._lock:
                own = [each for each in self._unwritten if each[0] == os.getpid()]
                self._write([*own, (os.getpid(), data)])

    def _write(self, messages: list[tuple[int, bytes]]) -> None:
        """Write messages, or keep them for the next call, and say so once."""
        had_none, self._unwritten = len(messages) == 1, []
        for place, (_, data) in enumerate(messages):
            try:
                # The end of a line may be missing: the next one begins with an end.
                if os.write(self._opened(), data) >= len(data) - 1:
                    continue
                # It is written again as a whole: a line without its end is left out.
                why = "the disk is full"
            except FileNotFoundError:
                # The trial reads something else.
                return
            except OSError as error:
                why = str(error.strerror)
            self._unwritten = messages[place:][-MOST_UNWRITTEN:]
            if had_none:
                sys.stderr.write(
                    f"pcsearch: the search does not get what is logged now ({why}); it is tried "
                    f"again with later calls, the newest {MOST_UNWRITTEN}\n"
                )
            return

    def _opened(self) -> int:
        if self._file is not None:
            descriptor, identity = self._file
            # A program that closes all descriptors has opened a file of its own under the number.
            with suppress(OSError):
                if _identity(descriptor) == identity:
                    return descriptor
        descriptor = os.open(os.environ[CHANNEL], os.O_WRONLY | os.O_APPEND)
        self._file = descriptor, _identity(descriptor)
        return descriptor


def _identity(descriptor: int) -> tuple[int, int]:
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino


SENDER = Sender()
_told: dict[str, str] = {}
"""The variables of the trial, as they were at the start of this process."""
_open: list[Any] = []
"""The runs that are not finished."""
_repeating: dict[int, int] = {}
"""The next step of a run by its start, by the run's identity: W&B has its first rows already."""
_at_server: dict[int, Any] = {}
"""How far a run is by what W&B's server has of it, by the run's identity."""
_left_out: set[int] = set()
"""The runs, by their identities, with a row that is left out and may get more calls."""
_logged: set[str] = set()
"""The names that were logged: their values in a summary are known."""


def install() -> None:
    """Change wandb as soon as the program imports it."""
    _told.update({v: os.environ[v] for v in OF_THE_TRIAL.values() if os.environ.get(v)})
    sys.meta_path.insert(0, _Finder())


class _Finder:
    """Finds wandb where it is, and changes it after it was imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's spec, for wandb only."""
        if name != "wandb":
            return None
        # A program may only ask whether wandb is there, and import it later.
        others = [each for each in sys.meta_path if each is not self]
        # One of an old kind has no such method, and Python leaves it out.
        finders = [each.find_spec for each in others if hasattr(each, "find_spec")]
        found = (find(name, path, target) for find in finders)
        spec = next((each for each in found if each is not None), None)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            try:
                _change(module)
            except Exception as error:
                sys.stderr.write(f"pcsearch: this wandb cannot be followed: {error!r}\n")

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _change(wandb: Any) -> None:
    from wandb.sdk import wandb_run

    run_type: Any = wandb_run.Run
    run_type.log = _in_place_of(run_type.log, _logging)
    run_type.finish = _in_place_of(run_type.finish, _finishing)
    run_type.__exit__ = _in_place_of(run_type.__exit__, _leaving)
    wandb.init = _in_place_of(wandb.init, partial(_starting, wandb))
    wandb.login = _in_place_of(wandb.login, _logging_in)
    calls.refuse(wandb)
    service.outlive()
    sweeps.serve(wandb)


def _in_place_of(function: Any, make: Callable[[Any], Any]) -> Any:
    """Our function in place of one of W&B's, as which it shows itself.

    Args:
        function: W&B's own, or ours that is in its place: a program may load wandb again.
        make: our function, of W&B's own.
    """
    theirs = function.__wrapped__ if function.__module__ == __name__ else function
    ours = make(theirs)
    ours.__doc__, ours.__name__, ours.__wrapped__ = theirs.__doc__, theirs.__name__, theirs
    return ours


def _logging(log: Any) -> Any:
    def logging(self: Any, data: Any, step: Any = None, commit: Any = None, **more: Any) -> Any:
        ends = bool(commit or (commit is None and step is None))
        number = _whole(step)
        is_there = _is_repeated(self, number, ends) or _is_logged(self, data, ends)
        result = None if is_there else log(self, data, step, commit, **more)
        with suppress(Exception):
            _logged.update(data)
            commit = None if commit is None else bool(commit)
            SENDER.send("log", plain(data), step=number, commit=commit)
        return result

    return logging


def _finishing(finish: Any) -> Any:
    def finishing(self: Any, *arguments: Any, **more: Any) -> Any:
        _send_summary(self)
        return finish(self, *arguments, **more)

    return finishing


def _leaving(leave: Any) -> Any:
    def leaving(self: Any, *arguments: Any) -> Any:
        _send_summary(self)
        return leave(self, *arguments)

    return leaving


def _starting(wandb: Any, init: Any) -> Any:
    def starting(*arguments: Any, **more: Any) -> Any:
        given = signature(init).bind_partial(*arguments, **more).arguments
        if given.get("reinit") == "create_new" and _open:
            calls.tell_of_one_run()
            return _open[-1]
        if sweeps.is_outside():
            return init(**{**given, "mode": "disabled"})
        if _is_disabled(given):
            # One of several processes that must not log.
            return init(*arguments, **more)
        os.environ.update(_told)
        given.update(_of_the_trial(given.get("tags") or ()))
        if os.environ.get("WANDB_MODE") == "online":
            with suppress(Exception):
                given["settings"] = _with_stop(wandb, given.get("settings"))
        if given.get("reinit") in (True, "finish_previous"):
            _send_summaries()
        run = init(**given)
        # Another process of the program may have started W&B's.
        service.ask_for_farewell(os.environ.get("WANDB_SERVICE", ""))
        if _begins_run() and run.starting_step:
            _repeating[id(run)] = 0
        if run not in _open:
            _open.append(run)
            _tell_begin(wandb)
            # It comes before W&B's own, which was registered before it.
            atexit.register(_send_summaries)
        return run

    return starting


def _logging_in(login: Any) -> Any:
    def logging_in(*arguments: Any, **more: Any) -> Any:
        if os.environ.get("WANDB_MODE") != "disabled":
            os.environ.update(_told)
        return login(*arguments, **more)

    return logging_in


def _is_disabled(given: dict[str, Any]) -> bool:
    """Whether a call of ``wandb.init`` asks for no run, by itself or by what was set before."""
    settings = given.get("settings")
    has = settings.get if isinstance(settings, dict) else partial(getattr, settings)
    of_process = os.environ.get("WANDB_MODE")
    # Other versions of W&B may not have it.
    with suppress(Exception):
        from wandb.sdk import wandb_setup

        # They are read from the variables once; later changes of those have no effect.
        known: Any = wandb_setup.singleton().settings_if_loaded
        of_process = of_process if known is None else known.mode
    modes = (given["mode"],) if given.get("mode") else (has("mode", None), of_process)
    return "disabled" in modes


def _with_stop(wandb: Any, settings: Any) -> Any:
    """The settings of a run whose Stop button ends the trial, and not only the process."""
    own = wandb.Settings(**settings) if isinstance(settings, dict) else settings
    own = wandb.Settings() if own is None else own.model_copy()
    ends = own.stop_fn

    def stop() -> None:
        SENDER.send("stop", {})
        # What W&B does: the program may end in good order, and its run with it.
        main = threading.main_thread().ident or 0
        ends() if ends else signal.pthread_kill(main, signal.SIGINT)

    own.stop_fn = stop
    return own


def _tell_begin(wandb: Any) -> None:
    """Tell that a run has begun, and whether W&B takes over what TensorBoard gets."""
    with suppress(Exception):
        SENDER.send("begin", {"tensorboard": bool(wandb.patched["tensorboard"])})


def _of_the_trial(tags: Any) -> dict[str, Any]:
    """What ``wandb.init`` gets for the trial's run; its tags come after the script's."""
    # In a sweep, W&B takes these from the variables, and says so of each that it is given.
    left_out = ("project", "entity", "id") if os.environ.get("WANDB_SWEEP_ID") else ()
    given: dict[str, Any] = {
        n: _told[v] for n, v in OF_THE_TRIAL.items() if v in _told and n not in left_out
    }
    if os.environ.get(TAGS):
        own = [tags] if isinstance(tags, str) else [*tags]
        given["tags"] = [*own, *json.loads(os.environ[TAGS])]
    return given


def _begins_run() -> bool:
    """Whether this call of ``wandb.init`` is the first one of a program that begins anew."""
    file = os.environ.get(NEW_RUN)
    if not file:
        return False
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL))
    except OSError:
        return False
    return True


def _whole(step: Any) -> int | None:
    """A step as a number of Python's: it may be one of numpy's."""
    with suppress(Exception):
        return None if step is None else int(step)
    return None


def _is_repeated(run: Any, step: int | None, ends: bool) -> bool:
    """Whether a program that began anew logs a row of a step that the run has by an earlier try."""
    own = _repeating.get(id(run))
    if own is None:
        return False
    own = max(own, step) if step is not None else own
    _repeating[id(run)] = own + ends
    return own < int(run.starting_step)


def _is_logged(run: Any, data: Any, ends: bool) -> bool:
    """Whether an earlier try of a program that goes on has logged a row already."""
    is_there = id(run) in _left_out
    if not is_there and os.environ.get(LOGGED):
        with suppress(Exception):
            name, last = json.loads(os.environ[LOGGED])
            if run.resumed and id(run) not in _at_server:
                there = _in_summary(run.summary, name)
                # Where the summary does not say it, a run that has rows may have all of them.
                unknown = last if run.starting_step else float("-inf")
                _at_server[id(run)] = unknown if there is None else there
            # The server may not have got what the run's files have.
            last = min(last, _at_server.get(id(run), last))
            is_there = plain(data)[name] <= last
    (_left_out.add if is_there and not ends else _left_out.discard)(id(run))
    return is_there


def _in_summary(summary: Any, name: str) -> Any:
    """A number of a summary by its name, which has dots where it is nested; None without one."""
    found = summary.get(name)
    if found is None:
        found = summary
        for part in name.split("."):
            found = found.get(part) if hasattr(type(found), "keys") else None
    return found if isinstance(found, (int, float)) else None


def _send_summaries() -> None:
    for run in list(_open):
        _send_summary(run)


def _send_summary(run: Any) -> None:
    """Send what stands in the summary only; each value of it is a request to W&B's process."""
    if run not in _open:
        return
    _open.remove(run)
    with suppress(Exception):
        summary = run.summary
        names = [name for name in list(summary.keys()) if name not in _logged]
        SENDER.send("summary", plain({name: summary[name] for name in names}))


def plain(values: Any, prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """The numbers and short texts of what was logged, nested ones under one name, as at W&B."""
    found: dict[str, Any] = {}
    # A part of a summary has keys, and is no dict.
    for key in list(values.keys()):
        name, value = prefix + str(key), values[key]
        if hasattr(type(value), "keys"):
            if depth < DEEPEST and "_type" not in list(value.keys()):
                found.update(plain(value, name + ".", depth + 1))
            continue
        number = value if isinstance(value, (bool, int, float, str)) else _number(value)
        if number is not None and not _is_too_long(number):
            found[name] = number
    return found


def _is_too_long(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) > LONGEST_TEXT
    return isinstance(value, int) and value.bit_length() > LARGEST_BITS


def _number(value: Any) -> Any:
    """The number of an array or a tensor of one, None of anything else."""
    if not hasattr(type(value), "item"):
        return None
    try:
        # It is a method of torch's tensors.
        count = value.numel() if hasattr(value, "numel") else value.size
        number = value.item() if count == 1 else None
    except Exception:
        return None
    return number if isinstance(number, (bool, int, float)) else None
