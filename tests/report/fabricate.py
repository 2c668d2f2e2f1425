"""Made-up reports, as the pipeline would hand them over."""

from __future__ import annotations

import msgspec

from pcapdiag.incident.groups import summarize
from pcapdiag.model.report import (
    SCHEMA,
    Attribution,
    BySide,
    CaptureFile,
    CaptureSummary,
    Connection,
    Endpoint,
    EnvoyObserved,
    EnvoyWords,
    Evidence,
    Finding,
    Generator,
    Report,
    Reset,
    RttParts,
    Scope,
    TimelineEntry,
    Topology,
    Verdict,
)
from pcapdiag.model.report_http import GrpcCall, Http, HttpExchange, LocalReplyFacts
from pcapdiag.model.units import SECOND, format_seconds

START = 1_700_000_000
PROXY, UPSTREAM = "10.0.1.5", "10.0.2.7"


def seconds(offset: float) -> str:
    """Return a report time ``offset`` seconds after START."""
    return format_seconds(START * SECOND + round(offset * SECOND))


def refused(stream: int = 17, offset: float = 1.204, port: int = 8443) -> Connection:
    """Return a connection that the upstream host refused."""
    who = Attribution(
        side="responder",
        party="upstream",
        address=UPSTREAM,
        confidence=0.93,
        evidence=[
            Evidence(
                signal="ttl",
                says="responder",
                weight=1.2,
                detail="RST has TTL 63 like 60 other packets of 10.0.2.7",
                frames=[122],
            ),
            Evidence(
                signal="reject_rule",
                says="responder",
                weight=-0.2,
                detail="a REJECT rule on 10.0.2.7 looks the same on the wire",
            ),
        ],
    )
    first = 121 + 10 * stream
    return Connection(
        stream=stream,
        initiator=Endpoint(ip=PROXY, port=40000 + stream, role="proxy"),
        responder=Endpoint(ip=UPSTREAM, port=port, role="upstream"),
        leg="upstream",
        state="REJ",
        first_frame=first,
        start=seconds(offset),
        end=seconds(offset + 0.00031),
        packets=BySide(initiator=1, responder=1),
        bytes=BySide(),
        retransmissions=BySide(),
        handshake_rtt_parts=RttParts(to_responder=0.00031),
        resets=[
            Reset(frame=first + 1, time=seconds(offset), from_="responder", attribution=who, ttl=63)
        ],
        verdict=Verdict(
            code="tcp.connection_refused",
            failed=True,
            phase="connect",
            title=f"10.0.1.5 could not connect to 10.0.2.7:{port}: refused",
            explanation="The host answered the request for a connection (SYN) with a reset.",
            attribution=who,
            fixes=[
                f"Is the service on 10.0.2.7 running, and does it listen on port {port}?",
                "Does it listen on 127.0.0.1 only?",
                "Is the port in the proxy's endpoint right?",
            ],
            commands=[f"ss -ltnp 'sport = :{port}'", f"nc -vz 10.0.2.7 {port}"],
            frames=[first, first + 1],
            envoy=EnvoyWords(flag="UF", reset_reason="remote connection failure"),
            ended_by="responder",
            fix_at=["upstream", "proxy"],
            confidence=0.99,
        ),
        scope=Scope(
            connections=15,
            established=14,
            refused=1,
            failed=1,
            worked=14,
            first_established=seconds(offset - 90),
            last_established=seconds(offset - 1),
            first_failed=seconds(offset),
            last_failed=seconds(offset),
        ),
        timeline=[
            TimelineEntry(
                time=seconds(offset), frame=first, from_="initiator", event="SYN", detail="seq 0"
            ),
            TimelineEntry(
                time=seconds(offset + 0.00031),
                frame=first + 1,
                from_="responder",
                event="RST,ACK",
                detail="seq 0, ack 1, window 0, TTL 63",
            ),
        ],
        id=f"c{stream}",
    )


def replied(stream: int = 17) -> Connection:
    """Return a connection on which a proxy answered a request in its upstream's place."""
    connection = refused(stream)
    failed = connection.verdict
    failed.code, failed.phase, failed.exchange = "http.local_reply", "before_response", 3
    failed.title = "Envoy answered in the upstream's place: GET /pay?token=abc -> 503"
    failed.envoy = EnvoyWords(
        flag="UF",
        reset_reason="remote connection failure",
        observed=EnvoyObserved(flag="UF", reset_reason="remote connection failure", agrees=True),
    )
    connection.http = Http(
        requests=9,
        exchanges=[
            HttpExchange(index=2, method="GET", target="/", status=200, complete=True),
            HttpExchange(
                index=3,
                method="GET",
                target="/pay?token=abc",
                request_frame=123,
                request_time=seconds(2),
                status=503,
                complete=True,
                local_reply=LocalReplyFacts(product="envoy", reason="remote connection failure"),
                grpc=None,
                made_by=UPSTREAM,
            ),
        ],
    )
    other = msgspec.structs.replace(failed, exchange=5, count=4, envoy=None)
    call = GrpcCall(service="shop.Pay", status=14, name="UNAVAILABLE", message="x", timeout=1.5)
    connection.http.exchanges.append(
        HttpExchange(index=5, stream_id=1, target="/shop.Pay/Charge", grpc=call, ended_by="path")
    )
    connection.other_failures = [other]
    return connection


def healthy(stream: int = 1) -> Connection:
    """Return a connection with nothing wrong."""
    return Connection(
        stream=stream,
        initiator=Endpoint(ip=PROXY, port=50000 + stream, role="proxy"),
        responder=Endpoint(ip=UPSTREAM, port=9090, role="upstream"),
        leg="upstream",
        state="SF",
        first_frame=1 + stream,
        start=seconds(stream),
        end=seconds(stream + 0.25),
        packets=BySide(initiator=6, responder=5),
        bytes=BySide(initiator=517, responder=4096),
        retransmissions=BySide(),
        resets=[],
        handshake_rtt=0.0004,
        verdict=Verdict(
            code="ok",
            failed=False,
            phase=None,
            title="worked",
            explanation="",
            attribution=Attribution(),
        ),
    )


def finding() -> Finding:
    """Return a finding of severity failure."""
    return Finding(
        code="endpoint.down",
        severity="failure",
        title="10.0.2.7:8443 stopped serving",
        detail="all 9 connections since 2023-11-14 22:13:20 were refused, 14 worked before",
        streams=[17, 18],
        endpoint="10.0.2.7:8443",
        first=seconds(0),
        last=seconds(9),
    )


def report(
    connections: list[Connection] | None = None,
    ok: int = 0,
    findings: list[Finding] | None = None,
    capture: CaptureSummary | None = None,
) -> Report:
    """Return a report of these connections and ``ok`` healthy ones that are only counted."""
    shown = [refused()] if connections is None else connections
    summary, groups = summarize(shown, {"ok": ok})
    return Report(
        schema=SCHEMA,
        generator=Generator(name="pcapdiag", version="0.1.0"),
        capture=capture or summary_of("capture.pcap"),
        topology=Topology(clients=[], proxies=[PROXY], upstreams=[UPSTREAM], assumed=True),
        summary=summary,
        connections=shown,
        findings=findings or [],
        groups=groups,
    )


def summary_of(path: str, packets: int = 1234) -> CaptureSummary:
    """Return what is said of an undamaged capture of one file."""
    return CaptureSummary(
        files=[CaptureFile(path=path, format="pcap", packets=packets, size=99_999)],
        packets=packets,
        bytes=88_888,
        first_time=seconds(0) if packets else None,
        last_time=seconds(60) if packets else None,
        link_types=["EN10MB"],
    )
