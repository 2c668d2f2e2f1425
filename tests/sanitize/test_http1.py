"""HTTP/1 made anonymous: framing, codes and programs' words stay, names and secrets do not."""

from __future__ import annotations

import pytest

from pcapdiag.protocols.http.heads import request_head, status_head, value
from pcapdiag.protocols.http.http1_exchange import not_a_status_line
from pcapdiag.protocols.http.local_reply import _PAGES
from pcapdiag.sanitize.application.vocabulary import LETTERS, is_known
from pcapdiag.sanitize.renamer import Renamer
from tests.sanitize.conversation import (
    KEY,
    client_says,
    cut,
    in_order,
    replaced,
    server_says,
)

pytestmark = pytest.mark.once

REQUEST = (
    b"POST /tenants/acmecorp/invoices-2024?customer=Jane.Doe%40acme.test&page=2 HTTP/1.1\r\n"
    b"Host: billing.acmecorp.internal:8443\r\n"
    b"User-Agent: AcmeAgent/3.1 (linux; x86)\r\n"
    b"Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.c2VjcmV0\r\n"
    b"Cookie: sid=0123456789abcdef; theme=dark-blue-42\r\n"
    b"X-Acmecorp-Tenant: bluebird-44\r\n"
    b"X-Forwarded-For: 203.0.113.77, 10.20.30.40\r\n"
    b"Referer: https://portal.acmecorp.internal/start?token=tok-778899\r\n"
    b"x-request-id: 8f14e45f-ceea-467f-9d2b-1a2b3c4d5e6f\r\n"
    b"Content-Length: 11\r\n\r\nsecret-body"
)
SECRETS = (
    *(b"acmecorp", b"invoices", b"Jane", b"billing", b"eyJhbGci", b"c2VjcmV0", b"0123456789abcdef"),
    *(b"dark-blue", b"bluebird", b"203.0.113.77", b"10.20.30.40", b"portal", b"tok-778899"),
    *(b"8f14e45f", b"secret-body", b"AcmeAgent"),
)


def test_nothing_of_a_request_that_names_somebody_is_left() -> None:
    new = client_says(REQUEST)
    assert not [secret for secret in SECRETS if secret.lower() in new.lower()]


def test_a_request_still_says_what_an_analysis_needs() -> None:
    new = client_says(REQUEST)
    head = request_head(new[: new.index(b"\r\n\r\n") + 4])
    assert (head.method, head.minor, head.problem) == ("POST", 1, "")
    assert [name for name, _ in head.fields] == [
        *(b"host", b"user-agent", b"authorization", b"cookie", head.fields[4][0]),
        *(b"x-forwarded-for", b"referer", b"x-request-id", b"content-length"),
    ]
    assert value(head.fields, b"content-length") == b"11"
    assert (value(head.fields, b"host") or b"").endswith(b":8443")
    assert (value(head.fields, b"authorization") or b"").startswith(b"Bearer xxx")
    assert new.endswith(b"\r\n\r\nxxxxxxxxxxx")


def test_a_name_is_the_same_in_every_place() -> None:
    renamer = Renamer(KEY)
    new = client_says(REQUEST, renamer)
    name = renamer.name(b"billing.acmecorp.internal")
    assert b"Host: " + name in new
    assert renamer.name(b"portal.acmecorp.internal") in new
    assert name.split(b".")[1] in new.split(b" ")[1], "the same word in the path"


def test_credentials_are_noted_for_the_scan() -> None:
    renamer = Renamer(KEY)
    client_says(REQUEST, renamer)
    noted = renamer.originals.credentials
    assert {b"eyJhbGciOiJIUzI1NiJ9.c2VjcmV0", b"0123456789abcdef", b"tok-778899"} <= set(noted)
    assert b"2" not in noted


@pytest.mark.parametrize(
    "target",
    [b"/healthz", b"/ready", b"/status", b"/grpc.health.v1.Health/Check", b"/v1/ping", b"*", b"/"],
)
def test_what_health_checks_ask_for_stays(target: bytes) -> None:
    request = b"GET " + target + b" HTTP/1.1\r\nUser-Agent: kube-probe/1.29\r\n\r\n"
    assert client_says(request) == request


ENVOY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 175\r\ncontent-type: text/plain\r\n"
    b"server: envoy\r\n\r\n"
    b"upstream connect error or disconnect/reset before headers. retried and the latest reset "
    b"reason: remote connection failure, transport failure reason: delayed connect error: 111"
)
NGINX = (
    b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n9d\r\n"
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
    b"Gateway</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    b"\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("answer", [ENVOY, NGINX])
def test_a_proxys_own_answer_stays(answer: bytes) -> None:
    assert server_says(answer) == answer


def test_every_word_of_the_pages_that_are_known_is_kept() -> None:
    import re

    words = {
        word
        for page in _PAGES
        for word in LETTERS.findall(re.sub(r"\\.", "", page.text).encode())
        # Pieces of names that the patterns cut off.
        if word not in (b"Ga",)
    }
    assert [word for word in words if not is_known(word)] == []


def test_of_an_origins_error_only_common_words_stay() -> None:
    body = b'{"error": "no account bluebird-77 for jane.doe@acmecorp.test at 10.20.30.40"}'
    head = b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body)
    new = server_says(head + body)
    assert new.startswith(head)
    assert b'{"error": "no account' in new
    for secret in (b"bluebird", b"jane", b"acmecorp", b"10.20.30.40"):
        assert secret not in new


