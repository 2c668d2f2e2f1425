"""The key by which names and addresses are renamed: the sender's alone, never in a bundle."""

from __future__ import annotations

import os
import re
import secrets

from pcapdiag.errors import OutputError, UsageError

KEY_BYTES = 32
MODE = 0o600
_MAX_FILE = 4_096
_HEX = re.compile(rb"[0-9A-Fa-f]{64}", re.ASCII)


def new_key() -> bytes:
    """Return a random key."""
    return secrets.token_bytes(KEY_BYTES)


def key_from(path: str) -> bytes:
    """Return the key in a file: 64 hexadecimal digits. One that is not there is made.

    Raises UsageError for a file that is no key, OutputError where none can be made.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_FILE).strip()
    except FileNotFoundError:
        return _made(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if not _HEX.fullmatch(text):
        raise UsageError(f"{path}: not a key", "name a new file: one is made")
    return bytes.fromhex(text.decode())


def _made(path: str) -> bytes:
    key = new_key()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(key.hex().encode() + b"\n")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    return key
