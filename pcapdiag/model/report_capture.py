"""The report's members about the input: files, what was met in them, where it was captured."""

from typing import Literal

import msgspec


class FileError(msgspec.Struct, kw_only=True):
    """Where a damaged file broke: the byte in the (decompressed) file, and what was wrong."""

    byte: int
    message: str


class CaptureFile(msgspec.Struct, kw_only=True):
    """One input file."""

    path: str
    format: Literal["pcap", "pcapng"]
    compression: str | None = None
    sha256: str | msgspec.UnsetType = msgspec.UNSET
    first_time: str | None = None
    last_time: str | None = None
    packets: int = 0
    size: int = 0
    interfaces: list[str] = []
    complete: bool = True
    error: FileError | None = None


class UnreadableFile(msgspec.Struct, kw_only=True):
    """An input of which nothing could be read, beside others that could."""

    path: str
    message: str


class CaptureCounts(msgspec.Struct, kw_only=True):
    """What was met in the capture and how often; each 0 where not met."""

    lost_by_capture: int = 0
    dropped_by_kernel: int = 0
    disordered: int = 0
    clock_steps: int = 0
    slight_clock_steps: int = 0
    super_segments: int = 0
    bad_checksums: int = 0
    midstream: int = 0
    one_direction: int = 0
    evicted: int = 0
    unjudged: int = 0
    fragments: int = 0
    other_protocols: int = 0
    limits: dict[str, int] = {}


class CaptureSummary(msgspec.Struct, kw_only=True):
    """The input as a whole."""

    files: list[CaptureFile] = []
    packets: int = 0
    bytes: int = 0
    first_time: str | None = None
    last_time: str | None = None
    link_types: list[str] = []
    truncated_packets: int = 0
    duplicate_packets: int = 0
    undecoded_packets: int = 0
    complete: bool = True
    vantage: Literal["initiator", "responder", "path", "mixed", "unknown"] = "unknown"
    counts: CaptureCounts = msgspec.field(default_factory=CaptureCounts)
    unreadable: list[UnreadableFile] = []
    notes: list[str] = []
    """What else is to be known of the input: lines of a key log that are none, and the like."""
