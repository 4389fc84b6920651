"""Searches whose seeds are replicates: a race that is killed, its results, what is refused."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import forking
import pytest
import yaml
from commands import events, wait_for
from forking import fork
from resuming import QUIET, Command, check_histories

import pcsearch

pytestmark = pytest.mark.slow

NOISY = '''
import json, time
from pathlib import Path

def noisy(config):
    """Three epochs; the seed decides the noise, and a the rest."""
    noise = 0.3 * ((config["seed"] * 7 + 10 * config["a"]) % 5 - 2)
    for epoch in range(1, 4):
        line = json.dumps({**config, "epoch": epoch}) + "\\n"
        with Path(config["folder"], "computed.jsonl").open("a") as file:
            file.write(line)
        time.sleep(config.get("seconds", 0.1))
        yield {"loss": abs(config["a"] - 1) + noise + 1 / epoch}
'''
START = ("s.yaml", "--trainable", "noisy:noisy", "--name", "here", "--storage-path", ".", *QUIET)
ONE = ("--max-concurrent", "1")


@pytest.fixture
def noisy(folder: Path) -> Path:
    """A grid of four configurations with five seeds each."""
    sweep = {
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "replicates": "seed",
        "parameters": {
            "a": {"values": [1, 2, 3, 4]},
            "seed": {"values": [1, 2, 3, 4, 5]},
            "folder": {"value": str(folder)},
        },
    }
    (folder / "s.yaml").write_text(yaml.safe_dump(sweep))
    (folder / "noisy.py").write_text(NOISY)
    return folder


def replicates(directory: Path) -> list[tuple[int, int]]:
    """The configuration and the seed's position of each trial, in their order."""
    found: list[dict[str, Any]] = events(directory, "suggested")
    return [(each["replicate"][0], each["replicate"][1]) for each in found]


@pytest.mark.timeout(900)
def test_a_race_that_is_killed_goes_on_and_comes_to_the_same_result(
    noisy: Path, command: Command
) -> None:
    status, _, err = command(*START[:-2], *QUIET, *ONE, "--name", "usual", "--confirm", "2")
    assert status == 0, err
    usual = replicates(noisy / "usual")
    assert len(usual) < 26
    before = Counter(map(str, computed(noisy)))
    (noisy / "computed.jsonl").unlink()
    start = (*START, *ONE, "--confirm", "2")
    in_race, in_confirmation = 6, len(usual) - 3
    for begun in (in_race, in_confirmation):
        arguments = start if begun == in_race else ("--resume", "here")
        process = fork(noisy, *arguments)
        wait_for(lambda: len(events(noisy / "here", "suggested")) >= begun, process)  # noqa: B023
        process.kill()
        process.join()
    forking.finish(fork(noisy, "--resume", "here"), noisy)
    assert replicates(noisy / "here") == usual
    check_histories(noisy / "here")
    again = Counter(map(str, computed(noisy)))
    assert again.keys() == before.keys()
    # A function without checkpoints trains the epochs of its two killed runs again.
    assert sum((again - before).values()) <= 6
    status, out, err = command("--resume", "here")
    assert status == 0, err
    assert f"finished, all {len(usual)} trials of it: no other run could change which" in err
    assert replicates(noisy / "here") == usual
    assert f"The search ended after {len(usual)} of 26 runs" in out
    assert "Resume it" not in out
    assert "Best configuration: number 1, loss" in out
    assert "it was chosen by" in out
    assert "(2 fresh seeds)" in out
    check_results(noisy, command)
    check_what_is_made_of_it(noisy, command, len(usual))
    check_more_fresh_seeds(noisy, command, usual)


