"""Whether a line of a proxy's log says what the wire shows, and what it leaves open.

A log tells what the proxy met, in few words that stand for many failures; the capture shows which.
Where both tell different things it is said only if the line is surely about this connection.
"""

from __future__ import annotations

from typing import NamedTuple

from pcapdiag.correlate.logs.calls import Call, call_of, may_be, was_not_sent, words_of
from pcapdiag.correlate.logs.ties import Tie
from pcapdiag.correlate.logs.wire import wire_of
from pcapdiag.diagnose.greeting import REQUEST_TIMEOUT
from pcapdiag.diagnose.proxy_words import Heard, heard, named
from pcapdiag.diagnose.timing import duration
from pcapdiag.model.failed_request import listed_exchange
from pcapdiag.model.logs import LogEntry
from pcapdiag.model.report import Connection, Verdict
from pcapdiag.model.report_http import HttpExchange
from pcapdiag.model.units import SECOND
from pcapdiag.protocols.http.grpc import status_name

MESSAGE = 120
"""Characters of an error log's message in a sentence."""
NO_ANSWER = (0, REQUEST_TIMEOUT, 499)
"""Statuses that a proxy logs for a client that got no answer."""
_IN_VAIN = "the proxy waited in vain for its client, and closed"
ERROR = 500
"""From this status on an answer is an error."""
MEANS: dict[Call, str] = {
    "no attempt": "that nothing was sent to an upstream",
    "connect": "that the connection was not made (TCP or TLS)",
    "slow connect": "that the connection was not made in time (TCP or TLS)",
    "ended": "only that the upstream connection ended",
    "reset": "that the upstream reset the stream",
    "protocol": "that the answer broke the protocol",
    "slow": "only that no answer came in time",
    "left": "that the client left",
    "answered": "that the upstream itself answered so",
    "any": "no more than that it failed",
}
OPEN: dict[Call, str] = {
    "connect": "whether TCP or TLS failed, and how",
    "slow connect": "whether TCP or TLS was not answered",
    "ended": "whether FIN or RST ended the connection, and who sent it",
    "reset": "why the stream was reset",
    "protocol": "what was wrong with the answer",
    "slow": "why no answer came",
}
"""What the wire decides."""
PLAIN: dict[Call, str] = {"slow": "tcp.response_timeout", "slow connect": "tcp.connection_timeout"}
"""The verdict that says no more than the line."""
BY = {
    "middlebox": ", by a device between and not by the upstream",
    "upstream": ", by the upstream itself",
    "proxy": ", by the proxy itself",
}
LAYERS = {"connect": "TCP, ", "tls_handshake": "TLS, "}


class Agreement(NamedTuple):
    """Whether line and wire tell the same (None: cannot be told), and why, in one sentence."""

    agrees: bool | None
    why: str = ""


def agreement(entry: LogEntry, tie: Tie, connection: Connection) -> Agreement:
    """Compare a line with the connection that it is tied to."""
    if tie.leg == "downstream":
        return _downstream(entry, tie, connection)
    if tie.attempt < 0:
        return Agreement(None, "the line's words are about its last try, and this was one before")
    return _upstream(entry, tie, connection)


def said_of(entry: LogEntry) -> str:
    """Return the words by which a line says how it went: ``UF connection_timeout``."""
    if entry.product == "nginx" and entry.message:
        text = " ".join(entry.message.split())
        return text if len(text) <= MESSAGE else f"{text[:MESSAGE]}..."
    words = [",".join(entry.flags), entry.reset_reason or entry.details or ""]
    if entry.transport_failure:
        words[-1] = "|".join(filter(None, (words[-1], entry.transport_failure)))
    if entry.grpc_status:
        words.insert(0, f"gRPC {status_name(entry.grpc_status)}")
    told = " ".join(filter(None, words))
    return told or (str(entry.status) if entry.status is not None else "")


def _downstream(entry: LogEntry, tie: Tie, connection: Connection) -> Agreement:
    exchange = _exchange(connection, tie)
    if was_not_sent(entry) and not connection.causes:
        return _not_sent(entry)
    if exchange is None:
        return _unread(entry, connection)
    if entry.status in NO_ANSWER or call_of(entry) == "left":
        return _left(entry, exchange, connection)
    if entry.status is None:
        return _message(entry, connection)
    if entry.method == "CONNECT" and exchange.method not in (None, "CONNECT"):
        return Agreement(True, f"{entry.status} was the tunnel's; this request went through it")
    if exchange.status is None:
        why = f"the log says that {entry.status} was answered: no answer is on the wire"
        return Agreement(False if tie.exact else None, why)
    if exchange.status != entry.status:
        why = f"the log says {entry.status}, the wire shows the answer {exchange.status}"
        return Agreement(False, why)
    said, shown = entry.grpc_status, exchange.grpc.status if exchange.grpc else None
    if said is not None and shown is not None and said != shown:
        names = f"{status_name(said)}, the wire shows the answer {status_name(shown)}"
        return Agreement(False, f"the log says gRPC {names}")
    return Agreement(True, _same_status(entry, exchange))


