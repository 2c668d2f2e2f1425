"""Who owns the listeners, and how many files they may open. Arguments are never read."""

from __future__ import annotations

import os
import re
import time
from collections import defaultdict
from collections.abc import Sequence

from pcapdiag.host.groups import group_of
from pcapdiag.host.kernel import AS_ROOT, Reading, line_of, text_of
from pcapdiag.host.sockets import Listening
from pcapdiag.model.snapshot import Process

MAX_SECONDS = 5.0
"""That are spent looking through the processes' open files."""
MAX_OWNERS = 8
"""Processes of one listener that are kept."""
MAX_PROCESSES = 200
MAX_NAME = 16
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_OPEN_FILES = re.compile(r"^Max open files\s+(\w+)", re.MULTILINE)


def read_owners(found: Sequence[Listening], reading: Reading) -> list[Process]:
    """Return the processes that own listeners, and name them in these."""
    by_inode = {inode: one for one in found for inode in one.inodes}
    if not by_inode:
        return []
    owners: defaultdict[int, int] = defaultdict(int)
    denied, until = 0, time.monotonic() + MAX_SECONDS
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
    for number, pid in enumerate(pids):
        if time.monotonic() > until:
            reading.left_out("processes", len(pids) - number)
            break
        inodes = _sockets_of(pid)
        if inodes is None:
            denied += 1
            continue
        for inode in inodes & by_inode.keys():
            listener = by_inode[inode].listener
            owners[pid] += 1
            if pid not in listener.pids and len(listener.pids) < MAX_OWNERS:
                listener.pids.append(pid)
    if any(not one.listener.pids for one in found):
        reading.missing(
            "processes of some listeners, and their limits of open files",
            f"{denied} processes of other users" if denied else "no process to be seen has them",
            AS_ROOT if denied else "in a container: run it on the node itself",
        )
    reading.left_out("processes", len(owners) - MAX_PROCESSES)
    return [_process(pid) for pid in list(owners)[:MAX_PROCESSES]]


def _sockets_of(pid: int) -> set[int] | None:
    """Return the inodes of a process's sockets; None where they may not be seen."""
    found = set()
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except PermissionError:
        return None
    except OSError:
        return set()
    for name in names:
        try:
            match = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
        except OSError:
            continue
        if match:
            found.add(int(match[1]))
    return found


def _process(pid: int) -> Process:
    process = Process(
        pid=pid, name=(line_of(f"/proc/{pid}/comm") or "")[:MAX_NAME], group=group_of(pid)
    )
    try:
        process.open_files = len(os.listdir(f"/proc/{pid}/fd"))
        limit = _OPEN_FILES.search(text_of(f"/proc/{pid}/limits"))
    except OSError:
        return process
    if limit and limit[1].isdecimal():
        process.open_files_limit = int(limit[1])
    return process
