"""Reports to look at: several parties, several points, hostile texts, thousands of failures."""

from __future__ import annotations

import msgspec

from pcapdiag.model.report import Connection, Endpoint, Report, Sighting
from pcapdiag.model.report_points import Point
from pcapdiag.model.report_tls import Tls, TlsCertificate, TlsClientHello
from tests.report.fabricate import finding, refused, replied, report, seconds

HOSTILE = "</script><script>window.hit=1</script>\"'<img src=x onerror=window.hit=1>\u202e\x1b[31m"
LONG = HOSTILE + "x" * 1_000_000


def mixed() -> Report:
    """Five refused connections of two endpoints, and one that a proxy answered for itself."""
    connections = [refused(stream, stream) for stream in (17, 18, 19)]
    connections += [refused(stream, stream, port=9000) for stream in (20, 21)]
    answered = replied(30)
    answered.start = answered.end = seconds(40)
    answered.verdict.attribution.party = "proxy"
    return report([*connections, answered], ok=4, findings=[finding()])


def hostile() -> Report:
    """A connection in which every text that a stranger writes is an attack."""
    one = replied(17)
    one.responder = msgspec.structs.replace(one.responder, name=HOSTILE)
    one.tls = Tls(
        client_hello=TlsClientHello(sni=LONG, alpn=[HOSTILE]),
        certificates=[TlsCertificate(from_="responder", subject=HOSTILE, names=[LONG, HOSTILE])],
    )
    one.verdict.code = "tls.alpn_mismatch"
    one.verdict.title = f"no protocol in common: {HOSTILE}"
    one.verdict.notes = [LONG]
    one.verdict.commands = [f"echo {HOSTILE}"]
    assert one.http
    for exchange in one.http.exchanges:
        exchange.target = exchange.host = HOSTILE
    told = msgspec.structs.replace(finding(), title=HOSTILE, detail=LONG)
    made = report([one], findings=[told])
    made.capture.files[0].path = HOSTILE
    return made


def many(number: int) -> Report:
    """That many failed connections, of ten endpoints."""
    return report([_one_of_many(stream) for stream in range(number)])


def _one_of_many(stream: int) -> Connection:
    one = refused(stream, stream / 10, port=8000 + stream % 10)
    one.initiator = Endpoint(ip=f"10.0.{stream % 7}.{stream % 250}", port=30_000, role="proxy")
    return one


def of_two_points() -> Report:
    """A connection seen at two points, and one that only the second has."""
    both, second = refused(17), refused(18)
    both.seen_at = [_seen("proxy", both, 17), _seen("upstream", both, 5)]
    second.point = "upstream"
    second.seen_at = [_seen("upstream", second, 18)]
    made = report([both, second])
    made.points = [
        Point(label="proxy", files=["p.pcap"], packets=9, connections=1, shared=1),
        Point(label="upstream", files=["u.pcap"], packets=9, connections=2, shared=1),
    ]
    return made


def _seen(point: str, one: Connection, stream: int) -> Sighting:
    return Sighting(
        point=point,
        stream=stream,
        first_frame=one.first_frame,
        initiator=one.initiator.ip,
        responder=one.responder.ip,
    )
