"""Alerts about what the two ends offer: protocol, name, version, cipher, and all others."""

from __future__ import annotations

from typing import Unpack

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.tls import alpn_mismatch
from pcapdiag.diagnose.tls.alerts import refusal
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.http import HttpFacts, Version
from tests.diagnose.http.spoken import exchange
from tests.diagnose.playbook import START, C, Line, S, around, sides
from tests.diagnose.tls.fields import Facts, HelloFields
from tests.diagnose.tls.scenes import (
    ACKED,
    DONE,
    FINISHED_12,
    FLIGHT_12,
    HELLO,
    HUNG_UP,
    KEYS_12,
    LEFT,
    TLS12,
    alert,
    answer,
    hello,
    record,
    scene,
    told,
)

pytestmark = pytest.mark.once

SECURED = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12)


def test_alert_120_names_both_lists() -> None:
    verdict = told(HELLO, alert(S, 120), *HUNG_UP, client_hello=hello(alpn=("h2",)))
    assert verdict.code == "tls.alpn_mismatch"
    assert verdict.facts["offered"] == "h2"
    assert verdict.ended_by == "responder"
    assert verdict.phase == "tls_handshake"
    assert sides(verdict)["responder"] > 0.9


ASKED_AND_TOLD = (*SECURED, C("PSH,ACK", record(23, 226)), S("PSH,ACK", record(23, 364)))


def http2_alone(*after: Line, **changes: Unpack[Facts]) -> Judgement:
    return told(*ASKED_AND_TOLD, *after, **only_http2(**changes))


def only_http2(**changes: Unpack[Facts]) -> Facts:
    return {
        "client_hello": hello(alpn=("h2",), versions=(TLS12,)),
        "client_data": 1,
        "server_data": 1,
        "server_hello": answer(),
        **DONE,
        **changes,
    }


def test_http2_spoken_although_no_protocol_was_picked() -> None:
    verdict = http2_alone(*LEFT)
    assert verdict.code == "tls.alpn_mismatch"
    assert verdict.envoy == ("UPE", "protocol error")
    assert sides(verdict)["initiator"] > 0.8


@pytest.mark.parametrize(("version", "agreed"), [("1.1", True), ("2", False)])
def test_what_a_key_log_shows_of_the_request_decides(version: Version, agreed: bool) -> None:
    story = scene(*ASKED_AND_TOLD, *LEFT, **only_http2())
    assert story.application is not None
    story.application.http = HttpFacts(exchanges=[exchange(version=version, status=200)])
    assert (alpn_mismatch.match(story, around(story)) is None) is agreed


def test_a_connection_that_goes_on_had_an_agreement() -> None:
    assert http2_alone(C("FIN,ACK", after=5000), S("FIN,ACK"), C("ACK")).code == "ok"


def test_a_picked_protocol_is_no_mismatch() -> None:
    assert http2_alone(*LEFT, server_hello=answer(alpn="h2")).code == "ok"


def test_a_hidden_answer_is_no_mismatch() -> None:
    assert http2_alone(*LEFT, server_hello=answer(0x0304)).code != "tls.alpn_mismatch"
    assert http2_alone(*LEFT, server_hello=answer(complete=False)).code != "tls.alpn_mismatch"


def test_alert_112() -> None:
    verdict = told(HELLO, alert(S, 112), *HUNG_UP)
    assert verdict.code == "tls.sni_rejected"
    assert verdict.facts["name"] == "server name shop.example"


def test_a_warning_about_the_name_is_no_refusal() -> None:
    lines = (HELLO, alert(S, 112, level=1), FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12)
    verdict = told(*lines, *LEFT, server_hello=answer(), **DONE)
    assert verdict.code == "ok"


RESET = (HELLO, ACKED, S("RST,ACK", win=500))
ONE_REFUSED = TlsServerFacts(
    names_accepted={"www.example": 3},
    names_refused={"shop.example": 2},
    first_refused={"shop.example": START},
)


def test_a_reset_for_one_name_only() -> None:
    server = replace(ONE_REFUSED, last_accepted=START + 1)
    verdict = told(*RESET, server=server)
    assert verdict.code == "tls.sni_rejected"
    assert verdict.reset is not None
    assert "www.example works" in verdict.facts["how"]
    assert verdict.alternatives[0].code == "tls.handshake_reset"


def test_a_server_not_seen_up_after_the_refusal_may_be_down() -> None:
    server = replace(ONE_REFUSED, last_accepted=START - 1)
    assert told(*RESET, server=server).code == "tls.handshake_reset"


