"""Lines of logs and a host's state: what is renamed, what is masked, what stays to be read."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.sanitize.application.texts import target
from pcapdiag.sanitize.keyed import PAYLOADS, Keyed
from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.scan import leaks
from pcapdiag.sanitize.text import TextSanitizer
from tests.sanitize.going_through import KEY

pytestmark = pytest.mark.once

ENVOY = (
    '[2026-11-29T02:37:19.587Z] "GET /items/8081?user=bob HTTP/1.1" 503 UF '
    "upstream_reset_before_response_started{remote_connection_failure|"
    'delayed_connect_error:_Connection_refused} - "-" 0 98 12 - "-" "curl/7.88.1" '
    '"a366cba1-4cf5-4016-9784-2393e112d6ab" "api.orders.corp:8081" "192.168.139.108:9001" '
    "outbound|9001||orders.shop.svc.cluster.local 172.29.90.88:32942"
)
NGINX = (
    "2026/11/29 02:37:19 [error] 123#123: *5 connect() failed (111: Connection refused) while "
    "connecting to upstream, client: 10.0.0.5, server: payments.corp, request: "
    '"GET /cart/77 HTTP/1.1", upstream: "http://172.16.0.9:8080/cart/77", host: "payments.corp"'
)
HAPROXY = (
    "Nov 29 02:37:19 localhost haproxy[9]: ::ffff:10.0.0.5:4242 [29/Nov/2026:02:37:19.123] "
    'be_payments be_payments/acme1 0/0/1/-1/2 503 200 - - SC-- 1/1/0/0/0 0/0 "GET /cart/77 HTTP/1.1"'
)


@pytest.fixture
def renamer() -> Renamer:
    return Renamer(KEY)


@pytest.fixture
def text(renamer: Renamer) -> TextSanitizer:
    return TextSanitizer(renamer)


def test_an_envoy_line(text: TextSanitizer, renamer: Renamer) -> None:
    line = text.text(ENVOY)
    for kept in (
        "[2026-11-29T02:37:19.587Z]", " 503 UF ", 'HTTP/1.1"', '"curl/7.88.1"', " 0 98 12 ",
        "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:"
        "_Connection_refused}", "outbound|9001||", ".svc.cluster.local", ":32942",
    ):  # fmt: skip
        assert kept in line, kept
    for gone in ("bob", "items", "orders", "192.168.139.108", "a366cba1", "4016-9784", "172.29."):
        assert gone not in line, gone
    assert renamer.address_text("192.168.139.108") + ":9001" in line
    keyed = Keyed(renamer.derived(PAYLOADS))
    assert target(b"/items/8081?user=bob", renamer, keyed).decode() in line
    assert renamer.name(b"api.orders.corp").decode() + ":8081" in line
    assert renamer.word(b"a366cba1-4cf5-4016-9784-2393e112d6ab").decode() in line


def test_an_nginx_line(text: TextSanitizer, renamer: Renamer) -> None:
    line = text.text(NGINX)
    assert line.startswith(NGINX[: NGINX.index("10.0.0.5")])
    path = renamer.word(b"/cart/77").decode()
    assert f"http://{renamer.address_text('172.16.0.9')}:8080{path}" in line
    assert "cart" not in line
    assert "payments" not in line


def test_a_haproxy_line(text: TextSanitizer, renamer: Renamer) -> None:
    line = text.text(HAPROXY)
    assert f"::ffff:{renamer.address_text('10.0.0.5')}:4242 [29/Nov/2026:02:37:19.123]" in line
    assert " 0/0/1/-1/2 503 200 - - SC-- 1/1/0/0/0 0/0 " in line
    assert "acme" not in line
    assert "payments" not in line


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("[2001:db8::5]:443", "2001:db8::5"),
        ("2001:0DB8:0:0:0:0:0:5", "2001:db8::5"),
        ("fe80::1%eth0", "fe80::1"),
        ("10.0.0.5:443,", "10.0.0.5"),
        ("10.0.0.5.443", "10.0.0.5"),
    ],
)
def test_addresses_in_any_notation(
    written: str, address: str, text: TextSanitizer, renamer: Renamer
) -> None:
    line = text.text(f"from {written} on")
    assert renamer.address_text(address) in line
    assert address not in line
    assert written not in line


def test_what_looks_like_an_address_and_is_none(text: TextSanitizer) -> None:
    for kept in ("12:30:45", "1/1/0/0/0", "2026-11-29", "TLSv1.3", "0.5", "1.22.1"):
        assert text.text(kept) == kept


def test_credentials(renamer: Renamer) -> None:
    renamer.secret(b"hunter2secret")
    text = TextSanitizer(renamer)
    line = text.text("Authorization: Bearer abcdef0123456789")
    assert "abcdef" not in line
    assert "hunter2" not in text.text("saw hunter2secret here")


def test_a_known_name_is_replaced_even_where_it_is_a_common_word(renamer: Renamer) -> None:
    image = renamer.name(b"backend").decode()
    assert TextSanitizer(renamer).text("to backend now") == f"to {image} now"


def test_names_with_an_address_in_them(text: TextSanitizer, renamer: Renamer) -> None:
    line = text.text("node ip-10-0-0-5 and ip-10-0-0-5.ec2.internal")
    assert "10-0-0-5" not in line
    assert renamer.name(b"ip-10-0-0-5").decode() + " and" in line


def test_a_hosts_state(text: TextSanitizer, renamer: Renamer) -> None:
    state = {
        "name": "acme-prod-17",
        "kernel": {"TcpExtListenOverflows": 3},
        "listeners": {"10.0.0.5:80": 1},
        "settings": {"net.ipv4.tcp_syncookies": "1"},
        "interfaces": [{"name": "eth0", "mac": "02:42:ac:11:00:02", "mtu": 1500, "up": True}],
        "search": ["corp.internal", None],
    }
    result = text.json(state)
    assert isinstance(result, dict)
    assert "acme" not in result["name"]
    assert result["kernel"] == state["kernel"]
    assert result["listeners"] == {renamer.address_text("10.0.0.5") + ":80": 1}
    assert result["settings"] == state["settings"]
    mac = renamer.mac(bytes.fromhex("0242ac110002")).hex(":")
    assert result["interfaces"] == [{"name": "eth0", "mac": mac, "mtu": 1500, "up": True}]
    assert result["search"] == [renamer.name(b"corp.internal").decode(), None]


def test_a_hosts_file(text: TextSanitizer, renamer: Renamer) -> None:
    result = text.hosts("10.0.0.5 db db.corp # the customer's\n# all\n2001:db8::5\tapi\n")
    first = f"{renamer.address_text('10.0.0.5')} {renamer.name(b'db').decode()} "
    assert result.splitlines()[0] == first + renamer.name(b"db.corp").decode()
    assert "customer" not in result
    assert len(result.splitlines()) == 3


def test_the_scan_finds_nothing_in_what_was_sanitised(
    text: TextSanitizer, renamer: Renamer
) -> None:
    lines = "\n".join((ENVOY, NGINX, HAPROXY))
    result = text.text(lines)
    assert result.count("\n") == lines.count("\n")
    assert leaks({"a.log": lines.encode()}, renamer.originals)
    assert leaks({"a.log": result.encode()}, renamer.originals) == []


@given(st.text(max_size=80))
@settings(max_examples=200)
def test_any_text(line: str) -> None:
    sanitizer = TextSanitizer(Renamer(KEY))
    assert isinstance(sanitizer.text(line), str)
    sanitizer.hosts(line)


@given(st.ip_addresses())
@settings(max_examples=200)
def test_every_address_is_found(address: object) -> None:
    renamer = Renamer(KEY)
    line = TextSanitizer(renamer).text(f"at [{address}] x")
    assert line == f"at [{renamer.address_text(str(address))}] x"
    assert ip_address(str(address))


def test_openssls_words_and_numbers_stay(text: TextSanitizer) -> None:
    said = (
        "(SSL: error:0A000076:SSL routines::no suitable signature algorithm) while SSL handshaking"
    )
    assert text.text(said) == said
    said = "TLS_error:|268435648:SSL_routines:OPENSSL_internal:PEER_DID_NOT_RETURN_A_CERTIFICATE"
    said += ":peer_did_not_provide_required_client_certificate:TLS_error_end"
    assert text.text(said) == said
