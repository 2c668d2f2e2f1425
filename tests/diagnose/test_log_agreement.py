"""What a line and the wire have to say of each other, in words."""

from __future__ import annotations

import msgspec
import pytest

from pcapdiag.correlate.logs.calls import call_of
from pcapdiag.correlate.logs.ties import Tie
from pcapdiag.diagnose.log_agreement import agreement
from pcapdiag.model.ends import Actor
from pcapdiag.model.logs import LogEntry, Product
from pcapdiag.model.report import (
    Attribution,
    BySide,
    Cause,
    Connection,
    Endpoint,
    Party,
    TimelineEntry,
    Verdict,
)
from pcapdiag.model.report_http import GrpcCall, Http, HttpExchange, LocalReplyFacts

pytestmark = pytest.mark.once

UP = Tie(0, 0, "upstream", ("upstream_local",), exact=True)
DOWN = Tie(0, 0, "downstream", ("client",), exact=True, exchange=0)


def line(product: Product = "envoy", **fields: object) -> LogEntry:
    entry = LogEntry(
        product=product, kind="access", file="a.log", line=1, time=0, resolution=1, failed=True
    )
    return msgspec.structs.replace(entry, **fields)


def connection(
    code: str,
    title: str = "title: more",
    *,
    phase: str | None = "before_response",
    party: Party = "upstream",
    ended_by: Actor | None = "responder",
    exchange: HttpExchange | None = None,
) -> Connection:
    return Connection(
        stream=0,
        initiator=Endpoint(ip="10.0.0.1", port=40_000),
        responder=Endpoint(ip="10.0.0.2", port=80),
        leg="upstream",
        state="SF",
        first_frame=1,
        start="1.0",
        end="2.0",
        packets=BySide(),
        bytes=BySide(),
        retransmissions=BySide(),
        resets=[],
        verdict=Verdict(
            code=code,
            failed=code not in ("ok", "capture.partial"),
            phase=phase,
            title=title,
            explanation="",
            attribution=Attribution(side="responder", party=party),
            ended_by=ended_by,
            exchange=0 if exchange else None,
            time="1.5",
        ),
        handshake_rtt=0.0003,
        http=Http(requests=1, exchanges=[exchange]) if exchange else None,
    )


def answered(status: int | None, *, complete: bool = True, reply: str = "") -> HttpExchange:
    local = LocalReplyFacts(product=reply) if reply else None
    return HttpExchange(index=0, status=status, complete=complete, local_reply=local)


def test_uc_leaves_open_what_the_wire_decides() -> None:
    entry = line(flags=["UC"], reset_reason="connection_termination", status=503)
    forged = connection("tcp.injected_reset", "reset forged on the path: RST", party="middlebox")
    agrees, why = agreement(entry, UP, forged)
    assert agrees is True
    assert why.endswith("reset forged on the path, by a device between and not by the upstream")


def test_a_connect_timeout_may_be_of_tls() -> None:
    entry = line(flags=["UF"], reset_reason="connection_timeout", status=503)
    stalled = connection(
        "tls.handshake_timeout", "TLS handshake never answered: silent", phase="tls_handshake",
        ended_by="initiator",
    )  # fmt: skip
    agrees, why = agreement(entry, UP, stalled)
    assert agrees is True
    assert "TCP handshake done in 0.3 ms, then: TLS handshake never answered" in why


def test_no_packet_went_to_the_upstream_that_is_blamed() -> None:
    entry = line(
        flags=["UF"],
        reset_reason="remote_connection_failure",
        transport_failure="immediate_connect_error:_Cannot_assign_requested_address",
        status=503,
    )
    replied = connection("http.local_reply", exchange=answered(503, reply="envoy"))
    agrees, why = agreement(entry, DOWN, replied)
    assert agrees is False
    assert "no packet went to it, no local port was free (errno 99)" in why


