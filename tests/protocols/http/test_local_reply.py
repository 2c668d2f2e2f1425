"""Proxies' own answers, by the bytes that the proxies send; and those that are not theirs."""

from __future__ import annotations

import pytest

from pcapdiag.model.http import Exchange, GrpcFacts
from pcapdiag.protocols.http.local_reply import ENVOY_NO_CALL, NO_ROUTE, recognise

pytestmark = pytest.mark.once

CONNECT = b"upstream connect error or disconnect/reset before headers. "
NGINX = b"<html>\r\n<head><title>%b</title></head>\r\n<body>\r\n<center><h1>%b</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
HAPROXY = b"<html><body><h1>%b</h1>\n%b\n</body></html>\n"


def answer(status: int, body: bytes = b"", server: str = "", **others: object) -> Exchange:
    exchange = Exchange(
        index=0,
        version="1.1",
        status=status,
        server=server,
        body_head=body,
        length=len(body),
        complete=True,
    )
    for name, value in others.items():
        setattr(exchange, name, value)
    return exchange


@pytest.mark.parametrize(
    ("words", "reason", "details"),
    [
        (b"reset reason: connection failure", "connection failure", None),
        (
            b"reset reason: remote connection failure, transport failure reason: delayed connect error: 111",
            "remote connection failure",
            "delayed connect error: 111",
        ),
        (
            b"retried and the latest reset reason: connection termination",
            "connection termination",
            None,
        ),
        (b"reset reason: remote reset (no error)", "remote reset (no error)", None),
        (
            b"reset reason: HTTP/1 premature upstream half close",
            "HTTP/1 premature upstream half close",
            None,
        ),
        (
            b"reset reason: connection failure, transport failure reason: TLS error: 268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            "connection failure",
            "TLS error: 268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
        ),
        (b"reset reason: overflow", "overflow", None),
    ],
)
@pytest.mark.parametrize("server", ["envoy", "istio-envoy", "", "my-gateway"])
def test_envoy(words: bytes, reason: str, details: str | None, server: str) -> None:
    reply = recognise(answer(503, CONNECT + words, server))
    assert reply is not None
    assert (reply.product, reply.reason, reply.details) == ("envoy", reason, details)


def test_envoy_of_old_says_no_reason() -> None:
    reply = recognise(answer(503, CONNECT.rstrip(b". ")))
    assert reply is not None
    assert reply.reason is None


@pytest.mark.parametrize(
    ("status", "text"),
    [(503, "no healthy upstream"), (504, "upstream request timeout"), (504, "stream timeout")],
)
def test_short_texts_of_envoy(status: int, text: str) -> None:
    reply = recognise(answer(status, text.encode(), "envoy"))
    assert reply is not None
    assert (reply.product, reply.reason) == ("envoy", text)


def test_envoy_to_grpc() -> None:
    call = GrpcFacts(status=14, message=(CONNECT + b"reset reason: overflow").decode())
    reply = recognise(answer(200, grpc=call))
    assert reply is not None
    assert reply.reason == "overflow"
    assert recognise(answer(200, grpc=GrpcFacts(status=14, message="database is down"))) is None


@pytest.mark.parametrize(
    ("status", "body", "server"),
    [
        (502, b"Bad Gateway\n", ""),
        (502, b"Bad Gateway", "gunicorn"),
        (500, b"Bad Gateway", ""),
        (503, b"Service Unavailable", ""),
    ],
)
def test_other_texts_of_a_status_are_nobodys(status: int, body: bytes, server: str) -> None:
    assert recognise(answer(status, body, server)) is None


@pytest.mark.parametrize("text", sorted(ENVOY_NO_CALL))
def test_envoys_filters_and_limits(text: str) -> None:
    reply = recognise(answer(503, text.encode(), "envoy"))
    assert reply is not None
    assert (reply.product, reply.reason) == ("envoy", text)
    assert recognise(answer(429, text.encode(), "envoy")) is None


def test_envoy_without_a_route() -> None:
    for status in (404, 503):
        reply = recognise(answer(status, b"", "envoy"))
        assert reply is not None
        assert reply.reason == NO_ROUTE
    assert recognise(answer(503, b"", "envoy", content_type="text/plain")) is None
    assert recognise(answer(503, b"", "gunicorn")) is None


