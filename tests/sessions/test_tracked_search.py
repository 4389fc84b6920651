"""What a session knows before it starts; `tests/searches` runs whole searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from edited_searches import EditedSearch, edited_searches
from old_experiments import ended, write_experiment
from searching import write_sweep
from wandb_server import WandbServer

from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.directory_ledger import DirectoryLedger
from pcsearch.engine.records.ledger import Ledger
from pcsearch.engine.records.options import Options
from pcsearch.reports.terminal import Terminal
from pcsearch.sessions.tracked_search import TrackedSearch, track

TRACKING: dict[str, Any] = {"project": "pc", "entity": None, "wandb": "disabled"}
JOINED = {"sweep_id": "abc", "joined": True}
CLUSTER: Any = object()
"""Nothing here asks it for anything."""


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    seeds = {"seed": {"values": [1, 2, 3]}}
    write_experiment(tmp_path / "here", seeds, [ended([3.0, 2.0]), None], num_samples=3)
    return resumed_experiment(ExperimentDirectory(tmp_path / "here"), {})[0]


def ledger_of(search: TrackedSearch) -> Ledger | None:
    return search.session(CLUSTER, print).ledger


def test_a_resumed_search_has_its_trials_and_shares_its_folder(experiment: Experiment) -> None:
    search = track(experiment, TRACKING, "disabled", Terminal())
    assert [each.trial_history.number for each in search.restored] == [1, 2]
    assert [outcome.ended for outcome in search.outcomes] == [True, False]
    assert (search.sweep_ledger, search.wandb.mode) == (None, "disabled")
    with experiment.directory.owned():
        assert isinstance(ledger_of(search), DirectoryLedger)


def test_without_the_server_what_others_of_a_sweep_run_is_not_known(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    search = track(experiment, TRACKING | JOINED, "disabled", Terminal())
    assert "what others of the sweep run: trials may run twice\n" in capsys.readouterr().err
    assert ledger_of(search) is None


def test_nobody_shares_a_search_with_replicates(tmp_path: Path) -> None:
    sweep = write_sweep(
        tmp_path / "s.yaml",
        {"seed": {"values": [1, 2]}, "hidden_momentum": {"values": [0.1, 0.2]}},
    )
    options = Options(storage_path=tmp_path, name="here", replicates="seed")
    search = track(new_experiment(sweep, options), TRACKING, "disabled", Terminal())
    assert ledger_of(search) is None


def test_the_sweep_of_a_search_that_is_changed_says_so_at_w_and_b(
    user_server: WandbServer, tmp_path: Path
) -> None:
    online = TRACKING | {"wandb": "online"}

    def is_marked() -> bool:
        (sweep,) = user_server.sweeps.values()
        return bool(yaml.safe_load(sweep.config).get("one_driver"))

    with edited_searches(tmp_path):
        grid = {"method": "grid", "parameters": {"x": {"values": [1, 2, 3]}}}
        made = EditedSearch(tmp_path, grid)
        first = track(made.experiment, online, "online", Terminal())
        assert not is_marked()
        # A second terminal enqueues, while the search runs.
        first.session(CLUSTER, print).before_queue()
        assert is_marked()
        user_server.sweeps.clear()
        tracking = track(made.experiment, online, "online", Terminal()).registration.tracking
        made.session(1)
        edited = made.resume({"method": "grid", "parameters": {"x": {"values": [1, 2]}}})
        track(edited, tracking, "online", Terminal())
        (sweep,) = user_server.sweeps.values()
        assert yaml.safe_load(sweep.config)["parameters"] == {"x": {"values": [1, 2]}}
        assert is_marked()


def test_a_new_search_with_configurations_to_try_first_says_so_at_w_and_b(
    user_server: WandbServer, tmp_path: Path
) -> None:
    (tmp_path / "points.yaml").write_text("- {x: 3}\n")
    with edited_searches(tmp_path):
        grid = {"method": "grid", "parameters": {"x": {"values": [1, 2, 3]}}}
        made = EditedSearch(tmp_path, grid, enqueue=str(tmp_path / "points.yaml"))
        track(made.experiment, TRACKING | {"wandb": "online"}, "online", Terminal())
    (sweep,) = user_server.sweeps.values()
    assert yaml.safe_load(sweep.config)["one_driver"] is True


def test_the_sweep_of_a_race_that_is_edited_has_its_new_file_and_its_replicates(
    user_server: WandbServer, tmp_path: Path
) -> None:
    online = TRACKING | {"wandb": "online"}
    grid = {"method": "grid", "parameters": {"x": {"values": [1, 2]}, "seed": {"values": [1, 2]}}}
    with edited_searches(tmp_path):
        made = EditedSearch(tmp_path, grid, replicates="seed")
        tracking = track(made.experiment, online, "online", Terminal()).registration.tracking
        made.session(1)
        edited = made.resume(grid | {"run_cap": 3})
        track(edited, tracking, "online", Terminal())
    (sweep,) = user_server.sweeps.values()
    written = yaml.safe_load(sweep.config)
    assert (written["run_cap"], written["replicates"]) == (3, "seed")
    assert "one_driver" not in written
