"""Ends of connections by reset, each written from a time (ms) on behind its handshake."""

from __future__ import annotations

from collections.abc import Callable

from tests.flow.wire import Link

Play = Callable[[Link, float], object]
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PUT = b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1234"
UNTIL_CLOSE = b"HTTP/1.0 200 OK\r\n\r\nhello"
HELLO = b"\x16\x03\x01\x00\x40\x01" + bytes(63)
SERVER_HELLO = b"\x16\x03\x03\x00\x80\x02" + bytes(127)
RECORD = b"\x17\x03\x03\x00\x80" + bytes(128)
GOODBYE = b"\x17\x03\x03\x00\x13" + bytes(19)
A, B = len(GET), len(OK)


def answered(link: Link, at: float, request: bytes = GET, answer: bytes = OK) -> tuple[int, int]:
    """Ask and be answered; return the next sequence numbers."""
    link.c(at, "PA", 1, 1, request)
    link.s(at + 10, "PA", 1, 1 + len(request), answer)
    link.c(at + 11, "A", 1 + len(request), 1 + len(answer))
    return 1 + len(request), 1 + len(answer)


def aborts(link: Link, at: float) -> None:
    """The initiator has its whole answer and closes by RST."""
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack)


def is_checked(link: Link, at: float) -> None:
    """A layer-4 health check."""
    link.c(at, "RA", 1, 1)


def meets_late_close(link: Link, at: float) -> None:
    """A TLS client closes; the server's goodbye and FIN, sent before it knew, meet two RSTs."""
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 935, "PA", ack, seq, GOODBYE)
    link.s(at + 935.1, "FA", ack + len(GOODBYE), seq)
    link.c(at + 935.2, "R", seq)
    link.c(at + 935.3, "R", seq)


def meets_late_fin(link: Link, at: float) -> None:
    """A TLS client closes, and the server long after it."""
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 935, "FA", ack, seq + 1)
    link.c(at + 935.2, "R", seq + 1)


def in_tls(link: Link, at: float) -> tuple[int, int]:
    """Two turns within TLS, the second with an answer that no alert is as long as."""
    link.c(at, "PA", 1, 1, HELLO)
    link.s(at + 5, "PA", 1, 1 + len(HELLO), SERVER_HELLO)
    seq, ack = 1 + len(HELLO), 1 + len(SERVER_HELLO)
    link.c(at + 10, "PA", seq, ack, RECORD)
    seq += len(RECORD)
    link.s(at + 15, "PA", ack, seq, RECORD * 6)
    ack += len(RECORD) * 6
    link.c(at + 16, "A", seq, ack)
    return seq, ack


def server_resets_who_left(link: Link, at: float) -> None:
    """The initiator closes; the responder ends by RST what it would have closed."""
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 20, "RA", ack, seq + 1)


def met_by_reset(link: Link, at: float) -> None:
    """The responder closes a connection that is done, and its FIN meets a RST."""
    seq, ack = answered(link, at, answer=UNTIL_CLOSE)
    link.s(at + 12, "FA", ack, seq)
    link.c(at + 13, "R", seq)


def cut_short(link: Link, at: float) -> None:
    seq, ack = answered(link, at, answer=OK[:-1])
    link.c(at + 12, "RA", seq, ack)


def cut_until_close(link: Link, at: float) -> None:
    seq, ack = answered(link, at, answer=UNTIL_CLOSE)
    link.c(at + 12, "RA", seq, ack)


def unanswered(link: Link, at: float) -> None:
    link.c(at, "PA", 1, 1, GET)
    link.s(at + 1, "A", 1, 1 + A)
    link.c(at + 12, "RA", 1 + A, 1)


def early_answer(link: Link, at: float) -> None:
    """The request's body had not been sent to its end."""
    seq, ack = answered(link, at, request=PUT)
    link.c(at + 12, "RA", seq, ack)


def pipelined(link: Link, at: float) -> None:
    """Of two requests at once only the first has an answer."""
    seq, ack = answered(link, at, request=GET * 2)
    link.c(at + 12, "RA", seq, ack)


