"""Markdown that what strangers wrote cannot break out of: GitHub's, GitLab's, and CommonMark's.

Both make something of more than markup: of @names, #123, addresses, emoji names and formulas. They
leave code alone; so a word with another character than those of plain prose is told as code, and
what could be markup in it as character references, which are never structure (CommonMark 2.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pcapdiag.report.escape import shown

MAX_CELL = 240
"""Characters of a text in a table or a heading."""
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.,:;'\"%+=()/-]*", re.ASCII)
_REFERENCE = re.compile(
    r"://|www\.|\b[0-9a-f]{7,64}\b|\b[A-Z][A-Z0-9]+-\d+\b", re.ASCII | re.IGNORECASE
)
"""Plain words that become links: addresses, issues of GitHub and trackers, commits."""
_CORE = re.compile(r"([(\"']*)(.*?)([).,:;?\"']*)", re.ASCII | re.DOTALL)
_ARROWS = {"->": "-&gt;", "-": "-", "+": "+", "=": "=", "\u00b1": "\u00b1"}
_MEANT = re.compile(
    r"[!#$%&*<>@\[\\\]^`{|}~]|:(?=/)|(?<=www)\.|(?<![A-Z0-9])_|_(?![A-Z0-9])",
    re.ASCII | re.IGNORECASE,
)
"""What may be markup or the beginning of a link inside of a word, too."""
_TICKS = re.compile("`+")


def prose(text: str, limit: int = 0) -> str:
    """Return text as it may stand in a line of Markdown, also in a table; ``limit`` cuts it."""
    text = shown(text)
    if limit and len(text) > limit:
        text = text[: limit - 3] + "..."
    return " ".join(_word(word) for word in text.split())


def code(text: str) -> str:
    """Return text as code in a line of Markdown, also in a table; empty for no text."""
    text = " ".join(shown(text).split())
    if not text:
        return ""
    return f"<code>{_MEANT.sub(lambda match: f'&#{ord(match[0])};', text)}</code>"


def fence(lines: Iterable[str], language: str) -> str:
    """Return lines as a block of code that none of them can end."""
    text = "\n".join(shown(line) for line in lines)
    longest = max(map(len, _TICKS.findall(text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text}\n{ticks}\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()) -> str:
    """Return a table; its cells are Markdown already, those of the columns ``numbers`` right."""
    right = set(numbers)
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *rows))


def _word(word: str) -> str:
    if word in _ARROWS:
        return _ARROWS[word]
    match = _CORE.fullmatch(word)
    before, core, after = match.groups() if match else ("", word, "")
    if core and not (_PLAIN.fullmatch(core) and not _REFERENCE.search(core)):
        return before + code(core) + after
    return before + core + after
