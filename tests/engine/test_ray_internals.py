"""The private names of Ray that pcsearch uses: an upgrade that lacks one fails here, by its name.

What each is for, and why no public name will do, is in ``pcsearch/engine/ray_internals.py``. What
they do is tested by searches; here is only that Ray has them, as they are used.
"""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from queue import Queue
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.experiment import Trial

import pcsearch
from pcsearch.engine import ray_internals

pytestmark = pytest.mark.oldest

NAMES = [
    "ray._common.usage.usage_lib.get_cluster_metadata",
    "ray._private.grpc_utils.init_grpc_channel",
    "ray._private.services.ConsolePopen",
    "ray._private.services.canonicalize_bootstrap_address",
    "ray._private.services.find_node_ids",
    "ray._private.state.state.get_cluster_config",
    "ray._private.worker.global_worker",
    "ray._raylet.AuthenticationTokenLoader.instance",
    "ray._raylet.AuthenticationTokenLoader.reset_cache",
    "ray._raylet.Config.initialize",
    "ray._raylet.GcsClient",
    # `GcsClient` passes its calls on to this class.
    "ray._raylet.InnerGcsClient.get_all_job_info",
    "ray._raylet.InnerGcsClient.get_all_node_info",
    "ray.core.generated.ray_client_pb2.ClusterInfoRequest",
    "ray.core.generated.ray_client_pb2.ClusterInfoType.PING",
    "ray.core.generated.ray_client_pb2_grpc.RayletDriverStub",
    "ray.train._internal.session._TrainingResult",
    "ray.train._internal.session.get_session",
    "ray.train._internal.storage._get_ray_train_session_dir",
    "ray.tune.execution.tune_controller.TuneController._trial_task_failure",
    "ray.util.client.common.GRPC_OPTIONS",
]


def value_of(name: str) -> Any:
    """What a dotted name stands for."""
    parts = name.split(".")
    for i in range(len(parts), 0, -1):
        try:
            value: Any = import_module(".".join(parts[:i]))
        except ModuleNotFoundError:
            continue
        for part in parts[i:]:
            value = getattr(value, part)
        return value
    raise ModuleNotFoundError(name)


@pytest.mark.parametrize("name", NAMES)
def test_ray_has_the_private_name(name: str) -> None:
    assert value_of(name) is not None


def imports_of(file: Path) -> list[str]:
    """The modules and names that a module imports, dotted."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def is_private(name: str) -> bool:
    parts = name.split(".")
    is_generated = parts[:3] == ["ray", "core", "generated"] or parts[:3] == [
        "ray",
        "util",
        "client",
    ]
    return parts[0] == "ray" and (is_generated or any(part.startswith("_") for part in parts))


def test_no_other_module_imports_a_private_name_of_ray() -> None:
    root = Path(pcsearch.__file__).parent
    own = Path(ray_internals.__file__)
    private = {
        f"{file.relative_to(root)}: {name}"
        for file in root.rglob("*.py")
        if file != own
        for name in imports_of(file)
        if is_private(name)
    }
    assert private == set()


def test_every_private_name_that_is_imported_is_named_here() -> None:
    imported = {name for name in imports_of(Path(ray_internals.__file__)) if is_private(name)}
    assert {name for name in imported if not any(each.startswith(name) for each in NAMES)} == set()


def test_the_processes_of_a_local_ray_get_groups_of_their_own() -> None:
    from ray._private import services

    original = services.ConsolePopen
    assert issubclass(original, subprocess.Popen)
    assert "ConsolePopen(" in inspect.getsource(services.start_ray_process)
    with ray_internals.own_process_groups():
        done = services.ConsolePopen(["sh", "-c", "test $(ps -o pgid= -p $$) -eq $$"])
        assert done.wait() == 0
    assert services.ConsolePopen is original


def test_tune_stages_its_files_in_the_given_folder(tmp_path: Path) -> None:
    from ray.train._internal.storage import StorageContext

    context = StorageContext(str(tmp_path / "storage"), "exp")
    with ray_internals.staging_folder(str(tmp_path / "staging")):
        assert context.experiment_driver_staging_path.startswith(str(tmp_path / "staging"))


def test_ray_client_gives_grpc_the_short_keepalive() -> None:
    from ray.util.client import common, worker

    # The client reads this very list, and of several values for one name the last counts.
    assert worker.GRPC_OPTIONS is common.GRPC_OPTIONS
    original = list(common.GRPC_OPTIONS)
    with ray_internals.short_keepalive():
        assert dict(common.GRPC_OPTIONS)["grpc.keepalive_timeout_ms"] == 10_000
    assert original == common.GRPC_OPTIONS
    assert dict(original)["grpc.keepalive_timeout_ms"] == 600_000


def test_the_controller_knows_the_trials_for_which_a_process_is_reset() -> None:
    from ray.tune.execution.tune_controller import TuneController

    assert "self._resetting_trials" in inspect.getsource(TuneController.__init__)


@pytest.fixture
def trial(tmp_path: Path) -> Any:
    """A trial of Tune's that is in no search."""
    from ray.train._internal.storage import StorageContext

    return Trial("f", stub=True, storage=StorageContext(str(tmp_path), "exp"))


