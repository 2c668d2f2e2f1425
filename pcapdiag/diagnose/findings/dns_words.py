"""Names and servers of DNS findings in words and commands."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag.model.harmless import harmless, is_command_word

MAX_SHOWN_NAME = 100
MAX_LISTED = 5


def shown(name: str) -> str:
    """Return a name for a reader; the root is a dot."""
    return harmless(name, MAX_SHOWN_NAME) or "."


def listed(names: Sequence[str]) -> str:
    """Return the first names, and how many more there are."""
    text = ", ".join(names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"{text} and {more:,} more" if more > 0 else text


def dig(server: str, name: str, kind: str = "A", options: str = "") -> list[str]:
    """Return the command that asks a server for a name; none where the name is not a plain one."""
    if not is_command_word(name):
        return []
    return [f"dig @{server} {name}. {kind}{options and ' '}{options}"]
