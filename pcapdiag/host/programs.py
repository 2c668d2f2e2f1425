"""Programs that are asked where the kernel cannot be: never longer than some seconds."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress

MAX_SECONDS = 10.0
MAX_OUTPUT = 64 * 1024 * 1024
"""Characters of an output that are used."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ProgramError(Exception):
    """A program is not there, failed, or took too long; ``str()`` says which."""


def run(*words: str) -> str:
    """Return what a program prints; raises ProgramError.

    It is found in the system's folders alone, has no input, and ends with all that it started.
    """
    path = shutil.which(words[0], path=_PATH)
    if path is None:
        raise ProgramError(f"{words[0]} is not installed")
    try:
        running = subprocess.Popen(
            [path, *words[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": _PATH, "LC_ALL": "C"},
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramError(f"{words[0]}: {error.strerror or error}") from error
    try:
        output, errors = running.communicate(timeout=MAX_SECONDS)
    except subprocess.TimeoutExpired:
        raise ProgramError(f"{words[0]} took longer than {MAX_SECONDS:.0f} s") from None
    finally:
        _end(running)
    if running.returncode != 0:
        said = errors.decode("utf-8", "replace").strip().splitlines()
        raise ProgramError(f"{words[0]}: {said[0] if said else f'status {running.returncode}'}")
    return output[:MAX_OUTPUT].decode("utf-8", "replace")


def _end(running: subprocess.Popen[bytes]) -> None:
    if running.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
