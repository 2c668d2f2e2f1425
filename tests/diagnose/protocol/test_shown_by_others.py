"""A close at the first bytes: what other connections and the port say of it."""

from __future__ import annotations

import pytest

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.model.application import Application
from pcapdiag.model.context import Context, EndpointFacts
from pcapdiag.model.tls import ClientHello, TlsFacts
from tests.diagnose.playbook import GET, HANDSHAKE, OK, C, Known, Line, S, around, judged, play
from tests.diagnose.protocol.scenes import FIN, HELLO, PREFACE, RST, V1, V2, met, others, shut
from tests.diagnose.tls.scenes import ACKED, HUNG_UP, scene
from tests.diagnose.tls.scenes import HELLO as TLS_HELLO

CASES = [
    (HELLO, others(get=3), "protocol.tls_to_plaintext"),
    (GET, others(tls=3), "protocol.plaintext_to_tls"),
    (PREFACE, others(tls=3), "protocol.plaintext_to_tls"),
    (PREFACE, others(get=3), "protocol.http2_to_http1"),
    (GET, others(h2=3), "protocol.http1_to_http2"),
    (V1 + GET, others(get=3), "protocol.unexpected_proxy_header"),
    (V2 + HELLO, others(tls=3), "protocol.unexpected_proxy_header"),
    (GET, others(v1=3), "protocol.missing_proxy_header"),
    (HELLO, others(v2=3), "protocol.missing_proxy_header"),
]


@pytest.mark.parametrize(("first", "endpoint", "code"), CASES)
@pytest.mark.parametrize("end", [FIN, RST], ids=["FIN", "RST"])
def test_others_say_what_the_port_speaks(
    first: bytes, endpoint: Known, code: str, end: tuple[Line, ...]
) -> None:
    verdict = judged(*shut(first, *end), **endpoint)
    assert verdict.code == code
    assert verdict.confidence >= 0.9
    assert (verdict.reset is not None) == (end is RST)
    assert verdict.alternatives[0].code.startswith(("tcp.", "tls."))


@pytest.mark.parametrize(("first", "endpoint", "code"), CASES)
def test_not_where_one_like_it_was_answered(first: bytes, endpoint: Known, code: str) -> None:
    known = endpoint.copy()
    known["first_accepted"] = endpoint["first_accepted"] | {first[:4]: 1}
    assert judged(*shut(first), **known).code != code


@pytest.mark.parametrize("first", [HELLO, GET, PREFACE, V1 + GET])
def test_a_close_alone_is_the_plain_code(first: bytes) -> None:
    verdict = judged(*shut(first))
    assert verdict.code == "tcp.closed_before_response"
    assert all(other.code.startswith("protocol.") for other in verdict.alternatives)
    assert verdict.confidence + sum(o.confidence for o in verdict.alternatives) <= 1.001
    served = judged(*shut(first), first_accepted={first[:4]: 2})
    assert (served.confidence, served.alternatives) == (0.96, ())


@pytest.mark.parametrize("end", [HUNG_UP, (S("RST,ACK", win=500, after=0.2),)], ids=["FIN", "RST"])
@pytest.mark.parametrize(("others_", "sure"), [({"get": 3}, 0.9), ({"h2": 1}, 0.9)])
def test_also_where_the_hello_was_read(
    others_: dict[str, int], sure: float, end: tuple[Line, ...]
) -> None:
    """The TLS handshake's own codes are the wider ones (verdicts.md, "Which code wins")."""
    story = scene(TLS_HELLO, ACKED, *end)
    alone = judge(story, around(story)).code
    assert alone.startswith("tls.handshake_")
    verdict = judge(story, around(story, **others(**others_)))
    assert (verdict.code, verdict.confidence) == ("protocol.tls_to_plaintext", sure)
    assert [other.code for other in verdict.alternatives] == [alone]
    taken = others(**others_, tls=1)
    assert judge(story, around(story, **taken)).code == alone


def test_others_that_speak_neither_tls_nor_http() -> None:
    endpoint: Known = {"turns": 2, "first_accepted": {b"\x10\x0c\x00\x04": 2}}
    verdict = judged(*shut(HELLO), **endpoint)
    assert (verdict.code, verdict.confidence) == ("protocol.tls_to_plaintext", 0.85)
    assert "began with bytes that are no TLS" in verdict.facts["because"]


def test_a_port_for_tls_is_weak_evidence_and_said_as_such() -> None:
    story = play(*shut(GET))
    story.responder.port = 443
    verdict = judge(story, around(story))
    assert (verdict.code, verdict.confidence) == ("protocol.plaintext_to_tls", 0.75)
    assert "weak" in verdict.facts["because"]
    assert verdict.alternatives[0].code == "tcp.closed_before_response"
    served = EndpointFacts(story.responder.address, 443, turns=1)
    context = Context(endpoints={(served.address, 443): served})
    assert judge(story, context).code == "tcp.closed_before_response"