def test_a_healthy_answers_body_is_overwritten() -> None:
    body = b"error: the server is down"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert server_says(head + body) == head + b"x" * len(body)


def test_chunks_keep_their_framing() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;name=acmecorp\r\nHello\r\n3\r\nabc\r\n0\r\nX-Checksum: acme\r\n\r\n"
    )
    new = server_says(answer + answer)
    assert new[: len(answer)] == new[len(answer) :], "the second is found behind the first"
    assert b"\r\n5;" in new
    assert b"\r\nxxxxx\r\n3\r\nxxx\r\n0\r\n" in new
    assert b"acme" not in new


def test_a_chunk_that_is_none_stays_none() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz-acmecorp\r\nHello\r\n"
    assert server_says(answer).endswith(b"\r\n\r\nxxxxxxxxxxx\r\nxxxxxxx")


def test_heads_that_are_malformed_stay_so_in_the_same_way() -> None:
    heads = (
        b"HTTP/1.1 200 OK\r\nno colon acmecorp\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad name acme: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Acme: acme\0corp\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n",
    )
    for head in heads:
        new = server_says(head)
        assert status_head(new).problem == status_head(head).problem
        assert b"acme" not in new.lower()


def test_an_answer_to_head_has_no_body() -> None:
    answers = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n"
    requests = b"HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"
    assert server_says(answers, requests) == answers


def test_a_head_in_single_bytes_becomes_the_same() -> None:
    whole = client_says(REQUEST)
    assert b"".join(replaced(cut(REQUEST, 1))) == whole
    assert b"".join(replaced(cut(REQUEST, 7)[::-1])[::-1]) == whole


def test_a_repeated_segment_becomes_the_same_again() -> None:
    segments = cut(REQUEST, 100)
    new = replaced([*segments, segments[1], (True, 50, REQUEST[50:250])])
    assert new[-2] == new[1]
    assert new[-1] == b"".join(new[:-2])[50:250]


def test_behind_a_hole_the_next_request_is_found() -> None:
    first = REQUEST + b"lost bytes"
    second = b"GET /acmecorp/next HTTP/1.1\r\nHost: acmecorp.internal\r\n\r\n"
    new = replaced([(True, 0, first[:200]), (True, len(first) + 500, b"acme-rest" + second)])
    assert new[1].startswith(b"xxxxxxxxxGET /")
    assert b"acme" not in b"".join(new)


def test_a_stream_that_begins_in_the_middle_is_read_from_the_next_head() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nacme"
    new = replaced([(False, 7_000, b"acmecorp body"), (False, 7_013, answer)], started=False)
    assert b"acme" not in b"".join(new)
    assert new[1] == answer[:-4] + b"xxxx"


def test_forged_bytes_are_read_by_themselves() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"
    forged = b"HTTP/1.1 302 Found\r\nLocation: http://acmecorp.internal/blocked\r\n\r\n"
    parts = [(True, 0, b"GET / HTTP/1.1\r\n\r\n"), (False, 0, answer), (False, 0, forged)]
    new = replaced(parts)
    assert new[1] == answer[:-4] + b"xxxx"
    assert new[2].startswith(b"HTTP/1.1 302 Found\r\nLocation: http://")
    assert b"acme" not in new[2]


def test_a_keep_alives_byte_says_nothing() -> None:
    new = replaced([(True, 0, REQUEST), (True, len(REQUEST) - 1, b"\0"), (True, -1, b"Q")])
    assert new[1] == b"\0"
    assert new[2] != b"Q"


def test_a_tunnel_is_entered() -> None:
    hello = b"\x16\x03\x01\x00\x32\x01\x00\x00\x2e\x03\x03" + bytes(range(32)) + b"\0" * 12
    connect = b"CONNECT api.acmecorp.internal:443 HTTP/1.1\r\n\r\n"
    parts = in_order(
        [(True, connect), (False, b"HTTP/1.1 200 Connection established\r\n\r\n"), (True, hello)]
    )
    new = replaced(parts)
    assert b"acmecorp" not in new[0]
    assert b":443 " in new[0]
    assert new[1] == parts[1][2]
    assert new[2][:11] == hello[:11]
    assert new[2][11:43] != hello[11:43]


def test_websocket_frames_are_overwritten_but_the_farewell() -> None:
    ask = b"GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    close = b"\x88\x82\x01\x02\x03\x04\x02\xea"
    said = b"\x81\x85acmehello"
    new = replaced(in_order([(True, ask), (False, answer), (True, said), (True, close)]))
    assert new[1] == answer
    assert new[2] == said[:2] + bytes(9)
    assert new[3] == close[:2] + bytes(4) + b"\x03\xe8", "the code is to be read without the key"


def test_another_protocols_answer_is_still_told_as_that() -> None:
    for answer in (b"SSH-2.0-OpenSSH_9.2p1 acmecorp\r\n", b"220 mail.acmecorp.internal ESMTP\r\n"):
        new = server_says(answer)
        assert not_a_status_line(new) == not_a_status_line(answer)
        assert b"acmecorp" not in new