def test_a_name_that_worked_once_is_not_the_difference() -> None:
    server = TlsServerFacts(
        names_accepted={"www.example": 3, "shop.example": 1},
        first_refused={"shop.example": START},
        last_accepted=START + 1,
    )
    assert told(*RESET, server=server).code == "tls.handshake_reset"


def test_no_other_name_is_known_to_work() -> None:
    assert told(*RESET).code == "tls.handshake_reset"


@pytest.mark.parametrize("code", [70, 86])
def test_version_alerts(code: int) -> None:
    verdict = told(HELLO, alert(S, code), *HUNG_UP)
    assert verdict.code == "tls.version_mismatch"
    assert verdict.facts["versions"] == "TLS 1.3, TLS 1.2"


def test_a_client_that_refuses_the_version_chosen() -> None:
    lines = (HELLO, FLIGHT_12, alert(C, 70), *LEFT)
    verdict = told(*lines, server_hello=answer(0x0302))
    assert verdict.code == "tls.version_mismatch"
    assert next(iter(sides(verdict))) == "initiator"
    assert verdict.fix_at == ("responder", "initiator")
    assert "TLS 1.1" in verdict.facts["chosen"]


def test_the_older_end_is_the_one_to_mend() -> None:
    modern = told(HELLO, alert(S, 70), *HUNG_UP)
    assert "TLS 1.3" in modern.facts["versions"]
    assert modern.fix_at == ("responder", "initiator")
    assert modern.facts["newer"].startswith("let 10.0.2.7 take newer versions")
    old = told(HELLO, alert(S, 70), *HUNG_UP, client_hello=hello(versions=(0x0303,)))
    assert old.fix_at == ("initiator", "responder")
    assert "offer newer versions" in old.facts["newer"]


def test_a_fallback_is_mended_where_it_was_decided() -> None:
    verdict = told(HELLO, alert(S, 86), *HUNG_UP)
    assert verdict.fix_at == ("initiator",)
    assert "came back with a lower version" in verdict.facts["newer"]
    assert verdict.facts["trouble"] == "TLS version fallback refused"
    assert "@SECLEVEL" not in verdict.facts["also"]


def test_what_the_server_took_elsewhere_is_told() -> None:
    server = TlsServerFacts(versions={0x0304: 2})
    verdict = told(HELLO, alert(S, 70), *HUNG_UP, server=server)
    assert "TLS 1.3" in verdict.facts["known"]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"ciphers": (0xCCA8, 0xCCA9), "versions": (TLS12,)}, "cipher suites"),
        ({"ciphers": (0x1302,)}, "cipher suites"),
        ({"groups": (29,)}, "groups"),
        ({"signature_algorithms": (0x0804, 0x0805)}, "signature algorithms"),
    ],
)
def test_alert_40_to_a_short_list(changes: HelloFields, what: str) -> None:
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=hello(**changes))
    assert verdict.code == "tls.no_shared_cipher"
    assert what in verdict.facts["missing"]


def test_alert_40_to_usual_offers_is_not_explained() -> None:
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=hello(sni=None))
    assert verdict.code == "tls.alert"
    assert verdict.alternatives[0].code == "tls.sni_rejected"


def test_what_the_server_took_elsewhere_proves_the_shortage() -> None:
    server = TlsServerFacts(names_accepted={"shop.example": 1}, groups={24: 2})
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, server=server)
    assert verdict.code == "tls.no_shared_cipher"
    assert verdict.facts["missing"] == "groups"
    assert verdict.confidence > 0.9


def test_a_list_cut_off_by_the_capture_explains_nothing() -> None:
    short = hello(ciphers=(0x1302,), complete=False)
    assert told(HELLO, alert(S, 40), *HUNG_UP, client_hello=short).code == "tls.alert"


def test_alert_71_needs_no_explanation() -> None:
    assert told(HELLO, alert(S, 71), *HUNG_UP).code == "tls.no_shared_cipher"


@pytest.mark.parametrize("code", [10, 20, 47, 49, 50, 51, 80, 109, 255])
def test_other_alerts(code: int) -> None:
    verdict = told(HELLO, alert(S, code), *HUNG_UP)
    assert verdict.code == "tls.alert"
    assert f"({code})" in verdict.facts["alert"]


def test_alert_80_to_an_old_hello_may_be_about_the_version() -> None:
    verdict = told(HELLO, alert(S, 80), *HUNG_UP, client_hello=hello(versions=(0x0301, 0x0300)))
    assert verdict.code == "tls.alert"
    assert verdict.alternatives[0].code == "tls.version_mismatch"


