"""What a search leaves in the folder for temporary files: the logs of trials that failed."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

import pytest
from commands import finish, hold, run, wait_for
from resuming import QUIET, START, write

from pcsearch.engine.ray_internals import ray_psutil
from pcsearch.system.temporary import SETTLE_S

pytestmark = pytest.mark.slow

WORKING = "pcsearch_tmp_*/f/session_2*/artifacts/*/here/working_dirs"
MOST_BYTES = 20 * 1024**2


def is_used(temporary: Path) -> bool:
    """Whether a process has this folder for temporary files."""
    psutil = ray_psutil()
    for process in psutil.process_iter():
        # It may end meanwhile.
        with suppress(psutil.Error):
            if process.environ().get("TMPDIR") == str(temporary):
                return True
    return False


@pytest.mark.usefixtures("pages")
def test_nothing_is_left_of_a_killed_session_and_of_the_next_only_the_logs_of_a_failure(
    folder: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    write(folder, [0.1, 0.2], epochs=2, fails_at=2)
    held = hold(folder, 0.2)
    process = run(folder, *START, *QUIET, "--max-concurrent", "1", "--max-failures", "0")
    # The first trial has failed, and the second has its process.
    wait_for(lambda: [*temporary.glob(f"{WORKING}/0002_*")], process)
    wait_for(lambda: not [*temporary.glob(f"{WORKING}/0001_*")], process)
    assert {each.stat().st_mode & 0o777 for each in temporary.iterdir()} == {0o700}
    assert not (folder / ".ray").exists(), "no token is written"
    wait_for((folder / "here" / "report.html").exists, process)
    process.kill()
    process.communicate()
    held.unlink()
    page = (folder / "here" / "report.html").read_text(encoding="utf-8")
    assert ", running; drawn on " in page
    killed = [*temporary.iterdir()]
    assert killed
    wait_for(lambda: not is_used(temporary), None)
    newest = max(each.lstat().st_mtime for each in killed)
    wait_for(lambda: time.time() - newest > SETTLE_S, None)
    status, out, err = finish(run(folder, "--resume", "here", "--no-report"))
    assert status == 1, err
    assert "page" not in out
    assert "no_report" not in (folder / "here" / "experiment.json").read_text()
    (named,) = re.findall(r"Ray's own logs lie in (.*)", out)
    assert [*temporary.iterdir()] == [Path(named)]
    kept = [*Path(named).iterdir()]
    assert sum(each.stat().st_size for each in kept) < MOST_BYTES
    assert any(each.name.startswith("worker-") for each in kept)
    assert Path(named).stat().st_mode & 0o777 == 0o700
    assert not (folder / ".ray").exists()
