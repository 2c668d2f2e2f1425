"""Masking: secrets go, what a reader needs stays."""

from __future__ import annotations

import pytest

from pcapdiag.report.mask import mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("GET /a/b?user=joe&t=1#x", "GET /a/b?user=***&t=***#x"),
        ("https://joe:pw@host/a", "https://***@host/a"),
        ("joe:pw@host:80", "***@host:80"),
        ("Host: joe:p:w@[2001:db8::7]", "Host: ***@[2001:db8::7]"),
        ("Authorization: Basic am9lOnB3", "Authorization: ***"),
        ("proxy-authorization=Bearer x", "proxy-authorization=***"),
        ("Set-Cookie: id=1; Path=/", "Set-Cookie: ***"),
        ("sent Bearer abcdef012345 to it", "sent Bearer *** to it"),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiJ.sig_x end", "jwt *** end"),
        ("password=hunter2 db_password: x", "password=*** db_password: ***"),
        ("api-key = k123, next", "api-key = ***, next"),
        ("X-Api-Key: 1 2 3", "X-Api-Key: ***"),
        ('{"token":"a1","password": "b c"}', '{"token":"***","password": "***"}'),
        (r"{\"token\":\"a1\",\"x\":1}", r"{\"token\":\"***\",\"x\":1}"),
        ('"Authorization": "Basic a b", "y": 1', '"Authorization": "***", "y": 1'),
        ("token='a b' is wrong", "token='***' is wrong"),
        ('secret: "cut off', 'secret: "***"'),
        ("GET /a?x='b'c\"d&e=f -> 503", "GET /a?x=***&e=*** -> 503"),
        ("curl 'http://h/a?x=1' -H 'a: b'", "curl 'http://h/a?x=***' -H 'a: b'"),
        ("GET /a?0123456789abcdef -> 503", "GET /a?*** -> 503"),
        ("GET /a?b:c=d", "GET /a?b:c=***"),
        ("https://joe:p@w@host/a", "https://***@host/a"),
        ("joe:p@w@host", "***@host"),
        ("POST /services/T1/B1/abcdefABCDEF1234", "POST /services/T1/B1/***"),
        (f"GET /bot12345:{'a' * 35}/getMe", "GET /bot12345:***/getMe"),
        ("GET /v1/ghp_0123456789abcdefABCDEF/x", "GET /v1/***/x"),
        ("GET /password-reset/6f9619ff-8b86-d011 -> 503", "GET /password-reset/*** -> 503"),
    ],
)
def test_a_secret_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "ss -ltnp 'sport = :8443'",
        "tcpdump -ni any 'tcp port 5432 and tcp[tcpflags]&tcp-rst!=0'",
        "RST: TTL 62, after 0.4 ms; seq = our ACK",
        "openssl s_client -connect [2001:db8::7]:443 -servername pay.internal",
        "nft list ruleset | grep -nE '8443|reject'",
        "is basic authentication asked for?",
        "is it up? yes, and GET /token/refresh, /verify/email-address, /services/v1/orders/12345",
        "GET /a?wsdl -> 503",
        'upstream and proxy_pass: "no live upstreams"',
        'secret: ""',
        "10.0.1.5:40017 -> 10.0.2.7:8443",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text