def test_an_alert_behind_the_other_ends_fin_is_an_effect() -> None:
    lines = (HELLO, ACKED, S("FIN,ACK"), alert(C, 50), C("FIN,ACK"))
    verdict = told(*lines)
    assert verdict.code == "tls.handshake_closed"
    assert verdict.ended_by == "responder"
    behind = (replace(alert(C, 50), ack=4_294_967_202), S("FIN,ACK"), C("FIN,ACK"))
    assert told(HELLO, ACKED, *behind).code == "tls.handshake_closed", "captured before it"


def test_an_alert_that_crossed_a_fin_is_not() -> None:
    lines = (HELLO, FLIGHT_12, S("FIN,ACK", lost=True), alert(C, 48), C("FIN,ACK"))
    assert told(*lines, server_hello=answer()).code == "tls.certificate_untrusted"


def test_an_alert_in_answer_to_another_protocol_is_an_effect() -> None:
    story = scene(HELLO, S("PSH,ACK", b"HTTP/1.1 400 Bad Request\r\n\r\n"), alert(C, 70), *LEFT)
    assert story.application is not None
    above = replace(story.application, responder_speaks="http1")
    assert refusal(replace(story, application=above)) is None


def test_a_close_notify_is_no_alert() -> None:
    lines = (*SECURED, alert(C, 0, level=1), *LEFT)
    assert told(*lines, server_hello=answer(), **DONE).code == "ok"


def test_haproxys_check_takes_an_alert_for_an_answer() -> None:
    check = hello(versions=(0x0300,), random=b"\x6b\x0b\x1a\x05HAPROXYSSLCHK\nHAPROXYSSLCHK\n")
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=check)
    assert verdict.code == "ok"
    assert "health check" in verdict.notes[0]
    assert told(HELLO, ACKED, S("RST,ACK", win=5), client_hello=check).failed


def test_alert_40_to_tls_13_alone_may_be_about_the_version() -> None:
    only = hello(versions=(0x0304,))
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=only)
    assert verdict.code == "tls.alert"
    assert verdict.alternatives[0].code == "tls.version_mismatch"
    both = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=hello())
    assert "tls.version_mismatch" not in [other.code for other in both.alternatives]
    old = hello(versions=(0x0303, 0x0302))
    wants_more = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=old)
    assert ("tls.version_mismatch", 0.1) in [
        (o.code, o.confidence) for o in wants_more.alternatives
    ]


def test_a_name_is_not_the_difference_where_the_alpn_is_another_one_too() -> None:
    """Twisted says 80 to an ALPN name of nobody's."""
    server = TlsServerFacts(accepted=1, names_accepted={"shop.example": 1})
    lines = (HELLO, alert(S, 80), *HUNG_UP)
    usual = told(*lines, server=server, client_hello=hello(sni=None))
    assert usual.code == "tls.sni_rejected"
    odd = told(*lines, server=server, client_hello=hello(sni=None, alpn=("foo",)))
    assert odd.code == "tls.alert"
    assert "tls.alpn_mismatch" in [other.code for other in odd.alternatives]


def test_alert_40_to_a_client_of_old_versions_only() -> None:
    old = hello(versions=(0x0302, 0x0301), ciphers=(0xC014, 0xC013))
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=old)
    assert (verdict.code, verdict.confidence) == ("tls.version_mismatch", 0.75)
    assert verdict.alternatives[0].code == "tls.no_shared_cipher"
    assert verdict.fix_at == ("initiator", "responder")
    newer = hello(versions=(0x0303, 0x0302), ciphers=(0xC014, 0xC013))
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=newer)
    assert verdict.code == "tls.no_shared_cipher"
    server = TlsServerFacts()
    server.versions[0x0302] = 3
    verdict = told(HELLO, alert(S, 40), *HUNG_UP, client_hello=old, server=server)
    assert verdict.code == "tls.no_shared_cipher"


def test_one_protocol_is_it_and_several_are_they() -> None:
    one = told(HELLO, alert(S, 120), *HUNG_UP, client_hello=hello(alpn=("h2",)))
    assert one.facts["protocols"] == "the application protocol"
    assert one.facts["picked"] == "does not have it"
    several = told(HELLO, alert(S, 120), *HUNG_UP, client_hello=hello(alpn=("h2", "h3")))
    assert several.facts["protocols"] == "the application protocols"
    assert several.facts["picked"] == "has none of them"


def test_a_close_for_one_name_only() -> None:
    server = replace(ONE_REFUSED, last_accepted=START + 1)
    verdict = told(HELLO, S("FIN,ACK", after=1), C("FIN,ACK"), server=server)
    assert verdict.code == "tls.sni_rejected"
    assert verdict.facts["how"].startswith("it sent FIN (frame 5)")
