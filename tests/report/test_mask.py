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


SECRET_NAMES = [
    "password", "passwd", "passphrase", "pass", "pwd", "secret", "token", "api_key", "apikey",
    "access-key", "accesskey", "private_key", "client_secret", "session", "session_id",
    "session-key", "sid", "jsessionid", "signature", "sig", "credential",
]  # fmt: skip
SECRET_HEADERS = [
    "Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "Set-Cookie", "Set-Cookie2",
    "X-Api-Key", "X-Auth-Token", "X-Amz-Security-Token", "X-CSRF-Token",
    "X-Forwarded-Access-Token", "Authentication-Info",
]  # fmt: skip
VENDORS_TOKENS = [
    f"{prefix}{'a1' * 8}"
    for prefix in (
        *("ghp_", "gho_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "npm_", "hvs."),
        *("xoxb-", "xoxp-", "rk_live_", "sk_live_"),
    )
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_the_value_of_every_secrets_name_is_masked(name: str) -> None:
    for before in ("", "db_", "my-"):
        assert mask(f"{before}{name}=hunter2, x") == f"{before}{name}=***, x"
        assert mask(f'"{before}{name}": "hunter2"') == f'"{before}{name}": "***"'
        assert mask(f"{before}{name.upper()}: hunter2") == f"{before}{name.upper()}: ***"


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_the_value_of_every_secret_header_is_masked(name: str) -> None:
    assert mask(f"{name}: one two; three") == f"{name}: ***"
    assert mask(f"{name.lower()}=one") == f"{name.lower()}=***"


@pytest.mark.parametrize("token", VENDORS_TOKENS)
def test_what_begins_as_a_vendors_token_is_masked(token: str) -> None:
    assert mask(token) == "***"
    assert mask(f"GET /v1/{token}/x") == "GET /v1/***/x"


@pytest.mark.parametrize("scheme", ["Bearer", "basic", "DIGEST", "Negotiate", "NTLM"])
def test_what_follows_a_scheme_of_authentication_is_masked(scheme: str) -> None:
    assert mask(f"sent {scheme} abcdef012345") == f"sent {scheme} ***"


@pytest.mark.parametrize("word", ["reset", "invite", "verify", "confirm", "token"])
def test_what_follows_such_a_word_in_a_path_is_masked(word: str) -> None:
    assert mask(f"GET /{word}/6f9619ff-8b86-d011") == f"GET /{word}/***"


def test_a_jwt_alone_is_masked() -> None:
    assert mask("eyJhbGciOiJI.eyJzdWIiOiJ.sig") == "***"


def test_letters_that_a_pattern_takes_for_others_hide_no_secret() -> None:
    assert mask("pa\u017fsword=hunter2") == "pa\u017fsword=***"


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
