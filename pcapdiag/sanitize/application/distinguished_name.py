"""Names in certificates in place: X.501 names and the GeneralNames of RFC 5280 section 4.2.1.6."""

from __future__ import annotations

from pcapdiag.diagnose.tls.certificates import INSPECTION
from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.sanitize.application import der
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.texts import email, host, is_host, url
from pcapdiag.sanitize.renamer import Renamer

_COUNTRY = bytes.fromhex("550406")
_COUNTRY_SIZE = 2
_EMAIL, _DNS, _DIRECTORY, _URI, _IP, _REGISTERED = 0x81, 0x82, 0xA4, 0x86, 0x87, 0x88
_OTHER = 0xA0
_ADDRESSES = (4, 16)
_MASKED_ADDRESSES = (8, 32)
"""Address and mask, as name constraints have them."""
_INSPECTION = tuple(each.encode() for each in INSPECTION)


def rewrite_name(name: Editor, renamer: Renamer) -> None:
    """Rewrite the content of a distinguished name."""
    for relative in der.elements(name):
        rewrite_relative_name(relative.content, renamer)


def rewrite_relative_name(relative: Editor, renamer: Renamer) -> None:
    """Rewrite the content of one step of a distinguished name."""
    for attribute in der.elements(relative):
        kind = der.keep_oid(attribute.content)
        value = der.element(attribute.content)
        if kind == _COUNTRY and len(value.content) <= _COUNTRY_SIZE:
            value.content.keep()
        else:
            text(value, renamer)


def rewrite_general_names(names: Editor, renamer: Renamer) -> None:
    """Rewrite the content of a GeneralNames."""
    for name in der.elements(names):
        rewrite_general_name(name, renamer)


def rewrite_general_name(name: der.Element, renamer: Renamer) -> None:
    """Rewrite one GeneralName; of a kind that holds what nobody reads, nothing is left."""
    old = name.content.peek()
    if name.tag == _DNS:
        name.content.replace(_constraint(old, renamer))
    elif name.tag == _EMAIL:
        name.content.replace(email(old, renamer) if b"@" in old else _constraint(old, renamer))
    elif name.tag == _URI:
        name.content.replace(url(old, renamer) if b":" in old else _constraint(old, renamer))
    elif name.tag == _IP and len(old) in _ADDRESSES:
        name.content.replace(renamer.address(old))
    elif name.tag == _IP and len(old) in _MASKED_ADDRESSES:
        half = len(old) // 2
        name.content.replace(_network(old[:half], old[half:], renamer) + old[half:])
    elif name.tag == _DIRECTORY:
        rewrite_name(der.element(name.content).content, renamer)
    elif name.tag == _REGISTERED and der.is_plain(old):
        name.content.keep()
    elif name.tag == _OTHER:
        _other_name(name.content, renamer)


def text(value: der.Element, renamer: Renamer) -> None:
    """Rewrite a text: a host name as such, any other word for word."""
    old = value.content.peek()
    if value.tag == der.BMP:
        value.content.replace(_wide(old, renamer))
    elif value.tag in der.TEXTS:
        value.content.replace(words(old, renamer))


def words(old: bytes, renamer: Renamer) -> bytes:
    """Return the image of a text, word for word; how an inspecting product calls itself stays."""
    if b" " not in old and b"://" in old:
        return url(old, renamer)
    if b" " not in old and b"@" in old:
        return email(old, renamer)
    if is_host(old):
        return host(old, renamer)
    lowered = old.lower()
    for vendor in _INSPECTION:
        at = lowered.find(vendor)
        if at >= 0:
            end = at + len(vendor)
            return words(old[:at], renamer) + old[at:end] + words(old[end:], renamer)
    return b" ".join(_word(word, renamer) if word else word for word in old.split(b" "))


def _word(old: bytes, renamer: Renamer) -> bytes:
    """Return the image of a word, which may be a host name: "example.com CA"."""
    return host(old, renamer) if b"." in old and is_host(old) else renamer.word(old)


def _wide(old: bytes, renamer: Renamer) -> bytes:
    narrow = bytes(
        low if not high else 0x3F for high, low in zip(old[::2], old[1::2], strict=False)
    )
    new = words(narrow, renamer)
    wide = b"".join(b"\0" + new[at : at + 1] for at in range(len(new)))
    return wide.ljust(len(old), b"\0")


def _constraint(old: bytes, renamer: Renamer) -> bytes:
    """Return the image of a host name; name constraints may begin it with a dot."""
    return b"." + host(old[1:], renamer) if old.startswith(b".") else host(old, renamer)


def _network(address: bytes, mask: bytes, renamer: Renamer) -> bytes:
    image = renamer.address(address)
    return bytes(byte & bits for byte, bits in zip(image, mask, strict=True))


def _other_name(content: Editor, renamer: Renamer) -> None:
    der.keep_oid(content)
    try:
        text(der.element(der.element(content).content), renamer)
    except CutShortError:
        return
