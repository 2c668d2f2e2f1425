"""Captures stored a second time with their TLS secrets inside."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from failurelab.truth import Accepted, TrueCapture, TrueConnection

ENDING = "-keys"


def holds_secrets(key_log: Path) -> bool:
    """Whether a key log has more than comments."""
    lines = key_log.read_text().splitlines() if key_log.exists() else []
    return any(line and not line.startswith("#") for line in lines)


def inject(capture: TrueCapture, key_log: Path) -> TrueCapture:
    """The same capture as pcapng with the secrets in it, named `<name>-keys`."""
    name = capture.name + ENDING
    made = f"{name}.pcapng"
    files = [str(key_log.with_name(file)) for file in (*capture.files, made)]
    subprocess.run(["editcap", "--inject-secrets", f"tls,{key_log}", *files], check=True)
    return TrueCapture(
        name,
        capture.point,
        [made],
        "pcapng with TLS secrets inside",
        others=capture.others,
        notes=capture.notes,
        key_log=capture.key_log,
    )


def share(connections: Sequence[TrueConnection], name: str) -> None:
    """Connections seen in a capture are seen in its copy; accepted parties are the same."""
    base = name.removesuffix(ENDING)
    for connection in connections:
        if base in connection.seen:
            connection.seen[name] = connection.seen[base]
        if base in connection.at:
            there = connection.at.setdefault(name, Accepted())
            there.parties = there.parties or connection.at[base].parties
