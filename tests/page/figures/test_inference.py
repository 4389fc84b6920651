"""The vodes of the best trial, over the inference steps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from made_findings import made_findings, made_trial

from pcsearch.engine.results.findings import Findings
from pcsearch.page.figures import inference
from pcsearch.page.figures.inference import over_steps

TEXT = (
    "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
)
VALUES: dict[str, Any] = {
    "energy": {"vode_1": [4.0, 4e-13], "vode_2": [2.0, None]},
    "gradient norm": {"vode_0": [3.0], "vode_1": []},
}


def found(folder: Path, reports: list[dict[str, Any]]) -> Findings:
    trial = made_trial(1, {"x": 0.5}, 0.5, folder=folder)
    lines = [json.dumps({"epoch": n, **each}) + "\n" for n, each in enumerate(reports, start=1)]
    (trial.folder / "result.json").write_text("".join(lines))
    return made_findings(TEXT, [trial])


def test_each_vode_is_a_line_over_the_steps_of_the_newest_epoch_with_values(
    tmp_path: Path,
) -> None:
    pictures = ("reconstructions_images", "a.png"), ("reconstructions_video", "b.gif")
    reports = [{name: file} for name, file in (*pictures, ("reconstructions_images", "no.png"))]
    findings = found(tmp_path, [*reports, {}])
    folder = findings.trials[0].folder
    (folder / "a.json").write_text("{}")
    (folder / "b.json").write_text(json.dumps(VALUES))
    energy, norm = over_steps(findings)
    assert [line["name"] for line in energy.data] == ["vode_1", "vode_2"]
    assert energy.data[0]["x"] == [0, 1]
    assert energy.data[1]["y"] == [2, None]
    assert energy.layout["yaxis"]["type"] == "log"
    # Not down to what is rounding only.
    low, high = energy.layout["yaxis"]["range"]
    assert low == pytest.approx(math.log10(4) - 6.3)
    assert high == pytest.approx(math.log10(4) + 0.3)
    assert norm.layout["yaxis"]["type"] == "linear"
    assert "trial 1, epoch 2" in energy.about
    assert [(line["name"], line["x"], line["y"]) for line in norm.data] == [("vode_0", [1], [3])]


NO_FILES = ["", "[]", '{"energy": 3}', '{"energy": {"a": 3}}', "x" * 9999, "[" * 5000]


@pytest.mark.parametrize("content", NO_FILES)
def test_a_file_that_is_no_such_file_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setattr(inference, "LARGEST_FILE", 9000)
    findings = found(tmp_path, [{"reconstructions_images": "a.png"}])
    (findings.trials[0].folder / "a.json").write_text(content)
    assert over_steps(findings) == []


@pytest.mark.parametrize("name", ["../a.png", "none.png", "\x00"])
def test_no_file_elsewhere_is_read(tmp_path: Path, name: str) -> None:
    findings = found(tmp_path, [{"reconstructions_images": name}])
    (findings.trials[0].folder.parent / "a.json").write_text(json.dumps(VALUES))
    assert over_steps(findings) == []
    assert over_steps(made_findings(TEXT, [])) == []