@pytest.mark.parametrize(
    ("entry", "wire", "agrees", "said"),
    [
        (line(status=503), connection("http.local_reply", exchange=answered(502)), False, "503"),
        (line(status=503), connection("ok", exchange=answered(200)), False, "answer 200"),
        (
            line(status=500, upstreams=[("10.0.2.7", 80)]),
            connection("ok", exchange=answered(500)),
            True,
            "upstream's own",
        ),
        (
            line(status=0, flags=["DC"]),
            connection("ok", exchange=answered(200)),
            False,
            "the wire shows 200, whole",
        ),
        (
            line("nginx", status=499),
            connection(
                "tcp.initiator_abort", ended_by="initiator", exchange=answered(None, complete=False)
            ),
            True,
            "",
        ),
        (line(status=503, flags=["UF"]), connection("ok"), None, "only the log tells this"),
    ],
)
def test_at_the_client(entry: LogEntry, wire: Connection, agrees: bool | None, said: str) -> None:
    found = agreement(entry, DOWN, wire)
    assert found.agrees is agrees
    assert said in found.why


def test_a_timeout_is_no_reset() -> None:
    entry = line(flags=["UT"], status=504)
    wire = connection("tcp.reset_before_response", "reset instead of an answer: RST,ACK")
    agrees, why = agreement(entry, UP, wire)
    assert agrees is False
    assert "no answer came in time" in why
    assert "reset instead of an answer" in why
    loosely = msgspec.structs.replace(UP, exact=False)
    assert agreement(entry, loosely, wire).agrees is None


def test_words_are_of_the_last_try() -> None:
    earlier = msgspec.structs.replace(UP, attempt=-1)
    found = agreement(line(flags=["UC"]), earlier, connection("tcp.connection_refused"))
    assert found.agrees is None
    assert "last try" in found.why


@pytest.mark.parametrize(
    ("entry", "call"),
    [
        (line(flags=["URX", "UF"]), "connect"),
        (line(flags=["UF"], reset_reason="connection_timeout"), "slow connect"),
        (line(flags=["UF"], transport_failure="immediate_connect_error:_x"), "no attempt"),
        (line(status=503, details="via_upstream"), "answered"),
        (line("haproxy", flags=["sC--"]), "slow connect"),
        (line("haproxy", flags=["SC"], upstream_name="back/<NOSRV>"), "no attempt"),
        (line("haproxy", flags=["cD"]), "left"),
        (line("haproxy", flags=["--"], status=500), "answered"),
        (
            line("nginx", message="connect() failed (111: x) while connecting to upstream"),
            "connect",
        ),
        (
            line("nginx", message="upstream timed out (110: x) while SSL handshaking to upstream"),
            "slow connect",
        ),
        (
            line("nginx", message="upstream timed out (110: x) while reading response header"),
            "slow",
        ),
        (line("nginx", message="connect() to 10.0.0.1:80 failed (99: Cannot assign"), "no attempt"),
        (line("nginx", status=499), "left"),
    ],
)
def test_what_a_line_says_of_the_call(entry: LogEntry, call: str) -> None:
    assert call_of(entry) == call


@pytest.mark.parametrize(("first", "agrees"), [("initiator", None), ("responder", False)])
def test_a_half_that_closed_first_is_no_proxy_that_did(first: Actor, agrees: bool | None) -> None:
    entry = line("haproxy", flags=["CR"], status=400)
    other: Actor = "responder" if first == "initiator" else "initiator"
    shown = connection("ok", ended_by="responder")
    shown.timeline = [
        TimelineEntry(time="1.1", frame=4, from_=first, event="FIN,ACK"),
        TimelineEntry(time="1.2", frame=5, from_=other, event="FIN,ACK"),
    ]
    assert agreement(entry, DOWN, shown).agrees is agrees


@pytest.mark.parametrize(("shown", "agrees"), [(14, True), (5, False), (None, True)])
def test_grpc_statuses_are_compared(shown: int | None, agrees: bool) -> None:
    entry = line(details="via_upstream", status=200, grpc_status=14)
    exchange = HttpExchange(index=0, status=200, complete=True, grpc=GrpcCall(status=shown))
    assert agreement(entry, DOWN, connection("grpc.error", exchange=exchange)).agrees is agrees


def test_an_answer_that_cannot_be_read_agrees_with_nothing() -> None:
    entry = line(details="via_upstream", status=200, grpc_status=14)
    assert agreement(entry, UP, connection("ok")).agrees is None
    assert agreement(entry, UP, connection("ok", exchange=answered(200))).agrees is True
    assert agreement(entry, UP, connection("grpc.error")).agrees is True