def test_what_is_enqueued_races_too_also_after_kills(noisy: Path, command: Command) -> None:
    """In a new search, in a running one, and in one that was killed before it had its turn."""
    sweep = yaml.safe_load((noisy / "s.yaml").read_text()) | {"method": "random", "run_cap": 14}
    sweep["parameters"]["a"] = {"min": 2.0, "max": 9.0, "default": 8.5}
    (noisy / "s.yaml").write_text(yaml.safe_dump(sweep))
    (noisy / "first.yaml").write_text("- {a: 2.5}\n")
    (noisy / "more.csv").write_text("a\n2.25\n7.5\n")
    here = noisy / "here"
    process = fork(noisy, *START, *ONE, "--enqueue", "first.yaml", "--set", "seconds=0.5")
    wait_for(lambda: len(events(here, "suggested")) >= 2, process)
    status, out, err = command("enqueue", "here", "more.csv")
    assert (status, "configurations to try next: 2" in out) == (0, True), err
    process.kill()
    process.join()
    process = fork(noisy, "--resume", "here", "--enqueue", "defaults")
    wait_for(lambda: len(events(here, "suggested")) >= 5, process)
    process.kill()
    process.join()
    forking.finish(fork(noisy, "--resume", "here"), noisy)
    check_histories(here)
    _, out, _ = command("results", "here", "--json")
    trials = json.loads(out)["trials"]
    assert len(trials) == 14
    firsts = [each["config"]["a"] for each in trials if each["config"]["seed"] == 1]
    assert [a for a in firsts if a in (2.5, 2.25, 7.5, 8.5)] == [2.5, 2.25, 7.5, 8.5]
    assert_enqueued_come_next(here)
    runs = [(each["config"]["a"], each["config"]["seed"]) for each in trials]
    assert len(set(runs)) == len(runs)
    assert (2.25, 2) in runs or (2.5, 2) in runs
    _, _, err = command("--resume", "here", "--enqueue", "more.csv")
    assert "(left out: 2 had run already)" in err


