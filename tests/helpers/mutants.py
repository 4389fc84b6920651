"""Sweep files that somebody or something has spoilt."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
TOKEN = re.compile(r"[\w.+-]+|\s+|.", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d.eE+-]*")
SYNTAX = (
    *("&a ", "*a", "<<: ", "<<: *a", "? ", "?", ": ", ":", "- ", "-", "|", ">", "|\n", ">-\n"),
    *("!", "!!int ", "!!str ", "!!python/object:os.system ", "!<x> ", "%", "%YAML 1.2\n", "@", "`"),
    *("\t", "\0", "{", "}", "[", "]", ",", ", ", "#", " #", "'", '"', "\\", "\n", "\r", "\r\n"),
    *("---\n", "...\n", "~", "null", "yes", "1:30", "010", "=", "<<", "{}", "[]", "''", "\ufeff"),
    *("\x85", "\u2028", "\ud7ff", "\U0001f600", "\u202e", "\x7f", "\x1b[31m", "\\ud83d", "\\x00"),
)
NUMBERS = (
    *("0", "-0", "-1", "1", "-0.0", "1e-3", "1e999", "-1e999", "1.0e+999", "1e-999", "1.0e-320"),
    *(".nan", "NaN", ".inf", "-.inf", "Infinity", "0x1F", "0o17", "0b1", "1_000", "1:30", "08"),
    *(
        "9" * 30,
        "9" * 400,
        "-" + "9" * 400,
        "9" * 5000,
        "0." + "3" * 400,
        "1.7976931348623157e+308",
    ),
    *("9007199254740993", "4294967296", "1.0e+300", "-1.0e+301", "690", "-691", "1e-9", "5.0e-324"),
    *("true", "null", "''", "[1]", "{a: 1}", "1..2", "--1", "+5", "1e", "٣"),
)
WORDS = (
    *("method", "grid", "random", "bayes", "custom", "metric", "metrics", "parameters", "name"),
    *("early_terminate", "hyperband", "min_iter", "max_iter", "eta", "s", "strict", "run_cap"),
    *("value", "values", "probabilities", "min", "max", "mu", "sigma", "a", "b", "q", "goal"),
    *("distribution", "constant", "categorical", "categorical_w_probabilities", "int_uniform"),
    *("uniform", "q_uniform", "log_uniform", "q_log_uniform", "inv_log_uniform", "normal"),
    *("log_uniform_values", "q_log_uniform_values", "inv_log_uniform_values", "q_normal"),
    *("log_normal", "q_log_normal", "beta", "q_beta", "scheduler", "engine", "optuna", "target"),
    *("impute", "impute_while_running", "latest", "minimize", "maximize", "description"),
    *("", "x" * 300, "é", "a.b", "1", "true", "null", "__class__", "p" * 61),
)


def seeds() -> list[bytes]:
    """Sound files, and one with every kind of mistake."""
    folders = (ROOT / "search_spaces", ROOT / "tests" / "sweeps" / "seeds")
    return [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]


def mutant(random: Random, files: list[bytes]) -> bytes:
    """One of the files after one to six accidents."""
    text = random.choice(files).decode()
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 6))):
        text = random.choice(ACCIDENTS)(random, text)
    content = text.encode("utf-8", "surrogatepass")
    return _flipped(random, content) if random.random() < 0.15 else content


def _flipped(random: Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 3))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    if random.random() < 0.1:
        return random.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0")) + bytes(changed)
    return bytes(changed)


def _pieces(random: Random, pieces: list[str]) -> str:
    """The pieces with one lost, doubled, moved or exchanged with another."""
    if not pieces:
        return ""
    first, second = random.randrange(len(pieces)), random.randrange(len(pieces))
    match random.randrange(4):
        case 0:
            del pieces[first]
        case 1:
            pieces.insert(second, pieces[first])
        case 2:
            pieces.insert(second, pieces.pop(first))
        case 3:
            pieces[first], pieces[second] = pieces[second], pieces[first]
    return "".join(pieces)


def _lines(random: Random, text: str) -> str:
    return _pieces(random, text.splitlines(keepends=True))


def _tokens(random: Random, text: str) -> str:
    return _pieces(random, TOKEN.findall(text))


def _characters(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    character = chr(random.choice((random.randrange(128), random.randrange(0x11_0000))))
    return text[:at] + character + text[at + random.randrange(2) :]


def _indentation(random: Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    if lines:
        at = random.randrange(len(lines))
        bare = lines[at].lstrip(" \t")
        lines[at] = random.choice(("", " ", "  ", "   ", "    ", "      ", "\t", "  \t")) + bare
    return "".join(lines)


def _syntax(random: Random, text: str) -> str:
    ends = [match.end() for match in TOKEN.finditer(text)] or [0]
    at = random.choice((0, random.choice(ends), random.randrange(len(text) + 1)))
    return text[:at] + random.choice(SYNTAX) + text[at:]


def _replaced(random: Random, text: str, pattern: re.Pattern[str], choices: tuple[str, ...]) -> str:
    matches = list(pattern.finditer(text))
    if not matches:
        return text
    match = random.choice(matches)
    return text[: match.start()] + random.choice(choices) + text[match.end() :]


def _number(random: Random, text: str) -> str:
    return _replaced(random, text, NUMBER, NUMBERS)


def _word(random: Random, text: str) -> str:
    return _replaced(random, text, re.compile(r"[A-Za-z_]+"), WORDS)


def _cut(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return random.choice((text[:at], text[at:]))


def _nested(random: Random, text: str) -> str:
    """A token becomes the core of many brackets, or of a bomb of aliases."""
    depth = random.choice((2, 20, 99, 101, 2000))
    opening, closing = random.choice((("[", "]"), ("{a: ", "}"), ("{parameters: {a: ", "}}")))
    bomb = "[" + ", ".join(
        f"&b{level} [{', '.join([f'*b{level - 1}' if level else 'x'] * 9)}]" for level in range(9)
    )
    core = random.choice(("1", "{value: 1}", "*a", "", bomb + "]"))
    return _replaced(random, text, TOKEN, (opening * depth + core + closing * depth, bomb + "]"))


def _longer(random: Random, text: str) -> str:
    """A piece of the text, over and over."""
    first, second = sorted(random.randrange(len(text) + 1) for _ in range(2))
    second = min(second, first + 40)
    return text[:second] + text[first:second] * random.choice((2, 10, 300)) + text[second:]


ACCIDENTS: tuple[Callable[[Random, str], str], ...] = (
    *(_lines, _lines, _tokens, _tokens, _characters, _indentation, _indentation),
    *(_syntax, _syntax, _syntax, _number, _number, _number, _word, _word, _word),
    *(_cut, _nested, _longer),
)