@pytest.mark.parametrize("seen", [answered(408), None], ids=["read", "unread"])
def test_a_proxy_that_waits_in_vain_closes_first(seen: HttpExchange | None) -> None:
    found = connection("ok", phase=None, party="unknown", exchange=seen)
    closed = TimelineEntry(frame=4, time="1.5", from_="responder", event="FIN,ACK")
    found = msgspec.structs.replace(found, timeline=[closed])
    tie = msgspec.structs.replace(DOWN, exchange=0 if seen else None)
    agreed = agreement(line("haproxy", status=408, flags=["cR"]), tie, found)
    assert agreed == (True, "the proxy waited in vain for its client, and closed")
    agreed = agreement(line("haproxy", status=499, flags=["CR"]), tie, found)
    assert agreed.agrees is False


def test_an_answer_without_an_upstream_in_the_line_is_not_called_the_upstreams() -> None:
    found = agreement(line(status=503), DOWN, connection("ok", exchange=answered(503)))
    assert (found.agrees, found.why) == (True, "")


def test_the_status_of_connect_is_the_tunnels_and_not_of_what_went_through_it() -> None:
    inside = msgspec.structs.replace(answered(None, complete=False), method="GET")
    wire = connection("tcp.closed_before_response", exchange=inside)
    found = agreement(line(status=200, flags=["UC"], method="CONNECT"), DOWN, wire)
    assert (found.agrees, "the tunnel's" in found.why) == (True, True)
    assert agreement(line(status=200, flags=["UC"], method="GET"), DOWN, wire).agrees is False


def test_a_status_that_nobody_saw() -> None:
    silent = connection("tcp.closed_before_response", exchange=answered(None, complete=False))
    found = agreement(line(status=503), DOWN, silent)
    assert (found.agrees, "no answer is on the wire" in found.why) == (False, True)
    loosely = msgspec.structs.replace(DOWN, exact=False)
    assert agreement(line(status=503), loosely, silent).agrees is None


TOO_BIG = "upstream sent too big header while reading response header from upstream"
RESET = "recv() failed (104: Connection reset by peer) while reading response header from upstream"


def test_an_errors_message_is_mostly_of_the_other_leg() -> None:
    entry = line("nginx", message=TOO_BIG)
    silent = answered(None, complete=False)
    found = agreement(entry, DOWN, connection("tcp.initiator_abort", "left early", exchange=silent))
    assert found == (None, "the wire shows of the client's connection: left early")
    replied = connection("http.local_reply", exchange=answered(502, reply="nginx"))
    assert agreement(entry, DOWN, replied).agrees is True
    caused = connection("tcp.closed_before_response", exchange=silent)
    caused.causes = [Cause(stream=3, frame=1, code="a.b", time="1", endpoint="10.0.2.7:80")]
    assert agreement(entry, DOWN, caused).agrees is True
    same = connection("tcp.reset_before_response", exchange=silent)
    assert agreement(line("nginx", message=RESET), DOWN, same).agrees is True


@pytest.mark.parametrize(
    ("message", "code", "agrees"),
    [
        ("peer closed connection in SSL handshake", "tls.handshake_closed", True),
        ("SSL_do_handshake() failed", "tls.alert", True),
        ("SSL_do_handshake() failed", "tcp.reset_before_request", None),
        ("client sent no required certificate", "tls.alert", None),
        ('broken header: "x" while reading PROXY protocol', "protocol.missing_proxy_header", True),
        ('broken header: "x" while reading PROXY protocol', "tcp.closed_before_request", None),
        ("client sent invalid request", "protocol.missing_proxy_header", None),
    ],
)
def test_a_message_about_a_client_that_never_asked(
    message: str, code: str, agrees: bool | None
) -> None:
    assert agreement(line("nginx", message=message), DOWN, connection(code)).agrees is agrees


def test_what_is_said_of_an_answer_that_was_handed_on_and_of_one_without_a_call() -> None:
    failed = HttpExchange(index=0, status=200, complete=True, grpc=GrpcCall(status=14))
    entry = line(details="via_upstream", status=200, grpc_status=14)
    found = agreement(entry, DOWN, connection("grpc.error", exchange=failed))
    assert found == (True, "UNAVAILABLE is the upstream's own answer, handed on")
    unsent = line(status=503, flags=["UH"])
    found = agreement(unsent, DOWN, connection("ok", exchange=answered(503, reply="envoy")))
    assert found == (True, "nothing was sent to an upstream for this request")


