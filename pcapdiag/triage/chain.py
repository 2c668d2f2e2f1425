"""Where a rotated set stands: the file examined last, and what it left open."""

from __future__ import annotations

import msgspec

from pcapdiag.errors import OutputError
from pcapdiag.triage.files import told, written_aside


class Link(msgspec.Struct, kw_only=True):
    """The file of a set that was examined last; ``before`` and ``after`` as ``carry.py`` packs."""

    name: str
    """Of the capture, in the manifest."""
    order: int
    """``Segment.order`` of the file."""
    last: bool
    """It was taken for the last one: nothing was left open."""
    before: bytes
    """What was carried into it."""
    after: bytes
    """What is to be carried into the next one."""


def read_link(path: str) -> Link | None:
    """Return where a set stands, None at its beginning; raises OutputError."""
    try:
        with open(path, "rb") as file:
            return msgspec.msgpack.decode(file.read(), type=Link)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise OutputError(f"cannot read {path}: {error}", "remove it to begin anew") from error


def write_link(path: str, link: Link) -> None:
    """Keep where a set stands; raises OutputError."""
    with written_aside(path, sync=True) as file, told(path):
        file.write(msgspec.msgpack.encode(link))
