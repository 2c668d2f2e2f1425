"""Names, dates and purposes of certificates, and the verdicts that rest on them."""

from __future__ import annotations

from typing import Unpack

import pytest
from msgspec.structs import replace

from pcapdiag.diagnose.judge import judge
from pcapdiag.diagnose.judgement import Judgement
from pcapdiag.diagnose.tls.certificates import fits_name, inspection_issuer, matches, out_of_date
from pcapdiag.model.context import TlsServerFacts
from pcapdiag.model.tls import Certificate, CertificateFlight, Message, TlsFacts
from tests.diagnose.playbook import START, C, Line, S, around, sides
from tests.diagnose.tls.fields import CertificateFields, ClientFlight, Facts, HelloFields
from tests.diagnose.tls.scenes import (
    DAY,
    DONE,
    FINISHED_12,
    FLIGHT_12,
    HELLO,
    HUNG_UP,
    KEYS_12,
    LEFT,
    alert,
    certificate,
    given,
    hello,
    record,
    scene,
    told,
)

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("names", "host", "right"),
    [
        (("shop.example",), "shop.example", True),
        (("SHOP.example",), "shop.Example.", True),
        (("www.shop.example",), "shop.example", False),
        (("*.example.org",), "a.example.org", True),
        (("*.example.org",), "a.b.example.org", False),
        (("*.example.org",), "example.org", False),
        (("*.org",), "example.org", False),
        (("*",), "example", False),
        (("w*.example.org",), "www.example.org", False),
        (("a.*.org",), "a.b.org", False),
        (("xn--bcher-kva.example",), "bücher.example", True),
        (("bücher.example",), "xn--bcher-kva.example", True),
        (("192.0.2.1",), "192.0.2.1", True),
        (("2001:db8::1",), "2001:db8:0::1", True),
        (("192.0.2.2",), "192.0.2.1", False),
        (("*.0.2.1",), "192.0.2.1", False),
        ((), "shop.example", False),
    ],
)
def test_names(names: tuple[str, ...], host: str, right: bool) -> None:
    assert matches(Certificate(names=names), host) is right


def test_the_common_name_counts_only_without_other_names() -> None:
    assert matches(Certificate(common_name="shop.example"), "shop.example")
    assert not matches(Certificate(names=("a.example",), common_name="b.example"), "b.example")


@pytest.mark.parametrize(
    "changes",
    [{"sni": None}, {"encrypted_hello": True}, {"sni": "outbound_.80_._.shop.default.svc"}],
)
def test_where_the_name_meant_is_not_known(changes: HelloFields) -> None:
    facts = TlsFacts(client_hello=hello(**changes))
    assert fits_name(Certificate(names=("a.example",)), facts) == "unknown"


def test_an_identity_of_a_mesh_is_no_name() -> None:
    assert fits_name(Certificate(), TlsFacts(client_hello=hello())) == "unknown"


def test_dates_are_said_with_the_captures_clock() -> None:
    one = Certificate(not_before=START, not_after=START + DAY)
    assert out_of_date(one, START + 1) == ""
    assert "2023-11-15" in out_of_date(one, START + 2 * DAY)
    assert "begins" in out_of_date(one, START - DAY)


def refused(
    code: int,
    *names: str,
    sni: str | None = "shop.example",
    **changes: Unpack[CertificateFields],
) -> Judgement:
    facts = given(*names, **changes)
    lines = (HELLO, FLIGHT_12, alert(C, code), *LEFT)
    return told(*lines, client_hello=hello(sni=sni), **facts)


@pytest.mark.parametrize("code", [42, 46])
def test_a_vague_alert_and_another_name(code: int) -> None:
    verdict = refused(code, "www.shop.example")
    assert verdict.code == "tls.certificate_name_mismatch"
    assert sides(verdict)["initiator"] > 0.9
    assert verdict.fix_at[0] == "responder"
    assert verdict.facts["subject"] == "www.shop.example"


@pytest.mark.parametrize("code", [42, 46])
@pytest.mark.parametrize("changes", [{"not_after": START - DAY}, {"not_before": START + DAY}])
def test_a_vague_alert_and_bad_dates(code: int, changes: CertificateFields) -> None:
    verdict = refused(code, **changes)
    assert verdict.code == "tls.certificate_expired"
    assert "capture's clock" in verdict.facts["dates"]
    # Renewing does not help before the time has come: the clock may be wrong.
    assert ("is the clock right" in "".join(verdict.fixes[:1])) is ("not_before" in changes)


def test_name_and_dates_are_both_wrong() -> None:
    verdict = refused(46, "other.example", not_after=START - DAY)
    assert verdict.code == "tls.certificate_name_mismatch"
    assert verdict.alternatives[0].code == "tls.certificate_expired"


def test_a_vague_alert_where_nothing_is_wrong_but_maybe_the_issuer() -> None:
    verdict = refused(46)
    assert verdict.code == "tls.certificate_untrusted"
    assert verdict.confidence < 0.7
    assert verdict.alternatives[0].code == "tls.certificate_rejected"


