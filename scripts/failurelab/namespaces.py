"""Network namespaces: make, enter, configure, remove."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PREFIX = "flab"
_CLONE_NEWNET = 0x40000000
_NETNS_DIR = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


def run_prefix() -> str:
    """A namespace prefix of this run only: it carries the process id and a random part."""
    return f"{PREFIX}-{os.getpid()}-{secrets.token_hex(2)}"


def create(names: Iterable[str]) -> None:
    """Make the namespaces and bring their loopback up."""
    listed = list(names)
    ip_batch([f"netns add {name}" for name in listed])
    for name in listed:
        ip_batch(["link set lo up"], name)


def ip_batch(commands: list[str], namespace: str | None = None) -> None:
    """Run several `ip` commands at once, inside a namespace if one is named."""
    if not commands:
        return
    scope = ["-n", namespace] if namespace else []
    done = subprocess.run(
        ["ip", *scope, "-batch", "-"],
        input="\n".join(commands),
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"ip {commands}: {done.stderr.strip()}")


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """The calling thread is in the namespace: what it opens or starts belongs there."""
    target = _NETNS_DIR / namespace
    with open("/proc/thread-self/ns/net", "rb") as home, open(target, "rb") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def set_sysctl(namespace: str, name: str, value: object) -> None:
    """Write one /proc/sys value as seen inside the namespace; dots as in sysctl(8)."""
    path = Path("/proc/sys") / name.replace(".", "/")
    with inside(namespace):
        path.write_text(str(value))


def remove(names: Iterable[str]) -> None:
    """End what still runs in the namespaces, by process id, and remove them."""
    for name in names:
        if not (_NETNS_DIR / name).exists():
            continue
        _end_processes(name)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def _end_processes(name: str) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = _pids(name)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + 1
        while pids and time.monotonic() < deadline and _pids(name):
            time.sleep(0.02)


def _pids(name: str) -> list[int]:
    done = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in done.stdout.split() if int(pid) != os.getpid()]


def leftovers() -> list[str]:
    """Namespaces of runs whose process is gone."""
    found = sorted(path.name for path in _NETNS_DIR.glob(f"{PREFIX}-*"))
    return [name for name in found if not Path("/proc", name.split("-")[1]).exists()]
