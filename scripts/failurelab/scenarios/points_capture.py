"""Several captures that differ in span, snaplen, format, clock and in what each of them lost."""

from __future__ import annotations

from failurelab import behaviours, nat, transform
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario
from failurelab.scenarios.points_nat import NOTHING_LOST, OFF, ask
from failurelab.scenarios.tcp_idle import answer_then_idle
from failurelab.scenarios.tcp_refused import works
from failurelab.truth import Accepted, Clock, TrueFindings

_LAYERS = ("tcp", "capture", "path")
_PARTIAL = Accepted(["capture.partial", "ok"])
_SEEN_AT_TARGET = {"correlate": Accepted(sides=["responder", "unknown"])}
"""Only one capture shows the RST: absence from the other proves nothing."""
PAGE = behaviours.reply(b"<p>price</p>" * 400)


def _download(lab: Lab, count: int, *, page: bytes = PAGE) -> Connection:
    """Several downloads on one connection."""
    server = lab.upstream.serve(8080, behaviours.answer(page))
    connection = lab.client.connect(server.address)
    for nth in range(count):
        connection.send(behaviours.get(f"/{nth}")).receive(len(page))
        lab.sleep(0.02)
    return connection


@scenario(
    "healthy-points-different-spans",
    "One capture began in the middle of a connection, the other ended in the middle of the next",
    points=("client", Point("upstream", clock_shift=OFF, later=True)),
    layers=_LAYERS,
    kept_apart=True,
)
def different_spans(lab: Lab) -> None:
    """The capture at the upstream begins after two of five requests; that at the client is stopped
    after two of five of a second connection. Everything works.
    """
    server = lab.upstream.serve(8080, behaviours.answer())
    first = lab.client.connect(server.address)
    for nth in range(5):
        if nth == 2:
            lab.start_capture("upstream")
        ask(lab, first, f"/{nth}", close=False)
    first.close()
    second = lab.client.connect(server.address)
    for nth in range(5):
        if nth == 2:
            lab.sleep(0.2)
            lab.capture("client").stop()
        ask(lab, second, f"/{nth}", close=False)
    second.close()
    lab.sleep(0.1)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.healthy(first)
    lab.healthy(second)


