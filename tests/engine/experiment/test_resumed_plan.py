"""The plan of a search that has begun, with its own sweep file and with another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from edited_searches import EditedSearch, edited_searches

from pcsearch.command_line.cli import main

GRID = {"method": "grid", "parameters": {"x": {"values": [1, 2, 3]}, "y": {"values": [5, 6]}}}
MORE = {"method": "grid", "parameters": {"x": {"values": [2, 3, 4]}, "y": {"values": [5, 6]}}}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with edited_searches(tmp_path):
        yield tmp_path


def test_what_an_edit_means_is_told_before_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = EditedSearch(folder, GRID)
    search.session(3, unfinished=1)
    files = {file: file.read_bytes() for file in (folder / "here").rglob("*") if file.is_file()}
    search.write(MORE)
    assert main(["s.yaml", "--plan", "--resume", "here", "--draw", "2"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[2:] == [
        "metric: minimize loss",
        "trials: 8 (the grid has 6 combinations), of which 3 have begun",
        "parameters:",
        "  x: one of [2, 3, 4]",
        "  y: one of [5, 6]",
        "notes:",
        "  the sweep file is another from now on, s.yaml:",
        "    x: value added: 4; value removed: 1",
        "  1 trial of 3 inside of the new file: none of them runs again",
        "  2 trials outside of it: they stay in the results, and they stand for no new one",
        "  5 combinations of the new grid are missing",
        "  at most 8 trials, of which 3 have begun (before: at most 6)",
        "  unfinished trials, which are restored first: 1",
        "trial 4: {x: 2, y: 6}",
        "trial 5: {x: 3, y: 5}",
    ]
    assert main(["--plan", "--resume", "here", "--draw", "9", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["trials"], plan["begun"], plan["first"]) == (6, 3, 4)
    assert plan["configs"] == [{"x": 2, "y": 6}, {"x": 3, "y": 5}, {"x": 3, "y": 6}]
    now = {file: file.read_bytes() for file in (folder / "here").rglob("*") if file.is_file()}
    assert now == files


def test_what_is_drawn_is_what_the_session_draws(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bayes = {"method": "bayes", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    search = EditedSearch(folder, bayes, sampler="tpe", num_samples=9)
    search.session(5)
    bayes["parameters"] = {"x": {"min": 0.2, "max": 1.5}}
    search.write(bayes)
    assert main(["s.yaml", "--plan", "--resume", "here", "--draw", "1", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert any("x: moved: uniform from 0.0 to 1.0" in note for note in plan["notes"])
    search.resume(bayes)
    assert search.session(1) == plan["configs"]


def test_fresh_seeds_are_told_and_are_not_among_the_trials(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parameters = {"x": {"values": [1, 2]}, "seed": {"values": [1, 2, 3]}}
    sweep = {"method": "grid", "replicates": "seed", "parameters": parameters}
    options = ("--no-racing", "--confirm", "2", "--trainable", "edited_mine:main")
    search = EditedSearch(folder, sweep, replicates="seed", confirm=2, no_racing=True)
    fresh = "after that the best 2 configurations run with fresh seeds (4 to 5): up to 4 trials"
    assert main([str(search.file), "--plan", *options]) == 0
    new = capsys.readouterr().out
    search.session(7)
    assert main(["--plan", "--resume", "here", "--draw", "1"]) == 0
    begun = capsys.readouterr().out
    assert main(["--plan", "--resume", "here", "--confirm", "3"]) == 0
    more = capsys.readouterr().out
    total = "trials: 6 (the grid has 6 combinations)"
    assert f"{total}\n" in new
    assert f"  {fresh} more\n" in new
    assert f"{total}, of which 6 have begun\n" in begun
    assert f"  {fresh} more\n  trials with fresh seeds that have begun: 1\ntrial 8: " in begun
    assert "fresh seeds (4 to 6): up to 6 trials more" in more


def test_the_plan_of_a_new_search_has_what_is_tried_first(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = {"method": "random", "parameters": GRID["parameters"]}
    search = EditedSearch(folder, sweep, num_samples=1)
    (folder / "points.csv").write_text("x,y\n3,\n1,6\n")
    trainable = ("--trainable", "edited_mine:main", "--enqueue", "points.csv", "--draw", "3")
    assert main([str(search.file), "--plan", "--json", *trainable]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [config["x"] for config in plan["configs"][:2]] == [3, 1]
    assert plan["configs"][1] == {"x": 1, "y": 6}
    assert len(plan["configs"]) == 3
    assert plan["notes"][-1] == "--enqueue points.csv: configurations to try first: 2"
    assert plan["trials"] is None


def test_enqueued_configurations_without_a_trial_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = EditedSearch(folder, {**GRID, "run_cap": 2})
    search.session(2)
    (folder / "points.yaml").write_text("[{x: 3, y: 6}]")
    assert main(["--plan", "--resume", "here", "--enqueue", "points.yaml"]) == 0
    line = "the search has no trial left for 1 enqueued configuration; --num-samples 3"
    assert line in capsys.readouterr().out


def test_a_file_that_changes_nothing_is_told_and_what_is_fixed_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nested = {"opt": {"parameters": {"lr": {"values": [0.1, 0.2]}}}}
    search = EditedSearch(
        folder,
        {"method": "grid", "parameters": GRID["parameters"] | nested},
        overrides={"y": 5, "opt.lr": 0.1, "new": 1},
    )
    search.session(2)

    def notes() -> list[str]:
        assert main(["s.yaml", "--plan", "--resume", "here"]) == 0
        lines = capsys.readouterr().out.partition("notes:\n")[2].splitlines()
        return [line for line in lines if line.startswith("  ")]

    same = "  s.yaml asks for the same search: nothing of it changes"
    assert notes() == [same]
    other = {"y": {"values": [6, 7]}, "opt": {"parameters": {"lr": {"values": [0.1, 0.3]}}}}
    search.write({"method": "grid", "parameters": GRID["parameters"] | other})
    unused = [
        f"    {name}: changed in the file, and not used: --set fixes it" for name in ("y", "opt.lr")
    ]
    assert notes() == [same, *unused]
    search.write({"method": "grid", "parameters": MORE["parameters"] | other})
    told = notes()
    assert told[1:4] == ["    x: value added: 4; value removed: 1", *unused]