@pytest.mark.parametrize(
    ("told", "agrees", "why"),
    [
        ("immediate_connect_error:_Network_is_unreachable", True, "no route there (errno 101)"),
        ("immediate_connect_error:_Permission", True, "own kernel refused the call"),
        ("immediate_connect_error:_Cannot_assign_requested_address", True, "(errno 99)"),
    ],
)
def test_why_no_packet_left(told: str, agrees: bool, why: str) -> None:
    replied = connection("http.local_reply", exchange=answered(503, reply="envoy"))
    found = agreement(line(flags=["UF"], transport_failure=told, status=503), DOWN, replied)
    assert (found.agrees, why in found.why) == (agrees, True)
    caused = connection("http.local_reply", exchange=answered(503, reply="envoy"))
    caused.causes = [Cause(stream=3, frame=1, code="a.b", time="1", endpoint="10.0.2.7:80")]
    found = agreement(line(flags=["UF"], transport_failure=told, status=503), DOWN, caused)
    assert "no packet went" not in found.why


def test_a_clients_connection_whose_requests_are_not_shown() -> None:
    entry = line(status=503, flags=["UC"])
    cut = connection("tcp.reset_before_response", "reset instead of an answer: x")
    found = agreement(entry, DOWN, cut)
    assert found.agrees is True
    assert found.why.startswith("UC leaves open")
    other = connection("tcp.injected_reset", "forged: x")
    other.causes = [Cause(stream=3, frame=1, code="a.b", time="1", endpoint="10.0.2.7:80")]
    found = agreement(line(status=503, flags=["UF"]), DOWN, other)
    assert found == (True, "the proxy ended it for what failed on its other leg")
    other.causes = []
    found = agreement(line(status=503, flags=["UF"]), DOWN, other)
    assert found == (None, "the wire shows of the client's connection: forged: x")


def test_a_client_that_left_with_its_whole_answer() -> None:
    whole = connection("ok", ended_by="initiator", exchange=answered(200))
    assert agreement(line("haproxy", status=200, flags=["cD"]), DOWN, whole) == (True, "")
    assert agreement(line("haproxy", flags=["cD"]), DOWN, whole).agrees is False


def test_too_little_of_a_call_was_captured() -> None:
    found = agreement(line(flags=["UC"]), UP, connection("capture.partial"))
    assert found == (None, "the capture holds too little of this connection to tell")


def test_a_call_with_a_whole_answer_on_the_wire() -> None:
    whole = connection("ok", exchange=answered(200))
    found = agreement(line(flags=["UC"], status=503), UP, whole)
    assert (found.agrees, "shows its answer 200, whole" in found.why) == (False, True)
    loosely = msgspec.structs.replace(UP, exact=False)
    assert agreement(line(flags=["UC"], status=503), loosely, whole).agrees is None
    found = agreement(line(flags=["UF"], status=503), UP, whole)
    assert found == (None, "the wire shows nothing wrong with this connection")
    cut = connection("ok", exchange=answered(200, complete=False))
    assert agreement(line(flags=["UC"], status=503), UP, cut).agrees is None
    assert agreement(line(flags=["UC"], status=200), UP, whole).agrees is True


CLOSED = "upstream prematurely closed connection while reading response header from upstream"


@pytest.mark.parametrize(
    ("entry", "wire", "why"),
    [
        (line(flags=["UT"]), connection("tcp.response_timeout", ended_by="initiator"), ""),
        (
            line(flags=["UF"], transport_failure="delayed_connect_error:_111"),
            connection("icmp.unreachable", "unreachable: x", phase="connect"),
            "errno 111, connection refused, may have several causes; the wire shows: unreachable",
        ),
        (
            line("nginx", message=CLOSED),
            connection("tcp.closed_before_response", "closed: FIN"),
            "the line leaves open who ended the connection; the wire shows: closed, by the "
            "upstream itself",
        ),
        (
            line("haproxy", flags=["SH"]),
            connection("tcp.closed_before_response", "closed: FIN"),
            "SH leaves open whether FIN or RST ended the connection, and who sent it; the wire "
            "shows: closed, by the upstream itself",
        ),
    ],
)
def test_what_a_line_that_agrees_leaves_open(entry: LogEntry, wire: Connection, why: str) -> None:
    assert agreement(entry, UP, wire) == (True, why)