def assert_enqueued_come_next(directory: Path) -> None:
    """No other run begins while one waits, but for one that was chosen before."""
    waiting, others = 0, 0
    for line in (directory / "journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "enqueued":
            waiting, others = waiting + len(event["configs"]), 0
        elif event["event"] == "suggested" and waiting:
            is_other = event.get("enqueued") is None
            waiting, others = waiting - (not is_other), others + is_other
            assert others <= 1
    assert waiting == 0


def check_results(folder: Path, command: Command) -> None:
    """The table of results has the configurations; as JSON it has their runs too."""
    status, out, _ = command("results", "here", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["state"] == "finished"
    first = found["configurations"][0]
    assert first["config"] == {"a": 1}
    chosen, confirmed = first["chosen_by"], first["confirmed"]
    assert all(each["configuration"] == each["config"]["a"] for each in found["trials"])
    by_number = {each["number"]: each for each in found["trials"]}
    for part, seeds in ((chosen, {1, 2, 3, 4, 5}), (confirmed, {6, 7})):
        runs = [by_number[number] for number in part["trials"]]
        assert {each["config"]["seed"] for each in runs} == seeds
        values = [each["values"]["loss"] for each in runs]
        assert part["means"]["loss"] == pytest.approx(sum(values) / len(values))
        assert part["count"] == len(values)
    best = pcsearch.open_search("here").best
    assert best is not None
    assert (best.configuration, best.means, best.seeds) == (1, confirmed["means"], 2)
    assert by_number[best.number]["values"] == best.metrics
    _, out, _ = command("best", "here", "--json")
    assert [each["number"] for each in json.loads(out)["trials"]] == [best.number]
    status, out, _ = command("results", "here")
    assert "confirmed" in out
    assert "fresh seeds" in out
    assert f"{folder / 'here'}: finished" in out
    status, out, _ = command("results", "here", "--by", "seed", "--top", "3")
    assert status == 0
    assert "fresh seeds" not in out


def check_what_is_made_of_it(folder: Path, command: Command, runs: int) -> None:
    """The best one is the best configuration; another search starts from the runs."""
    _, out, _ = command("best", "here")
    assert out.startswith("Best configuration: number 1, loss")
    _, out, _ = command("best", "here", "--json")
    assert json.loads(out)["configuration"]["config"] == {"a": 1}
    assert command("export", "here", "--best-config", "best.yaml")[0] == 0
    constants = yaml.safe_load((folder / "best.yaml").read_text())["parameters"]
    assert constants["a"] == {"value": 1}
    assert command("export", "here", "--csv", "trials.csv")[0] == 0
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert {each["configuration"] for each in rows if each["a"] == "1"} == {"1"}
    sweep = yaml.safe_load((folder / "s.yaml").read_text()) | {"method": "bayes", "run_cap": 9}
    sweep["parameters"]["a"] = {"min": 1.0, "max": 4.0}
    (folder / "warm.yaml").write_text(yaml.safe_dump(sweep))
    plan = ("warm.yaml", "--plan", *START[1:3], "--warm-start", "here", "--draw", "2")
    _, out, err = command(*plan)
    used = f"--warm-start here: {runs - 6} of {runs} results used (not: 6 with another seed)"
    assert used in out, err
    assert "seed repeats the configurations, with up to 5 seeds each" in out


def check_more_fresh_seeds(folder: Path, command: Command, before: list[tuple[int, int]]) -> None:
    """A search that has ended runs them when it is resumed with the option, and is over again."""
    here = folder / "here"
    process = fork(folder, "--resume", "here", "--confirm", "3")
    wait_for(lambda: len(events(here, "suggested")) > len(before), process)
    process.kill()
    process.join()
    _, out, _ = command("results", "here", "--json")
    # The first line is of the end before; on a busy machine the kill may come late.
    is_over = len(events(here, "decided")) > 1
    assert json.loads(out)["state"] == ("finished" if is_over else "interrupted")
    # The record has the option, and the journal says that less was decided.
    status, out, err = command("--resume", "here")
    assert status == 0, err
    assert replicates(here)[: len(before)] == before
    more = set(replicates(here)[len(before) :])
    assert more == {(configuration, 7) for configuration, seed in before if seed == 6}
    assert "(3 fresh seeds)" in out
    status, _, err = command("--resume", "here", "--confirm", "3")
    assert (status, "the search is finished" in err) == (0, True)
    assert len(replicates(here)) == len(before) + len(more)


def computed(folder: Path) -> list[dict[str, Any]]:
    """Every epoch that was computed."""
    return [json.loads(line) for line in (folder / "computed.jsonl").read_text().splitlines()]


def test_the_mean_over_all_seeds_ends_the_search_at_the_target(
    noisy: Path, command: Command
) -> None:
    """Single runs of other configurations are better than it much earlier."""
    text = (noisy / "s.yaml").read_text().replace("goal:", "target: 0.5\n  goal:")
    (noisy / "s.yaml").write_text(text)
    status, out, err = command(*START, *ONE)
    assert status == 0, err
    assert "The search ended because the mean of configuration 1 reached the target." in out
    assert "Resume it" not in out
    begun = replicates(noisy / "here")
    assert begun[-1] == (1, 4)
    _, out, _ = command("results", "here", "--json")
    found = json.loads(out)
    assert found["state"] == "finished"
    (first, *_) = found["configurations"]
    assert (first["number"], first["chosen_by"]["count"]) == (1, 5)
    assert first["chosen_by"]["means"]["loss"] <= 0.5
    assert min(each["values"]["loss"] for each in found["trials"]) < 0.2


def test_what_does_not_go_with_replicates_is_refused_before_anything_runs(
    noisy: Path, command: Command
) -> None:
    (noisy / "plain.yaml").write_text((noisy / "s.yaml").read_text().replace("replicates", "x"))
    plain = ("plain.yaml", *START[1:])
    for arguments, message in (
        ((*plain, "--confirm", "2"), "--confirm: needs --replicates NAME"),
        ((*plain, "--no-racing"), "--no-racing: needs --replicates NAME"),
        ((*plain, "--replicates", "sed"), "is no parameter of the sweep; did you mean 'seed'?"),
        ((*START, "--sweep-id", "abc"), "a search with replicates has one driver"),
        (("s.yaml", *START[1:3], "--create-only"), "a search with replicates has one driver"),
    ):
        if "--sweep-id" in arguments:
            arguments = tuple(each for each in arguments if each not in QUIET)
        status, out, err = command(*arguments)
        assert status == 2, out
        assert message in err
        assert "Traceback" not in err
    assert not (noisy / "here").exists()


def test_a_search_with_replicates_cannot_be_joined(noisy: Path, command: Command) -> None:
    # It still runs when the other driver asks.
    process = fork(noisy, *START, *ONE, "--set", "seconds=60")
    wait_for(lambda: events(noisy / "here", "suggested"), process)
    status, _, err = command("--join", "here")
    process.kill()
    process.join()
    assert status == 2
    assert "a search with replicates has one driver" in err