def _message(entry: LogEntry, connection: Connection) -> Agreement:
    """Compare an error's message with what became of the client: mostly it is of the other leg."""
    exchanges = connection.http.exchanges if connection.http else []
    replied = any(one.local_reply for one in exchanges)
    if connection.verdict.code in _codes(entry) or connection.causes or replied:
        return Agreement(True)
    return _of_client(entry, connection.verdict)


def _of_client(entry: LogEntry, verdict: Verdict) -> Agreement:
    """Compare a message about a client's handshake with how that failed."""
    words, shown = words_of(entry), verdict.title
    if "handshake" in words and verdict.code.startswith(("tls.", "protocol.")):
        return Agreement(True, f"the line leaves open why; the wire shows: {shown}")
    if "proxy protocol" in words and verdict.code == "protocol.missing_proxy_header":
        return Agreement(True)
    return Agreement(None, f"the wire shows of the client's connection: {shown}")


def _same_status(entry: LogEntry, exchange: HttpExchange) -> str:
    named = bool(entry.upstreams or entry.upstream_name)
    own = named and not entry.flags and exchange.local_reply is None and exchange.complete
    if entry.grpc_status and call_of(entry) == "answered":
        return f"{status_name(entry.grpc_status)} is the upstream's own answer, handed on"
    if call_of(entry) == "answered" or (own and (exchange.status or 0) >= ERROR):
        return f"the {exchange.status} is the upstream's own answer, handed on"
    if call_of(entry) == "no attempt":
        return "nothing was sent to an upstream for this request"
    return ""


def _not_sent(entry: LogEntry) -> Agreement:
    words = words_of(entry)
    reason = "the proxy's own kernel refused the call"
    if "assign requested address" in words or "(99:" in words:
        reason = "no local port was free (errno 99)"
    elif "unreachable" in words or "(101:" in words:
        reason = "the proxy's host has no route there (errno 101)"
    if "remote connection failure" in words:
        why = f"the log blames the upstream ({said_of(entry)}): no packet went to it, {reason}"
        return Agreement(False, why)
    return Agreement(True, f"no packet went to the upstream: {reason}")


def _unread(entry: LogEntry, connection: Connection) -> Agreement:
    """Compare with a client's connection whose requests the capture does not show."""
    verdict = connection.verdict
    if verdict.code in _codes(entry):
        return Agreement(True, _open(entry, verdict))
    if connection.causes:
        return Agreement(True, "the proxy ended it for what failed on its other leg")
    if verdict.failed:
        return _of_client(entry, verdict)
    if call_of(entry) == "left" and _proxy_closed_first(connection):
        if _waited(entry):
            return Agreement(True, _IN_VAIN)
        return Agreement(
            False, "the log says that the client left, the wire shows that the proxy closed first"
        )
    encrypted = connection.tls is not None
    what = "the answer is encrypted" if encrypted else "the answer cannot be read on the wire"
    return Agreement(None, f"{what}, and the connection itself went well: only the log tells this")


def _proxy_closed_first(connection: Connection) -> bool:
    """Return whether the responder's is the first FIN or RST; an end may close its half first."""
    for entry in connection.timeline:
        if any(flag in f"{entry.event} {entry.detail}" for flag in ("FIN", "RST")):
            return entry.from_ == "responder"
    return False


def _left(entry: LogEntry, exchange: HttpExchange, connection: Connection) -> Agreement:
    verdict = connection.verdict
    if exchange.status == entry.status == REQUEST_TIMEOUT:
        return Agreement(True, _IN_VAIN)
    if exchange.status is None or not exchange.complete:
        ended = exchange.ended_by or verdict.ended_by
        if ended in (None, "initiator"):
            return Agreement(True, "")
        why = f"the log says that the client left, the wire shows another end: {verdict.title}"
        return Agreement(False, why)
    if entry.status in (*NO_ANSWER, None):
        why = f"the log says that the client got no answer, the wire shows {exchange.status}, whole"
        return Agreement(False, why)
    return Agreement(True, "")


def _waited(entry: LogEntry) -> bool:
    """Return whether a line says that the proxy waited for its client in vain, and closed."""
    return entry.status == REQUEST_TIMEOUT or any(one.startswith("c") for one in entry.flags)


