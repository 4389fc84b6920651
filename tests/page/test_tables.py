"""The tables of the page."""

from __future__ import annotations

from dataclasses import replace

from made_findings import made_findings, made_trial

from pcsearch.page.tables import LONGEST_TEXT, behind, plain_table, trials_table

TEXT = "method: random\nmetric: {name: loss, goal: minimize}\nparameters: {x: {values: [1, '<']}}\n"


def test_the_best_trial_is_first_and_numbers_can_be_sorted() -> None:
    failed = replace(made_trial(2, {"x": "<"}, None, status="failed"), reason="OSError: <")
    findings = made_findings(TEXT, [made_trial(1, {"x": 1}, 2 / 3), failed, made_trial(3, {}, 0.1)])
    table = trials_table(findings, findings.searched)
    numbers = [part.partition('"')[0] for part in table.split('data-trial="')[1:]]
    assert numbers == ["3", "1", "2"]
    assert '<td class="n" data-v="0.6666666666666666">0.6667</td>' in table
    assert "<td>OSError: &lt;</td>" in table
    assert table.count('scope="col"') == 8
    assert table.count('scope="row"') == 3


def test_a_long_text_is_cut() -> None:
    table = plain_table(("a", "b"), [("x" * 1000, "y" * 1000)])
    assert "x" * (LONGEST_TEXT - 1) + "…</th>" in table
    assert "y" * (LONGEST_TEXT - 1) + "…</td>" in table


def test_a_table_behind_a_figure_can_be_opened_and_scrolled_by_keys() -> None:
    content = behind(plain_table(("a",), [(1,)]))
    assert content.startswith("<details><summary>The values as a table</summary>")
    assert 'tabindex="0"' in content
