"""What the documents promise: their commands, options, names and defaults are the real ones."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from pcsearch.cli import command
from pcsearch.pc import metrics
from pcsearch.pc.config import ModelConfig
from pcsearch.sweeps import sweep
from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.early_terminate import KEYS as HYPERBAND_KEYS
from pcsearch.sweeps.metrics import KEYS as METRIC_KEYS
from pcsearch.sweeps.sweep import parse_sweep

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_readme_has_two_set_up_commands_of_one_line() -> None:
    quickstart, tests = (block.strip() for block in blocks("sh"))
    assert "\n" not in quickstart + tests
    assert quickstart.endswith("python -m pcsearch search_spaces/quickstart.yaml --num-samples 8")
    assert tests.endswith("python -m pytest")


def test_the_readme_lists_every_option() -> None:
    (listed,) = [block for block in blocks("text") if "--num-samples N" in block]
    real = {option for parameter in command.params for option in parameter.opts}
    hidden = {"sweep", "--version", "--help", "-h"}
    assert set(re.findall(r"--[a-z-]+", listed)) == real - hidden


def test_the_parameters_of_the_readme_are_a_sweep() -> None:
    (example,) = [block for block in blocks("yaml") if block.startswith("parameters:")]
    sweep = parse_sweep(
        f"method: random\nrun_cap: 1\n{example}", "README.md", numeric=lambda _: True
    )
    assert set(sweep.parameters) <= set(ModelConfig.model_fields)
    assert len(sweep.parameters) == len(example.splitlines()) - 1


class Enough(Exception):  # noqa: N818 - not an error
    pass


def test_the_library_example_prints_an_epoch() -> None:
    printed: list[Any] = []

    def first_line(*values: Any) -> None:
        printed.append(values)
        raise Enough

    (example,) = blocks("python")
    with pytest.raises(Enough):
        exec(example, {"print": first_line})  # noqa: S102 - our own text
    ((epoch, mse),) = printed
    assert epoch == 1
    assert 0 < mse < 1


def test_the_parameters_page_has_every_field_and_its_default() -> None:
    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", page, re.MULTILINE))
    expected = {name: json.dumps(field.default) for name, field in ModelConfig.model_fields.items()}
    assert rows == expected


def test_the_metrics_page_has_every_name() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    for name in (*metrics.names(1), *metrics.SUMMARY, metrics.RECONSTRUCTIONS):
        family = re.sub(r"vode_\d+$", "vode_i", name)
        assert f"`{family}`" in page or f"`{family.rpartition('/')[2]}`" in page, name


def test_the_page_of_sweep_files_has_every_distribution_and_key() -> None:
    page = (ROOT / "docs" / "sweep_files.md").read_text(encoding="utf-8")
    for name in (*registry.KINDS, *sweep.KEYS, *METRIC_KEYS, *HYPERBAND_KEYS, *sweep.METHODS):
        assert f"`{name}`" in page or f"`{name}:" in page or f" {name}`" in page, name


def test_links_between_the_documents_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_commands_of_the_search_spaces_name_their_own_file() -> None:
    for file in (ROOT / "search_spaces").glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        commands = re.findall(r"^#\s+(python -m pcsearch .*)$", text, re.MULTILINE)
        assert commands, file.name
        for line in commands:
            assert f"search_spaces/{file.name}" in shlex.split(line)
        assert yaml.safe_load(text)["name"] == file.stem
