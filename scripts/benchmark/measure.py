"""Runs commands and takes their time and their memory.

Kept small: what a process has resident when it starts another counts in the other's maximum.
"""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    seconds: float
    processor: float
    """Seconds of processor time, user and system."""
    memory: int
    """Maximum resident set, bytes."""


def run(command: Sequence[str], accepted: Sequence[int] = (0,)) -> Cost:
    """Run a command to its end, its output thrown away; raise when its status is another."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def medians(costs: Sequence[Cost]) -> Cost:
    """Return the median of each number; of memory, the largest."""
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.processor for cost in costs),
        max(cost.memory for cost in costs),
    )


def warm(path: Path) -> None:
    """Read the file once, so that it is in the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(1 << 20):
            pass


def machine() -> str:
    """Return processor, cores, memory, system and Python in a line."""
    model = "processor unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    system = os.uname()
    return (
        f"{model}, {os.cpu_count()} cores, {pages / 1e9:.0f} GB, "
        f"{system.sysname} {system.release.split('-')[0]} {system.machine}"
    )


def version(command: Sequence[str]) -> str:
    """Return the first line in which a program names its version."""
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = [line.strip() for line in done.stdout.splitlines() if re.search(r"\d\.\d", line)]
    return lines[0] if lines else "version unknown"
