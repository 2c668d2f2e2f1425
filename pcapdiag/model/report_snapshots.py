"""The report's members about snapshots of hosts: which were read, and whether they fit."""

import msgspec


class SnapshotFile(msgspec.Struct, kw_only=True):
    """A snapshot that was given. Times are decimal strings of seconds since the epoch."""

    path: str
    host: str
    """Its name, as the host calls itself."""
    kernel: str = ""
    time: str
    """When it was taken, by the host's clock."""
    earlier: str | None = None
    """When its counters were read before."""
    addresses: list[str] = []
    """Of the host's, those that the capture has."""
    on_path: bool = False
    """The host hands on packets of the capture."""
    used: bool = True
    """False where the capture does not show the host: no finding is drawn from it."""
    when: str = ""
    """In words: when it was taken, by the capture, and over which time its counters go."""
    unread: int = 0
    """Things that could not be read when it was taken."""
