"""What the scan looks for: every original, in each form in which somebody may write it."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Literal

import msgspec

from pcapdiag.sanitize.originals import SHORTEST, Originals, bare, is_sought, text_of
from pcapdiag.sanitize.renamer import is_kept

Kind = Literal["address", "MAC", "name", "word", "credential"]


class Needle(msgspec.Struct, frozen=True):
    """An original in one form."""

    kind: Kind
    word: str = ""
    """The word that it is, where it is one that our own texts may have too."""


def in_text(originals: Originals) -> dict[bytes, Needle]:
    """Return what is looked for in text, in lower case."""
    found: dict[bytes, Needle] = {}
    for packed in originals.addresses:
        found |= dict.fromkeys(_address_forms(packed), Needle("address"))
    for mac in originals.macs:
        for separator in (":", "-"):
            found[mac.hex(separator).encode()] = Needle("MAC")
        found[mac.hex().encode()] = Needle("MAC")
    for name in originals.names:
        found |= dict(_name_forms(name))
    for word in originals.words:
        found |= dict(_word_forms(word, "word"))
    for credential in originals.credentials:
        found |= dict(_word_forms(credential, "credential"))
    return found


def on_the_wire(originals: Originals) -> dict[bytes, Needle]:
    """Return names as labels behind their lengths (RFC 1035, DER, TLS), in lower case."""
    found = {}
    for name in originals.names:
        labels = [label for label in name.split(b".") if 0 < len(label) < 0x80]
        if b"." in name or len(name) >= SHORTEST:
            found[b"".join(bytes((len(label),)) + label for label in labels)] = Needle("name")
        for label in labels:
            if len(label) >= SHORTEST and not is_kept(label):
                found[bytes((len(label),)) + label] = Needle("name")
    return found


def in_bytes(originals: Originals) -> dict[bytes, Needle]:
    """Return addresses as bytes that are looked for at every place of a capture.

    IPv6 addresses by themselves; of IPv4 what a certificate and a DNS answer have in front of one.
    """
    found = {}
    for packed in originals.addresses:
        if len(packed) == 4 and packed[0]:
            found[b"\x87\x04" + packed] = found[b"\x00\x04" + packed] = Needle("address")
        elif len(packed) == 16 and any(packed[:8]):
            found[packed] = Needle("address")
    return found


def _address_forms(packed: bytes) -> Iterator[bytes]:
    text = text_of(packed)
    yield text.encode()
    yield packed.hex().encode()
    if len(packed) == 4:
        yield packed[::-1].hex().encode()
        yield text.replace(".", "-").encode()
        yield ".".join(text.split(".")[::-1]).encode() + b".in-addr.arpa"
        yield ".".join(f"{octet:03}" for octet in packed).encode()
        return
    groups = packed.hex(":", 2)
    yield groups.encode()
    yield groups.replace(":", "-").encode()
    yield text.replace(":", "-").encode()
    yield ":".join(f"{int(group, 16):x}" for group in groups.split(":")).encode()
    yield ".".join(packed.hex()[::-1]).encode()


def _name_forms(name: bytes) -> Iterator[tuple[bytes, Needle]]:
    if b"." in name or len(name) >= SHORTEST:
        yield from _word_forms(name, "name")
    for label in name.split(b"."):
        if not is_kept(label):
            yield from _word_forms(label, "name")


def _word_forms(text: bytes, kind: Kind) -> Iterator[tuple[bytes, Needle]]:
    if not is_sought(text, is_name=kind == "name"):
        return
    lower = text.lower()
    needle = Needle(kind, bare(lower).decode("latin-1"))
    shown = lower.decode("utf-8", "backslashreplace")
    for form in (lower.decode("latin-1"), shown, html.escape(shown), json.dumps(shown)[1:-1]):
        yield form.encode("utf-8" if form != lower.decode("latin-1") else "latin-1"), needle