def test_a_vague_alert_without_a_server_name() -> None:
    verdict = refused(46, sni=None)
    assert verdict.code == "tls.certificate_rejected"
    assert "tls.certificate_name_mismatch" in [other.code for other in verdict.alternatives]
    assert "not for 10.0.2.7" in verdict.facts["purpose"]
    assert not refused(46, "10.0.2.7", sni=None).facts["purpose"]


def test_a_certificate_for_another_purpose() -> None:
    verdict = refused(42, purposes=("clientAuth",))
    assert verdict.code == "tls.certificate_rejected"
    assert "clientAuth only" in verdict.facts["purpose"]


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"key": "RSA 1024"}, "RSA 1024"),
        ({"key": "DSA 1024"}, "DSA 1024"),
        ({"signature": "sha1WithRSAEncryption"}, "signed with sha1WithRSAEncryption"),
        ({"signature": "ecdsa-with-SHA1"}, "signed with ecdsa-with-SHA1"),
        ({"must_staple": True}, "RFC 7633"),
    ],
)
def test_a_vague_alert_to_a_certificate_that_many_refuse(
    changes: CertificateFields, shown: str
) -> None:
    verdict = refused(46, **changes)
    assert (verdict.code, verdict.confidence) == ("tls.certificate_rejected", 0.85)
    assert shown in verdict.facts["purpose"]
    assert refused(48, **changes).code == "tls.certificate_untrusted"


@pytest.mark.parametrize(
    "changes",
    [
        {"key": "RSA 2048", "signature": "sha256WithRSAEncryption"},
        {"key": "EC secp256r1", "signature": "ecdsa-with-SHA256"},
        {"key": "Ed25519", "signature": "ed25519"},
        {"signature": "sha1WithRSAEncryption", "self_issued": True},
    ],
)
def test_a_certificate_without_a_fault_of_its_own(changes: CertificateFields) -> None:
    assert refused(46, **changes).code == "tls.certificate_untrusted"


def test_a_stapled_response_is_there_in_either_version() -> None:
    facts = given(must_staple=True)
    status = (Message(6, START, False, 22, 471),)
    lines = (HELLO, FLIGHT_12, alert(C, 46), *LEFT)
    assert told(*lines, **facts, messages=status).code == "tls.certificate_untrusted"
    stapled = replace(facts["server_certificates"], stapled=True)
    facts = {**facts, "server_certificates": stapled}
    assert told(*lines, **facts).code == "tls.certificate_untrusted"


@pytest.mark.parametrize("code", [41, 43, 44, 113, 114])
def test_other_rejections(code: int) -> None:
    assert refused(code).code == "tls.certificate_rejected"


def test_a_certificate_that_the_capture_does_not_hold() -> None:
    lines = (HELLO, FLIGHT_12, alert(C, 42), *LEFT)
    verdict = told(*lines, server_hello=given()["server_hello"], incomplete=True)
    assert verdict.code == "tls.certificate_rejected"
    assert "could not be read" in verdict.facts["certificate"]


def test_a_certificate_that_came_in_a_way_that_is_not_read() -> None:
    why = "compressed with brotli, which is not unpacked here"
    flight = CertificateFlight(frame=5, time=0, certificates=(Certificate(problem=why),))
    facts = given() | {"server_certificates": flight}
    verdict = told(HELLO, FLIGHT_12, alert(C, 42), *LEFT, **facts)
    assert verdict.code == "tls.certificate_rejected"
    assert why in verdict.facts["certificate"]


def test_a_snaplen_that_leaves_the_alert_alone() -> None:
    lines = (HELLO, FLIGHT_12, alert(C, 48), *LEFT)
    verdict = told(*lines, incomplete=True)
    assert verdict.code == "tls.certificate_untrusted"
    assert "the capture does not hold all of it" in verdict.facts["certificate"]


def test_alert_45_without_readable_dates() -> None:
    lines = (HELLO, FLIGHT_12, alert(C, 45), *LEFT)
    assert told(*lines, server_hello=given()["server_hello"]).code == "tls.certificate_expired"


def test_alert_48_says_what_the_chain_looks_like() -> None:
    verdict = refused(48)
    assert verdict.code == "tls.certificate_untrusted"
    assert "came alone" in verdict.facts["chain"]
    assert "itself" in refused(48, self_issued=True).facts["chain"]


def test_an_inspection_devices_authority_points_to_the_path() -> None:
    verdict = refused(48, issuer="CN=Zscaler Intermediate Root CA,O=Zscaler Inc.")
    assert verdict.code == "tls.certificate_untrusted"
    assert sides(verdict)["path"] > 0.4
    assert max(sides(verdict).values()) < 0.8
    assert verdict.fix_at[0] == "path"
    assert inspection_issuer(certificate(issuer="CN=Example CA")) == ""


