"""A function of the user's own as what trials run: ``--trainable MODULE:FUNCTION``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pcsearch.engine.workloads.user_code import code_folder, module_root
from pcsearch.engine.workloads.workload import Surroundings, Trainable, Workload
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import suggestion
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.parameters import Parameter
from pcsearch.sweeps.sweep import Sweep

OPTION = "--trainable"


@dataclass(frozen=True)
class UserFunction(Workload):
    """Trials that call a function with their values; parameters are whatever it understands.

    The function calls ``ray.tune.report`` or is a generator of metrics, a mapping for every
    epoch; an epoch is one report.

    Args:
        target: ``MODULE:FUNCTION``.
        folder: where the module is looked for before Python's own path.
    """

    time_attr: ClassVar[str] = "training_iteration"
    target: str
    folder: Path

    @property
    def code(self) -> Path | None:
        """The folder of the function's module."""
        return module_root(self.target.partition(":")[0], self.folder)

    def numeric(self, name: str) -> bool:
        """False: nobody knows."""
        return False

    def check(self, sweep: Sweep) -> None:
        """Import the function."""
        load(self.target, self.folder)

    def parameter_problems(self, parameters: Iterable[Parameter]) -> list[Problem]:
        """None: parameters are whatever the function understands."""
        return []

    def default_metrics(self) -> tuple[Metric, ...]:
        """None: nobody knows what is reported."""
        return ()

    def max_epochs(self, sweep: Sweep) -> None:
        """None: nobody knows."""

    def epochs(self, values: Mapping[str, Any]) -> None:
        """None: nobody knows."""

    def effective_config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they are."""
        return dict(values)

    def prepare(self, sweep: Sweep, folder: Path) -> None:
        """Nothing."""

    def check_gpus(self, sweep: Sweep, gpus_per_trial: float) -> None:
        """Nothing: nobody knows what it needs."""

    def trainable(
        self, sweep: Sweep, metrics: tuple[Metric, ...], surroundings: Surroundings
    ) -> Trainable:
        """The function, imported where the trial runs."""
        target, folder = self.target, self.folder

        def user_function(values: dict[str, Any]) -> Any:
            return called(load(target, code_folder(folder)), values)

        return user_function


def load(target: str, folder: Path) -> Callable[[dict[str, Any]], Any]:
    """Import a function.

    Args:
        target: ``MODULE:FUNCTION``; the function may be an attribute of an attribute.
        folder: put before Python's own path.

    Raises:
        PcsearchError: there is none, or importing its module fails.
    """
    module_name, separator, attribute = target.partition(":")
    if not separator or not module_name or not attribute or module_name.startswith("."):
        raise _problem(f"{target!r} is not MODULE:FUNCTION, such as train:main")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    module = _import(module_name, folder)
    found: Any = module
    for name in attribute.split("."):
        if not hasattr(found, name):
            hint = suggestion(name, [each for each in dir(found) if callable(getattr(found, each))])
            raise _problem(f"module {module_name} has no function {name!r}{hint}")
        found = getattr(found, name)
    if not callable(found) or (isinstance(found, type) and hasattr(found, "step")):
        raise _problem(f"{target} is no function; give a function of a trial's values")
    function: Callable[[dict[str, Any]], Any] = found
    return function


def called(function: Callable[[dict[str, Any]], Any], values: dict[str, Any]) -> Any:
    """Call a function in the process of its trial; what it returns is a report, for Tune.

    Raises:
        PcsearchError: the trial has reported nothing, neither now nor before its checkpoint.
    """
    from ray import tune
    from ray.train._internal.session import get_session

    session = get_session()
    assert session is not None, "Tune has one in the process of a trial"
    before = session.iteration
    outcome = reported(function(values))
    if not outcome and session.iteration == before and tune.get_checkpoint() is None:
        raise PcsearchError(
            "the function reported nothing; call ray.tune.report(metrics), or yield metrics, "
            "once an epoch"
        )
    return outcome


def reported(outcome: Any) -> Any:
    """Report what a generator yields; anything else is passed on.

    Raises:
        TypeError: it yields something that is no mapping.
    """
    if not isinstance(outcome, Iterator):
        return outcome
    from ray import tune

    for metrics in outcome:
        if not isinstance(metrics, Mapping):
            kind = type(metrics).__name__
            raise TypeError(f"the trainable yields a mapping for every epoch, and not a {kind}")
        tune.report({str(name): _plain(value) for name, value in metrics.items()})
    return None


def _import(name: str, folder: Path) -> Any:
    try:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
        with _as_a_module(name):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise _problem(f"no module {name!r} in {folder} or on Python's path") from None
        raise _failed(name, error) from error
    # The module is the user's and may do anything when it is imported.
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


@contextmanager
def _as_a_module(name: str) -> Iterator[None]:
    """Let a module neither read this command's arguments nor write into its output."""
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
