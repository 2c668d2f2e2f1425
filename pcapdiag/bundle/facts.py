"""What a manifest says of the original files, their clocks, and of what was altered."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pcapdiag.bundle.manifest import ClockOffset, OriginalFile
from pcapdiag.capture.facts import FileFacts
from pcapdiag.model.report import Report
from pcapdiag.model.units import format_known

if TYPE_CHECKING:
    from pcapdiag.bundle.request import Request

ALTERED = (
    "Addresses are renamed by Crypto-PAn: what shared a prefix still does, private stays private. "
    "MAC addresses are renamed, too.",
    "Host names (DNS, SNI, certificates, HTTP), paths and other words are replaced by others of "
    "the same length; the same original has the same stand-in everywhere.",
    "Credentials, cookies, query values and contents are overwritten; keys, signatures and serial "
    "numbers of certificates are made up.",
    "Checksums are right where they were right. Times, lengths, ports, TTL, sequence numbers, "
    "flags and windows are as they were captured.",
)
CUT_ONLY = (
    "Packets are as they were captured; only those that matter were cut out, and comments added.",
)
LEFT_OUT = (
    "TLS secrets, names of interfaces, names of the capturing system and older comments are left "
    "out.",
)
SECRETS_LEFT_OUT = ("TLS secrets and older comments are left out.",)


def altered(request: Request) -> list[str]:
    """Return in sentences what is not as it was captured."""
    if not request.sanitise:
        return [*CUT_ONLY, *SECRETS_LEFT_OUT]
    told = [*ALTERED, *LEFT_OUT]
    if request.key is None:
        told.append("The key by which it was renamed was thrown away.")
    else:
        told.append("The sender has the key, and can say what a stand-in stands for.")
    return told


def originals(files: Sequence[FileFacts], label: str, *, hide: bool) -> list[OriginalFile]:
    """Return the files of a point that were read.

    ``hide`` gives them other names: theirs may say whose they are.
    """
    stem = f"capture-{label}" if label else "capture"
    return [
        OriginalFile(
            name=f"{stem}-{number}.{file.format}" if hide else os.path.basename(file.path),
            point=label or None,
            sha256=file.sha256,
            size=file.size,
            format=file.format,
            compression=file.compression,
            packets=file.packets,
            first_time=format_known(file.first_time),
            last_time=format_known(file.last_time),
            complete=file.complete,
        )
        for number, file in enumerate(files, 1)
    ]


def clocks(report: Report) -> list[ClockOffset]:
    """Return how the clocks of logs and capture points stand to the capture's."""
    logs = report.logs.files if report.logs is not None else []
    return [
        *(ClockOffset(of=one.path, offset=one.clock_offset, error=one.clock_error) for one in logs),
        *(
            ClockOffset(of=one.label, offset=one.clock_offset, error=one.clock_error)
            for one in report.points
        ),
    ]
