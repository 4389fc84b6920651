"""Trials that call a function of the user: ``--trainable MODULE:FUNCTION``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pcsearch.engine.ray_internals import reports_made
from pcsearch.engine.workloads.trial_process import as_at_its_start
from pcsearch.engine.workloads.user_code import code_folder, module_root
from pcsearch.engine.workloads.workload import SearchContext, Trainable, Workload
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import suggestion
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

OPTION = "--trainable"


@dataclass(frozen=True)
class UserFunction(Workload):
    """Trials that call a function of the user with their values.

    The function calls ``ray.tune.report``, or is a generator that yields the metrics of each epoch
    as a mapping. An epoch is one report.

    Args:
        target: ``MODULE:FUNCTION``.
        folder: where the module is looked for first, before Python's own path.
    """

    time_attr: ClassVar[str] = "training_iteration"
    target: str
    folder: Path

    @property
    def code(self) -> Path | None:
        """The folder of the function's module, None for an installed package."""
        return module_root(self.target.partition(":")[0], self.folder)

    def numeric(self, name: str) -> bool:
        """False: the types of a function's parameters are not known."""
        return False

    def check(self, sweep: Sweep) -> None:
        """Import the function.

        Raises:
            PcsearchError: there is no such function, or its module cannot be imported.
        """
        with import_path(self.folder):
            load(self.target, self.folder)

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

    def prepare(self, sweep: Sweep, folder: Path) -> None:
        """Nothing."""

    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Nothing: what a function needs is not known."""

    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], context: SearchContext
    ) -> Trainable:
        """The function, which is imported where the trial runs."""
        target, folder = self.target, self.folder

        def user_function(values: dict[str, Any]) -> Any:
            code = code_folder(folder)
            # The function may import modules of the folder when it is called.
            with as_at_its_start(code), import_path(code):
                return call(load(target, code), values)

        return user_function


@contextmanager
def import_path(folder: Path) -> Iterator[None]:
    """Let Python look for modules in a folder first, until the block ends."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        # What the modules themselves have added stays: they are not imported a second time.
        sys.path.remove(str(folder))


def load(target: str, folder: Path) -> Callable[[dict[str, Any]], Any]:
    """Import a function, inside `import_path`.

    Args:
        target: ``MODULE:FUNCTION``; the function may be an attribute of an attribute.
        folder: of the module, for messages.

    Raises:
        PcsearchError: there is no such function, or its module cannot be imported.
    """
    module_name, separator, attribute = target.partition(":")
    if not separator or not module_name or not attribute or module_name.startswith("."):
        raise _problem(f"{target!r} is not MODULE:FUNCTION, such as train:main")
    module = _import(module_name, folder)
    value: Any = module
    for name in attribute.split("."):
        if not hasattr(value, name):
            hint = suggestion(name, [each for each in dir(value) if callable(getattr(value, each))])
            raise _problem(f"module {module_name} has no function {name!r}{hint}")
        value = getattr(value, name)
    if not callable(value) or (isinstance(value, type) and hasattr(value, "step")):
        raise _problem(f"{target} is no function; give a function of a trial's values")
    function: Callable[[dict[str, Any]], Any] = value
    return function


def call(function: Callable[[dict[str, Any]], Any], values: dict[str, Any]) -> Any:
    """Call a function in the process of its trial.

    Returns:
        What the function returns, which Tune takes for a report; None for a generator.

    Raises:
        PcsearchError: the trial has reported nothing, neither now nor before it was restored.
    """
    from ray import tune

    reports = reports_made()
    value = report_yielded(function(values))
    if not value and reports_made() == reports and tune.get_checkpoint() is None:
        raise PcsearchError(
            "the function reported nothing; call ray.tune.report(metrics), or yield metrics, "
            "once an epoch"
        )
    return value


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

    for metrics in value:
        if not isinstance(metrics, Mapping):
            kind = type(metrics).__name__
            raise TypeError(f"the trainable yields a mapping for every epoch, and not a {kind}")
        tune.report({str(name): _plain(value) for name, value in metrics.items()})
    return None


def _import(name: str, folder: Path) -> Any:
    try:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
        with _arguments_of_module(name):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _problem(f"no module {name!r} in {folder} or on Python's path") from None
        raise _failed(name, error) from error
    # A module of the user may do anything when it is imported.
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


@contextmanager
def _arguments_of_module(name: str) -> Iterator[None]:
    """Hide this command's arguments from a module, and its prints from standard output."""
    arguments, sys.argv = sys.argv, [name]
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.argv = arguments


def _failed(name: str, error: BaseException) -> PcsearchError:
    if isinstance(error, SystemExit):
        return _problem(
            f"{name} ends the program when it is imported; put what it does as a program under "
            "if __name__ == '__main__'"
        )
    lines = str(error).strip().splitlines() or [""]
    return _problem(f"importing {name} failed: {type(error).__name__}: {lines[0]}".rstrip(": "))


def _problem(message: str) -> PcsearchError:
    return PcsearchError(Problem(message, OPTION))


def _plain(value: Any) -> Any:
    """The number in an array or a tensor of one element; anything else as it is."""
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return value.item()
    return value