@pytest.mark.parametrize(
    ("status", "body", "server", "product"),
    [
        (502, NGINX % (b"502 Bad Gateway", b"502 Bad Gateway"), "nginx/1.22.1", "nginx"),
        (504, NGINX % (b"504 Gateway Time-out", b"504 Gateway Time-out"), "nginx", "nginx"),
        (
            400,
            NGINX % (b"400 The plain HTTP request was sent to HTTPS port", b"400 Bad Request"),
            "nginx",
            "nginx",
        ),
        (
            503,
            HAPROXY
            % (b"503 Service Unavailable", b"No server is available to handle this request."),
            "",
            "haproxy",
        ),
        (
            502,
            HAPROXY
            % (b"502 Bad Gateway", b"The server returned an invalid or incomplete response."),
            "",
            "haproxy",
        ),
        (
            504,
            HAPROXY % (b"504 Gateway Time-out", b"The server didn't respond in time."),
            "",
            "haproxy",
        ),
        (
            408,
            HAPROXY
            % (b"408 Request Time-out", b"Your browser didn't send a complete request in time."),
            "",
            "haproxy",
        ),
        (
            502,
            b"<p>The proxy server received an invalid\r\nresponse from an upstream server.<br />",
            "Apache/2.4.57",
            "apache",
        ),
        (
            502,
            b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
            "awselb/2.0",
            "aws alb",
        ),
        (503, b"no available server\n", "", "traefik"),
        (502, b"Bad Gateway", "", "go"),
        (504, b"Gateway Timeout", "", "go"),
        (
            502,
            b'{"message":"An invalid response was received from the upstream server"}',
            "kong/3.4",
            "kong",
        ),
        (503, b"<title>503 Backend fetch failed</title>", "Varnish", "varnish"),
        (502, b"", "Caddy", "caddy"),
        (
            502,
            b"<title>502 Bad Gateway</title><body><h1>502 Bad Gateway</h1><footer>nghttpx</footer>",
            "nghttpx",
            "nghttpx",
        ),
        (
            500,
            b"<h1>Unable to connect</h1>\n<hr />\n<p><em>Generated by tinyproxy version 1.11.1.</em></p>",
            "tinyproxy/1.11.1",
            "tinyproxy",
        ),
        (
            503,
            b" <body>\n  <h1>503 Service Unavailable</h1>\n </body>\n</html>\n",
            "lighttpd/1.4.69",
            "lighttpd",
        ),
        (
            504,
            b'<H1>Inactivity Timeout</H1>\n<HR>\n\n<FONT FACE="Helvetica,Arial"><B>\nDescription: Too',
            "ATS/9.2.9",
            "ats",
        ),
        (502, b"connection timeout", "h2o/2.2.5", "h2o"),
        (502, b"I/O error (head)", "h2o/2.2.5", "h2o"),
        (503, b"<title>503 - Connect failed (Privoxy@gate)</title>", "", "privoxy"),
        (502, b"Bad response. The server or forwarder response doesn't look", "", "privoxy"),
        (502, b"<title>502 Bad Gateway</title>", "mitmproxy 11.0.2", "mitmproxy"),
        (502, b"error code: 502", "cloudflare", "cloudflare"),
    ],
)
def test_other_products(status: int, body: bytes, server: str, product: str) -> None:
    reply = recognise(answer(status, body, server))
    assert reply is not None
    assert reply.product == product
    assert reply.reason


@pytest.mark.parametrize(
    "exchange",
    [
        answer(500, CONNECT + b"reset reason: overflow"),
        answer(200, b"no healthy upstream", "envoy"),
        answer(503, b"the database says: no healthy upstream", "gunicorn"),
        answer(503, b'{"error": "maintenance"}', "nginx"),
        answer(502, b"<h1>502 Bad Gateway</h1>", ""),
        answer(502, b"connection timeout", "gunicorn"),
        answer(404, NGINX % (b"404 Not Found", b"404 Not Found"), "nginx"),
        answer(500, NGINX % (b"500 Internal Server Error", b"500 Internal Server Error"), "nginx"),
    ],
)
def test_what_an_origin_said_is_none(exchange: Exchange) -> None:
    assert recognise(exchange) is None


@pytest.mark.parametrize(
    "exchange",
    [
        answer(503, CONNECT + b"reset reason: overflow", "envoy", upstream_service_time=True),
        answer(502, NGINX % (b"502 Bad Gateway", b"502 Bad Gateway"), "envoy"),
        answer(502, NGINX % (b"502 Bad Gateway", b"502 Bad Gateway"), "ATS/9.2.9"),
    ],
)
def test_what_a_proxy_handed_on_says_so(exchange: Exchange) -> None:
    reply = recognise(exchange)
    assert reply is not None
    assert reply.handed_on
    assert recognise(answer(503, b"", "envoy", upstream_service_time=True)) is None


def test_squid_names_its_failure_in_a_header() -> None:
    page = b"<!DOCTYPE html><style>" + b" " * 480
    reply = recognise(answer(503, page, "squid/5.7", proxy_error="ERR_CONNECT_FAIL 111"))
    assert reply is not None
    assert (reply.product, reply.details, reply.handed_on) == (
        "squid",
        "ERR_CONNECT_FAIL 111",
        False,
    )
    assert recognise(answer(503, page, "squid/5.7")) is None
    assert recognise(answer(403, page, "squid/5.7", proxy_error="ERR_ACCESS_DENIED 0")) is None


def test_who_refuses_a_tunnel_is_a_proxy() -> None:
    refused = recognise(answer(502, b"unreachable", "squid/6.10", method="CONNECT"))
    assert refused is not None
    assert (refused.product, refused.handed_on) == ("squid", False)
    unnamed = recognise(answer(504, method="CONNECT"))
    assert unnamed is not None
    assert (unnamed.product, unnamed.reason) == ("", "the upstream did not answer in time")
    assert recognise(answer(403, method="CONNECT")) is None
    assert recognise(answer(502, b"unreachable", "squid/6.10", method="GET")) is None
