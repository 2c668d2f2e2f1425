"""Texts within payloads: hosts, URLs, paths, and the sentences of proxies and servers.

Each is replaced by one of the same length. Where a class of characters is kept, a string keeps its
length in HPACK's Huffman code too (pcapdiag/sanitize/alphabet.py).
"""

from __future__ import annotations

import re

from pcapdiag.flow.screen import CHECK_WORDS
from pcapdiag.protocols.http.asked import GRPC_HEALTH
from pcapdiag.sanitize.application.vocabulary import is_known
from pcapdiag.sanitize.keyed import Keyed, blank
from pcapdiag.sanitize.renamer import Renamer

TELLING = 8
"""Characters from which on a value is looked for everywhere else."""
SHORT_NUMBER = 3
"""Digits of a number that is a status, an error or a part of a version."""
_HOST = re.compile(rb"[A-Za-z0-9_*\x80-\xff-]+(?:\.[A-Za-z0-9_*\x80-\xff-]+)*\.?")
_URL = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.-]*://)(?:([^/?#@]*)@)?([^/?#]*)([^?#]*)(?:([?#])(.*))?", re.S
)
_TOKEN = re.compile(
    rb"(?P<ip4>(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:%3[Aa]|:)?\d{0,5}(?![\w.]))"
    rb"|(?P<ip6>(?<![\w:.])(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*:)[0-9A-Fa-f:]+(?:\.\d+){0,3}(?![\w:]))"
    rb"|(?P<host>(?<![\w-])(?:[A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9-]+(?![\w-]))"
    rb"|(?P<word>[A-Za-z]+)|(?P<digits>[0-9]+)|(?P<other>[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]+)"
)
_IP4 = re.compile(rb"(\d{1,3}(?:\.\d{1,3}){3})(.*)", re.S)
_CHECK = re.compile(
    rb"(?i)(?<![A-Za-z0-9])(?:%s)(?:z|check|checks|checkz)?" % b"|".join(CHECK_WORDS)
)
_VERSION = re.compile(rb"v\d{1,2}")
_HEALTH_PATH = b"/" + GRPC_HEALTH.encode() + b"/"
_PLAIN_WORD = re.compile(rb"[A-Za-z]+")


def host(text: bytes, renamer: Renamer) -> bytes:
    """Return the image of a host with or without a port, also of an address."""
    return renamer.name(text) if text else text


def is_host(text: bytes) -> bool:
    """Return whether a text may be a host name; one of one label may."""
    return _HOST.fullmatch(text) is not None


def email(text: bytes, renamer: Renamer) -> bytes:
    """Return the image of a mail address."""
    local, at, domain = text.rpartition(b"@")
    return renamer.word(local) + at + host(domain, renamer)


def url(text: bytes, renamer: Renamer, keyed: Keyed | None = None) -> bytes:
    """Return the image of a URL, of its parts what they are: host, path, query."""
    match = _URL.fullmatch(text)
    if match is None:
        scheme, colon, rest = text.partition(b":")
        if b"@" in rest and is_known(scheme):
            return scheme + colon + email(rest, renamer)
        return renamer.word(text)
    scheme, login, place, rest, mark, more = match.groups()
    new: bytes = scheme if is_known(scheme[:-3]) else renamer.word(scheme)
    if login is not None:
        new += secret(login, renamer) + b"@"
    new += host(place, renamer) + path(rest, renamer)
    return new + (mark + query(more, renamer, keyed) if mark else b"")


def target(text: bytes, renamer: Renamer, keyed: Keyed | None = None) -> bytes:
    """Return the image of a request's target: path and query, URL, or what CONNECT names."""
    if text in (b"*", b"/"):
        return text
    if not text.startswith(b"/"):
        return url(text, renamer, keyed) if b"://" in text else host(text, renamer)
    before, mark, more = text.partition(b"?")
    return path(before, renamer) + (mark + query(more, renamer, keyed) if mark else b"")


def path(text: bytes, renamer: Renamer) -> bytes:
    """Return the image of a path, segment by segment; what health checks ask for stays."""
    if text.startswith(_HEALTH_PATH):
        begin = len(_HEALTH_PATH)
        return text[:begin] + (
            text[begin:] if is_known(text[begin:]) else path(text[begin:], renamer)
        )
    return b"/".join(_segment(segment, renamer) for segment in text.split(b"/"))


def _segment(text: bytes, renamer: Renamer) -> bytes:
    if not text or _VERSION.fullmatch(text):
        return text
    found = _CHECK.search(text)
    if found is None:
        return renamer.word(text)
    before, after = text[: found.start()], text[found.end() :]
    new = renamer.word(before) if before else b""
    return new + found[0] + (_segment(after, renamer) if after else b"")


def query(text: bytes, renamer: Renamer, keyed: Keyed | None) -> bytes:
    """Return the image of a query: its keys are words, its values secrets."""
    return b"&".join(_pair(pair, renamer, keyed) for pair in text.split(b"&"))


def _pair(pair: bytes, renamer: Renamer, keyed: Keyed | None) -> bytes:
    key, equals, value = pair.partition(b"=")
    if not equals:
        key, value = b"", pair
    else:
        key = renamer.word(key)
    _note(value, renamer)
    return key + equals + (keyed.token(value) if keyed else blank(value))


def secret(text: bytes, renamer: Renamer) -> bytes:
    """Return what stands for a credential. A short one is not looked for: it stands everywhere."""
    _note(text, renamer)
    return b"x" * len(text)


def _note(text: bytes, renamer: Renamer) -> None:
    if len(text) >= TELLING and not _PLAIN_WORD.fullmatch(text):
        renamer.secret(text)


def phrases(text: bytes, renamer: Renamer, stands: bytes = b"") -> bytes:
    """Return a text in which the words of protocols and programs stay.

    Addresses and names are renamed; all else is overwritten with ``stands``, or with characters of
    the same classes.
    """

    def image(match: re.Match[bytes]) -> bytes:
        found = match[0]
        if match["word"]:
            if is_known(found):
                return found
        elif match["digits"]:
            if len(found) <= SHORT_NUMBER:
                return found
        elif match["host"]:
            if (
                all(is_known(part) for part in re.findall(rb"[A-Za-z]+", found))
                and found.count(b".") < 2
            ):
                return found
            return renamer.name(found)
        elif match["ip4"] or match["ip6"]:
            return _address(found, renamer)
        return stands * len(found) if stands else blank(found)

    return _TOKEN.sub(image, text)


def _address(text: bytes, renamer: Renamer) -> bytes:
    match = _IP4.fullmatch(text)
    bare, port = (match[1], match[2]) if match else (text, b"")
    try:
        return renamer.address_fitting(bare) + port
    except ValueError:
        return blank(bare) + port
