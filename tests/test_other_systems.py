"""What runs on Windows as well: no module may need at import what only Unix has."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

IMPORT_ALL = """
import importlib, os, pkgutil, signal, sys

for name in ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"):
    sys.modules[name] = None
for holder, names in (
    (os, ("fork", "geteuid", "getuid", "killpg", "mkfifo", "sched_getaffinity", "setsid")),
    (signal, ("SIGALRM", "SIGCHLD", "SIGHUP", "SIGPIPE", "SIGWINCH", "pthread_sigmask", "setitimer")),
):
    for name in names:
        if hasattr(holder, name):
            delattr(holder, name)
import pcapdiag

count = 0
for found in pkgutil.walk_packages(pcapdiag.__path__, "pcapdiag."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
        count += 1
print(count)
"""


def test_every_module_is_imported_without_what_only_unix_has() -> None:
    words = [sys.executable, "-c", IMPORT_ALL]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 500
