"""Text of others made anonymous: lines of logs, a host's state, files of names.

What is replaced is the same as in the packets, by the same renamer. What stays is what says nothing
of its owner: numbers, times, and words that this program's own texts have too (vocabulary.py knows
proxies' flags, reasons and messages). Every other word is renamed, whether a packet had it or not.
A request's query gets what packets have, so that a line still fits its connection; other query
values, cookies and credentials are masked as in a report.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from pcapdiag.report.mask import mask
from pcapdiag.sanitize.application.texts import path as path_image
from pcapdiag.sanitize.application.texts import target as target_image
from pcapdiag.sanitize.application.vocabulary import is_known
from pcapdiag.sanitize.keyed import PAYLOADS, Keyed
from pcapdiag.sanitize.originals import is_sought, text_of
from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.vocabulary import spoken_words

SHORT = 2
"""Letters of a word that is too short to be anybody's."""
SHORTEST_CREDENTIAL = 6

_HEX = r"[0-9A-Fa-f]"
_PARTS = re.compile(
    r"(?P<time>\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)?)"
    r"|(?P<code>\berror:[0-9A-Fa-f]{8}(?=:))"
    rf"|(?P<mac>(?<![0-9A-Za-z:.-]){_HEX}{{2}}(?P<by>[:-])(?:{_HEX}{{2}}(?P=by)){{4}}{_HEX}{{2}}"
    r"(?![0-9A-Za-z:.-]))"
    rf"|(?P<ipv6>(?<![0-9A-Za-z:.])(?:{_HEX}{{0,4}}:){{2,7}}(?:\d+\.\d+\.\d+\.\d+|{_HEX}{{0,4}}))"
    r"|(?P<ipv4>(?<!\d)(?<!\d\.)\d{1,3}(?:\.\d{1,3}){3}(?!\d))(?![\w-]*\.[A-Za-z])"
    r"|(?P<url>[a-z][a-z0-9+.-]*://[^\s\"'?#,;)}]+)"
    r"|(?P<path>(?<![^\s\"'=({\[,])/[^\s\"'?#,;)}\]]+)"
    r"|(?P<name>[A-Za-z0-9_*-]+(?:\.[A-Za-z0-9_*-]+)+)"
    r"|(?P<token>[A-Za-z0-9\x80-\U0010ffff]+(?:-[A-Za-z0-9\x80-\U0010ffff]+)*)"
)
_TARGET = re.compile(r"(?<![^\s\"'=({\[,])(/[^\s\"'?#,;)}\]]*\?[^\s\"'<>{}\\]+)")
"""A request's path with its query."""
_RUN = re.compile(r"[A-Za-z0-9\x80-\U0010ffff]+")
_DASHED = re.compile(r"(?<!\d)\d{1,3}(?:-\d{1,3}){3}(?!\d)")
_AMOUNT = re.compile(r"\d+(?:[nmu]?s|[KMGT]i?B?|[bBhmd])?|0x[0-9a-f]{1,4}")
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_USUAL = re.compile(
    r"(?:br|bond|cali|cilium|cni|docker|dummy|en[ops]|eth|flannel|lo|lxc|tap|team|tun|tunl|veth|vxlan"
    r"|wg|wlan)\d{0,4}|(?:Tcp|Udp|Ip|Icmp)(?:6|Ext|Lite|Msg)?[A-Z]\w*"
)
"""What interfaces are usually called, and the kernel's counters."""
_SETTING = re.compile(
    r"net\.(?:bridge|core|ipv[46]|netfilter|unix)\.[a-z0-9_.]+|(?:fs|kernel|vm)\.[a-z]+_[a-z_]+"
)
"""The kernel's settings."""


class TextSanitizer:
    """Replaces what text tells of its owner."""

    def __init__(self, renamer: Renamer) -> None:
        self._renamer = renamer
        self._keyed = Keyed(renamer.derived(PAYLOADS))
        self._credentials = [
            credential.decode("latin-1")
            for credential in renamer.originals.credentials
            if len(credential) >= SHORTEST_CREDENTIAL
        ]

    def text(self, text: str) -> str:
        """Return text with addresses, names and unknown words replaced, credentials masked.

        Its length may change, its lines do not. Raises SanitizeError where no stand-in is left.
        """
        pieces = _TARGET.split(text)
        return "".join(
            _renamed(self._target, piece) if at % 2 else self._plain(piece)
            for at, piece in enumerate(pieces)
        )

    def _target(self, target: bytes) -> bytes:
        return target_image(target, self._renamer, self._keyed)

    def _plain(self, text: str) -> str:
        for credential in self._credentials:
            if credential in text:
                text = text.replace(credential, "x" * len(credential))
        return _PARTS.sub(self._part, mask(text))

    def json(self, value: object) -> object:
        """Return a JSON value with all its strings replaced, names of members too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.json(one) for one in value]
        if isinstance(value, dict):
            return {self.text(name): self.json(one) for name, one in value.items()}
        return value

    def hosts(self, text: str) -> str:
        """Return a file of addresses and names with both replaced, comments dropped."""
        lines = []
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            lines.append(" ".join(self._host(word) for word in words))
        return "\n".join(lines) + "\n" if lines else ""

    def _host(self, word: str) -> str:
        address, percent, scope = word.partition("%")
        try:
            return self._renamer.address_text(address) + percent + scope
        except ValueError:
            return _renamed(self._renamer.name, word)

    def _part(self, match: re.Match[str]) -> str:
        text, kind = match[0], match.lastgroup
        if kind == "by":
            kind = "mac"
        if kind in ("time", "code"):
            return text
        if kind == "mac":
            by = match["by"]
            return self._renamer.mac(bytes.fromhex(text.replace(by, ""))).hex(by)
        if kind in ("ipv4", "ipv6"):
            return self._address(text)
        if kind == "url":
            scheme, slashes, rest = text.partition("://")
            host, slash, path = rest.partition("/")
            return scheme + slashes + _PARTS.sub(self._part, host) + self._path(slash + path)
        if kind == "path":
            return self._path(text)
        original = text.encode("utf-8", "surrogateescape")
        is_word = is_sought(original) and original in self._renamer.originals.words
        if is_word or _UUID.fullmatch(text):
            return _renamed(self._renamer.word, text)
        if original.lower() in self._renamer.originals.names or _DASHED.search(text):
            return _renamed(self._renamer.name, text)
        if _SETTING.fullmatch(text):
            return text
        if kind == "name" and not self._is_plain(text):
            return _renamed(self._renamer.name, text)
        return _RUN.sub(self._word, text)

    def _path(self, text: str) -> str:
        return _renamed(lambda path: path_image(path, self._renamer), text)

    def _address(self, text: str) -> str:
        try:
            return text_of(self._renamer.address(ipaddress.ip_address(text).packed))
        except ValueError:
            return text if _RUN.sub("", text) == text or text.count("::") == 0 else "x" * len(text)

    def _is_plain(self, name: str) -> bool:
        """Return whether dots join our own words, or numbers: a file, a version, a setting."""
        return name.lower() in spoken_words() or not re.search(r"\.[A-Za-z]", name)

    def _word(self, match: re.Match[str]) -> str:
        word = match[0]
        lower = word.lower()
        if _AMOUNT.fullmatch(word) or len(word) <= SHORT:
            return word
        if lower in spoken_words() or is_known(lower.encode()) or _USUAL.fullmatch(word):
            return word
        return _renamed(self._renamer.word, word)


def _renamed(rename: Callable[[bytes], bytes], text: str) -> str:
    return rename(text.encode("utf-8", "surrogateescape")).decode("ascii", "replace")
