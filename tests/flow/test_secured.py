"""TLS with short answers: what was plainly in use is only counted, all else is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, Unpack

import pytest

from pcapdiag.flow import secured
from pcapdiag.flow.lanes import TRANSCRIPT_BYTES
from pcapdiag.flow.tracker import Tracker
from pcapdiag.protocols.tls.infer import MAX_TICKETS, PADDING, TICKET_SIZES, Sizes
from tests.flow.wire import End, Link, Wire, tell
from tests.protocols.tls.wire import (
    ALERT,
    HANDSHAKE,
    RETRY,
    alert,
    change_cipher_spec,
    client,
    client_hello,
    handshake,
    record,
    sealed,
    server,
    server_hello,
)

LOOKED_AT = 2
"""Connections with each server that are told for the sake of its certificate."""
Turn = tuple[bool, bytes]

HELLO = client(handshake(1, client_hello()))
FLIGHT = server(handshake(2, server_hello()), change_cipher_spec(), sealed(2_500), sealed(53))
FINISHED = change_cipher_spec() + sealed(53)
ASKED, ANSWER = sealed(120), sealed(131)
GOODBYE = client(sealed(19))
TLS13 = (HELLO, FLIGHT)

CERTIFICATE = server(handshake(2, server_hello(())), handshake(11, bytes(2_000)), handshake(14))
SEALED_FINISHED = change_cipher_spec() + sealed(40, HANDSHAKE)
TLS12 = (HELLO, CERTIFICATE, client(handshake(16), SEALED_FINISHED), server(SEALED_FINISHED))
GOODBYE12 = client(sealed(26, ALERT))
GREETED = server(b"220 mail\r\n"), client(b"STARTTLS\r\n"), server(b"220 go ahead\r\n")


def told(*turns: Turn, prepare: Callable[[Tracker], object] = id, **how: Unpack[How]) -> bool:
    """Return whether such a connection is told; the initiator closes it."""
    wire = Wire()
    for n in range(LOOKED_AT + 1):
        caller = End("10.0.0.1", 40_000 + n, 0x1000 + n * 7_919, b"\2\0\0\0\0\1")
        link = Link(wire, caller, End("10.0.0.2", 443, 0x9000 + n, b"\2\0\0\0\0\2"))
        at = n * 3_000.0
        link.handshake(at)
        play(link, at + 20, turns, **how)
    found = tell(wire, want_all=False, prepare=prepare)
    assert len(found.stories) in (LOOKED_AT, LOOKED_AT + 1)
    return len(found.stories) > LOOKED_AT


class How(TypedDict, total=False):
    """How the segments of a connection are captured."""

    segment: int
    """Bytes of payload in each."""
    step: float
    """Milliseconds from one to the next."""
    swapped: int
    """Turn whose first two segments come in the other order."""
    unseen: int
    """Turn of which only headers are captured."""


def play(link: Link, at: float, turns: tuple[Turn, ...], **how: Unpack[How]) -> None:
    size = how.get("segment", 1_400)
    sent = {True: 1, False: 1}
    for n, (by_client, data) in enumerate(turns):
        parts = [(start, data[start : start + size]) for start in range(0, len(data), size)]
        if n == how.get("swapped", -1):
            parts[:2] = parts[1::-1]
        write = link.c if by_client else link.s
        snaplen = 54 if n == how.get("unseen", -1) else 1 << 18
        for start, part in parts:
            seq, ack = sent[by_client] + start, sent[not by_client]
            write(at, "PA", seq, ack, part, snaplen=snaplen)
            at += how.get("step", 1)
        sent[by_client] += len(data)
    mine, theirs = sent[True], sent[False]
    link.c(at, "FA", mine, theirs)
    link.s(at + 1, "FA", theirs, mine + 1)
    link.c(at + 2, "A", mine + 1, theirs + 1)


def asks(*answers: bytes, by: bytes = FINISHED + ASKED) -> tuple[Turn, ...]:
    """Return the turns of TLS 1.3 with one request, its answers and the goodbye."""
    return (*TLS13, client(by), server(*answers), GOODBYE)


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param(asks(sealed(130), ANSWER), id="short ticket"),
        pytest.param(asks(sealed(250), ANSWER), id="ticket"),
        pytest.param(asks(sealed(200), sealed(200), ANSWER), id="two tickets"),
        pytest.param(asks(sealed(250)), id="an answer as long as a ticket"),
        pytest.param(asks(sealed(250), sealed(200)), id="unlike the ticket"),
        pytest.param(asks(ANSWER, sealed(19)), id="server's goodbye"),
        pytest.param(asks(ANSWER, by=sealed(700) + sealed(53) + ASKED), id="client certificate"),
        pytest.param(asks(ANSWER, by=sealed(69) + ASKED), id="longer hash"),
        pytest.param(asks(ANSWER, by=FINISHED + sealed(69)), id="as long as a Finished"),
        pytest.param(asks(ANSWER, by=sealed(85) + ASKED), id="padded"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER), GOODBYE12), id="TLS 1.2"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER), client(sealed(30))), id="control"),
        pytest.param((*TLS12, client(sealed(69)), server(ANSWER), GOODBYE12), id="short request"),
        pytest.param((*GREETED, *asks(ANSWER)), id="behind a greeting"),
    ],
)
@pytest.mark.parametrize("segment", [7, 97, 1_400])
def test_what_was_in_use_is_counted(turns: tuple[Turn, ...], segment: int) -> None:
    assert not told(*turns, segment=segment)


def test_a_kept_connection_is_counted() -> None:
    turn = client(ASKED), server(ANSWER)
    assert not told(*TLS13, client(FINISHED + ASKED), server(ANSWER), *turn, *turn, GOODBYE)
    assert not told(*TLS12, *turn, *turn, *turn, GOODBYE12)
    begun = (*TLS13, client(FINISHED + ASKED), server(ANSWER))
    assert not told(*begun, client(ASKED), server(sealed(250)), GOODBYE)
    ticket = (*TLS13, client(FINISHED), server(sealed(250)))
    assert not told(*ticket, client(ASKED), server(ANSWER), client(ASKED), server(sealed(250)))
    equal = client(ASKED), server(sealed(200))
    assert not told(*TLS13, client(FINISHED), *equal * (MAX_TICKETS + 1), GOODBYE)


def test_packets_of_one_time_are_in_the_order_of_frames() -> None:
    assert not told(*asks(ANSWER), step=0)
    assert told(*asks(ANSWER)[:-1], *UNANSWERED, step=0)


def test_a_resumed_session_is_counted() -> None:
    short = server(handshake(2, server_hello(())) + SEALED_FINISHED)
    turns = HELLO, short, client(SEALED_FINISHED + ASKED), server(ANSWER), GOODBYE12
    assert not told(*turns)


RETRIED = (
    HELLO,
    server(handshake(2, server_hello(random=RETRY)), change_cipher_spec()),
    client(change_cipher_spec(), HELLO[1]),
    server(handshake(2, server_hello()), sealed(400), sealed(53)),
)
BIG_RETRY = (*RETRIED[:3], server(handshake(2, server_hello()), sealed(2_500), sealed(53)))
UNANSWERED = client(ASKED), server(sealed(19)), GOODBYE
UNHEARD = client(ASKED), server(sealed(26, ALERT))
OTHER = record(23, bytes(99), version=0x0403)
RENEGOTIATED = sealed(200, HANDSHAKE)


@pytest.mark.parametrize(
    "turns",
    [
        pytest.param(asks(sealed(19)), id="alert instead of an answer"),
        pytest.param(asks(sealed(59)), id="maybe an alert"),
        pytest.param(asks(sealed(250), sealed(250)), id="tickets alone"),
        pytest.param((*TLS13, client(FINISHED), server(sealed(250)), GOODBYE), id="ticket alone"),
        pytest.param(asks(ANSWER, by=ASKED), id="no Finished"),
        pytest.param(asks(ANSWER, by=FINISHED + sealed(59)), id="maybe no request"),
        pytest.param((*TLS13, client(FINISHED), server(ANSWER), GOODBYE), id="nothing asked"),
        pytest.param(
            (*TLS13, client(FINISHED), server(sealed(250)), *UNANSWERED), id="ticket, no answer"
        ),
        pytest.param(asks(ANSWER, alert(40)), id="alert in clear"),
        pytest.param(asks(ANSWER, sealed(26, ALERT)), id="alert that is not hidden"),
        pytest.param((*TLS13, client(alert(48)), server(ANSWER), GOODBYE), id="client's alert"),
        pytest.param((*asks(ANSWER)[:-1], *UNANSWERED), id="the last one"),
        pytest.param((*RETRIED, client(sealed(53), ASKED), server(ANSWER), GOODBYE), id="retry"),
        pytest.param((*TLS12, GOODBYE12), id="nothing but the handshake"),
        pytest.param((*TLS12, client(ASKED), server(sealed(59)), GOODBYE12), id="maybe control"),
        pytest.param((*TLS12, *UNHEARD), id="goodbye instead of an answer"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER), *UNHEARD), id="instead of a second"),
        pytest.param(
            (*TLS12, client(RENEGOTIATED), client(ASKED), server(ANSWER)), id="client begins anew"
        ),
        pytest.param(
            (*TLS12, client(ASKED), server(RENEGOTIATED, ANSWER)), id="server begins anew"
        ),
        pytest.param(
            (*TLS12[:3], server(sealed(40, HANDSHAKE)), client(ASKED), server(ANSWER)),
            id="no change_cipher_spec",
        ),
        pytest.param(
            (*TLS12, client(sealed(26, ALERT), ASKED), server(ANSWER)), id="client's words last"
        ),
        pytest.param(
            (*TLS12, client(ASKED), server(sealed(26, ALERT), ANSWER)), id="server's words last"
        ),
        pytest.param(
            (*TLS12, client(ASKED), server(change_cipher_spec(), ANSWER)), id="changed twice"
        ),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, alert(0))), id="goodbye in clear"),
        pytest.param(
            (client(record(22, HELLO[1][5:9]), record(22, HELLO[1][9:])), *asks(ANSWER)[1:]),
            id="hello in pieces",
        ),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, OTHER)), id="not TLS's version"),
        pytest.param((*GREETED, *TLS12, GOODBYE12), id="nothing behind a greeting"),
        pytest.param((*GREETED, HELLO, CERTIFICATE, client(alert(48))), id="STARTTLS refused"),
        pytest.param((*BIG_RETRY, client(sealed(19))), id="refused again"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, record(24, b"x"))), id="heartbeat"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, record(23, b""))), id="empty record"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, b"\x17\x03")), id="cut header"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, ANSWER[:-1])), id="cut record"),
        pytest.param((*TLS12, client(ASKED), server(ANSWER, b"HTTP/1.1 400")), id="no TLS"),
        pytest.param((*TLS12, client(ASKED, b"GET /"), server(ANSWER)), id="no TLS asked"),
    ],
)
def test_what_is_out_of_the_common_is_told(turns: tuple[Turn, ...]) -> None:
    assert told(*turns)


def test_what_is_not_known_whole_is_told() -> None:
    kept = (*asks(ANSWER)[:-1], client(ASKED), server(ANSWER), GOODBYE)
    assert not told(*kept)
    assert told(*kept, unseen=len(kept) - 3)
    assert told(*asks(ANSWER, ANSWER), swapped=3, segment=100)
    turn = client(ASKED), server(ANSWER)
    assert told(*TLS12, *turn * (TRANSCRIPT_BYTES // len(ANSWER)), GOODBYE12)
    much = client(sealed(300)), server(ANSWER)
    assert told(*TLS12, *much * (TRANSCRIPT_BYTES // 300), *UNHEARD)
    long = (*TLS13, client(FINISHED + ASKED), server(sealed(TRANSCRIPT_BYTES)), GOODBYE)
    assert not told(*long)
    assert told(*long, prepare=without_heads)


def test_a_long_talk_behind_a_greeting_is_counted() -> None:
    begun = (*GREETED, *TLS12, client(ASKED))
    assert not told(*begun, server(sealed(9_000)), client(ASKED), server(sealed(16_000)), GOODBYE12)
    more = client(ASKED), server(sealed(9_000))
    assert not told(*begun, server(sealed(9_000)), *more * 3, GOODBYE12)
    assert told(*begun, server(sealed(59)), client(ASKED), server(sealed(26, ALERT)), GOODBYE12)
    assert told(*begun[:-1], client(sealed(59)), server(sealed(30_000)), GOODBYE12)


def without_heads(tracker: Tracker) -> None:
    tracker.turns.heads.limit = 0


@pytest.mark.once
def test_it_knows_the_same_sizes_as_the_reader() -> None:
    assert secured.MAX_TICKETS == MAX_TICKETS
    assert range(secured.TICKET_MIN, secured.TICKET_MAX) == TICKET_SIZES
    assert secured.PADDING == PADDING
    finished = [Sizes.of(cipher).finished for cipher in (0x1301, 0x1302)]
    assert finished == [secured.FINISHED, secured.LONG_FINISHED]
