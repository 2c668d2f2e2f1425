"""What a file is, told by its first bytes, and what to do with one that is not a capture."""

from __future__ import annotations

PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": (False, 1000, 16),
    b"\xa1\xb2\xc3\xd4": (True, 1000, 16),
    b"\x4d\x3c\xb2\xa1": (False, 1, 16),
    b"\xa1\xb2\x3c\x4d": (True, 1, 16),
    b"\x34\xcd\xb2\xa1": (False, 1000, 24),
    b"\xa1\xb2\xcd\x34": (True, 1000, 24),
}
"""First four bytes of a pcap file: big endian, nanoseconds per unit, bytes of a record header."""

COMPRESSIONS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"\xfd7zXZ\x00": "xz",
}
SKIPPABLE = b"\x2a\x4d\x18"
"""Behind a byte 0x50 to 0x5F: a frame of zstd to pass over (RFC 8878, 3.1.2); pzstd
begins with one."""
MAGIC_BYTES = 6
"""Bytes that tell a compression or a capture format."""
LOOK_BYTES = 512
"""Bytes that are looked at to say what a file is that is no capture."""

_EDITCAP = "convert it: editcap -F pcap IN OUT.pcap"
_OTHERS = (
    (b"BZh", "a bzip2 file", "unpack it: bunzip2 -k FILE"),
    (b"\x1f\x9d", "a compress (.Z) file", "unpack it: gunzip FILE"),
    (b"PK\x03\x04", "a zip archive", "unpack it: unzip FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it: 7z x FILE"),
    (b"snoop\x00\x00\x00", "a Solaris snoop file", _EDITCAP),
    (b"btsnoop\x00", "a Bluetooth btsnoop file", "only captures of IP can be read"),
    (b"GMBU", "a Microsoft Network Monitor 2 file", _EDITCAP),
    (b"RTSS", "a Microsoft Network Monitor 1 file", _EDITCAP),
    (b"TRSNIFF data", "a Sniffer (DOS) file", _EDITCAP),
    (b"XCP\x00", "a NetXray or Sniffer (Windows) file", _EDITCAP),
    (b"iptrace ", "an AIX iptrace file", _EDITCAP),
    (b"\x7fELF", "a program (ELF)", ""),
)
_TEXT = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0D}


def compression_of(head: bytes) -> str | None:
    """Return the compression that ``head`` begins with, or None."""
    for magic, name in COMPRESSIONS.items():
        if head.startswith(magic):
            return name
    if head[1:4] == SKIPPABLE and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    return None


def what_it_is(head: bytes, path: str) -> tuple[str, str]:
    """Return (what the content looks like, what to do about it) for one that is no capture."""
    for magic, what, advice in _OTHERS:
        if head.startswith(magic):
            return what, advice
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it: tar xf FILE"
    if path.lower().endswith((".etl", ".etl.gz")):
        return "a Windows event trace", "convert it: etl2pcapng IN.etl OUT.pcapng"
    if path.lower().endswith(".erf"):
        return "an Endace ERF file", _EDITCAP
    if not any(head):
        return "only zero bytes", "the disk was full, or the copy is not finished"
    if _TEXT.issuperset(head):
        return (
            "text, not a capture",
            "tcpdump's printed lines are no capture: record with tcpdump -w FILE",
        )
    return "neither pcap nor pcapng", "if Wireshark opens it, " + _EDITCAP
