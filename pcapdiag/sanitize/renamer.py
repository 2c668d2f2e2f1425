"""The names that a bundle gives to addresses, hosts, words: the same original, the same stand-in.

Everything is a function of the key. Addresses go through Crypto-PAn within their block
(:mod:`blocks`), names and words character by character (:mod:`alphabet`). Where a stand-in would be
somebody else's original, another is drawn: the renamer must know all originals for that, so a
capture with such clashes is gone through again with :meth:`Renamer.with_originals`.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Iterator, Sequence

from pcapdiag.errors import SanitizeError
from pcapdiag.sanitize import alphabet
from pcapdiag.sanitize.blocks import Block, Blocks, Network
from pcapdiag.sanitize.cryptopan import KEY_BYTES, CryptoPan
from pcapdiag.sanitize.fitting import fitting
from pcapdiag.sanitize.general import KEPT_ANYWHERE, is_general
from pcapdiag.sanitize.originals import Originals, text_of
from pcapdiag.sanitize.runs import MAX_DRAWS, Runs

ROUNDS = 16
"""Keys of which the one with the fewest clashes is taken, for a block of addresses."""
MAX_WALK = 1 << 20
"""Steps out of blocks that an image must not be in; more mean that ``keep`` leaves no room."""

_PORT = re.compile(rb"(?s)(.*?)(:\d{1,5})?")
_IPV4 = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}")
_REVERSE = re.compile(rb"(\d{1,3}(?:\.\d{1,3}){0,3})(\.in-addr\.arpa\.?)")
_REVERSE6 = re.compile(rb"([0-9a-f](?:\.[0-9a-f]){0,31})(\.ip6\.arpa\.?)")
_NO_MAC, _EVERY_MAC = bytes(6), b"\xff" * 6
_SOLICITED = bytes.fromhex("ff0200000000000000000001ff")
_SOLICITED_MAC = b"\x33\x33\xff"


class Renamer:
    """Replaces originals by stand-ins, and lists both in ``originals``.

    ``key`` has 32 bytes; addresses in the networks of ``keep`` stay, and no other gets there.
    """

    def __init__(
        self, key: bytes, keep: Sequence[Network] = (), known: Originals | None = None
    ) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes, not {KEY_BYTES}")
        self.originals = Originals()
        self._key = key
        self._keep = tuple(keep)
        self._known = known or Originals()
        self._blocks = Blocks(self._keep)
        self._pans: list[CryptoPan] = []
        self._first_rounds: dict[Block, int] = {}
        self._images: dict[bytes, bytes] = {}
        self._taken: set[bytes] = set()
        self._runs = Runs(self.derived(b"names"), self.originals.runs, self._known.runs)
        self._macs_key = self.derived(b"link-layer addresses")
        self._fitting_key = self.derived(b"addresses of a length")

    def with_originals(self, originals: Originals) -> Renamer:
        """Return a renamer with the same key that makes no image of any of these originals."""
        return Renamer(self._key, self._keep, originals)

    def address(self, packed: bytes) -> bytes:
        """Return the image of an address of 4 or 16 bytes.

        Raises SanitizeError where its block has no address left.
        """
        image = self._images.get(packed)
        if image is None:
            image = self._images[packed] = self._new_address(packed)
            self._taken.add(image)
            if image != packed:
                self.originals.addresses[packed] = image
        return image

    def address_text(self, text: str) -> str:
        """Return the image of an address in any notation, in its shortest form.

        Raises ValueError for what is no address.
        """
        return text_of(self.address(ipaddress.ip_address(text).packed))

    def address_fitting(self, text: bytes) -> bytes:
        """Return an image with as many characters, for text that has no room.

        It is the usual image once the renamer knows that this address needs one
        (:meth:`with_originals`). Raises ValueError for what is no address.
        """
        packed = ipaddress.ip_address(text.decode("ascii")).packed
        usual = self.address(packed)
        if usual != packed:
            self._note_fitted(packed)
        if len(text_of(usual)) != len(text_of(packed)):
            usual = self._draw(packed, self._fitting_images(packed))
        return _in_form(text, text_of(usual))

    def mac(self, raw: bytes) -> bytes:
        """Return the image of a link-layer address of 6 bytes, a locally administered one.

        Zero, broadcast and groups stay; a solicited-node group changes as its address does.
        """
        if raw.startswith(_SOLICITED_MAC):
            return _SOLICITED_MAC + self.address(_SOLICITED + raw[3:])[13:]
        if raw == _NO_MAC or raw[0] & 1:
            return raw
        image = self.originals.macs.get(raw)
        if image is None:
            image = self.originals.macs[raw] = self._new_mac(raw)
        return image

    def name(self, text: bytes) -> bytes:
        """Return a host name of the same length, label for label, upper case where it was.

        A port behind it stays. Where the host is an address, as :meth:`address_fitting`; the names
        of reverse lookups get the image's digits.
        """
        host, port = _split(text)
        literal = self._address_or_none(host)
        image = literal or self._reverse(host) or self._labels(host)
        if literal is None and image != host:
            self.originals.names[host.lower()] = image.lower()
        return image + port

    def word(self, text: bytes) -> bytes:
        """Return other text of the same length and characters of the same classes."""
        image = alphabet.RUN.sub(lambda match: self._runs.in_its_case(match[0]), text)
        if image != text:
            self.originals.words[text] = image
        return image

    def secret(self, text: bytes) -> bytes:
        """Return ``x`` as often as a credential has bytes; the scan will look for it."""
        if text:
            self.originals.credentials[text] = b"x" * len(text)
        return b"x" * len(text)

    def derived(self, purpose: bytes) -> bytes:
        """Return 32 bytes of key for one purpose (one block of HKDF-Expand, RFC 5869)."""
        return hmac.digest(self._key, b"pcapdiag sanitize " + purpose + b"\1", "sha256")

    # Addresses.

    def _new_address(self, packed: bytes) -> bytes:
        bits = 8 * len(packed)
        value = int.from_bytes(packed, "big")
        block = self._blocks.of(value, bits)
        if block.kept == bits:
            return packed
        if packed in self._known.fitted:
            return self._draw(packed, self._fitting_images(packed))
        if block.embedded >= 0:
            return self._embedded(packed, block)
        return self._draw(packed, self._images_of(value, bits, block))

    def _embedded(self, packed: bytes, block: Block) -> bytes:
        value = int.from_bytes(packed, "big")
        image = self._pan(0).image(value, 128, block.kept).to_bytes(16, "big")
        at = block.embedded // 8
        return image[:at] + self.address(packed[at : at + 4]) + image[at + 4 :]

    def _draw(self, packed: bytes, images: Iterator[bytes]) -> bytes:
        for image in images:
            if image == packed or image in self._known.addresses or image in self._taken:
                continue
            if image not in self.originals.addresses:
                return image
        raise SanitizeError(
            f"no address is left that could stand for one of {len(self._taken):,} in its network",
            "cut the capture to fewer hosts, or keep that network",
        )

    def _images_of(self, value: int, bits: int, block: Block) -> Iterator[bytes]:
        start = self._first_round(block, bits)
        for draw in range(start, start + MAX_DRAWS):
            yield self._walk(value, bits, block, draw).to_bytes(bits // 8, "big")

    def _walk(self, value: int, bits: int, block: Block, draw: int) -> int:
        """Apply the permutation until it ends in the block again: still a permutation of it."""
        pan = self._pan(draw)
        for _ in range(MAX_WALK):
            value = pan.image(value, bits, block.kept)
            if self._blocks.of(value, bits) is block:
                return value
        raise SanitizeError("the networks to keep leave no room beside them", "keep fewer")

    def _first_round(self, block: Block, bits: int) -> int:
        found = self._first_rounds.get(block)
        if found is None:
            found = self._first_rounds[block] = self._best_round(block, bits)
        return found

    def _best_round(self, block: Block, bits: int) -> int:
        known = {
            value
            for packed in self._known.addresses
            if 8 * len(packed) == bits and packed not in self._known.fitted
            for value in [int.from_bytes(packed, "big")]
            if self._blocks.of(value, bits) is block
        }
        clashes = []
        for draw in range(ROUNDS if known else 1):
            clashes.append(sum(self._walk(one, bits, block, draw) in known for one in known))
            if not clashes[-1]:
                break
        return clashes.index(min(clashes))

    def _note_fitted(self, packed: bytes) -> None:
        self.originals.fitted[packed] = len(text_of(packed))
        inner = self._inner(packed)
        if inner:
            self.originals.fitted[inner] = len(text_of(inner))

    def _inner(self, packed: bytes) -> bytes:
        """Return the IPv4 address in an IPv6 one, empty without."""
        at = self._blocks.of(int.from_bytes(packed, "big"), 8 * len(packed)).embedded // 8
        return packed[at : at + 4] if at >= 0 else b""

    def _fitting_images(self, packed: bytes) -> Iterator[bytes]:
        bits = 8 * len(packed)
        block = self._blocks.of(int.from_bytes(packed, "big"), bits)
        at, inner = block.embedded // 8, self._inner(packed)
        if inner and inner in self._known.fitted:
            inner = self.address(inner)
        elif inner:
            inner = next(self._fitting_images(inner))
        for draw in range(MAX_DRAWS):
            image = fitting(self._fitting_key, packed, block.kept, draw)
            if inner:
                image = image[:at] + inner + image[at + 4 :]
            if self._blocks.of(int.from_bytes(image, "big"), bits) is block:
                yield image

    def _pan(self, draw: int) -> CryptoPan:
        while len(self._pans) <= draw:
            number = len(self._pans)
            key = self.derived(b"round %d" % number) if number else self._key
            self._pans.append(CryptoPan(key))
        return self._pans[draw]

    def _new_mac(self, raw: bytes) -> bytes:
        taken = self.originals.macs
        for draw in range(MAX_DRAWS):
            image = hmac.digest(self._macs_key, draw.to_bytes(4, "big") + raw, "sha256")[:6]
            image = bytes((image[0] & 0xFC | 2,)) + image[1:]
            if image not in taken and image not in self._known.macs:
                return image
        raise SanitizeError("no link-layer address is left")

    # Names and words.

    def _address_or_none(self, host: bytes) -> bytes | None:
        bare = host[1:-1] if host[:1] == b"[" and host[-1:] == b"]" else host
        if not _IPV4.fullmatch(bare) and b":" not in bare:
            return None
        try:
            image = self.address_fitting(bare)
        except (ValueError, UnicodeDecodeError):
            return None
        return host.replace(bare, image)

    def _reverse(self, host: bytes) -> bytes | None:
        lower = host.lower()
        if match := _REVERSE.fullmatch(lower):
            parts = match[1].split(b".")[::-1]
            if any(int(part) > 255 or part != b"%d" % int(part) for part in parts):
                return None
            whole = bytes(int(part) for part in parts).ljust(4, b"\0")
            image = self._reversed(whole, len(parts)).split(b".")
            return b".".join(image[: len(parts)][::-1]) + host[len(match[1]) :]
        if match := _REVERSE6.fullmatch(lower):
            digits = match[1].split(b".")[::-1]
            whole = bytes.fromhex(b"".join(digits).ljust(32, b"0").decode())
            image = [b"%c" % digit for digit in self.address(whole).hex().encode()]
            return b".".join(image[: len(digits)][::-1]) + host[len(match[1]) :]
        return None

    def _reversed(self, packed: bytes, parts: int) -> bytes:
        text = text_of(packed).encode()
        if parts == 4:
            return self.address_fitting(text)
        block = self._blocks.of(int.from_bytes(packed, "big"), 32)
        return text_of(fitting(self._fitting_key, packed, block.kept, 0)).encode()

    def _labels(self, host: bytes) -> bytes:
        labels = host.split(b".")
        kept = len(labels)
        while kept and is_general(labels, kept - 1):
            kept -= 1
        return b".".join([*map(self._label, labels[:kept]), *labels[kept:]])

    def _label(self, label: bytes) -> bytes:
        if label.lower() in KEPT_ANYWHERE:
            return label
        return alphabet.RUN.sub(
            lambda match: alphabet.in_case_of(match[0], self._runs.image(match[0].lower())), label
        )


def _split(text: bytes) -> tuple[bytes, bytes]:
    """Return a host, and the port behind it with its colon; an IPv6 address has no port."""
    match = _PORT.fullmatch(text)
    if match is None or (b":" in match[1] and match[1][-1:] != b"]"):
        return text, b""
    return match[1], match[2] or b""


def _in_form(text: bytes, image: str) -> bytes:
    """Return the image with as many characters as the text, which may not be the shortest form."""
    result = image.encode()
    if len(result) == len(text):
        return result.upper() if text.isupper() else result
    full = ipaddress.ip_address(image).exploded.encode()
    parts = full.split(b":")
    # Leading zeros go, group by group, until the length is right.
    for at, part in enumerate(parts):
        spare = len(b":".join(parts)) - len(text)
        parts[at] = part[min(spare, len(part) - len(part.lstrip(b"0")), 3) :]
    fitted = b":".join(parts)
    if len(fitted) != len(text):
        raise ValueError("an address in a form that its image does not have")
    return fitted
