"""What became of one capture."""

from __future__ import annotations

import msgspec
import zstandard

from pcapdiag.model.report_outcome import OutcomeStatus, Tally

LEVEL = 3
"""zstandard's own default."""


class FileStamp(msgspec.Struct, frozen=True, array_like=True):
    """By what a file is known to be unchanged: equal stamps, equal content.

    ``version`` is what a store says (ETag); of a local file the rest is its inode's.
    """

    size: int
    modified: int = 0
    changed: int = 0
    inode: int = 0
    version: str = ""


class FileIdentity(msgspec.Struct, frozen=True):
    """A file's content: digest and bytes as stored; ``stamp`` None where it cannot be trusted."""

    sha256: str
    size: int
    stamp: FileStamp | None = None


class Outcome(msgspec.Struct, kw_only=True):
    """What became of a capture: the same for the same content, options and program.

    ``lines`` are its JSON lines (``pcapdiag-line/1``), compressed by zstandard; in them, a file is
    called by :func:`alias`. ``transient`` says that another try may end otherwise.
    """

    status: OutcomeStatus
    reason: str = ""
    transient: bool = False
    identities: list[FileIdentity] = []
    options: str = ""
    """Fingerprint of what was asked; see ``triage/fingerprint.py``."""
    version: str = ""
    """Of pcapdiag."""
    first_time: str | None = None
    last_time: str | None = None
    tally: Tally = msgspec.field(default_factory=Tally)
    lines: bytes = b""
    carried: bytes = b""
    """What a file of a rotated set leaves open (``carry.py``); on its way only, never stored."""

    @property
    def examined(self) -> bool:
        """True when there is a report."""
        return self.status == "examined"


def content_of(identities: list[FileIdentity]) -> str | None:
    """Return the digest that a capture is known by; None where nothing could be read.

    Of one file it is the SHA-256 of its bytes as stored; of several that of their digests in hex,
    sorted, a line each.
    """
    if len(identities) == 1:
        return identities[0].sha256
    if not identities:
        return None
    import hashlib

    digests = sorted(identity.sha256 + "\n" for identity in identities)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def alias(sha256: str) -> str:
    """Return what a file is called in an outcome's lines: no file can contain its own digest."""
    return f"capture-{sha256}"


def pack(text: bytes) -> bytes:
    """Return JSON lines as an outcome keeps them."""
    return zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(text)
