"""Snapshots of the lab's hosts, by `pcapdiag snapshot` inside of the host's namespace."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from failurelab.hosts import Host
from failurelab.truth import ROOT

_SETTING = (
    'echo "$1" > /proc/sys/kernel/hostname; mount --bind "$2" /etc/resolv.conf; shift 2; "$@"'
)
"""In namespaces of their own: the machine keeps its name and its resolver."""


class Snapshots:
    """The snapshots of one run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.files: list[str] = []
        """Their names, in the order in which they were taken."""

    def keep(self, host: Host, name: str, *options: str) -> None:
        """Store what `pcapdiag snapshot` says of a host now, as NAME.json."""
        path = self._directory / f"{name}.json"
        resolver = self._directory / f"{name}.resolv"
        resolver.write_text("")
        apart = [
            "unshare",
            "--mount",
            "--uts",
            "sh",
            "-c",
            _SETTING,
            "sh",
            host.name,
            str(resolver),
        ]
        command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "pcapdiag", "snapshot"]
        host.run([*apart, *command, *options, "-o", str(path)], timeout=60)
        taken = _without_machine(json.loads(path.read_text()))
        path.write_text(json.dumps(taken, indent=1) + "\n")
        self.files.append(path.name)


def _without_machine(taken: dict[str, Any]) -> dict[str, Any]:
    """Leave out what names the machine that the lab runs on: its build, containers and groups."""
    taken["host"]["kernel"] = taken["host"]["kernel"].split("-")[0]
    taken["host"]["hints"] = [hint for hint in taken["host"]["hints"] if "namespace" in hint]
    return taken
