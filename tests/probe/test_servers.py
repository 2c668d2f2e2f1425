"""What the probe finds at servers on loopback: TLS, certificates, protocols, headers, closes."""

from __future__ import annotations

import socket
import ssl
import struct

import pytest

from failurelab.certs import Authority
from pcapdiag.probe import tls
from pcapdiag.probe.budget import MAX_CONNECTIONS
from pcapdiag.probe.secrets import Secrets
from tests.probe.servers import ask, check, code, over_tls, say, serving, tls_context

pytestmark = pytest.mark.once

HOME = "127.0.0.1"
SETTINGS = bytes.fromhex("00000c 04 00 00000000 000300000064 000400010000".replace(" ", ""))
SETTINGS_ACK = bytes.fromhex("000000040100000000")
REFUSING = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def http2(connection: socket.socket) -> None:
    if connection.recv(4096).startswith(b"PRI * HTTP/2.0"):
        connection.sendall(SETTINGS + SETTINGS_ACK)
    connection.recv(4096)


def test_a_server_that_does_everything(authority: Authority) -> None:
    context = tls_context(authority.issue(HOME, "pay.internal"), alpn=["h2", "http/1.1"])
    with serving(over_tls(context, http2)) as server:
        report = ask(server.target, ca=str(authority.cert), alpn=("h2",), http2=True)
        assert report.connections == server.accepted <= MAX_CONNECTIONS
    assert report.status == "ok"
    made = check(report, "tls").facts
    assert (made.tls_version, made.alpn, made.verified) == ("TLS 1.3", "h2", True)
    assert set(made.certificates[0].names) == {HOME, "pay.internal"}
    assert 300 < made.certificates[0].days_left < 340
    assert made.client_certificate_asked is False
    settings = {"MAX_CONCURRENT_STREAMS": 100, "INITIAL_WINDOW_SIZE": 65536}
    assert check(report, "http2").facts.settings == settings
    versions = {one.what: one.status for one in report.checks if one.name == "tls_version"}
    assert versions["TLS 1.2"] == versions["TLS 1.3"] == "ok"
    assert versions["TLS 1.0"] in ("info", "skipped")


def test_ipv6(authority: Authority) -> None:
    context = tls_context(authority.issue("::1"))
    with serving(over_tls(context), "::1") as server:
        report = ask(server.target, ca=str(authority.cert))
    assert report.status == "ok"
    assert check(report, "tcp").address == server.target


def test_one_version_only(authority: Authority) -> None:
    context = tls_context(authority.issue(HOME), only=ssl.TLSVersion.TLSv1_2)
    with serving(over_tls(context)) as server:
        report = ask(server.target, ca=str(authority.cert))
    assert report.status == "ok"
    refused = check(report, "tls_version", "TLS 1.3")
    assert (refused.status, code(refused)) == ("info", "tls.version_mismatch")
    assert refused.facts.alert == "protocol_version (70)"
    assert refused.facts.alert_by == "server"


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize(
    ("since", "days", "sni", "trusted", "expected"),
    [
        (-30, 365, None, False, "tls.certificate_untrusted"),
        (-60, 30, None, True, "tls.certificate_expired"),
        (10, 30, None, True, "tls.certificate_expired"),
        (-30, 365, "other.internal", True, "tls.certificate_name_mismatch"),
    ],
)
def test_certificates(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    since: int,
    days: int,
    sni: str | None,
    trusted: bool,
    expected: str,
    keys: bool,
) -> None:
    if not keys:
        # As on a system without /dev/fd: what TLS 1.3 encrypts is then not read.
        monkeypatch.setattr(Secrets, "watch", lambda *_: None)
    context = tls_context(authority.issue(HOME, since=since, days=days))
    with serving(over_tls(context)) as server:
        ca = str(authority.cert) if trusted else None
        report = ask(server.target, ca=ca, sni=sni, tls=True)
    failed = [one for one in report.checks if one.status == "failed"]
    assert [(one.name, code(one)) for one in failed] == [("tls", expected)]
    verdict = failed[0].verdict
    assert verdict is not None
    assert verdict.who.side == "here"
    assert check(report, "tls_unverified").status == "ok"


