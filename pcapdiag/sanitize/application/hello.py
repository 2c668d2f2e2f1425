"""ClientHello and ServerHello with their extensions: offers and choices stay, names are renamed.

RFC 8446 section 4, RFC 5246 section 7.4.1, RFC 6066, RFC 7301, RFC 9849. An extension that is not
in ``_EXTENSIONS`` keeps its type and length; its content is overwritten.
"""

from __future__ import annotations

from collections.abc import Callable

from pcapdiag.diagnose.tls.certificates import MESH_NAMES
from pcapdiag.diagnose.tls_state import HAPROXY_CHECK
from pcapdiag.protocols.tls import names
from pcapdiag.protocols.tls.ciphers import cipher_names
from pcapdiag.protocols.tls.cursor import CutShortError
from pcapdiag.protocols.tls.hello import (
    ALPN,
    GROUPS,
    KEY_SHARE,
    POINT_FORMATS,
    PRE_SHARED_KEY,
    RETRY_RANDOM,
    SESSION_TICKET,
    SIGNATURES,
    SNI,
    SUPPORTED_VERSIONS,
    is_grease,
)
from pcapdiag.sanitize.application.certificate import rewrite_names
from pcapdiag.sanitize.application.editor import Editor
from pcapdiag.sanitize.application.texts import host
from pcapdiag.sanitize.keyed import Keyed
from pcapdiag.sanitize.renamer import Renamer

RANDOM = 32
MAX_COMPRESSIONS, MAX_SHORT = 4, 8
"""Bytes of a list of compressions, and of an extension that holds numbers."""
HOST_NAME = 0
ALPN_KEPT = (
    *(b"http/0.9", b"http/1.0", b"http/1.1", b"h2", b"h2c", b"h3", b"spdy/3", b"spdy/3.1"),
    *(b"acme-tls/1", b"dot", b"doq", b"ftp", b"imap", b"pop3", b"managesieve", b"smtp", b"irc"),
    *(b"mqtt", b"webrtc", b"c-webrtc", b"stun.turn", b"coap", b"xmpp-client", b"xmpp-server"),
    *(
        b"postgresql",
        b"tds/8.0",
        b"ntske/1",
        b"sunrpc",
        b"grpc-exp",
        b"istio",
        b"istio-peer-exchange",
    ),
    *(b"istio-http/1.0", b"istio-http/1.1", b"istio-h2", b"http/1.1-istio", b"nats", b"kafka"),
)
"""Protocol names that are registered (IANA "TLS ALPN Protocol IDs"), or a mesh's own."""
_STATUS_REQUEST, _CERTIFICATE_AUTHORITIES, _PSK_MODES, _CERTIFICATE_COMPRESSION = 5, 47, 45, 27
_SIGNATURES_CERT, _MAX_FRAGMENT, _RECORD_LIMIT, _HEARTBEAT, _CLIENT_TYPE, _SERVER_TYPE = (
    *(50, 1, 28, 15, 19, 20),
)
_EARLY_DATA, _EMS, _ETM, _POST_HANDSHAKE = 42, 23, 22, 49
_NEXT_PROTOCOL, _RENEGOTIATION, _ALPS, _ALPS_NEW = 13172, 0xFF01, 17513, 17613
_KEPT = frozenset(
    {
        *(_PSK_MODES, _CERTIFICATE_COMPRESSION, _MAX_FRAGMENT, _RECORD_LIMIT),
        *(_HEARTBEAT, _CLIENT_TYPE, _SERVER_TYPE, _EARLY_DATA, _EMS, _ETM, _POST_HANDSHAKE),
        POINT_FORMATS,
    }
)
"""Extensions that hold numbers of the protocol alone."""


def _is_cipher(number: int) -> bool:
    return number in cipher_names() or number in _SIGNALS or is_grease(number)


def _is_group(number: int) -> bool:
    return number in names.GROUPS or is_grease(number)


def is_scheme(number: int) -> bool:
    """Return whether a number is a signature scheme, or a hash and a signature of TLS 1.2."""
    is_pair = number >> 8 <= _LAST_HASH and number & 0xFF <= _LAST_SIGNATURE
    return is_pair or number in names.SIGNATURE_SCHEMES or is_grease(number)


def _is_version(number: int) -> bool:
    return number in names.VERSIONS or number >> 8 == _DRAFT or is_grease(number)


_SIGNALS = (0x00FF, 0x5600)
"""Renegotiation and fallback (RFC 5746, RFC 7507)."""
_LAST_HASH, _LAST_SIGNATURE, _DRAFT = 8, 0x41, 0x7F
_LISTS: dict[int, tuple[int, Callable[[int], bool]]] = {
    GROUPS: (2, _is_group),
    SIGNATURES: (2, is_scheme),
    _SIGNATURES_CERT: (2, is_scheme),
    SUPPORTED_VERSIONS: (1, _is_version),
}
"""Extensions that are lists of numbers: bytes of the list's length, and which numbers stay."""


