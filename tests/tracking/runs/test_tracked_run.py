"""What a trial's run is given, row by row and at its end, with W&B's real client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from offline_runs import OfflineRun
from wandb_trials import chart, checkpoint, read_one

from pcsearch.tracking.content.alerts import Alert
from pcsearch.tracking.content.files import ModelFiles
from pcsearch.tracking.content.rows import Row
from pcsearch.tracking.runs.context import RunGroup
from pcsearch.tracking.runs.lifecycle import BestModelFiles, RunEnd, RunStart
from pcsearch.tracking.runs.problems import Problems
from pcsearch.tracking.runs.run import WandbRun
from pcsearch.tracking.runs.tracked_run import TrackedRun

VODE = "VodeEnergy/vode_1"
DONE = RunEnd({"trial_status": "finished"}, exit_code=0, charts=True)


def tracked(folder: Path, next_step: int = 0) -> TrackedRun:
    """An offline run that has started, of a trial whose files are in the folder."""
    start = RunStart("ab12c", "0001_ab12c", {}, (folder / "trial",), lambda: None, next_step)
    run = TrackedRun(start, "here", Problems())
    group = RunGroup("pc", None, "here", folder)
    run.run = WandbRun(group, "offline", start)
    return run


def row(step: int, files: dict[str, str] | None = None, node: str | None = None) -> Row:
    return Row(step, {"epoch": step, VODE: step / 4}, files or {}, node)


def finished(run: TrackedRun, folder: Path) -> OfflineRun:
    assert run.run is not None
    run.run.finish(0)
    return read_one(folder)


def test_a_run_gets_the_rows_it_lacks_and_the_charts_of_all(tmp_path: Path) -> None:
    run = tracked(tmp_path, next_step=3)
    for step in (1, 2, 3, 4):
        run.add(row(step), {"best": step} if step == 4 else {})
    run.complete(DONE)
    found = finished(run, tmp_path)
    assert [each["epoch"] for each in found.rows() if "epoch" in each] == [3, 4]
    assert found.summary["best"] == 4
    assert found.summary["trial_status"] == "finished"
    points = chart(found, "Summary/VodeEnergy_Trends")
    assert [point[0] for point in points] == [1, 2, 3, 4]
    assert run._problems.lines == []


def test_a_run_without_an_end_of_its_own_has_no_charts_yet(tmp_path: Path) -> None:
    run = tracked(tmp_path)
    run.add(row(1), {})
    run.complete(RunEnd({"trial_status": "interrupted"}, exit_code=1))
    found = finished(run, tmp_path)
    assert len(found.rows()) == 1
    assert found.summary["trial_status"] == "interrupted"


def test_a_trial_that_moves_to_another_node_says_so(tmp_path: Path) -> None:
    run = tracked(tmp_path)
    for step, node in enumerate((None, "one (1.2.3.4)", None, "two (1.2.3.5)"), start=1):
        run.add(row(step, node=node), {})
    assert finished(run, tmp_path).config["node"] == "two (1.2.3.5)"


def test_pictures_are_in_their_rows_and_a_lost_one_costs_no_number(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "trial").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "trial" / "1.png")
    (tmp_path / "trial" / "broken.png").write_bytes(b"no picture")
    run = tracked(tmp_path)
    for step, name in ((1, "1.png"), (2, "broken.png"), (3, "nowhere.png")):
        run.add(row(step, {"reconstructions_images": name}), {})
    rows = finished(run, tmp_path).rows()
    assert [each["epoch"] for each in rows] == [1, 2, 3]
    assert [each.get("reconstructions_images", {}).get("_type") for each in rows] == [
        "image-file",
        None,
        None,
    ]
    (problem,) = run._problems.lines
    assert problem.startswith("W&B: a picture was lost: ")


@pytest.mark.parametrize("best", [True, False])
def test_a_checkpoint_is_kept_and_the_best_one_twice(best: bool, tmp_path: Path) -> None:
    folder = Path(checkpoint(tmp_path / "trial" / "checkpoint_000001", "model.pt").path)
    run = tracked(tmp_path)
    kept = BestModelFiles(ModelFiles(folder), {"mean": 0.5}) if best else None
    run.complete(RunEnd({"best": 0.5}, 0, kept=ModelFiles(folder), best=kept))
    artifacts = {each.name: set(each.aliases) for each in finished(run, tmp_path).artifacts}
    expected = {"here-ab12c": {"latest"}}
    assert artifacts == (expected | {"here-best": {"latest", "best"}} if best else expected)


def test_a_checkpoint_that_is_gone_is_a_problem_and_the_alert_is_sent(tmp_path: Path) -> None:
    run = tracked(tmp_path)
    alert = Alert("The search is complete: here", "all is well", "INFO")
    run.complete(RunEnd({}, 0, kept=ModelFiles(tmp_path / "gone"), alert=alert))
    found = finished(run, tmp_path)
    assert [title for title, _, _ in found.alerts] == [alert.title]
    (problem,) = run._problems.lines
    assert problem == f"W&B: an artifact was lost: {tmp_path}/gone is not on this machine"


def test_a_run_that_w_and_b_did_not_start_is_left_alone(tmp_path: Path) -> None:
    start = RunStart("ab12c", "0001_ab12c", {}, (), lambda: None)
    run: Any = TrackedRun(start, "here", Problems())
    run.add(row(1), {"best": 1})
    run.complete(DONE)
    assert run._problems.lines == []
    assert list(tmp_path.glob("wandb/*")) == []
