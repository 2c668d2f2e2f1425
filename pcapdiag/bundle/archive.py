"""The zip file: same members, same bytes."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest moment that a zip file can tell: when it was made is nobody's concern."""
MODE = 0o644 << 16
UNIX = 3
_NAME = re.compile(r"[a-z0-9][A-Za-z0-9._-]*(?:/[a-z0-9][A-Za-z0-9._-]*){0,2}|README\.md", re.ASCII)
"""Names of members are made up here, never taken from a capture, a log or a path."""


def is_safe_name(name: str) -> bool:
    """Return whether a member's name leads nowhere else when it is unpacked."""
    return bool(_NAME.fullmatch(name)) and ".." not in name


def packed(members: Mapping[str, bytes]) -> bytes:
    """Return a zip file with the members in their order; raises ValueError for an unsafe name."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as file:
        for name, content in members.items():
            if not is_safe_name(name):
                raise ValueError(f"not a name for a member: {name!r}")
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = UNIX
            entry.external_attr = MODE
            file.writestr(entry, content)
    return whole.getvalue()
