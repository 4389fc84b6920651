"""Trials that call a function of the user, of a module or of a file: ``--trainable``."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pcsearch.engine.ray_internals import reports_made, stopped_by_ray
from pcsearch.engine.workloads.annotations import is_whole
from pcsearch.engine.workloads.given_function import Function, pickled, unpickled
from pcsearch.engine.workloads.imported_function import (
    FunctionPlace,
    import_path,
    load,
    locate,
    refused,
)
from pcsearch.engine.workloads.reported_values import own_name
from pcsearch.engine.workloads.trial_process import as_at_its_start
from pcsearch.engine.workloads.user_code import Code, code_folder, module_root
from pcsearch.engine.workloads.workload import SearchContext, Trainable, Workload, counted_in
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep


@dataclass(frozen=True)
class UserFunction(Workload):
    """Trials that call a function of the user with their values.

    The function calls ``ray.tune.report``, or is a generator that yields the metrics of each epoch
    as a mapping. An epoch is one report.

    Args:
        target: ``MODULE:FUNCTION``, or ``FILE.py:FUNCTION`` with the path of a file; of a function
            that is given, its label.
        folder: where relative paths start, and where the module is looked for first, before
            Python's own path.
        function: the function itself where a program gives it, which is not imported then.
        epoch_key: the name in a report by which trials say their epoch.
    """

    time_attr: ClassVar[str] = "training_iteration"
    target: str
    folder: Path
    function: Function | None = None
    epoch_key: str | None = None

    @property
    def counted(self) -> str:
        """Reports with the metric, or what the key of the epoch says."""
        return counted_in(self.epoch_key)

    @property
    def code(self) -> Code | None:
        """The folder of the function's module, None for an installed package.

        Of a function that is given, the folder: it may import modules that are there.
        """
        if self.function is not None:
            return Code(self.folder)
        place = locate(self.target, self.folder)
        root = module_root(place.module, place.folder)
        return None if root is None else Code(root)

    def describe(self) -> str:
        """The function's name."""
        return f"the function {self.target}"

    def numeric(self, name: str) -> bool:
        """False: text is what a function's parameter may take."""
        return False

    def whole(self, name: str) -> bool:
        """Whether the function's argument is a TypedDict in which the parameter is an int."""
        if self.function is not None:
            return is_whole(self.function, name)
        try:
            place = locate(self.target, self.folder)
            with import_path(place.folder):
                return is_whole(load(place), name)
        # The check of the sweep tells it, beside what is wrong with the file.
        except PcsearchError:
            return False

    def check(self, sweep: Sweep) -> None:
        """Import the function, and look at its arguments.

        Raises:
            PcsearchError: there is no such function, its module cannot be imported, or it does not
                take a trial's values.
        """
        if self.function is not None:
            check_arguments(self.function, self.target)
            return
        place = locate(self.target, self.folder)
        with import_path(place.folder):
            check_arguments(load(place), self.target)

    def parameter_problems(self, parameters: Iterable[Parameter]) -> list[Problem]:
        """None: a function may have any parameters."""
        return []

    def default_metrics(self) -> tuple[Metric, ...]:
        """None: what a function reports is not known."""
        return ()

    def max_epochs(self, sweep: Sweep) -> None:
        """None: nobody knows."""

    def epochs(self, values: Mapping[str, Any]) -> None:
        """None: nobody knows."""

    def effective_config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values: a function's defaults are not known."""
        return dict(values)

    def prepare(self, sweep: Sweep, folder: Path) -> tuple[str, ...]:
        """Nothing; but a function that is given must be one that can be sent.

        Raises:
            PcsearchError: it cannot be sent to the processes of trials.
        """
        if self.function is not None:
            pickled(self.function)
        return ()

    def notes(self, compiled: bool) -> tuple[str, ...]:
        """That no command can resume the search of a function without a module."""
        if self.function is None:
            return ()
        name = self.target.rpartition(":")[2]
        return (f"{name} is in no module: only pcsearch.resume(DIR, {name}) resumes the search",)

    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Nothing: what a function needs is not known."""

    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], context: SearchContext
    ) -> Trainable:
        """The function, which is imported, or unpickled, where the trial runs."""
        given, folder = self.function, self.folder
        data = b"" if given is None else pickled(given)
        place = locate(self.target, folder) if given is None else FunctionPlace("", "", folder)

        def user_function(values: dict[str, Any]) -> Any:
            code = code_folder(place.folder)
            # A node may not have the folder. The function may import modules when it is called.
            with as_at_its_start(folder if folder.is_dir() else code), import_path(code):
                function = unpickled(data) if data else load(replace(place, folder=code))
                return call(function, values)

        return user_function


def check_arguments(function: Callable[..., Any], target: str) -> None:
    """Check that a function can be called with a trial's values, and then trains.

    Args:
        function: of the user; also a method, a partial, or an object that can be called.
        target: as the user wrote it, for messages.

    Raises:
        PcsearchError: it takes other arguments, or is a class or a coroutine.
    """
    wanted = "give a function of one argument, a trial's values, such as def main(config)"
    if isinstance(function, type):
        raise refused(f"{target} is a class; {wanted}")
    # Of an object that can be called, the method says what it is.
    called = (function, type(function).__call__)
    if any(
        inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in called
    ):
        raise refused(f"{target} is asynchronous (async def), and nobody awaits it; {wanted}")
    try:
        signature = inspect.signature(function)
    # Functions of C may not tell.
    except (ValueError, TypeError):
        return
    try:
        signature.bind({})
    except TypeError:
        name = target.rpartition(":")[2]
        raise refused(f"{target} is {name}{signature}; {wanted}") from None


def call(function: Function, values: dict[str, Any]) -> Any:
    """Call a function in the process of its trial.

    Returns:
        What the function returns, which Tune takes for a report; None for a generator, and for one
        that calls ``sys.exit()``.

    Raises:
        PcsearchError: the trial has reported nothing, neither now nor before it was restored.
        RuntimeError: the function called ``sys.exit`` with an error, or raised one whose text is no
            Unicode.
    """
    from ray import tune

    reports = reports_made()
    value = _returned(function, values)
    if not value and reports_made() == reports and tune.get_checkpoint() is None:
        raise PcsearchError(
            "the function reported nothing; call ray.tune.report(metrics), or yield metrics, "
            "once an epoch"
        )
    return value


def _returned(function: Function, values: dict[str, Any]) -> Any:
    """What a function returns; where it ends in a way that would end the process, an error."""
    try:
        return report_yielded(function(values))
    except SystemExit as error:
        if stopped_by_ray(error):
            raise
        if error.code in (None, 0):
            return None
        raise _replaced(error, f"the function called sys.exit({error.code!r})") from None
    except Exception as error:
        told = "".join(traceback.format_exception(error))
        # Ray encodes the text; a name of a file with odd bytes has what cannot be encoded.
        if told == _encodable(told):
            raise
        raise _replaced(error, f"{type(error).__name__}: {error}") from None


def _replaced(error: BaseException, message: str) -> RuntimeError:
    """An error that Ray can encode, with the frames of another one where they can be, too."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    kept = error.__traceback__ if frames == _encodable(frames) else None
    return RuntimeError(_encodable(message)).with_traceback(kept)


def _encodable(text: str) -> str:
    """A text as it is, but with lone surrogates escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def report_yielded(value: Any) -> Any:
    """Report what a generator yields.

    Returns:
        None for a generator, and any other value as it is.

    Raises:
        TypeError: the generator yields something that is no mapping.
    """
    if not isinstance(value, Iterator):
        return value
    from ray import tune

    # One that is stopped cleans up now, and not when the next trial runs.
    with closing(value) if isinstance(value, Generator) else nullcontext():
        for metrics in value:
            if not isinstance(metrics, Mapping):
                kind = type(metrics).__name__
                raise TypeError(f"the trainable yields a mapping for every epoch, and not a {kind}")
            # Tune would take some names for its own, before the actor of the trial sees them.
            tune.report({own_name(str(name)): value for name, value in metrics.items()})
    return None
