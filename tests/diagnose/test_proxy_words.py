from __future__ import annotations

import pytest

from pcapdiag.diagnose import pages, proxy_words
from pcapdiag.diagnose.log_phrases import CLOSER, OTHER_FLAGS, WIDER
from pcapdiag.diagnose.proxy_words import RESET_REASONS, heard
from pcapdiag.diagnose.registry import kind_of, kinds

pytestmark = pytest.mark.once

REPLY = "upstream connect error or disconnect/reset before headers. reset reason: "
NGINX_LINE = "2026/11/28 10:00:00 [error] 7#7: *3 {}, client: 10.0.0.9, server: _"


def codes(text: str) -> set[str]:
    return {code for one in heard(text) for code in one.codes}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UF", {"tcp.connection_refused", "tcp.connection_timeout", "tls.certificate_expired"}),
        ("uf", {"tcp.connection_refused"}),
        ("UC", {"tcp.stale_connection", "tcp.reset_before_response", "tcp.closed_before_response"}),
        ("UT", {"tcp.response_timeout", "mtu.black_hole"}),
        ("UH", {"http.no_healthy_upstream"}),
        ("remote connection failure", {"tcp.connection_refused", "icmp.prohibited"}),
        (f"{REPLY}connection failure", {"tcp.connection_refused", "tls.handshake_reset"}),
        (f"{REPLY}connection timeout", {"tcp.connection_timeout", "tls.handshake_timeout"}),
        (f"{REPLY}overflow", {"http.overflow"}),
        ("upstream prematurely closed connection", {"tcp.closed_before_response"}),
        ("104: Connection reset by peer", {"tcp.reset_before_response", "tcp.reset_in_response"}),
        ("SC", {"tcp.connection_refused", "tls.sni_rejected"}),
        ("sH", {"tcp.response_timeout"}),
        ("SH--", {"tcp.closed_before_response"}),
        ("CD", {"tcp.initiator_abort"}),
    ],
)
def test_a_proxys_words_lead_to_the_codes_behind_them(text: str, expected: set[str]) -> None:
    assert expected <= codes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "upstream_reset_before_response_started{remote_connection_failure|"
            "delayed_connect_error:_Connection_refused}",
            {"tcp.connection_refused", "icmp.unreachable"},
        ),
        ("delayed connect error: 113", {"icmp.unreachable", "icmp.prohibited"}),
        (
            NGINX_LINE.format("connect() failed (111: Connection refused) while connecting"),
            {"tcp.connection_refused", "icmp.unreachable"},
        ),
        (
            "TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end",
            {"protocol.tls_to_plaintext"},
        ),
        (
            "CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_unable_to_get_local_issuer_certificate",
            {"tls.certificate_untrusted"},
        ),
        (
            NGINX_LINE.format("SSL_do_handshake() failed (SSL: error:1:SSL alert number 112)"),
            {"tls.sni_rejected"},
        ),
        (
            NGINX_LINE.format(
                "upstream timed out (110: Connection timed out) while SSL handshaking"
            ),
            {"tls.handshake_timeout", "mtu.black_hole"},
        ),
        ("upstream sent too large http2 frame: 4740180", {"protocol.http2_to_http1"}),
        ("ENHANCE_YOUR_CALM too_many_pings", {"http2.enhance_your_calm"}),
    ],
)
def test_an_error_number_or_a_reason_leaves_out_what_is_wider(
    text: str, expected: set[str]
) -> None:
    assert codes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Error: read ECONNRESET", "tcp.stale_connection"),
        ("java.net.SocketException: Connection reset", "tcp.reset_before_response"),
        ("curl: (52) Empty reply from server", "tcp.closed_before_response"),
        ("connect ECONNREFUSED 10.0.0.7:8443", "tcp.connection_refused"),
        ("dial tcp 10.0.0.7:8443: i/o timeout", "tcp.connection_timeout"),
        ("502 Bad Gateway", "http.local_reply"),
        ("499", "tcp.initiator_abort"),
        (
            "rpc error: code = DeadlineExceeded desc = context deadline exceeded",
            "tcp.response_timeout",
        ),
        ("rpc error: code = Unavailable", "grpc.error"),
        ("getaddrinfo ENOTFOUND pay.internal", "dns.failure"),
        ("PKIX path building failed", "tls.certificate_untrusted"),
        ("curl: (97) No authentication method was acceptable.", "socks.refused"),
        ("curl: (97) User was rejected by the SOCKS5 server (1 1).", "socks.refused"),
        ("curl: (97) Can't complete SOCKS5 connection to 10.9.9.9. (5)", "socks.refused"),
        ("Can't complete SOCKS4 connection to 0.0.0.0:0. (91), request rejected", "socks.refused"),
    ],
)
def test_what_programs_say_is_heard_too(text: str, expected: str) -> None:
    assert expected in codes(text)
    assert len(heard(text)) == 1


def test_a_proxys_own_words_come_before_what_any_program_says() -> None:
    (one,) = heard("recv() failed (104: Connection reset by peer) while reading response header")
    assert one.says == "NGINX error log"


def test_the_flags_of_a_whole_log_line_are_heard() -> None:
    line = '[2026-11-28T10:00:00.000Z] "GET /pay HTTP/1.1" 503 UF,URX 0 91 12 - "-" "curl/8"'
    flag, used_up = heard(line)
    assert flag.says == "Envoy response flag UF"
    assert "tcp.connection_refused" in flag.codes
    assert (used_up.codes, used_up.note) == ((), OTHER_FLAGS["URX"])


def test_a_state_of_haproxy_keeps_its_case() -> None:
    assert codes("sC") == {
        *("tcp.connection_timeout", "tcp.handshake_stalled"),
        *("tls.handshake_timeout", "icmp.time_exceeded"),
    }
    assert codes("sC").isdisjoint(codes("SC"))


@pytest.mark.parametrize("text", ["", "nonsense", "GET", "200", "the server was slow", "tcp"])
def test_what_no_proxy_says_of_a_failure_is_not_heard(text: str) -> None:
    assert heard(text) == []


def test_a_flag_that_is_no_failure_of_the_network_is_named() -> None:
    (one,) = heard("NR")
    assert (one.codes, one.note) == ((), OTHER_FLAGS["NR"])


@pytest.mark.parametrize("code", sorted(kinds()))
def test_the_words_of_a_kind_lead_back_to_it(code: str) -> None:
    kind = kind_of(code)
    for flag in proxy_words.flags(kind.envoy.flag) if kind.envoy else ():
        assert code in codes(flag)
    for state in proxy_words.states(kind.haproxy):
        assert code in codes(state)
    if kind.envoy and kind.envoy.flag not in ("DC", "UH"):
        assert any(reason in kind.envoy.reset_reason for reason in RESET_REASONS)


def test_the_codes_of_the_table_exist() -> None:
    assert {code for _, _, behind in (*CLOSER, *WIDER) for code in behind} <= set(pages.codes())


def test_codes_come_in_the_order_of_lists() -> None:
    for one in heard("UC"):
        assert list(one.codes) == sorted(one.codes, key=pages.codes().index)