class HelloRewriter:
    """Rewrites hellos; what is cut off is rewritten as far as it goes."""

    def __init__(self, renamer: Renamer, keyed: Keyed) -> None:
        self._renamer = renamer
        self._keyed = keyed
        self._extensions: dict[int, Callable[[Editor], None]] = {
            SNI: self._server_name,
            ALPN: self._protocols,
            _ALPS: self._protocols,
            _ALPS_NEW: self._protocols,
            KEY_SHARE: _key_share,
            PRE_SHARED_KEY: self._pre_shared_key,
            SESSION_TICKET: self._ticket,
            _STATUS_REQUEST: _status_request,
            _CERTIFICATE_AUTHORITIES: self._authorities,
            _RENEGOTIATION: _first_byte,
        }

    def client_hello(self, body: Editor) -> None:
        """Rewrite a ClientHello."""
        body.keep(2)
        self._random(body)
        self._session_id(body.vector(1))
        known_numbers(body.vector(2), _is_cipher)
        short(body.vector(1), MAX_COMPRESSIONS)
        self._all_extensions(body, in_answer=False)

    def server_hello(self, body: Editor) -> None:
        """Rewrite a ServerHello or a HelloRetryRequest."""
        body.keep(2)
        self._random(body)
        self._session_id(body.vector(1))
        body.keep(3)
        self._all_extensions(body, in_answer=True)

    def ssl2_hello(self, body: Editor) -> None:
        """Rewrite an SSL 2.0 style ClientHello from its version on (RFC 5246 appendix E.2)."""
        body.keep(2)
        ciphers = body.number(2)
        body.keep(4)
        kinds = body.part(ciphers)
        while len(kinds):
            # Three bytes; of those that TLS has the first is zero.
            is_tls = kinds.peek(1) == b"\0" and _is_cipher(int.from_bytes(kinds.peek(3), "big"))
            kinds.keep(3) if is_tls else kinds.skip(min(3, len(kinds)))

    def _random(self, body: Editor) -> None:
        random = body.peek(RANDOM)
        if random == RETRY_RANDOM or HAPROXY_CHECK in random:
            body.keep(RANDOM)
        else:
            body.replace(self._keyed.opaque(random))
            if len(random) < RANDOM:
                raise CutShortError

    def _session_id(self, inside: Editor) -> None:
        inside.replace(self._keyed.opaque(inside.peek()))

    def _all_extensions(self, body: Editor, in_answer: bool) -> None:
        if not len(body):
            return
        every = body.vector(2)
        while len(every):
            kind = every.number(2)
            content = every.vector(2)
            try:
                self._extension(kind, content, in_answer)
            except CutShortError:
                continue

    def _extension(self, kind: int, content: Editor, in_answer: bool) -> None:
        if kind in _LISTS:
            size, is_known = _LISTS[kind]
            known_numbers(content.vector(size) if len(content) > 2 else content, is_known)
        elif kind in _KEPT:
            short(content, MAX_SHORT)
        elif is_grease(kind):
            # Nothing, or one byte (RFC 8701).
            content.keep(min(len(content), 1))
        elif in_answer and kind in (KEY_SHARE, PRE_SHARED_KEY):
            # The group and the key's length, or the index of the key that was chosen.
            content.keep(min(len(content), 4))
        else:
            rewrite = self._extensions.get(kind)
            if rewrite is not None:
                rewrite(content)

    def _server_name(self, content: Editor) -> None:
        hosts = content.vector(2)
        while len(hosts):
            kind = hosts.number(1)
            name = hosts.vector(2)
            if kind == HOST_NAME:
                name.replace(server_name(name.peek(), self._renamer))

    def _protocols(self, content: Editor) -> None:
        protocols = content.vector(2)
        while len(protocols):
            name = protocols.vector(1)
            text = name.peek()
            is_number = len(text) == 2 and is_grease(int.from_bytes(text, "big"))
            kept = is_number or text in ALPN_KEPT
            name.replace(text if kept else self._renamer.word(text))

    def _pre_shared_key(self, content: Editor) -> None:
        identities = content.vector(2)
        while len(identities):
            identity = identities.vector(2)
            identity.replace(self._keyed.opaque(identity.peek()))
            identities.skip(4)
        binders = content.vector(2)
        while len(binders):
            binders.vector(1).skip()

    def _ticket(self, content: Editor) -> None:
        content.replace(self._keyed.opaque(content.peek()))

    def _authorities(self, content: Editor) -> None:
        rewrite_names(content.vector(2), self._renamer)


def server_name(name: bytes, renamer: Renamer) -> bytes:
    """Return the image of a server name; how a mesh begins its own stays.

    Istio's are ``outbound_.8080_.subset_.host``.
    """
    for begins in MESH_NAMES:
        if name.startswith(begins.encode()):
            port, dot, rest = name[len(begins) :].partition(b".")
            if dot and port.rstrip(b"_").isdigit():
                subset, dot, rest = rest.partition(b".")
                own = begins.encode() + port + b"."
                return own + renamer.word(subset) + dot + renamer.name(rest)
    return host(name, renamer)


def _key_share(content: Editor) -> None:
    shares = content.vector(2)
    while len(shares):
        is_odd = is_grease(shares.number(2))
        share = shares.vector(2)
        if is_odd:
            share.keep(min(len(share), 1))


def _status_request(content: Editor) -> None:
    content.keep(1)
    content.vector(2)
    content.vector(2)


def _first_byte(content: Editor) -> None:
    content.keep(1)


def known_numbers(numbers: Editor, is_known: Callable[[int], bool]) -> None:
    """Keep the numbers of two bytes that are registered; zero stands for any other."""
    while len(numbers) > 1:
        if is_known(int.from_bytes(numbers.peek(2), "big")):
            numbers.keep(2)
        else:
            numbers.skip(2)


def short(content: Editor, longest: int) -> None:
    """Keep what is no longer than numbers of the protocol are; overwrite anything else."""
    if len(content) <= longest:
        content.keep()
