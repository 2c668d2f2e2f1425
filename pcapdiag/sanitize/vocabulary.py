"""Words of this program's own texts: in a report they prove nothing.

A host may be called ``default`` or ``upstream``; every report has these words without knowing the
host. Whether a word is one of ours is read off the program itself: its sources hold all texts that
it prints, and the names of all members of its JSON.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_TOKEN = re.compile(r"[a-z0-9][a-z0-9._-]*[a-z0-9]")
_WORD = re.compile(r"[a-z0-9]+")
_TEXTS = (".py", ".html", ".j2", ".js", ".css", ".txt", ".md", ".json")


@cache
def own_words() -> frozenset[str]:
    """Return all words, and words joined by dots, hyphens or underscores, in lower case."""
    found: set[str] = set()
    for text in _texts(files("pcapdiag")):
        lower = text.lower()
        found.update(_TOKEN.findall(lower))
        found.update(_WORD.findall(lower))
    return frozenset(found)


def _texts(folder: Traversable) -> list[str]:
    texts = []
    for entry in folder.iterdir():
        if entry.is_dir():
            texts += _texts(entry)
        elif entry.name.endswith(_TEXTS):
            texts.append(entry.read_text("utf-8"))
    return texts
