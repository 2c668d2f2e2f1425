"""What a SOCKS proxy said no to: methods, a login or a request (RFC 1928, RFC 1929, SOCKS4 and 4a).

Only first bytes are read: those of the connection, and those of its last turn. A proxy that refuses
closes, so its refusal is in the last one. Names and passwords of a login are passed over unread.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from pcapdiag.model.ends import join_port
from pcapdiag.model.once import once
from pcapdiag.model.story import Story

Step = Literal["methods", "login", "request"]
"""What was refused."""

SOCKS_REPLY = "socks_reply"
"""The name of the answer's code among a verdict's numbers."""
SOCKS4, SOCKS5, LOGIN = 4, 5, 1
"""First bytes: of the two versions, and of a login with name and password (RFC 1929)."""
NO_LOGIN, NAME_AND_PASSWORD, NONE_ACCEPTABLE = 0x00, 0x02, 0xFF
"""Methods (RFC 1928 section 3)."""
LATEST_REQUEST = {NO_LOGIN: 2, NAME_AND_PASSWORD: 3}
"""The turn in which the request is, by method; earlier where a client did not wait."""
GRANTED_4 = 0x5A
REFUSED_4 = (0x5B, 0x5C, 0x5D)
"""Answers of SOCKS4: granted; rejected or failed, no identd at the client, identd says another."""
PASSED_ON = {SOCKS4: frozenset[int](), SOCKS5: frozenset({3, 4, 5, 6})}
"""Answers to a request that tell how the proxy's own connection to the target failed."""
UNCLEAR = {SOCKS4: frozenset({0x5B}), SOCKS5: frozenset({1})}
"""Those that may tell that, or the proxy's own no."""
TARGET_FAILED = frozenset[int]().union(*PASSED_ON.values(), *UNCLEAR.values())
"""Codes of either version behind which there may be a failed call of the proxy."""
REPLY_4 = 8
"""Bytes of an answer of SOCKS4; of a request's fixed part, too."""
LARGEST_REPLY = 262
"""Bytes of an answer of SOCKS5 with a name of 255."""
COMMANDS = {1: "CONNECT", 2: "BIND", 3: "UDP ASSOCIATE"}
IPV4, NAME, IPV6 = 1, 3, 4
ADDRESS_BYTES = {IPV4: 4, IPV6: 16}
NO_ADDRESS = b"\0\0\0"
"""How SOCKS4a's address begins where a name follows, with a fourth byte that is not 0."""


class Refusal(msgspec.Struct, frozen=True):
    """A proxy's no."""

    version: int
    step: Step
    code: int
    """The second byte of its answer: 0xFF for methods, a login's status, REP, or SOCKS4's CD."""
    command: str = ""
    target: str = ""
    """Address or name, and port, of whom it was asked to call, as the capture has it."""
    methods: tuple[int, ...] = ()
    """Those that were offered."""


class _Request(NamedTuple):
    """What a client asks for, in either version."""

    command: int
    host: str
    port: int

    @property
    def target(self) -> str:
        return join_port(self.host, self.port)


@once
def speaks_socks(story: Story) -> bool:
    """Return whether both ends' first bytes are SOCKS, whatever was answered."""
    hello, said = story.hello_initiator, story.hello_responder
    if story.greeting_bytes or len(said) < 2:
        return False
    if hello[:1] == bytes([SOCKS4]):
        answered = len(said) >= REPLY_4 and said[0] == 0
        return answered and said[1] in (GRANTED_4, *REFUSED_4) and _request_4(hello) is not None
    methods = _methods(hello)
    return said[0] == SOCKS5 and bool(methods) and said[1] in (*methods, NONE_ACCEPTABLE)


def in_tunnel(story: Story) -> bool:
    """Return whether the last turn lies behind the proxy's last answer, as far as turns tell."""
    if not speaks_socks(story):
        return False
    if story.hello_initiator[0] == SOCKS4:
        return story.turn.index > 1 and story.hello_responder[1] == GRANTED_4
    latest = LATEST_REQUEST.get(story.hello_responder[1])
    return latest is not None and story.turn.index > latest