CLIENT_CERTIFICATE: ClientFlight = {
    "certificate_request": 6,
    "client_certificates": certificate(purposes=("clientAuth",)),
}


def test_a_clients_certificate_is_mended_at_the_client() -> None:
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, 45), *HUNG_UP)
    verdict = told(*lines, **given(), **CLIENT_CERTIFICATE)
    assert verdict.code == "tls.certificate_expired"
    assert sides(verdict)["responder"] > 0.9
    assert verdict.fix_at == ("initiator", "responder")
    assert verdict.facts["whose"] == "client"


def test_a_clients_certificate_has_no_name_to_match() -> None:
    other = certificate("nobody.example", purposes=("clientAuth",))
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, 46), *HUNG_UP)
    verdict = told(*lines, certificate_request=6, client_certificates=other, **given())
    assert verdict.code == "tls.certificate_untrusted"


def test_handshake_failure_to_a_real_client_certificate() -> None:
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, 40), *HUNG_UP)
    verdict = told(*lines, **given(), **CLIENT_CERTIFICATE)
    assert verdict.code.startswith("tls.certificate_")


def test_a_server_that_never_asked_refused_something_else() -> None:
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, 42), *HUNG_UP)
    assert told(*lines, **given()).code == "tls.alert"


SECURED = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12)
GOODBYE = C("PSH,ACK", record(21, 26), after=1)


def left(*after: Line, server: TlsServerFacts | None = None, **facts: Unpack[Facts]) -> Judgement:
    known: Facts = {**DONE, **facts}
    return told(*SECURED, *(after or (GOODBYE, *LEFT)), server=server, **known)


def test_a_client_that_checks_the_name_after_the_handshake() -> None:
    verdict = left(**given("other.example"))
    assert verdict.code == "tls.certificate_name_mismatch"
    assert verdict.ended_by == "initiator"
    assert verdict.alternatives[0].code == "ok"


def test_a_client_that_checks_the_dates_after_the_handshake() -> None:
    assert left(**given(not_after=START - DAY)).code == "tls.certificate_expired"


def test_a_client_that_checks_the_purpose_after_the_handshake() -> None:
    verdict = left(**given(purposes=("clientAuth",)))
    assert verdict.code == "tls.certificate_rejected"
    assert "clientAuth only" in verdict.facts["purpose"]


def test_nothing_is_wrong_with_the_certificate() -> None:
    verdict = left(**given())
    assert verdict.code == "ok"
    assert "did not like the certificate" in " ".join(verdict.notes)


def test_a_name_under_which_others_work_is_not_minded() -> None:
    server = TlsServerFacts(names_used={"shop.example": 2})
    assert left(server=server, **given("other.example")).code == "ok"


def test_a_client_that_stayed_for_a_while() -> None:
    later = (replace(GOODBYE, after=3000), *LEFT)
    assert left(*later, **given("other.example")).code == "ok"


def test_a_client_that_asked_something() -> None:
    asked = (C("PSH,ACK", record(23, 100)), S("PSH,ACK", record(23, 200)), GOODBYE, *LEFT)
    assert left(*asked, client_data=1, server_data=1, **given("other.example")).code == "ok"


@pytest.mark.parametrize(
    ("code", "expected"), [(48, "tls.certificate_untrusted"), (45, "tls.certificate_expired")]
)
def test_an_alert_about_a_certificate_says_so_by_itself(code: int, expected: str) -> None:
    """One direction alone was captured, or snaplen cut the ServerHello off."""
    client = scene(HELLO, alert(C, code), C("FIN,ACK"))
    client.responder.packets = 0
    assert judge(client, around(client)).code == expected
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), alert(S, code), *HUNG_UP)
    assert told(*lines, incomplete=True).code == expected
    assert told(HELLO, alert(C, code), C("FIN,ACK")).code == "tls.alert"


def test_a_client_by_address_that_left_saw_no_address_in_the_certificate() -> None:
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12, *LEFT)
    by_address = hello(sni=None)
    verdict = told(*lines, **DONE, **given(), client_hello=by_address)
    assert verdict.code == "ok"
    assert "not for 10.0.2.7" in verdict.notes[-1]
    fits = told(*lines, **DONE, **given("10.0.2.7"), client_hello=by_address)
    assert "10.0.2.7" not in " ".join(fits.notes)


def test_ok_says_that_snaplen_cut_the_records() -> None:
    lines = (HELLO, FLIGHT_12, C("PSH,ACK", KEYS_12), FINISHED_12, *LEFT)
    story = scene(*lines, **DONE, **given(), incomplete=True)
    story.responder.truncated = 1
    cut = judge(story, around(story))
    assert (cut.code, cut.confidence) == ("ok", 0.7)
    assert any("snaplen cut its TLS records" in note for note in cut.notes)
    whole = told(*lines, **DONE, **given())
    assert (whole.code, whole.confidence) == ("ok", 0.95)
