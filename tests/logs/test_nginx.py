"""NGINX's two logs. Messages as NGINX 1.22 wrote them, and as quoted in public reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.logs.reads import one, reading, utc

pytestmark = pytest.mark.once

ERROR = (
    "2026/11/29 02:38:32 [error] 15758#15758: *3 {} while connecting to upstream, client: "
    '172.24.14.31, server: _, request: "GET /items HTTP/1.1", upstream: '
    '"http://100.106.133.69:9001/items", host: "shop.example:8081"'
)


def test_the_error_log(tmp_path: Path) -> None:
    entry = one(tmp_path, "nginx", ERROR.format("connect() failed (111: Connection refused)"))
    assert (entry.kind, entry.failed, entry.zoned, entry.begin) == ("error", True, False, False)
    assert (entry.time, entry.resolution) == (utc("2026-11-29T02:38:32+00:00"), 1_000_000_000)
    assert entry.message == (
        "connect() failed (111: Connection refused) while connecting to upstream"
    )
    assert (entry.connection, entry.client) == ("3", ("172.24.14.31", 0))
    assert entry.upstreams == [("100.106.133.69", 9001)]
    assert (entry.method, entry.target, entry.host) == ("GET", "/items", "shop.example:8081")


@pytest.mark.parametrize(
    ("message", "failed"),
    [
        ("upstream timed out (110: Connection timed out)", True),
        ("recv() failed (104: Connection reset by peer)", True),
        ("upstream prematurely closed connection", True),
        ("no live upstreams", True),
        (
            "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)",
            True,
        ),
        ("peer closed connection in SSL handshake", True),
        ('upstream SSL certificate does not match "api.example"', True),
        ("upstream sent too large http2 frame: 4740180", True),
        ('open() "/srv/x" failed (2: No such file or directory)', False),
        ("a client request body is buffered to a temporary file", False),
        ("access forbidden by rule", False),
    ],
)
def test_which_messages_tell_of_a_failed_connection(
    tmp_path: Path, message: str, failed: bool
) -> None:
    line = ERROR.format(message).replace(" while connecting to upstream", "")
    assert one(tmp_path, "nginx", line).failed is failed


def test_lines_about_itself_and_idle_clients_are_no_failures(tmp_path: Path) -> None:
    lines = [
        '2026/11/29 02:38:31 [notice] 1#1: using the "epoll" event method',
        "2026/11/29 02:38:32 [info] 1#1: *1 client 10.0.0.1 closed keepalive connection",
    ]
    log, entries = reading(tmp_path, "nginx", lines)
    assert [entry.failed for entry in entries] == [False, False]
    assert (log.unread, log.kind) == (0, "error")


def test_a_message_of_several_lines_with_any_bytes(tmp_path: Path) -> None:
    lines: list[str | bytes] = [
        b'2026/11/29 02:38:32 [error] 1#1: *7 broken header: "\x16\x03\x01\xff',
        b'more" while reading PROXY protocol, client: 10.0.0.1, server: 0.0.0.0:80',
        ERROR.format("connect() failed (113: No route to host)"),
    ]
    log, entries = reading(tmp_path, "nginx", lines)
    assert (len(entries), log.unread, log.lines) == (2, 0, 3)
    assert entries[0].message == (
        'broken header: "\x16\x03\x01\\xff\nmore" while reading PROXY protocol'
    )
    assert entries[0].client == ("10.0.0.1", 0)
    assert entries[0].line == 1
    assert entries[1].line == 3


def test_what_follows_a_whole_message_is_no_part_of_it(tmp_path: Path) -> None:
    lines = [ERROR.format("connect() failed (113: No route to host)"), "nonsense"]
    log, (entry,) = reading(tmp_path, "nginx", lines)
    assert log.unread == 1
    assert "nonsense" not in (entry.message or "")


def test_a_request_that_tries_to_name_another_client(tmp_path: Path) -> None:
    line = ERROR.format("connect() failed (111: Connection refused)").replace(
        "GET /items HTTP/1.1", 'GET /a", client: 6.6.6.6, upstream: \\"http://7.7.7.7/ HTTP/1.1'
    )
    entry = one(tmp_path, "nginx", line)
    assert entry.upstreams == [("100.106.133.69", 9001)]
    assert entry.message is not None
    assert "6.6.6.6" not in entry.message


def test_a_stream_and_a_named_upstream(tmp_path: Path) -> None:
    stream = (
        "2026/11/29 02:38:32 [error] 9#9: *1 connect() failed (111: Connection refused) while "
        'connecting to upstream, client: 10.0.0.1, server: 0.0.0.0:3306, upstream: "10.0.1.2:3306", '
        "bytes from/to client:0/0, bytes from/to upstream:0/0"
    )
    assert one(tmp_path, "nginx", stream).upstreams == [("10.0.1.2", 3306)]
    named = ERROR.format("no live upstreams").replace("100.106.133.69:9001", "backend")
    entry = one(tmp_path, "nginx", named)
    assert (entry.upstreams, entry.upstream_name) == ([], "backend")


def test_combined_and_its_zone(tmp_path: Path) -> None:
    line = (
        '10.1.2.3 - bob [29/Nov/2026:08:08:40 +0530] "GET /a b HTTP/1.1" 502 157 "-" "curl \\x22"'
    )
    entry = one(tmp_path, "nginx", line)
    assert (entry.time, entry.zoned) == (utc("2026-11-29T02:38:40+00:00"), True)
    assert (entry.target, entry.status, entry.failed) == ("/a b", 502, True)
    assert (entry.client, entry.begin) == (("10.1.2.3", 0), False)


def test_a_request_line_that_is_none(tmp_path: Path) -> None:
    line = '10.1.2.3 - - [29/Nov/2026:08:08:40 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"'
    entry = one(tmp_path, "nginx", line)
    assert (entry.method, entry.target) == (None, "\\x16\\x03\\x01")


@pytest.mark.parametrize(
    ("status", "failed"), [(200, False), (404, False), (499, True), (408, True), ("009", True)]
)
def test_statuses(tmp_path: Path, status: object, failed: bool) -> None:
    line = f'10.1.2.3 - - [29/Nov/2026:08:08:40 +0000] "GET / HTTP/1.1" {status} 157 "-" "-"'
    assert one(tmp_path, "nginx", line).failed is failed


def test_ingress_nginx_with_several_tries(tmp_path: Path) -> None:
    line = (
        '10.1.1.1 - - [29/Nov/2026:02:17:42 +0000] "GET / HTTP/2.0" 200 157 "-" "curl" 83 0.002 '
        "[default-web-80] [] 10.0.1.2:8080, 10.0.1.3:8080 : [2001:db8::1]:80 0, 0 : 5 "
        "0.001, 0.001 : 0.004 502, 502 : 200 0123abc"
    )
    log, (entry,) = reading(tmp_path, "nginx", [line])
    assert log.form == "ingress-nginx upstreaminfo"
    assert entry.upstreams == [("10.0.1.2", 8080), ("10.0.1.3", 8080), ("2001:db8::1", 80)]
    assert entry.upstream_statuses == [502, 502, 200]
    assert (entry.request_id, entry.upstream_name) == ("0123abc", "default-web-80")
    assert entry.failed, "a try failed, though the client never saw it"
    assert entry.numbers["response"] == 0.004


def test_a_custom_format(tmp_path: Path) -> None:
    form = (
        '$remote_addr:$remote_port [$time_iso8601] $msec "$request" $status $upstream_addr '
        "$upstream_status c=$upstream_connect_time h=$upstream_header_time t=$request_time"
    )
    line = (
        "10.0.0.9:4444 [2026-11-29T02:38:36+00:00] 1795919916.637 "
        '"GET / HTTP/1.1" 502 10.0.1.1:80 502 c=- h=- t=0.250'
    )
    entry = one(tmp_path, "nginx", line, form)
    assert (entry.client, entry.duration) == (("10.0.0.9", 4444), 250_000_000)
    assert (entry.time, entry.resolution) == (1_795_919_916_637_000_000, 1_000_000)
    assert (entry.numbers["connect"], entry.numbers["header"]) == (-1, -1)


def test_json_with_nginxs_own_escapes(tmp_path: Path) -> None:
    line = (
        '{"time_iso8601":"2026-11-29T02:38:36+00:00","remote_addr":"10.0.0.9","remote_port":"4444",'
        '"request":"GET /\\x22a HTTP/1.1","status":"502","upstream_addr":"10.0.1.1:80",'
        '"request_time":"0.250"}'
    )
    entry = one(tmp_path, "nginx", line)
    assert (entry.target, entry.client) == ('/"a', ("10.0.0.9", 4444))
    assert (entry.duration, entry.upstreams) == (250_000_000, [("10.0.1.1", 80)])