@once
def refusal(story: Story) -> Refusal | None:
    """Return what the proxy refused in the connection's last turn, or None.

    None, too, where the first bytes of an end may not be the connection's first.
    """
    turn = story.turn
    unseen = story.midstream or story.initiator.isn is None or story.responder.isn is None
    if unseen or not turn.response_head or not speaks_socks(story):
        return None
    if story.hello_initiator[0] == SOCKS4:
        return _refusal_4(story)
    methods = _methods(story.hello_initiator)
    method = story.hello_responder[1]
    if method == NONE_ACCEPTABLE:
        only = turn.index == 1 and turn.response_bytes == 2
        return Refusal(SOCKS5, "methods", method, methods=methods) if only else None
    asked, said = turn.request_head, turn.response_head
    if turn.index == 1:
        # All was sent at once, without waiting for the choice of a method.
        asked, said = asked[2 + len(methods) :], said[2:]
    elif turn.response_bytes > LARGEST_REPLY:
        return None
    return _refusal_5(asked, said, method, turn.index)


def _refusal_5(asked: bytes, said: bytes, method: int, turn: int) -> Refusal | None:
    """Return what is refused in bytes behind the choice of a method; a login may stand first."""
    if method == NAME_AND_PASSWORD and asked[:1] == said[:1] == bytes([LOGIN]):
        if len(said) < 2:
            return None
        if said[1]:
            return Refusal(SOCKS5, "login", said[1]) if len(said) == 2 else None
        asked, said = asked[_login_bytes(asked) :], said[2:]
    latest = LATEST_REQUEST.get(method, 0)
    request = _request_5(asked)
    if turn > latest or request is None or len(said) < 2 or len(said) > LARGEST_REPLY:
        return None
    if said[0] != SOCKS5 or said[1] == 0 or said[2:3] not in (b"", b"\0"):
        return None
    command = COMMANDS.get(request.command, f"command {request.command}")
    return Refusal(SOCKS5, "request", said[1], command, request.target)


def _refusal_4(story: Story) -> Refusal | None:
    turn, said = story.turn, story.turn.response_head
    request = _request_4(story.hello_initiator)
    if turn.index != 1 or turn.response_bytes != REPLY_4 or len(said) != REPLY_4:
        return None
    if request is None or said[1] not in REFUSED_4:
        return None
    return Refusal(SOCKS4, "request", said[1], COMMANDS[request.command], request.target)


def _methods(hello: bytes) -> tuple[int, ...]:
    """Return the methods that a greeting of SOCKS5 offers; none where it is no whole one."""
    if len(hello) < 3 or hello[0] != SOCKS5 or len(hello) < 2 + hello[1]:
        return ()
    return tuple(hello[2 : 2 + hello[1]])


def _login_bytes(asked: bytes) -> int:
    """Return the length of a login (RFC 1929 section 2): two words with their lengths before."""
    name = asked[1] if len(asked) > 1 else 0
    at = 2 + name
    return at + 1 + (asked[at] if len(asked) > at else 0)


def _request_5(asked: bytes) -> _Request | None:
    if len(asked) < 7 or asked[0] != SOCKS5 or asked[2] != 0:
        return None
    kind, at = asked[3], 4
    if kind == NAME:
        size, at = asked[4], 5
    else:
        size = ADDRESS_BYTES.get(kind, 0)
    if not size or len(asked) < at + size + 2:
        return None
    raw = asked[at : at + size]
    host = raw.decode("latin-1") if kind == NAME else _address(raw)
    return _Request(asked[1], host, int.from_bytes(asked[at + size : at + size + 2], "big"))


def _request_4(hello: bytes) -> _Request | None:
    """Read a request; the user's id behind the address, up to a zero byte, is passed over."""
    end = hello.find(b"\0", REPLY_4)
    if hello[:1] != bytes([SOCKS4]) or len(hello) <= REPLY_4 or end < 0 or hello[1] not in (1, 2):
        return None
    port, address = int.from_bytes(hello[2:4], "big"), hello[4:8]
    host = _address(address)
    if address.startswith(NO_ADDRESS) and address[3]:
        name = hello[end + 1 :].partition(b"\0")
        if not name[1]:
            return None
        host = name[0].decode("latin-1")
    return _Request(hello[1], host, port)


def _address(raw: bytes) -> str:
    if len(raw) == ADDRESS_BYTES[IPV4]:
        return ".".join(map(str, raw))
    from ipaddress import IPv6Address  # Only here: it is rare, and takes long to load.

    return str(IPv6Address(raw))
