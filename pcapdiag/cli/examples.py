"""Examples under a command's help."""

from __future__ import annotations


def examples(*commands: str, after: str = "") -> str:
    """Return an epilog that click leaves unwrapped: one example a line, then a last paragraph."""
    lines = "\n".join(f"  {command}" for command in commands)
    return f"\b\nExamples:\n{lines}" + (f"\n\n{after}" if after else "")
