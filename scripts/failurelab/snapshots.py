"""Snapshots of the lab's hosts, by `pcapdiag snapshot` inside of the host's namespace."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from failurelab.hosts import Host
from failurelab.truth import ROOT

_SETTING = (
    'echo "$1" > /proc/sys/kernel/hostname; mount --bind "$2" /etc/resolv.conf; shift 2; "$@"'
)
"""In namespaces of their own: the machine keeps its name and its resolver."""


def take(host: Host, path: Path, options: Sequence[str], resolver: str) -> None:
    """Write a host's snapshot."""
    resolv = path.with_suffix(".resolv")
    resolv.write_text(resolver)
    command = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "pcapdiag", "snapshot"]
    apart = ["unshare", "--mount", "--uts", "sh", "-c", _SETTING, "sh", host.name, str(resolv)]
    host.run([*apart, *command, *options, "-o", str(path)], timeout=60)
    path.write_text(json.dumps(_without_machine(json.loads(path.read_text())), indent=1) + "\n")


def _without_machine(taken: dict[str, Any]) -> dict[str, Any]:
    """Leave out what names the machine that the lab runs on: its build, containers and groups."""
    taken["host"]["kernel"] = taken["host"]["kernel"].split("-")[0]
    taken["host"]["hints"] = [hint for hint in taken["host"]["hints"] if "namespace" in hint]
    return taken