@scenario(
    "tcp.reset_before_response-points-capture-ended-early",
    "The upstream's capture ended before it reset: that the RST is not in it proves nothing",
    points=("client", Point("upstream", clock_shift=OFF, can_tell=False)),
    layers=_LAYERS,
)
def ended_early(lab: Lab) -> None:
    """Two requests are answered. The capture at the upstream is stopped, then a third request is
    read and the socket closed with linger zero.
    """
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.8))
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    connection = lab.client.connect(bad.address)
    connection.send(behaviours.get("/c"))
    lab.sleep(0.3)
    lab.capture("upstream").stop()
    connection.receive_all(2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(
        connection,
        "tcp.reset_before_response",
        "responder",
        at={"upstream": _PARTIAL, **_SEEN_AT_TARGET},
        born={"responder": ["responder", "unknown"]},
    )


@scenario(
    "tcp.reset_in_response-points-capture-lost-the-reset",
    "The upstream's capture lost its RST and the data before it, as a full buffer does",
    points=(
        "client",
        Point("upstream", clock_shift=OFF, can_tell=False, change=transform.lose_resets()),
    ),
    layers=_LAYERS,
    kept_apart=True,
)
def lost_the_reset(lab: Lab) -> None:
    """The upstream sends eight parts of a response, 20 ms apart, and closes with linger zero. The
    client holds data which the upstream's capture lacks. A request before and one after work.
    """
    works(lab, 8081)

    def handle(connection: Connection) -> None:
        connection.receive_until()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
        for _ in range(8):
            connection.send(b"x" * 700)
            lab.sleep(0.02)
        connection.reset()

    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    connection.send(behaviours.get("/report")).receive_all(2)
    works(lab, 8082)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(
        connection,
        "tcp.reset_in_response",
        "responder",
        at={"upstream": _PARTIAL, **_SEEN_AT_TARGET},
        born={"responder": ["responder", "unknown"]},
    )


@scenario(
    "healthy-points-capture-drops",
    "Both captures lost bursts of records; nothing was lost on the way",
    points=(
        Point("client", change=transform.lose_burst((40, 9), (75, 6))),
        Point("upstream", clock_shift=OFF, change=transform.lose_burst((20, 12), (90, 4))),
    ),
    layers=_LAYERS,
)
def capture_drops(lab: Lab) -> None:
    """Twelve downloads of five kilobytes on one connection. Each capture lacks records which the
    other has and which the ends acknowledged.
    """
    connection = _download(lab, 12)
    connection.close()
    lab.sleep(0.1)
    findings = TrueFindings(["capture.dropped"], ["path.lost_between", "path.loss"])
    lab.correlate("client", "upstream", lost=[], findings=findings)
    lab.findings.forbidden = ["path.loss"]
    lab.healthy(connection)


@scenario(
    "tcp.reset_before_response-points-formats",
    "Cut at 96 bytes and compressed on one side, pcapng with nanoseconds on the other, NAT between",
    points=(
        Point("client", snaplen=96, gzip=True, clock_shift=OFF),
        Point("upstream", format="pcapng"),
    ),
    layers=_LAYERS,
)
def formats(lab: Lab) -> None:
    """The router masquerades. Three equal requests are answered with five kilobytes each on
    connections of their own; a fourth is read and the socket closed with linger zero.
    """
    nat.masquerade(lab.router)
    good = lab.upstream.serve(8080, behaviours.answer(PAGE))
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    for _ in range(3):
        connection = lab.client.connect(good.address)
        connection.send(behaviours.get("/same")).receive(len(PAGE))
        connection.close()
        lab.sleep(0.05)
        lab.healthy(connection)
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/same")).receive_all(2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(cut, "tcp.reset_before_response", "responder", born=born)


@scenario(
    "tcp.reset_before_response-points-any-between",
    "Three points, the one between with -i any on a NAT: each packet there twice, under two names",
    points=(
        "client",
        Point("router", "any", arguments=("-y", "LINUX_SLL2"), clock_shift=OFF),
        Point("upstream", clock_shift=-3.5),
    ),
    layers=_LAYERS,
)
def any_between(lab: Lab) -> None:
    """The router masquerades and captures -i any. Two requests are answered, a third is read and
    the socket closed with linger zero.
    """
    nat.masquerade(lab.router)
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    for path in ("/a", "/b"):
        lab.healthy(ask(lab, lab.client.connect(good.address), path))
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/c")).receive_all(2)
    lab.correlate("client", "router", "upstream", lost=[], findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(cut, "tcp.reset_before_response", "responder", born=born)


@scenario(
    "tcp.idle_reset-points-clock-drift",
    "The upstream's clock runs 50 ppm fast, and is 37 s off besides",
    points=("client", Point("upstream", change=transform.drift(50, shift=OFF))),
    layers=_LAYERS,
)
def clock_drift(lab: Lab) -> None:
    """A request every 0.4 s for 24 s; after three quiet seconds the server closes with linger
    zero.
    """
    server = lab.upstream.serve(8080, answer_then_idle(3))
    connection = lab.client.connect(server.address)
    for nth in range(60):
        connection.send(behaviours.get(f"/{nth}")).receive_until()
        lab.sleep(0.4)
    connection.receive_all(5)
    clocks = {"upstream": Clock(-OFF, 0.002, drift=-50e-6)}
    lab.correlate("client", "upstream", lost=[], clocks=clocks, findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(connection, "tcp.idle_reset", "responder", born=born)


@scenario(
    "healthy-points-clock-step",
    "The client's clock was set forward by 2.5 s in the middle",
    points=(Point("client", change=transform.step_clock(2.5)), "upstream"),
    layers=_LAYERS,
)
def clock_step(lab: Lab) -> None:
    """Twenty requests on one connection, 0.1 s apart, all answered at once."""
    server = lab.upstream.serve(8080, behaviours.answer())
    connection = lab.client.connect(server.address)
    for nth in range(20):
        connection.send(behaviours.get(f"/{nth}")).receive_until()
        lab.sleep(0.1)
    connection.close()
    lab.sleep(0.1)
    clocks = {"upstream": Clock(None, step=2.5)}
    findings = TrueFindings(["capture.clock"], ["path.lost_between"])
    lab.correlate("client", "upstream", lost=[], clocks=clocks, findings=findings)
    lab.healthy(connection)


@scenario(
    "tcp.reset_in_response-points-offload",
    "The upstream's capture shows super-segments, the client's what was on the wire",
    offload=("upstream",),
    points=(Point("client", clock_shift=OFF), "upstream"),
    layers=_LAYERS,
)
def offload(lab: Lab) -> None:
    """Segmentation is left to the upstream's card. A download of 12 kilobytes works; of another
    the server sends 12 of 60 kilobytes and closes with linger zero.
    """
    connection = _download(lab, 1, page=behaviours.reply(b"x" * 12000))
    connection.close()
    lab.healthy(connection)
    handler = behaviours.half_response(reset=True, length=60000, sent=12000)
    server = lab.upstream.serve(8081, handler)
    cut = lab.client.connect(server.address)
    cut.send(behaviours.get("/report")).receive_all(2)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    born = {"responder": "responder"}
    lab.judge(cut, "tcp.reset_in_response", "responder", born=born)


@scenario(
    "tcp.idle_reset-points-capture-stopped",
    "The upstream's capture was stopped while the connection was idle, before it was reset",
    points=("client", Point("upstream", format="pcapng", can_tell=False)),
    layers=_LAYERS,
    kept_apart=False,
)
def capture_stopped(lab: Lab) -> None:
    """Two requests are answered; the server closes with linger zero after two quiet seconds. The
    capture at the upstream is stopped one second before.
    """
    server = lab.upstream.serve(8080, answer_then_idle(2))
    connection = lab.client.connect(server.address)
    for path in ("/a", "/b"):
        ask(lab, connection, path, close=False)
    lab.sleep(0.9)
    lab.capture("upstream").stop()
    connection.receive_all(3)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(
        connection,
        "tcp.idle_reset",
        "responder",
        at={"upstream": _PARTIAL, **_SEEN_AT_TARGET},
        born={"responder": ["responder", "unknown"]},
    )


@scenario(
    "tcp.reset_before_response-points-capture-lost-the-reset",
    "The upstream's capture lost a burst of records, its RST among them",
    points=(
        Point("client", clock_shift=-OFF),
        Point("upstream", can_tell=False, change=transform.lose_resets()),
    ),
    layers=_LAYERS,
    kept_apart=False,
)
def lost_the_only_reset(lab: Lab) -> None:
    """An upload of three parts is read; the upstream closes with linger zero at once. Its capture
    lacks the RST, the last part and the ACK of it, though other connections before and after are
    complete there.
    """

    def handle(connection: Connection) -> None:
        connection.receive(2100)
        lab.sleep(0.05)
        connection.reset()

    works(lab, 8081)
    server = lab.upstream.serve(8080, handle)
    connection = lab.client.connect(server.address)
    for _ in range(3):
        connection.send(b"u" * 700)
        lab.sleep(0.03)
    connection.receive_all(2)
    works(lab, 8082)
    lab.correlate("client", "upstream", lost=[], findings=NOTHING_LOST)
    lab.judge(
        connection,
        "tcp.reset_before_response",
        "responder",
        at={"upstream": _PARTIAL, **_SEEN_AT_TARGET},
        born={"responder": ["responder", "unknown"]},
    )


@scenario(
    "tcp.reset_before_response-points-clock-step-back",
    "The upstream's clock was set back by 0.8 s in the middle",
    points=("client", Point("upstream", change=transform.step_clock(-0.8, at=0.6))),
    layers=_LAYERS,
    kept_apart=False,
)
def clock_step_back(lab: Lab) -> None:
    """Twenty requests, 0.1 s apart, are answered at once; another is read and the socket closed
    with linger zero.
    """
    good = lab.upstream.serve(8080, behaviours.answer())
    bad = lab.upstream.serve(8081, behaviours.reset_after_request(0.05))
    connection = lab.client.connect(good.address)
    for nth in range(20):
        connection.send(behaviours.get(f"/{nth}")).receive_until()
        lab.sleep(0.1)
    cut = lab.client.connect(bad.address)
    cut.send(behaviours.get("/c")).receive_all(2)
    clocks = {"upstream": Clock(None, step=0.8)}
    findings = TrueFindings(["capture.clock"], ["path.lost_between"])
    lab.correlate("client", "upstream", lost=[], clocks=clocks, findings=findings)
    lab.healthy(connection)
    born = {"responder": "responder"}
    lab.judge(cut, "tcp.reset_before_response", "responder", born=born)


@scenario(
    "healthy-points-clock-drift-nat",
    "The client's clock runs 80 ppm slow; a NAT between, and records lost at the upstream",
    points=(
        Point("client", change=transform.drift(-80, shift=0.4)),
        Point("upstream", change=transform.lose(0.1)),
    ),
    layers=_LAYERS,
    kept_apart=False,
)
def clock_drift_nat(lab: Lab) -> None:
    """The router masquerades. Four connections in turn, each with a request every 0.25 s for four
    seconds, are answered.
    """
    nat.masquerade(lab.router)
    server = lab.upstream.serve(8080, behaviours.answer())
    for _ in range(4):
        connection = lab.client.connect(server.address)
        for nth in range(16):
            connection.send(behaviours.get(f"/{nth}")).receive_until()
            lab.sleep(0.25)
        connection.close()
        lab.sleep(0.1)
        lab.healthy(connection)
    clocks = {"upstream": Clock(0.4, 0.003, drift=-80e-6)}
    lab.correlate("client", "upstream", lost=[], clocks=clocks, findings=NOTHING_LOST)
