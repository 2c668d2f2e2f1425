from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.model.context import TlsServerFacts
from tests.diagnose.playbook import EXCHANGE, GET, HANDSHAKE, SERVER, C, S, around, judged, play


def test_a_syn_answered_by_reset() -> None:
    verdict = judged(C("SYN"), S("RST,ACK", after=0.3))
    assert verdict.code == "tcp.connection_refused"
    assert verdict.phase == "connect"
    assert verdict.frames == (1, 2)
    assert verdict.ended_by == "responder"
    assert verdict.reset is not None
    assert verdict.confidence >= 0.97


def test_windows_repeats_the_syn_and_it_is_still_one_refusal() -> None:
    tries = (C("SYN", again=True, after=500), S("RST,ACK"))
    verdict = judged(C("SYN"), S("RST,ACK"), *tries, *tries)
    assert verdict.code == "tcp.connection_refused"
    assert verdict.frames == (1, 2)


def test_a_reset_that_does_not_acknowledge_the_syn_is_less_sure() -> None:
    verdict = judged(C("SYN"), S("RST,ACK", ack=12345))
    assert verdict.code == "tcp.connection_refused"
    assert verdict.confidence < 0.9


def test_a_reset_that_acknowledges_more_than_the_syn_ends_what_was_not_captured() -> None:
    lost = S("RST,ACK", seq=400, ack=78, win=500, after=5)
    verdict = judged(C("SYN"), lost)
    assert verdict.code == "capture.partial"
    assert verdict.frames == (1, 2)
    assert judged(C("SYN"), lost, C("SYN", again=True, after=500)).code == "tcp.connection_refused"


def test_a_reset_may_acknowledge_the_data_in_the_syn_too() -> None:
    verdict = judged(C("SYN", GET), S("RST,ACK", after=0.3))
    assert verdict.code == "tcp.connection_refused"
    assert verdict.confidence >= 0.97


def test_refused_once_and_accepted_at_the_next_try_is_fine() -> None:
    retry = (C("SYN", again=True, after=500), *HANDSHAKE[1:])
    verdict = judged(C("SYN"), S("RST,ACK"), *retry, *EXCHANGE, C("FIN,ACK"), S("FIN,ACK"))
    assert verdict.code == "ok"
    assert "refused" in verdict.notes[0]


def test_a_reset_after_the_handshake_is_no_refusal() -> None:
    assert judged(*HANDSHAKE, S("RST,ACK", win=500, after=30)).code != "tcp.connection_refused"


@pytest.mark.parametrize(
    ("port", "name", "sidecars"),
    [
        (15001, "", True),
        (SERVER[1], "outbound_.80_._.web.shop.svc.cluster.local", True),
        (SERVER[1], "www.example", False),
        (SERVER[1], "", False),
    ],
)
def test_a_sidecars_port_is_refused_by_the_sidecar(port: int, name: str, sidecars: bool) -> None:
    story = play(C("SYN"), S("RST,ACK"))
    story.responder.port = port
    served = TlsServerFacts(names_accepted={name: 3}) if name else None
    verdict = judge(story, around(story, tls=served))
    assert verdict.code == "tcp.connection_refused"
    assert any("istio-proxy" in fix for fix in verdict.fixes) is sidecars