def by_the_responder(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.s(at + 12, "RA", ack, seq)


def other_ttl(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack, ttl=63)


def other_mac(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack, mac=b"\2\0\0\0\0\3")


def other_number(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq + 1, ack)


def behind_without_fin(link: Link, at: float) -> None:
    seq, _ack = answered(link, at)
    link.c(at + 12, "R", seq - 1)


def ahead(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "A", ack, seq + 1)
    link.c(at + 14, "R", seq + 2)


def far_behind(link: Link, at: float) -> None:
    """No goodbye is as long as what its sender would not have sent yet."""
    seq, ack = answered(link, at, request=GET + bytes(200))
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "A", ack, seq + 1)
    link.c(at + 14, "R", seq - 200)


def behind_with_ack(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "A", ack, seq + 1)
    link.c(at + 14, "RA", seq, ack)


def with_words(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "RA", seq, ack, b"why")


def two_ttls(link: Link, at: float) -> None:
    link.c(at - 5, "A", 1, 1, ttl=63)
    aborts(link, at)


def two_macs(link: Link, at: float) -> None:
    link.c(at - 5, "A", 1, 1, mac=b"\2\0\0\0\0\3")
    aborts(link, at)


def two_interfaces(link: Link, at: float) -> None:
    link.c(at - 5, "A", 1, 1, interface=1)
    aborts(link, at)


def one_after_the_other(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 20, "RA", ack, seq + 1)
    link.c(at + 21, "R", seq + 1)


def other_is_shut(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.s(at + 11.5, "A", ack, seq, window=0)
    link.c(at + 12, "RA", seq, ack)


def goodbye_behind_the_reset(link: Link, at: float) -> None:
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 34, "FA", ack + len(GOODBYE), seq)
    link.c(at + 34.1, "R", seq)
    link.s(at + 35, "PA", ack, seq, GOODBYE)


def reset_then_left(link: Link, at: float) -> None:
    seq, ack = answered(link, at)
    link.s(at + 12, "FA", ack, seq)
    link.s(at + 12.1, "RA", ack + 1, seq)
    link.c(at + 12.2, "FA", seq, ack)


def heard_of_later(link: Link, at: float) -> None:
    aborts(link, at)
    link.s(at + 30, "A", 1 + B, 1 + A)


def not_taken(link: Link, at: float) -> None:
    """The responder answered before it had acknowledged the whole request."""
    link.c(at, "PA", 1, 1, GET)
    link.s(at + 10, "PA", 1, 1 + A - 5, OK)
    link.c(at + 12, "A", 1 + A, 1 + B)
    link.c(at + 13, "RA", 1 + A, 1 + B)


def more_lines(link: Link, at: float) -> None:
    """No TLS: what the initiator no longer heard is no goodbye."""
    seq, ack = answered(link, at, request=b"list\n", answer=b"one\n")
    link.c(at + 12, "FA", seq, ack)
    link.s(at + 13, "PA", ack, seq, b"two\n")
    link.s(at + 13.1, "FA", ack + 4, seq)
    link.c(at + 13.2, "R", seq)


def closed_and_reset(link: Link, at: float) -> None:
    link.c(at, "FA", 1, 1)
    link.s(at + 10, "RA", 1, 2)


def goes_on(link: Link, at: float) -> None:
    aborts(link, at)
    link.c(at + 30, "A", 1 + A, 1 + B)


def answer_goes_on(link: Link, at: float) -> None:
    seq, ack = in_tls(link, at)
    link.c(at + 30, "FA", seq, ack)
    link.s(at + 35, "PA", ack, seq + 1, RECORD * 2)
    link.c(at + 35.2, "R", seq + 1)


def waited(link: Link, at: float) -> None:
    """Within TLS nobody knows whether an initiator that waited was waiting for more."""
    seq, ack = in_tls(link, at)
    link.c(at + 930, "RA", seq, ack)


def both(link: Link, at: float) -> None:
    aborts(link, at)
    link.s(at + 13, "R", 1 + B)


def slow_check(link: Link, at: float) -> None:
    link.c(at + 900, "RA", 1, 1)


def check_of_what_closed(link: Link, at: float) -> None:
    link.s(at, "FA", 1, 1)
    link.c(at + 1, "A", 1, 2)
    link.c(at + 2, "RA", 1, 2)


def shut(link: Link, at: float) -> None:
    """The initiator's window was shut before."""
    link.c(at - 5, "A", 1, 1, window=0)
    aborts(link, at)