@pytest.mark.parametrize(
    ("first", "port", "code", "use"),
    [
        (b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", 8883, "protocol.plaintext_to_tls", "TLS"),
        (b"AMQP\x00\x00\x09\x01", 5671, "protocol.plaintext_to_tls", "TLS"),
        (HELLO, 1883, "protocol.tls_to_plaintext", "plain MQTT"),
        (HELLO, 5672, "protocol.tls_to_plaintext", "plain AMQP"),
    ],
)
def test_brokers_have_two_ports(first: bytes, port: int, code: str, use: str) -> None:
    story = play(*shut(first, *RST))
    story.responder.port = port
    verdict = judge(story, around(story))
    assert verdict.code == code
    assert f"port {port} is usually {use} (weak" in verdict.facts["because"]
    story = play(*shut(b"\x01\x02" + first, *RST))
    story.responder.port = port
    assert judge(story, around(story)).code == "tcp.reset_before_response"


def test_port_80_says_nothing_about_a_mesh_client() -> None:
    story = play(*shut(HELLO))
    story.responder.port = 80
    assert judge(story, around(story)).code == "protocol.tls_to_plaintext"
    hello = ClientHello(4, 0, 0x0303, alpn=("istio-peer-exchange", "istio"))
    story = play(*shut(HELLO), application=Application(tls=TlsFacts(client_hello=hello)))
    story.responder.port = 80
    assert judge(story, around(story)).code != "protocol.tls_to_plaintext"


def test_a_late_close_is_a_timeout() -> None:
    late = (S("FIN,ACK", after=5000), C("FIN,ACK"), S("ACK"))
    assert judged(*shut(GET, *late), **others(tls=3)).code == "tcp.closed_before_response"


def test_the_initiators_own_close_says_nothing() -> None:
    left = (C("FIN,ACK", after=40), S("FIN,ACK"), C("ACK"))
    assert not judged(*shut(GET, *left), **others(tls=3)).code.startswith("protocol.")


def test_a_later_request_was_understood_before() -> None:
    again = (C("PSH,ACK", GET), S("ACK"), *FIN)
    verdict = judged(*met(GET, OK, C("ACK"), *again), **others(tls=3))
    assert verdict.code == "tcp.closed_before_response"


LEFT = (C("FIN,ACK", after=3000), S("FIN,ACK"), C("ACK"))
REDIS = {b"*1\r\n": 3}


def silent(story_end: tuple[Line, ...], first: dict[bytes, int]) -> Judgement:
    """The verdict on a ClientHello that was acknowledged, and on which nothing was said."""
    story = scene(TLS_HELLO, ACKED, *story_end)
    return judge(story, around(story, turns=3, first_accepted=first))


def test_a_hello_taken_in_silence_where_others_speak_plaintext() -> None:
    verdict = silent(LEFT, REDIS)
    assert (verdict.code, verdict.confidence) == ("protocol.tls_to_plaintext", 0.8)
    assert verdict.facts["answer"] == "with nothing for 3 s, and 10.0.1.5:40000 left"
    assert [other.code for other in verdict.alternatives] == ["tls.handshake_timeout"]
    assert verdict.candidates[0].side == "responder"
    assert verdict.ended_by == "initiator"


def test_silence_alone_is_a_timeout() -> None:
    assert silent(LEFT, {}).code == "tls.handshake_timeout"
    assert silent(LEFT, REDIS | {HELLO[:4]: 1}).code == "tls.handshake_timeout"


def test_a_client_that_left_a_hello_too_soon() -> None:
    soon = (C("FIN,ACK", after=500), S("FIN,ACK"), C("ACK"))
    assert silent(soon, REDIS).code != "protocol.tls_to_plaintext"


GREETED = (S("PSH,ACK", b"421 4.3.0 local error\r\n", after=2000), C("ACK"), *FIN)


def test_a_server_that_greets_only_behind_a_header() -> None:
    verdict = judged(*HANDSHAKE, *GREETED, **others(v1=2))
    assert (verdict.code, verdict.confidence) == ("protocol.missing_proxy_header", 0.85)
    assert verdict.facts["because"].startswith("2 other connections to that port began with a")
    assert '"421 4.3.0 local error"' in verdict.facts["answer"]
    assert verdict.alternatives[0].code == "tcp.closed_before_request"
    for known in (others(get=2), others(v1=2, get=1), Known()):
        assert judged(*HANDSHAKE, *GREETED, **known).code == "tcp.closed_before_request"


def test_a_check_without_the_header_that_leaves_by_itself() -> None:
    assert judged(*HANDSHAKE, C("FIN,ACK"), S("FIN,ACK"), C("ACK"), **others(v1=2)).code == "ok"