def test_a_certificate_for_another_address(authority: Authority) -> None:
    """The address is not sent in the handshake: only the local OpenSSL knows that it was asked."""
    with serving(over_tls(tls_context(authority.issue("127.0.0.9")))) as server:
        report = ask(server.target, ca=str(authority.cert))
    assert code(check(report, "tls")) == "tls.certificate_name_mismatch"


@pytest.mark.parametrize("only", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_wanted(authority: Authority, only: ssl.TLSVersion) -> None:
    ca = str(authority.cert)
    context = tls_context(authority.issue(HOME), only=only, client_ca=ca)
    mine = authority.issue("client", client=True)
    with serving(over_tls(context)) as server:
        without = check(ask(server.target, ca=ca), "tls")
        files = {"client_cert": str(mine.cert), "client_key": str(mine.key)}
        having = ask(server.target, ca=ca, **files)
    assert (without.status, code(without)) == ("failed", "tls.client_certificate_required")
    assert without.facts.client_certificate_asked is True
    assert without.facts.client_certificate_sent is False
    assert having.status == "ok"
    assert check(having, "tls").facts.client_certificate_sent is True


def test_a_protocol_that_must_be_taken(authority: Authority) -> None:
    context = tls_context(authority.issue(HOME), alpn=["http/1.1"])
    with serving(over_tls(context)) as server:
        ca = str(authority.cert)
        told = ask(server.target, ca=ca)
        wanted = ask(server.target, ca=ca, alpn=("h2",))
    assert told.status == "ok"
    assert (check(told, "alpn", "h2").status, check(told, "alpn", "http/1.1").status) == (
        "info",
        "ok",
    )
    assert wanted.status == "failed"
    assert code(check(wanted, "alpn", "h2")) == "tls.alpn_mismatch"


def test_plaintext_where_nobody_said_tls() -> None:
    with serving(say(REFUSING)) as server:
        tried = ask(server.target)
        must = ask(server.target, tls=True)
        left_alone = ask(server.target, tls=False)
    assert (tried.status, check(tried, "tls").status) == ("ok", "info")
    assert code(check(must, "tls")) == "protocol.tls_to_plaintext"
    assert [one.name for one in left_alone.checks] == ["tcp"]


@pytest.mark.parametrize(
    ("handler", "options", "expected"),
    [
        (say(REFUSING), {"http2": True}, "protocol.http2_to_http1"),
        (http2, {"http2": True}, "ok"),
        (say(SETTINGS), {"http_path": "/"}, "protocol.http1_to_http2"),
        (say(b"HTTP/1.1 204 No Content\r\n\r\n"), {"http_path": "/"}, "ok"),
        (say(b"no healthy upstream"), {"http_path": "/"}, "http.malformed_response"),
        (
            say(
                b"HTTP/1.1 503 Service Unavailable\r\nserver: envoy\r\ncontent-length: 19\r\n\r\n"
                b"no healthy upstream"
            ),
            {"http_path": "/"},
            "http.no_healthy_upstream",
        ),
        (say(), {"http_path": "/"}, "tcp.closed_before_response"),
    ],
)
def test_http(handler: object, options: dict[str, object], expected: str) -> None:
    with serving(handler) as server:  # type: ignore[arg-type]
        report = ask(server.target, tls=False, **options)
    one = report.checks[-1]
    assert (one.status, code(one)) == ("ok" if expected == "ok" else "failed", expected)


def test_a_proxy_header_that_is_needed(authority: Authority) -> None:
    inner = over_tls(tls_context(authority.issue(HOME)))

    def behind_header(connection: socket.socket) -> None:
        first = connection.recv(16, socket.MSG_PEEK)
        sizes = {b"PROXY UNKNOWN\r\n": 15, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0": 16}
        size = next((n for text, n in sizes.items() if first.startswith(text)), 0)
        if size:
            connection.recv(size)
            inner(connection)

    with serving(behind_header) as server:
        ca = str(authority.cert)
        without = ask(server.target, ca=ca)
        having = ask(server.target, ca=ca, proxy_protocol=True)
    assert without.status == "failed"
    assert having.status == "ok"
    headers = {one.what: one for one in having.checks if one.name == "proxy_header"}
    assert code(headers["without one"]) == "protocol.missing_proxy_header"
    assert check(having, "tls").facts.proxy_header == 1


def test_a_proxy_header_that_is_not_expected(authority: Authority) -> None:
    with serving(over_tls(tls_context(authority.issue(HOME)))) as server:
        report = ask(server.target, ca=str(authority.cert), proxy_protocol=True)
    codes = [code(one) for one in report.checks if one.name == "proxy_header"]
    assert codes == ["protocol.unexpected_proxy_header"] * 2
    assert check(report, "tls").status == "ok"


def test_refused_and_reset_and_closed() -> None:
    with socket.create_server((HOME, 0)) as listener:
        port = listener.getsockname()[1]
    refused = ask(f"{HOME}:{port}")
    assert code(check(refused, "tcp")) == "tcp.connection_refused"
    with serving(reset) as server:
        assert code(check(ask(server.target), "tcp")) == "tcp.reset_before_request"
    with serving(say(hear=False)) as server:
        assert code(check(ask(server.target), "tcp")) == "tcp.closed_before_request"


def test_a_full_backlog() -> None:
    """Nobody accepts, and Linux drops what does not fit: as silent as a firewall."""
    with socket.create_server((HOME, 0), backlog=0) as listener:
        target = listener.getsockname()
        waiting = []
        for _ in range(2):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(target)
        one = check(ask(f"{HOME}:{target[1]}", timeout=0.5), "tcp")
        for each in waiting:
            each.close()
    assert code(one) == "tcp.connection_timeout"
    assert one.facts.syns == 1
    assert one.verdict is not None
    assert one.verdict.who.side == "unknown"


def test_a_server_that_says_nothing_in_tls() -> None:
    with serving(lambda one: [one.recv(4096), one.recv(1)]) as server:
        one = check(ask(server.target, tls=True), "tls")
    assert code(one) == "tls.handshake_timeout"


@pytest.mark.parametrize("option", ["http2", "http_path"])
def test_a_server_that_says_nothing_in_http(option: str) -> None:
    with serving(lambda one: [one.recv(4096), one.recv(1)]) as server:
        report = ask(server.target, tls=False, **{option: "/"})
    assert code(report.checks[-1]) == "tcp.response_timeout"


def test_a_greeting_ends_the_guessing() -> None:
    with serving(say(b"220 mail ESMTP\r\n", hear=False)) as server:
        report = ask(server.target)
    assert check(report, "tcp").facts.greeting == "220 mail ESMTP"
    assert "TLS was not tried: --tls does" in report.notes


def test_a_request_is_not_sent_to_a_stranger_or_in_the_clear(authority: Authority) -> None:
    heard: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        heard.append(connection.recv(4096))
        connection.sendall(REFUSING)

    with serving(over_tls(tls_context(authority.issue(HOME)), listen)) as server:
        stranger = ask(server.target, tls=True, http_path="/secret")
    with serving(listen) as server:
        plain = ask(server.target, tls=True, http_path="/secret", http2=True)
    assert check(stranger, "http").status == "skipped"
    assert [check(plain, "http").status, check(plain, "http2").status] == ["skipped", "skipped"]
    assert not any(b"GET" in text or b"PRI" in text for text in heard)


def test_a_certificate_that_ends_soon(authority: Authority) -> None:
    context = tls_context(authority.issue(HOME, since=-90, days=95))
    with serving(over_tls(context)) as server:
        report = ask(server.target, ca=str(authority.cert))
    assert report.status == "ok"
    assert any("tls.certificate_expiring" in note for note in report.notes)


def test_a_header_before_plain_http() -> None:
    def behind_header(connection: socket.socket) -> None:
        first = connection.recv(4096)
        if first.startswith(b"PROXY UNKNOWN\r\n"):
            if b"GET" not in first:
                connection.recv(4096)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with serving(behind_header) as server:
        asked = ask(server.target, proxy_protocol=True, http_path="/")
        alone = ask(server.target, proxy_protocol=True)
    assert check(asked, "http").facts.http_status == 204
    headers = {one.what: one.status for one in asked.checks if one.name == "proxy_header"}
    assert headers == {"version 1": "ok", "version 2": "info", "without one": "info"}
    assert asked.status == alone.status == "ok"


def test_an_offer_that_openssl_does_not_make(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "_OLD_CIPHERS", "AES256-GCM-SHA384")
    with serving(over_tls(tls_context(authority.issue(HOME)))) as server:
        report = ask(server.target, ca=str(authority.cert))
    old = check(report, "tls_version", "TLS 1.0")
    assert old.status == "skipped"
    assert old.says.startswith("not tested: OpenSSL here")


def mysql(capabilities: int) -> bytes:
    """The greeting of a server with these capabilities."""
    low, high = (capabilities & 0xFFFF).to_bytes(2, "little"), bytes(2)
    rest = b"8.0.36\x00" + bytes(4) + b"saltsalt\x00" + low + b"\x21\x02\x00" + high
    payload = b"\x0a" + rest + bytes(11) + b"moresaltmore\x00"
    return len(payload).to_bytes(3, "little") + b"\x00" + payload


MYSQL = mysql(0xFFFF)
SSL_REQUEST = 36
"""Bytes by which a client of MySQL asks for TLS. It begins at once: no answer is waited for."""
LDAP = bytes.fromhex("300c02010178070a010004000400")
LDAP_OF_ACTIVE_DIRECTORY = bytes.fromhex("3084000000100201017884000000070a010004000400")
MAIL = (b"220 mail ESMTP\r\n", b"250-mail\r\n250 STARTTLS\r\n", b"220 go on\r\n")


@pytest.mark.parametrize(
    ("protocol", "answers"),
    [
        ("smtp", MAIL),
        ("imap", (b"* OK ready\r\n", b"a OK now\r\n")),
        ("pop3", (b"+OK ready\r\n", b"+OK now\r\n")),
        ("ftp", (b"220 ready\r\n", b"234 now\r\n")),
        ("postgres", (b"", b"S")),
        ("mysql", (MYSQL, b"")),
        ("ldap", (b"", LDAP)),
        ("ldap", (b"", LDAP_OF_ACTIVE_DIRECTORY)),
    ],
)
def test_tls_begins_when_asked(
    authority: Authority, protocol: str, answers: tuple[bytes, ...]
) -> None:
    inner = over_tls(tls_context(authority.issue(HOME)))

    def handle(connection: socket.socket) -> None:
        for number, answer in enumerate(answers):
            if number and not connection.recv(SSL_REQUEST if protocol == "mysql" else 4096):
                return
            connection.sendall(answer)
        inner(connection)

    with serving(handle) as server:
        good = ask(server.target, ca=str(authority.cert), starttls=protocol)
        bad = ask(server.target, starttls=protocol)
    assert good.status == "ok"
    assert check(good, "tls").facts.tls_version == "TLS 1.3"
    assert code(check(bad, "tls")) == "tls.certificate_untrusted"


def test_a_server_that_does_not_go_over_to_tls() -> None:
    def handle(connection: socket.socket) -> None:
        connection.sendall(MAIL[0])
        connection.recv(4096)
        connection.sendall(b"502 \x1b[2Jnot here\r\n")
        connection.recv(4096)

    with serving(handle) as server:
        one = check(ask(server.target, starttls="smtp"), "tls")
    assert (one.status, code(one)) == ("failed", "protocol.tls_to_plaintext")
    assert "502 \\x1b[2Jnot here" in one.says


@pytest.mark.parametrize(
    ("protocol", "greeting", "answer", "said"),
    [
        ("imap", b"* OK ready\r\n", b"a BAD no such command\r\n", "a BAD no such command"),
        ("postgres", b"", b"N", "met the SSLRequest with a no"),
        ("mysql", mysql(0xFFFF & ~0x0800), b"", "no CLIENT_SSL"),
        ("mysql", b"\x2a\x00\x00\x00\xff\x6a\x04Host '10.0.0.1' is blocked", b"", "is blocked"),
        ("ldap", b"", bytes.fromhex("300c02010178070a013404000400"), "result code 52"),
    ],
)
def test_a_refusal_is_told_at_once(
    protocol: str, greeting: bytes, answer: bytes, said: str
) -> None:
    """A server that keeps the connection open is not waited for."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(greeting)
        while connection.recv(4096):
            connection.sendall(answer)

    with serving(handle) as server:
        one = check(ask(server.target, starttls=protocol), "tls")
    assert (one.status, code(one)) == ("failed", "protocol.tls_to_plaintext")
    assert said in one.says