def test_a_trial_has_a_folder_an_actor_and_checkpoints(trial: Any, tmp_path: Path) -> None:
    from ray.tune import Checkpoint

    assert {"relative_logdir", "custom_dirname"} <= trial.__dict__.keys()
    ray_internals.set_folder_name(trial, "0001_a")
    assert trial.storage.trial_fs_path == str(tmp_path / "exp" / "0001_a")
    assert Path(trial.path).name == "0001_a"
    assert ray_internals.actor(trial) is None
    results = [
        ray_internals.make_checkpoint_result(Checkpoint(str(tmp_path)), {"loss": i})
        for i in range(3)
    ]
    for result in results:
        trial.on_checkpoint(result)
    assert ray_internals.checkpoint_results(trial) == results
    assert trial.checkpoint is results[2].checkpoint
    ray_internals.set_checkpoint_results(trial, results[:1])
    ray_internals.set_latest_checkpoint(trial, results[0])
    assert ray_internals.checkpoint_results(trial) == results[:1]
    assert trial.checkpoint is results[0].checkpoint


def test_ray_brings_what_looks_after_processes() -> None:
    psutil = ray_internals.ray_psutil()
    assert psutil.Process().pid == os.getpid()
    for name in ("process_iter", "wait_procs", "AccessDenied", "Error"):
        assert hasattr(psutil, name)


def test_the_class_of_an_actor_has_a_part_of_ours_first() -> None:
    from ray.tune import Trainable
    from ray.tune.trainable.function_trainable import wrap_function

    class Part(Trainable):
        pass

    def function(config: Any) -> None:
        assert config

    made = wrap_function(ray_internals.with_actor_part(function, Part))
    assert made.__mro__[1] is Part


def test_the_reports_of_a_trials_process_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    from ray.train._internal import session

    assert "iteration" in inspect.getsource(session._TrainSession)
    monkeypatch.setattr(session, "_session", SimpleNamespace(iteration=3))
    assert ray_internals.reports_made() == 3


@pytest.mark.parametrize("replaced", [False, True])
def test_a_stop_by_ray_is_no_exit_of_the_function(
    replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where something else is in the place of sys.exit, as W&B's client has it."""
    from ray.train._internal import session

    leave = sys.exit
    if replaced:
        monkeypatch.setattr(sys, "exit", lambda code: leave(code))

    stop = Event()
    stop.set()
    waiting: Any = SimpleNamespace(result_queue=Queue(), continue_lock=Lock(), stop_event=stop)
    with pytest.raises(SystemExit) as caught:
        session._TrainSession._report_training_result(waiting, SimpleNamespace(checkpoint=None))  # type: ignore[arg-type]
    assert caught.value.code == 0
    assert ray_internals.stopped_by_ray(caught.value)
    with pytest.raises(SystemExit) as caught:
        sys.exit(0)
    assert not ray_internals.stopped_by_ray(caught.value)


def test_the_nodes_of_this_machine_and_its_clusters_are_found() -> None:
    assert all(isinstance(each, str) for each in ray_internals.local_node_ids())
    address = ray_internals.bootstrap_address("127.0.0.1:6379")
    assert address is not None
    assert address.endswith(":6379")
