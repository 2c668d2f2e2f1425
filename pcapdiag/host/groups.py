"""Control groups: whether the kernel held back or killed what runs in them."""

from __future__ import annotations

from collections.abc import Iterable

from pcapdiag.host.kernel import keyed_numbers, text_of

ROOT = "/sys/fs/cgroup"
MAX_GROUPS = 50


def group_of(pid: int) -> str:
    """Return a process's control group (version 2, or that of memory in version 1), or nothing."""
    try:
        lines = text_of(f"/proc/{pid}/cgroup").splitlines()
    except OSError:
        return ""
    found = [line.split(":", 2) for line in lines]
    paths = {words[1]: words[2] for words in found if len(words) == 3}
    if "" in paths and paths[""] != "/":
        return paths[""]
    return next((path for names, path in paths.items() if "memory" in names.split(",")), "")


def group_counters(groups: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return throttled periods and kills of each group, where they can be read."""
    found = {}
    for group in list(dict.fromkeys(groups))[:MAX_GROUPS]:
        if ".." in group.split("/"):
            continue
        cpu = _numbers(f"{ROOT}{group}/cpu.stat") or _numbers(f"{ROOT}/cpu{group}/cpu.stat")
        kills = _numbers(f"{ROOT}{group}/memory.events")
        kills = kills or _numbers(f"{ROOT}/memory{group}/memory.oom_control")
        counted = {
            "periods": cpu.get("nr_periods", 0),
            "throttled": cpu.get("nr_throttled", 0),
            "throttled_usec": cpu.get("throttled_usec", cpu.get("throttled_time", 0) // 1000),
            "oom_kill": kills.get("oom_kill", 0),
        }
        if any(counted.values()):
            found[group] = {name: value for name, value in counted.items() if value}
    return found


def _numbers(path: str) -> dict[str, int]:
    try:
        return keyed_numbers(text_of(path))
    except OSError:
        return {}
