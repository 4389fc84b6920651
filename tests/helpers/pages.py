"""The pages of documentation, and the code and the commands in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = {
    page.name: page.read_text(encoding="utf-8")
    for page in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
README = PAGES["README.md"]
SWEEP_FILES = {
    file.name: file.read_text(encoding="utf-8") for file in (ROOT / "search_spaces").glob("*.yaml")
}

PROGRAMS = (
    "python -m pcsearch.train",
    "python -m pcsearch",
    "python tests/benchmarks/",
    "wandb",
    "ray",
)


class Command(NamedTuple):
    """A command line in a page: its program of `PROGRAMS`, and its arguments."""

    page: str
    program: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.program} {shlex.join(self.arguments)}"


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def commands(program: str) -> list[Command]:
    """Every whole command of a program, in all pages and in the comments of the sweep files.

    Left out are names without arguments (`wandb sync`), and synopses, which have brackets.
    """
    return [
        each
        for name, text in (PAGES | SWEEP_FILES).items()
        for each in _commands(name, text)
        if each.program == program
    ]


def _commands(name: str, text: str) -> list[Command]:
    found = []
    names = "|".join(re.escape(program) for program in PROGRAMS)
    for code in (part for piece in _code(text) for part in piece.split(" -- ")):
        # A quoted command is the argument of another.
        for quote, program, rest in (
            *re.findall(rf"^()(?:.*?\s)??({names})((?<=/).*|\s.*)", code),
            *re.findall(rf"(')({names})(\s.*)", code),
        ):
            arguments = re.split("'" if quote else "[;&|>]", rest)[0]
            if "[" not in arguments and arguments.strip():
                parts = shlex.split(arguments, comments=True)
                found.append(Command(name, program, tuple(parts)))
    return found


def _code(text: str) -> list[str]:
    """Inline code, and the lines of shell and text blocks, with continued lines joined."""
    fences = r"^```(\w*)\n(.*?)^```"
    lines = [
        line
        for language, block in re.findall(fences, text, re.DOTALL | re.MULTILINE)
        if language in ("sh", "text")
        for line in re.sub(r"\\\n\s*", "", block).splitlines()
    ]
    prose = re.sub(fences, "", text, flags=re.DOTALL | re.MULTILINE)
    comments = re.findall(r"^#\s+(python -m .*)$", prose, re.MULTILINE)
    return [*lines, *re.findall(r"`([^`]+)`", prose), *comments]
