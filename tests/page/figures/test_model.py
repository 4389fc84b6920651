"""What the page shows of the PC transformers of a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from made_findings import made_findings, made_trial
from PIL import Image

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.page.figures import model
from pcsearch.page.figures.model import pictures, vodes

TEXT = (
    "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
)


def reporting(trial: Finding, *reports: dict[str, Any]) -> Finding:
    """A trial with these reports and no others."""
    lines = [
        json.dumps({"epoch": epoch, **report}) + "\n"
        for epoch, report in enumerate(reports, start=1)
    ]
    (trial.folder / "result.json").write_text("".join(lines))
    return trial


def found(folder: Path, *reports: dict[str, Any]) -> Findings:
    trial = reporting(made_trial(1, {"x": 0.5}, 0.5, folder=folder), *reports)
    return made_findings(TEXT, [trial])


def test_each_vode_of_the_best_trial_is_a_line(tmp_path: Path) -> None:
    reports: list[dict[str, Any]] = [
        {"VodeEnergy/vode_2": 2.0, "VodeEnergy/vode_10": 1.0, "VodeGradNorm/vode_0": 0.5},
        {},
        {"VodeEnergy/vode_2": 1.0, "VodeEnergy/vode_x": 3.0, "VodeGradNorm/vode_0": "text"},
    ]
    energy, norm = vodes(found(tmp_path, *reports))
    assert [line["name"] for line in energy.data] == ["vode_2", "vode_10"]
    assert energy.data[0]["x"] == [1, 3]
    assert energy.data[0]["y"] == [2, 1]
    assert norm.data[0]["y"] == [0.5]
    assert vodes(found(tmp_path, {"loss": 1.0})) == []


def test_the_newest_picture_of_each_of_the_best_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = []
    for number in range(1, 6):
        trial = made_trial(number, {"x": 0.5}, number / 10, folder=tmp_path)
        for epoch in (1, 2):
            Image.new("RGB", (4, 4), (number, epoch, 0)).save(trial.folder / f"{epoch}.png")
        shown = [{"reconstructions_images": f"{epoch}.png"} for epoch in (1, 2)]
        trials.append(reporting(trial, *shown) if number != 2 else trial)
    html = pictures(made_findings(TEXT, trials))
    assert html.count("data:image/png;base64,") == 3
    for number in (1, 3, 4):
        assert f'alt="Trial {number}, epoch 2: original, input, and reconstructions"' in html
    # The reports of the others are not read.
    monkeypatch.setattr(model, "MOST_SEARCHED", 3)
    assert pictures(made_findings(TEXT, trials)).count("data:image/png;base64,") == 2


def test_pictures_that_do_not_fit_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = []
    for number, side in enumerate((8, 640, 8, 8, 8), start=1):
        trial = made_trial(number, {"x": 0.5}, number / 10, folder=tmp_path)
        Image.effect_noise((side, side), 50).save(trial.folder / "a.png")
        trials.append(reporting(trial, {"reconstructions_images": "a.png"}))
    small = (trials[0].folder / "a.png").stat().st_size
    findings = made_findings(TEXT, trials)
    monkeypatch.setattr(model, "ROOM", 3 * small)
    html = pictures(findings)
    assert html.count("data:image/png;base64,") == 2
    assert "Without the pictures of trial 2: all pictures" in html
    monkeypatch.setattr(model, "ROOM", small - 1)
    html = pictures(findings)
    assert html.startswith('<p class="note">Without the pictures of trials 1, 2, 3:')


@pytest.mark.parametrize("name", ["../secret.png", "no.png", "text.png", ".", "\x00"])
def test_what_is_no_picture_of_the_trial_is_left_out(tmp_path: Path, name: str) -> None:
    findings = found(tmp_path, {"reconstructions_images": name})
    Image.new("RGB", (64, 64)).save(tmp_path / "secret.png")
    (findings.trials[0].folder / "text.png").write_text("<script>")
    assert pictures(findings) == ""
