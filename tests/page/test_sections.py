"""The sections of the page."""

from __future__ import annotations

import re
from dataclasses import replace

from made_findings import made_findings, made_origin, made_race, made_trial

from pcsearch.engine.records.hardware import Hardware
from pcsearch.engine.results.findings import Findings
from pcsearch.page.sections import Section, sections

TEXT = (
    "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {min: 0.0, max: 1.0}}\n"
)


def made(findings: Findings, upload: str | None = None, **options: bool) -> dict[str, Section]:
    origin = made_origin(findings)
    shown = sections(
        findings, origin, "too few", upload, TEXT, anonymous=options.get("anonymous", False)
    )
    return {section.name: section for section in shown}


def test_a_search_without_a_metric_or_a_trial_has_a_page() -> None:
    empty = made_findings("method: random\nparameters: {x: {min: 0.0, max: 1.0}}\n", [])
    assert list(made(empty)) == ["result", "weights", "trials", "origin"]
    assert "There is no metric." in made(empty)["result"].html
    begun = made_findings(TEXT, [made_trial(1, {"x": 0.5}, None, status="interrupted")])
    assert "No trial has a value yet." in made(begun)["result"].html


def test_the_result_has_the_best_trial_and_what_failed() -> None:
    failed = made_trial(2, {"x": 0.1}, None, status="failed")
    failed = replace(failed, result=replace(failed.result, error="OSError: <x>"))
    html = made(made_findings(TEXT, [made_trial(1, {"x": 0.25}, 0.5), failed]))["result"].html
    assert "x: 0.25" in html
    assert 'data-mark="1"' in html
    assert "2 of 99 ended" in html
    assert "OSError: &lt;x&gt;" in html


def test_with_replicates_the_result_is_the_mean_of_the_best_configuration() -> None:
    """The luckiest single run is another one's."""
    html = made(made_race({1: [0.1, 0.9], 2: [0.4, 0.3]}))["result"].html
    best = "Best: configuration 2, loss 0.35 ± 0.07071 (2 seeds); its best run: "
    assert best in html
    assert "trial 4</button> loss 0.3" in html
    assert ">x: 2</pre>" in html


def test_of_very_many_failures_some_are_listed() -> None:
    trials = [made_trial(n, {"x": 0.1}, None, status="failed") for n in range(1, 1201)]
    html = made(made_findings(TEXT, trials))["result"].html
    assert html.count(" failed (") == 20
    assert "<li>and 1,180 more: see the table of trials</li>" in html
    few = made(made_findings(TEXT, trials[:20]))["result"].html
    assert few.count(" failed (") == 20
    assert " more: see" not in few


def test_the_origin_has_the_commands_or_none() -> None:
    findings = made_findings(TEXT, [])
    told = made(findings, "wandb sync --include-online wandb")["origin"].html
    for text in ("--resume /results/here", "wandb sync", "--seed 7", "2.60.0", "method: random"):
        assert text in told
    assert "cd /work\npython -m pcsearch s.yaml --seed 7" in told
    silent = made(findings, "wandb sync wandb", anonymous=True)["origin"].html
    assert "--resume" not in silent
    assert "wandb sync" not in silent
    assert "s.yaml" not in silent


def test_the_origin_has_the_machines() -> None:
    machines = {"gpu7": Hardware("EPYC <9>", 64, 128 * 2**30, 8, "H200"), "old": Hardware("", 2, 0)}
    origin = made_origin(made_findings(TEXT, []), machines=machines)
    *_, section = sections(made_findings(TEXT, []), origin, "too few", None, TEXT, anonymous=False)
    cells = re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", section.html.partition("Hardware")[2])
    assert cells[5:10] == ["gpu7", "EPYC &lt;9&gt;", "64", "128 GiB", "8 H200"]
    assert cells[10:15] == ["old", "", "2", "-", "-"]


def test_every_plot_says_what_it_shows_in_words() -> None:
    trials = [made_trial(n, {"x": n / 5}, n / 10) for n in (1, 2, 3)]
    parts = made(made_findings(TEXT, trials))
    html = "".join(section.html for section in parts.values())
    assert html.count('class="plot"') == sum(len(part.figures) for part in parts.values()) == 6
    for part in parts.values():
        for figure in part.figures:
            assert f'aria-describedby="about-{figure.name}"' in html
            assert f'id="about-{figure.name}"' in html
            assert len(figure.about) > 20
