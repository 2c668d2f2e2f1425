"""Names of addresses: from a file, the capture's own records, DNS answers and SNI; never looked up.

A name is kept with where it came from, and the better source wins: the user's file, then the name
records of the capture, then DNS answers, then SNI. Within one source the first name stays; but an
address that was asked for several names by SNI is none of them. A connection's own SNI comes before
what DNS and other connections say of its address.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import Literal

import msgspec

from pcapdiag.errors import UsageError
from pcapdiag.model.harmless import harmless

Source = Literal["file", "capture", "dns", "sni"]

MAX_NAMES = 100_000
"""Addresses with a name; further ones are counted in ``NameTable.left_out``."""
MAX_NAME = 255
"""Characters of one name (RFC 1035 2.3.4); the rest is cut."""
MAX_FILE = 256 * 1024 * 1024
"""Bytes of a names file."""

_SEVERAL = ""
_RANK: dict[Source, int] = {"file": 0, "capture": 1, "dns": 2, "sni": 3}


class NameTable(msgspec.Struct):
    """Names by address, bounded, every one of them harmless for a terminal."""

    names: dict[str, tuple[int, str]] = {}
    left_out: int = 0

    @classmethod
    def from_file(cls, path: str) -> NameTable:
        """Read a hosts file, or the JSON of ``kubectl get pods,services -A -o json``.

        Raises UsageError for a file that cannot be read or is neither.
        """
        text = _read(path)
        table = cls()
        try:
            import json  # Only here: few runs have names.

            pairs = _kubernetes(json.loads(text)) if text.lstrip()[:1] == "{" else _hosts(text)
            for address, name in pairs:
                table.add(address, name, "file")
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{path}: not a names file ({error})", _FORMATS) from error
        return table

    def add(self, address: str, name: str, source: Source) -> None:
        """Keep a name of an address, unless a better source has named it already."""
        name = harmless(name.rstrip("."), MAX_NAME)
        if not name:
            return
        rank = _RANK[source]
        known = self.names.get(address)
        if known is None and len(self.names) >= MAX_NAMES:
            self.left_out += 1
        elif known is None or rank < known[0]:
            self.names[address] = (rank, name)
        elif source == "sni" and known[0] == rank and known[1] != name:
            self.names[address] = (rank, _SEVERAL)

    @property
    def is_full(self) -> bool:
        """True when no further address is taken."""
        return len(self.names) >= MAX_NAMES

    def said(self) -> dict[str, str]:
        """Return the names that the user's file and the capture's records give, by address."""
        most = _RANK["capture"]
        return {address: name for address, (rank, name) in self.names.items() if rank <= most}

    def name(self, address: str, asked: str = "") -> str | None:
        """Return the best name of an address, or None.

        ``asked`` is the name in the connection's own ClientHello: of many names of one address it
        is the one meant, so only the user's file and the capture's records come before it.
        """
        known = self.names.get(address)
        if asked and (known is None or known[0] > _RANK["capture"]):
            return harmless(asked.rstrip("."), MAX_NAME) or None
        return (known[1] or None) if known else None


_FORMATS = "use hosts format, or the JSON of: kubectl get pods,services -A -o json"


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if len(content) > MAX_FILE:
        raise UsageError(f"{path}: larger than {MAX_FILE:,} bytes", _FORMATS)
    # Windows writes a mark first, and its PowerShell UTF-16 behind ">".
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")


def _hosts(text: str) -> Iterator[tuple[str, str]]:
    """Yield (address, first name) of each line of hosts(5)."""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        address = _address(words[0])
        if address is None or len(words) < 2:
            raise ValueError(f"line {number} is not: ADDRESS NAME")
        yield address, words[1]


def _kubernetes(document: object) -> Iterator[tuple[str, str]]:
    """Yield (address, kind/namespace/name) of pods and services.

    Left out are pods in their host's network, and pods that are over: their address may be
    another's by now.
    """
    items = _member(document, "items")
    if items is None and _text(document, "kind"):
        items = [document]  # Of one that was named: kubectl get pod NAME.
    if not isinstance(items, list):
        raise ValueError("the JSON has no list of items")
    for item in items:
        kind = _text(item, "kind").lower()
        name = f"{_text(item, 'metadata', 'namespace')}/{_text(item, 'metadata', 'name')}"
        if kind == "pod" and not _member(item, "spec", "hostNetwork") and not _is_over(item):
            texts = [_text(item, "status", "podIP"), *_each(item, "status", "podIPs", "ip")]
            prefix = "pod"
        elif kind == "service":
            texts = [_text(item, "spec", "clusterIP"), *_each(item, "spec", "clusterIPs", "")]
            texts += _each(item, "spec", "externalIPs", "")
            texts += _each(item, "status", "loadBalancer", "ingress", "ip")
            prefix = "service"
        else:
            continue
        for text in texts:
            address = _address(text)
            if address is not None:
                yield address, f"{prefix}/{name}"


def _is_over(pod: object) -> bool:
    return _text(pod, "status", "phase") in ("Succeeded", "Failed")


def _member(item: object, *path: str) -> object:
    for key in path:
        item = item.get(key) if isinstance(item, dict) else None
    return item


def _text(item: object, *path: str) -> str:
    value = _member(item, *path)
    return value if isinstance(value, str) else ""


def _each(item: object, *path: str) -> list[str]:
    """Return the texts of a list: its members' last key, or the members themselves without one."""
    *way, key = path
    values = _member(item, *way)
    if not isinstance(values, list):
        return []
    texts = [_member(value, key) if key else value for value in values]
    return [text for text in texts if isinstance(text, str)]


def _address(text: str) -> str | None:
    """Return an address in its canonical form, without a zone; None for anything else."""
    import ipaddress  # Only here: most runs are given no names.

    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