def _upstream(entry: LogEntry, tie: Tie, connection: Connection) -> Agreement:
    verdict = _verdict(connection, tie)
    if verdict.code == "capture.partial":
        return Agreement(None, "the capture holds too little of this connection to tell")
    if not verdict.failed:
        return _healthy(entry, tie, connection)
    return _by_codes(entry, tie, connection, verdict)


def _healthy(entry: LogEntry, tie: Tie, connection: Connection) -> Agreement:
    exchange = _exchange(connection, tie)
    call = call_of(entry)
    read = connection.http.exchanges if connection.http else []
    if call == "answered" and not any(one.status for one in read):
        return Agreement(None, "the upstream's answer cannot be read on the wire")
    if call == "answered" or (exchange is not None and exchange.status == entry.status):
        return Agreement(True, "the upstream itself answered so")
    if exchange is not None and exchange.complete and call in ("ended", "slow", "reset"):
        why = f"the log says {MEANS[call]}, the wire shows its answer {exchange.status}, whole"
        return Agreement(False if tie.exact else None, why)
    return Agreement(None, "the wire shows nothing wrong with this connection")


def _by_codes(entry: LogEntry, tie: Tie, connection: Connection, verdict: Verdict) -> Agreement:
    call, codes = call_of(entry), _codes(entry)
    wire = wire_of(connection)
    if call == "answered" and verdict.code == "grpc.error":
        return Agreement(True, "the upstream itself answered so")
    if verdict.code in codes or may_be(call, wire):
        return Agreement(True, _open(entry, verdict, connection))
    if call in ("any", "answered") or not tie.exact:
        return Agreement(None, f"the wire shows: {verdict.title}")
    return Agreement(
        False, f"the log says {MEANS[call]} ({said_of(entry)}), the wire shows: {verdict.title}"
    )


def _open(entry: LogEntry, verdict: Verdict, connection: Connection | None = None) -> str:
    """Return what a line that may mean several things leaves open; empty where it means one."""
    call = call_of(entry)
    if len(_codes(entry)) == 1 or call not in OPEN or PLAIN.get(call) == verdict.code:
        return ""
    shown, _, _ = verdict.title.partition(": ")
    if call == "slow connect" and verdict.phase == "tls_handshake" and connection is not None:
        return f"a connect timeout covers TCP and TLS; {_handshake(connection)}, then: {shown}"
    party = verdict.attribution.party
    by = BY.get(party, "") if call == "ended" or party == "middlebox" else ""
    error = named(_narrow(entry))
    if error is not None:
        return f"{error.says}, may have several causes; the wire shows: {shown}{by}"
    if entry.product == "nginx" and call == "ended":
        return f"the line leaves open who ended the connection; the wire shows: {shown}{by}"
    word = entry.flags[-1][:2] if entry.product == "haproxy" else ",".join(entry.flags)
    layer = LAYERS.get(verdict.phase or "", "") if call in ("connect", "slow connect") else ""
    return f"{word or 'the line'} leaves open {OPEN[call]}; the wire shows: {layer}{shown}{by}"


def _handshake(connection: Connection) -> str:
    rtt = connection.handshake_rtt
    took = f" in {duration(int(rtt * SECOND))}" if rtt is not None else ""
    return f"the wire shows the TCP handshake done{took}"


def _narrow(entry: LogEntry) -> str:
    return " ".join(filter(None, (entry.transport_failure, entry.message)))


def _heard(entry: LogEntry) -> list[Heard]:
    """Return what a line's words may mean, by the narrowest of them."""
    narrow = _narrow(entry)
    state = entry.flags[0][:2] if entry.product == "haproxy" and entry.flags else ""
    texts = [
        narrow,
        f"{entry.reset_reason or ''} {narrow}".strip(),
        state,
        *(entry.flags if entry.product == "envoy" else ()),
    ]
    return next((found for text in texts if text and (found := heard(text))), [])


def _codes(entry: LogEntry) -> set[str]:
    """Return the codes that a line's words may stand for."""
    return {code for one in _heard(entry) for code in one.codes}


def _exchange(connection: Connection, tie: Tie) -> HttpExchange | None:
    wanted = tie.exchange if tie.exchange is not None else connection.verdict.exchange
    return listed_exchange(connection, wanted)


def _verdict(connection: Connection, tie: Tie) -> Verdict:
    """Return the verdict on what a line is about: a further failed request has its own."""
    others = (one for one in connection.other_failures if one.exchange == tie.exchange)
    return next(others, connection.verdict) if tie.exchange is not None else connection.verdict
